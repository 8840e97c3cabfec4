// SPDX-License-Identifier: Apache-2.0
// The rail: how complete this answer is and what it lacks, the window under the cursor, and the figures since the beginning.
import type {App} from '../app';
import {serverNow, type Summary} from '../api';
import {bins, spread} from '../hist';
import {clock, count, day, kNbsp, number, tick, withUnit, zone} from '../format';
import {valueTicks} from '../time';
import {colors, rampCss, seriesColor} from '../theme';
import {Canvas} from '../ui/canvas';
import {Figure} from '../ui/figure';
import {Glyph, LaneMark} from '../ui/glyph';
import {WindowPart} from './window';

// Buckets can be finer than what sensors resolve: cells of a few px join what would else be a comb.
const kStripCellPx = 5;

function ThisAnswer({app}: {app: App}) {
  const words = app.model?.words();
  if (!words) return null;
  return (
    <section aria-labelledby="this-answer" data-completeness={words.mark}>
      <h2 class="small" id="this-answer">
        This answer
      </h2>
      <p class="headline">
        <Glyph state={words.mark} share={words.share} r={8} />
        {words.headline}
      </p>
      <p class="explain">{words.explain.map((part, i) => (part.strong ? <b key={i}>{part.text}</b> : part.text))}</p>
      <ul class="lacks">
        {words.lacks.map((lack) => {
          const inner = (
            <>
              <LaneMark mark={lack.mark} />
              <span>
                <strong>{lack.title}</strong>
                {lack.text}
              </span>
            </>
          );
          const {from, to} = lack;
          return (
            <li key={lack.title}>
              {from !== null && to !== null && to > from ? (
                <button
                  type="button"
                  class="lack"
                  title="Zoom to it"
                  onClick={() => app.setRange(from - (to - from) / 2, to + (to - from) / 2, true)}
                >
                  {inner}
                </button>
              ) : (
                <div class="lack">{inner}</div>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

// One range for all strips of the metric, so that devices compare at a glance: to the fences of their distributions.
function stripSpan(all: Summary[]): {low: number; high: number; step: number} | null {
  let low = Infinity;
  let high = -Infinity;
  for (const s of all) {
    if (!s.count || s.min === null || s.max === null) continue;
    const k = s.p5 && s.p95 ? 1.5 * (s.p95.value - s.p5.value) : Infinity;
    low = Math.min(low, s.p5 ? Math.max(s.min, s.p5.value - k) : s.min);
    high = Math.max(high, s.p95 ? Math.min(s.max, s.p95.value + k) : s.max);
  }
  if (!(high >= low)) return null;
  const {step} = valueTicks(low, high === low ? low + 1 : high, 5);
  const fine = step / 2;
  return {low: Math.floor(low / fine + 1e-9) * fine, high: Math.ceil(high / fine - 1e-9) * fine || fine, step: fine};
}

function drawStrip(summary: Summary, span: {low: number; high: number}) {
  return (ctx: CanvasRenderingContext2D, width: number): void => {
    const p = colors();
    const x = (value: number): number =>
      ((Math.min(Math.max(value, span.low), span.high) - span.low) / (span.high - span.low)) * width;
    const cells = Math.max(1, Math.floor(width / kStripCellPx));
    const sums = new Float64Array(cells);
    spread(bins(summary.histogram, summary.min, summary.max), 1, sums, 0, cells, span.low, span.high);
    const greatest = Math.max(...sums);
    for (let k = 0; k < cells; k++) {
      // Below a thousandth of the greatest there is nothing to see, only dust.
      if (sums[k]! <= greatest * 1e-3) continue;
      ctx.fillStyle = rampCss(p, Math.sqrt(sums[k]! / greatest));
      ctx.fillRect((k * width) / cells, 2, width / cells + 0.5, 10);
    }
    ctx.fillStyle = p.line2;
    ctx.fillRect(0, 12, width, 1);
    if (summary.mean === null || summary.stddev === null) return;
    const left = x(summary.mean - summary.stddev);
    const right = x(summary.mean + summary.stddev);
    ctx.fillStyle = p.ink2;
    ctx.fillRect(left, 17, right - left, 1);
    ctx.fillRect(left - 0.5, 15, 1, 5);
    ctx.fillRect(right - 0.5, 15, 1, 5);
    ctx.beginPath();
    ctx.arc(x(summary.mean), 17.5, 2.75, 0, 2 * Math.PI);
    ctx.fill();
  };
}

function SinceTheBeginning({app}: {app: App}) {
  const model = app.model!;
  const series = (model.answer?.series ?? []).filter((s) => model.allTime.get(s.name)?.count);
  if (series.length === 0) return null;
  const p = colors();
  const d = model.decimals();
  const unit = model.unit();
  const all = series.map((s) => model.allTime.get(s.name)!);
  const span = stripSpan(all);
  const firsts = all.flatMap((s) => (s.first ? [Date.parse(s.first.time)] : []));
  const first = firsts.length ? Math.min(...firsts) : null;
  return (
    <section aria-labelledby="since">
      <h2 class="small" id="since">
        Since the beginning
      </h2>
      <ul>
        {series.map((s, i) => {
          const summary = all[i]!;
          const name = s.name || 'all devices';
          return (
            <li class={`strip${model.raised === s.name ? ' raised' : ''}`} key={s.name} data-strip={s.name}>
              <div class="top">
                <span class="name" style={{'--key': seriesColor(p, s.color)}}>
                  {name}
                </span>
                <span class="value">
                  <Figure app={app} name="all-mean" value={summary.mean}>
                    {number(summary.mean, d)}
                  </Figure>
                  {summary.stddev !== null && (
                    <span>
                      {' '}
                      ±{' '}
                      <Figure app={app} name="all-stddev" value={summary.stddev}>
                        {number(summary.stddev, d)}
                      </Figure>
                    </span>
                  )}
                </span>
              </div>
              {span && (
                <Canvas
                  height={22}
                  version={`${s.name} ${summary.count} ${span.low} ${span.high} ${summary.last?.time ?? ''}`}
                  label={`Distribution of ${name} since the beginning`}
                  draw={drawStrip(summary, span)}
                />
              )}
              <div class="under">
                <span>
                  <Figure app={app} name="all-count" value={summary.count}>
                    {count(summary.count)}
                  </Figure>{' '}
                  readings
                </span>
                <span>
                  {number(summary.min, d)} to {withUnit(number(summary.max, d), unit)}
                </span>
              </div>
            </li>
          );
        })}
      </ul>
      <p class="foot">
        {first !== null && `First reading ${day(first, true)} ${clock(first, true)} ${zone(serverNow())}. `}
        {span &&
          `Strips run from ${tick(span.low, span.step)} to ${tick(span.high, span.step)}${unit ? kNbsp + unit : ''}.`}
      </p>
    </section>
  );
}

export function Rail({app}: {app: App}) {
  const model = app.model!;
  const single = model.answer?.series.length === 1;
  return (
    <aside class={`rail${model.loading && model.answer ? ' old' : ''}`} aria-label="About this answer">
      <ThisAnswer app={app} />
      {(single || model.cursor) && <WindowPart app={app} />}
      {(single || !model.cursor) && <SinceTheBeginning app={app} />}
    </aside>
  );
}
