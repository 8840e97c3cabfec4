// SPDX-License-Identifier: Apache-2.0
// The answer in one line: mean ± standard deviation, readings, extremes, quantiles with their bounds.
import type {App} from '../app';
import type {Quantile} from '../api';
import {count, kNbsp, kNone, number, quantileDecimals, range} from '../format';
import {Glyph} from '../ui/glyph';
import {Figure} from '../ui/figure';

function QuantileCell({
  app,
  title,
  name,
  q,
  d,
}: {
  app: App;
  title: string;
  name: string;
  q: Quantile | null | undefined;
  d: number;
}) {
  const decimals = q ? quantileDecimals(q.low, q.high, d) : d;
  const exact = q && q.low === q.high;
  return (
    <div class="cell">
      <dt>{title}</dt>
      <dd class="figure">
        <Figure app={app} name={name} value={q ? q.value : q}>
          {q ? number(q.value, decimals) : kNone}
        </Figure>
      </dd>
      <dd class="note">{q ? (exact ? 'exact' : range(number(q.low, decimals), number(q.high, decimals))) : ' '}</dd>
    </div>
  );
}

function MeanCell({app, d}: {app: App; d: number}) {
  const model = app.model!;
  const total = model.total;
  const unit = model.unit();
  const words = model.words();
  const devices = model.selected();
  const who =
    devices.length === 1
      ? devices[0]!.device
      : app.view.devices.length || app.view.labels.length
        ? `${count(devices.length)} devices`
        : `All ${count(devices.length)} devices`;
  const beyond = (name: string): boolean => total?.overflow?.includes(name) ?? false;
  return (
    <div class="cell">
      <dt>{who}, whole range</dt>
      <dd class="figure">
        <Figure app={app} name="mean" value={total?.mean}>
          {beyond('mean') ? 'beyond double' : number(total?.mean, d)}
        </Figure>
        {total && total.stddev !== null && (
          <span class="sd">
            {' '}
            ±{' '}
            <Figure app={app} name="stddev" value={total.stddev}>
              {beyond('stddev') ? 'beyond double' : number(total.stddev, d)}
            </Figure>
          </span>
        )}
        {unit && (
          <span class="unit">
            {kNbsp}
            {unit}
          </span>
        )}
        {words && (
          <span class="phone-mark">
            <Glyph state={words.mark} share={words.share} r={6} />
            {words.headline}
          </span>
        )}
      </dd>
      <dd class="note">mean ± standard deviation, exact</dd>
    </div>
  );
}

export function AnswerLine({app}: {app: App}) {
  const model = app.model!;
  const total = model.total;
  const d = model.decimals();
  const plain = (name: 'min' | 'max', title: string) => (
    <div class="cell">
      <dt>{title}</dt>
      <dd class="figure">
        <Figure app={app} name={name} value={total?.[name]}>
          {number(total?.[name], d)}
        </Figure>
      </dd>
      <dd class="note">exact</dd>
    </div>
  );
  const longest = Math.max(...[total?.min, total?.max].map((value) => number(value, d).length));
  return (
    <dl class={`answer${model.loading && total ? ' old' : ''}${longest > 11 ? ' long' : ''}`} data-answer>
      <MeanCell app={app} d={d} />
      <div class="cell">
        <dt>Readings</dt>
        <dd class="figure">
          <Figure app={app} name="count" value={total?.count}>
            {total ? count(total.count) : kNone}
          </Figure>
        </dd>
        <dd class="note">exact</dd>
      </div>
      {plain('min', 'Minimum')}
      <QuantileCell app={app} title="Median" name="p50" q={total?.p50} d={d} />
      <QuantileCell app={app} title="95th percentile" name="p95" q={total?.p95} d={d} />
      <QuantileCell app={app} title="99th percentile" name="p99" q={total?.p99} d={d} />
      {plain('max', 'Maximum')}
    </dl>
  );
}
