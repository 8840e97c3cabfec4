// SPDX-License-Identifier: Apache-2.0
// The heat map under the chart, with the range's marginal and mean ± standard deviation at its right.
import {Panel} from '../chart/base';
import {lateSpan, paintFrontier} from '../chart/paint';
import type {Surface} from '../chart/plot';
import {bins, spread} from '../model/hist';
import {colors, type Palette} from '../theme';
import {floorTo} from '../time';
import {cellCount, cellSpan, heatGrid, heatImage} from './heat';

const kMarginalPx = 78;

export class HeatPanel extends Panel {
  private cache: {key: string; canvas: HTMLCanvasElement; columns: number} | null = null;

  protected marks(): {value: number; ms: number; color: string}[] {
    return [];
  }

  protected paint(s: Surface): void {
    const {model} = this.picture;
    const answer = model.answer;
    const state = this.picture.state();
    if (!answer || !state) return;
    const p = colors();
    const {ctx, dpr} = s;
    const heightPx = s.height / dpr;
    const span = cellSpan(state.y, heightPx);
    const cells = cellCount(heightPx);
    const stepMs = answer.step * 1000;
    const from = floorTo(state.from, stepMs);
    const late = lateSpan(model.words()?.lanes ?? []);
    if (late) paintFrontier(s, late, 'transparent', p.line2, 0.5);
    const series = model.raised === null ? answer.series : answer.series.filter((one) => one.name === model.raised);
    const key = [model.revision, model.raised ?? '', cells, span.low, span.high, p.dark, from].join();
    if (this.cache?.key !== key) {
      const grid = heatGrid(
        series.map((one) => one.rows),
        from,
        state.to,
        stepMs,
        span,
        cells,
      );
      const canvas = this.cache?.canvas ?? document.createElement('canvas');
      canvas.width = grid.columns;
      canvas.height = cells;
      canvas.getContext('2d')?.putImageData(heatImage(grid, p.ramp), 0, 0);
      this.cache = {key, canvas, columns: grid.columns};
    }
    ctx.save();
    ctx.beginPath();
    ctx.rect(s.left, s.top, s.width, s.height);
    ctx.clip();
    ctx.imageSmoothingEnabled = false;
    const x0 = s.x(from);
    const tall = Math.round(cells * 4 * dpr);
    ctx.drawImage(
      this.cache.canvas,
      x0,
      Math.round(s.top + s.height) - tall,
      s.x(from + this.cache.columns * stepMs) - x0,
      tall,
    );
    if (this.picture.single() && series[0]) {
      ctx.fillStyle = p.panel;
      for (const note of model.coarse()) {
        for (const [start, end] of note.windows) {
          ctx.fillRect(Math.round(s.x(start)), s.top, dpr, s.height);
          ctx.fillRect(Math.round(s.x(end)), s.top, dpr, s.height);
        }
      }
    }
    ctx.restore();
    if (window.innerWidth >= 700) this.marginal(s, span, cells, p);
  }

  private marginal(s: Surface, span: {low: number; high: number}, cells: number, p: Palette): void {
    const {ctx, dpr} = s;
    const {total} = this.picture.model;
    if (!total?.count) return;
    const sums = new Float64Array(cells);
    spread(bins(total.histogram, total.min, total.max), 1, sums, 0, cells, span.low, span.high);
    const greatest = Math.max(...sums);
    const left = Math.round(s.left + s.width + 10 * dpr);
    const bottom = Math.round(s.top + s.height);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, s.top, 112 * dpr, s.height);
    ctx.clip();
    ctx.fillStyle = p.ink3;
    ctx.globalAlpha = 0.55;
    for (let cell = 0; cell < cells; cell++) {
      const size = greatest > 0 ? (sums[cell]! / greatest) * kMarginalPx * dpr : 0;
      if (sums[cell]! > 0)
        ctx.fillRect(left, bottom - Math.round((cell + 1) * 4 * dpr), Math.max(dpr, size), Math.round(3 * dpr));
    }
    ctx.globalAlpha = 1;
    if (total.mean !== null && total.stddev !== null) {
      const x = left + Math.round(94 * dpr);
      const y0 = s.y(total.mean + total.stddev);
      const y1 = s.y(total.mean - total.stddev);
      ctx.strokeStyle = p.ink;
      ctx.fillStyle = p.ink;
      ctx.lineWidth = 1.5 * dpr;
      ctx.beginPath();
      ctx.moveTo(x, y0);
      ctx.lineTo(x, y1);
      for (const y of [y0, y1]) {
        ctx.moveTo(x - 3 * dpr, y);
        ctx.lineTo(x + 3 * dpr, y);
      }
      ctx.stroke();
      ctx.beginPath();
      ctx.arc(x, s.y(total.mean), 3 * dpr, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.restore();
  }
}
