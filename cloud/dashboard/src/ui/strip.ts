// SPDX-License-Identifier: Apache-2.0
// The strip of all readings since the beginning: buckets, mean ± standard deviation under them, and where asked for the
// value of now above.
import type {Summary} from '../api';
import {bins, spread} from '../model/hist';
import {colors, rampCss} from '../theme';

// Buckets can be finer than what sensors resolve: cells of a few px join what would else be a comb.
const kStripCellPx = 5;

export function drawStrip(summary: Summary, span: {low: number; high: number}, now: number | null = null, top = 2) {
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
      ctx.fillRect((k * width) / cells, top, width / cells + 0.5, 10);
    }
    ctx.fillStyle = p.line2;
    ctx.fillRect(0, top + 10, width, 1);
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
