// SPDX-License-Identifier: Apache-2.0
// The strip of all readings since the beginning: buckets, mean ± standard deviation under them, and where asked for the
// value of now above.
import type {Summary} from '../api';
import {count} from '../format';
import {beyond, bins, spread} from '../model/hist';
import {colors, rampCss} from '../theme';

// Buckets can be finer than what sensors resolve: cells of a few px join what would else be a comb.
const kStripCellPx = 5;

// Readings lie further out than the strip reaches.
function arrow(ctx: CanvasRenderingContext2D, tip: number, y: number, back: number): void {
  ctx.beginPath();
  ctx.moveTo(tip, y);
  ctx.lineTo(tip + back, y - 5);
  ctx.lineTo(tip + back, y + 5);
  ctx.fill();
}

// What the strip cannot show, in words; empty: it shows all.
export function farWords(summary: Summary, span: {low: number; high: number}): string {
  const {below, above} = beyond(bins(summary.histogram, summary.min, summary.max), span.low, span.high);
  const words = [below ? `${count(below)} below` : '', above ? `${count(above)} above` : ''].filter(Boolean);
  return words.length ? `${words.join(', ')} the strip` : '';
}

export function drawStrip(summary: Summary, span: {low: number; high: number}, now: number | null = null, top = 2) {
  return (ctx: CanvasRenderingContext2D, width: number): void => {
    const p = colors();
    const x = (value: number): number =>
      ((Math.min(Math.max(value, span.low), span.high) - span.low) / (span.high - span.low)) * width;
    const cells = Math.max(1, Math.floor(width / kStripCellPx));
    const sums = new Float64Array(cells);
    const all = bins(summary.histogram, summary.min, summary.max);
    spread(all, 1, sums, 0, cells, span.low, span.high);
    const greatest = Math.max(...sums);
    for (let k = 0; k < cells; k++) {
      // Below a thousandth of the greatest there is nothing to see, only dust.
      if (sums[k]! <= greatest * 1e-3) continue;
      ctx.fillStyle = rampCss(p, Math.sqrt(sums[k]! / greatest));
      ctx.fillRect((k * width) / cells, top, width / cells + 0.5, 10);
    }
    ctx.fillStyle = p.line2;
    ctx.fillRect(0, top + 10, width, 1);
    const far = beyond(all, span.low, span.high);
    ctx.fillStyle = p.ink2;
    if (far.below) arrow(ctx, 0, top + 5, 6);
    if (far.above) arrow(ctx, width, top + 5, -6);
    if (now !== null) {
      const at = Math.min(width - 5, Math.max(5, x(now)));
      ctx.fillStyle = p.ink;
      ctx.fillRect(at - 0.5, top - 2, 1, 12);
      ctx.beginPath();
      ctx.moveTo(at - 4.5, top - 8);
      ctx.lineTo(at + 4.5, top - 8);
      ctx.lineTo(at, top - 1);
      ctx.fill();
    }
    if (summary.mean === null || summary.stddev === null) return;
    const left = x(summary.mean - summary.stddev);
    const right = x(summary.mean + summary.stddev);
    ctx.fillStyle = p.ink2;
    ctx.fillRect(left, top + 15, right - left, 1);
    ctx.fillRect(left - 0.5, top + 13, 1, 5);
    ctx.fillRect(right - 0.5, top + 13, 1, 5);
    ctx.beginPath();
    ctx.arc(x(summary.mean), top + 15.5, 2.75, 0, 2 * Math.PI);
    ctx.fill();
  };
}
