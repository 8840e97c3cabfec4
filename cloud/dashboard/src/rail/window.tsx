// SPDX-License-Identifier: Apache-2.0
// The window under the cursor, or the newest: its histogram in its own buckets, quantiles with bounds, readings.
import type {App} from '../app';
import {clockExact, count, kNbsp, number, quantileDecimals, range, tick, width as widthText} from '../format';
import type {Rows} from '../model/rows';
import type {SeriesData} from '../model/types';
import {colors, seriesColor} from '../theme';
import {valueTicks} from '../time';
import {Canvas} from '../ui/canvas';
import {Glyph} from '../ui/glyph';

function drawHistogram(series: SeriesData, i: number, unit: string) {
  return (ctx: CanvasRenderingContext2D, width: number): void => {
    const p = colors();
    const b = series.rows.bins(i);
    const min = series.rows.value('min', i);
    const max = series.rows.value('max', i);
    if (min === null || max === null || b.count.length === 0) return;
    const size = max - min || Math.abs(max) * 0.01 || 1;
    const low = min - size * 0.1;
    const high = max + size * 0.1;
    const x = (value: number): number => ((value - low) / (high - low)) * width;
    let greatest = 0;
    for (let k = 0; k < b.count.length; k++) greatest = Math.max(greatest, b.count[k]!);
    const base = 88;
    ctx.fillStyle = seriesColor(p, series.color);
    ctx.globalAlpha = 0.8;
    for (let k = 0; k < b.count.length; k++) {
      const x0 = x(b.low[k]!);
      const wide = Math.max(2, x(b.high[k]!) - x0 - 1);
      const tall = Math.max(1, (b.count[k]! / greatest) * 82);
      ctx.fillRect(x0, base - tall, wide, tall);
    }
    ctx.globalAlpha = 1;
    ctx.fillStyle = p.line2;
    ctx.fillRect(0, base, width, 1);
    const mean = series.rows.value('mean', i);
    const sd = series.rows.value('sd', i);
    ctx.fillStyle = p.ink;
    if (mean !== null) {
      if (sd !== null) {
        const left = Math.max(0, x(mean - sd));
        const right = Math.min(width - 1, x(mean + sd));
        ctx.fillRect(left, 95, right - left, 1);
        ctx.fillRect(left, 92.5, 1, 6);
        ctx.fillRect(right, 92.5, 1, 6);
      }
      ctx.beginPath();
      ctx.arc(x(mean), 95.5, 3, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.fillStyle = p.ink3;
    ctx.font = `11px ${p.font}`;
    ctx.textAlign = 'center';
    const {ticks, step} = valueTicks(low, high, 4);
    let free = width; // from the right, where the unit stands; one that has no room is left out
    [...ticks].reverse().forEach((value, k) => {
      const text = tick(value, step) + (k === 0 && unit ? kNbsp + unit : '');
      const half = ctx.measureText(text).width / 2;
      const at = Math.min(width - half, Math.max(half, x(value)));
      if (at + half > free) return;
      ctx.fillText(text, at, 116);
      free = at - half - 4;
    });
  };
}

// The figures of row i.
const kStateWords = {late: 'not all here yet', complete: 'complete', unknown: 'here so far'};

function Figures({rows, i: under, d, state}: {rows: Rows; i: number; d: number; state: keyof typeof kStateWords}) {
  const quantileRow = (name: string, key: 'p50' | 'p95' | 'p99') => {
    const q = rows.quantile(key, under);
    const decimals = q ? quantileDecimals(q.low, q.high, d) : d;
    return (
      <tr>
        <th scope="row">{name}</th>
        <td>{number(q?.value, decimals)}</td>
        <td>{q ? (q.low === q.high ? 'exact' : range(number(q.low, decimals), number(q.high, decimals))) : ''}</td>
      </tr>
    );
  };
  return (
    <table>
      <caption class="hidden">Figures of the window</caption>
      <tbody>
        {quantileRow('Median', 'p50')}
        {quantileRow('95th', 'p95')}
        {quantileRow('99th', 'p99')}
        <tr>
          <th scope="row">Minimum, maximum</th>
          <td>{number(rows.value('min', under), d)}</td>
          <td>{number(rows.value('max', under), d)}</td>
        </tr>
        <tr>
          <th scope="row">Readings</th>
          <td>{count(rows.value('count', under))}</td>
          <td>
            <Glyph state={state} share={0.5} r={4.5} /> {kStateWords[state]}
          </td>
        </tr>
      </tbody>
    </table>
  );
}

export function WindowPart({app}: {app: App}) {
  const model = app.model!;
  const answer = model.answer;
  if (!answer) return null;
  const cursor = model.cursor;
  const series = answer.series.find((s) => s.name === cursor?.group) ?? answer.series[0];
  if (!series || series.rows.length === 0) return null;
  const rows = series.rows;
  const under = cursor ? rows.at((cursor.row[0] + cursor.row[1]) / 2) : rows.length - 1;
  if (under < 0) return null;
  const d = model.decimals();
  const lanes = model.words()?.lanes ?? [];
  const own = lanes.filter((lane) => series.gateways.includes(lane.gateway));
  const late = own.some((lane) => lane.frontier !== null && lane.frontier < rows.end(under));
  const known = own.length ? true : model.words()?.mark === 'complete';
  const whole = known && own.every((lane) => lane.state !== 'unknown' && lane.solid[1] >= rows.end(under));
  const state = late ? 'late' : whole ? 'complete' : 'unknown';
  return (
    <section class="window" aria-labelledby="window" data-window>
      <h2 class="small" id="window">
        {cursor ? 'Window under the cursor' : 'Newest window'}
      </h2>
      {answer.series.length > 1 && (
        <div class="strip">
          <span class="name" style={{'--key': seriesColor(colors(), series.color)}}>
            {series.name}
          </span>
        </div>
      )}
      <div class="top">
        <span class="time">{range(clockExact(rows.start(under)), clockExact(rows.end(under)))}</span>
        <small>{widthText((rows.end(under) - rows.start(under)) / 1000)}</small>
        <span class="value">
          {number(rows.value('mean', under), d)}
          <span>{rows.value('sd', under) === null ? '' : ` ± ${number(rows.value('sd', under), d)}`}</span>
        </span>
      </div>
      <Canvas
        height={126}
        version={`${series.name} ${rows.start(under)} ${rows.end(under)} ${model.revision}`}
        label="Histogram of the window"
        draw={drawHistogram(series, under, answer.unit)}
      />
      <Figures rows={rows} i={under} d={d} state={state} />
    </section>
  );
}
