// SPDX-License-Identifier: Apache-2.0
// The distribution over time: columns of a step, cells 4 px high, colour by the share of the column on a logarithmic
// ramp.
import {spread} from '../model/hist';
import type {Rows} from '../model/rows';
import type {Span} from '../model/scale';

const kCellPx = 4;
const kDecades = 2.3;
const kShareMin = 0.002;

export interface HeatGrid {
  columns: number;
  cells: number;
  share: Float64Array;
} // share[column * cells + cell], −1: no readings

// Cells from below; the topmost may reach beyond the panel.
export function cellCount(heightPx: number): number {
  return Math.max(1, Math.ceil(heightPx / kCellPx));
}

// The value at the upper edge of the topmost cell.
export function cellSpan(y: Span, heightPx: number): Span {
  return {low: y.low, high: y.low + ((y.high - y.low) * cellCount(heightPx) * kCellPx) / heightPx};
}

// A row adds its readings to each column it covers, by the share of its width that lies there.
export function heatGrid(
  series: Rows[],
  fromMs: number,
  toMs: number,
  stepMs: number,
  y: Span,
  cells: number,
): HeatGrid {
  const columns = Math.max(1, Math.ceil((toMs - fromMs) / stepMs));
  const share = new Float64Array(columns * cells);
  const totals = new Float64Array(columns);
  for (const rows of series) {
    for (let i = 0; i < rows.length; i++) {
      const start = rows.start(i);
      const end = rows.end(i);
      const bins = rows.bins(i);
      const first = Math.max(0, Math.floor((start - fromMs) / stepMs));
      const last = Math.min(columns - 1, Math.ceil((end - fromMs) / stepMs) - 1);
      for (let column = first; column <= last; column++) {
        const a = Math.max(start, fromMs + column * stepMs);
        const b = Math.min(end, fromMs + (column + 1) * stepMs);
        const factor = (b - a) / (end - start);
        if (!(factor > 0)) continue;
        totals[column]! += bins.total * factor;
        spread(bins, factor, share, column * cells, cells, y.low, y.high);
      }
    }
  }
  for (let column = 0; column < columns; column++) {
    const total = totals[column]!;
    if (total > 0) for (let k = column * cells; k < (column + 1) * cells; k++) share[k]! /= total;
  }
  return {columns, cells, share};
}

export function rampPosition(share: number): number {
  return Math.min(1, Math.max(0, 1 + Math.log10(share) / kDecades));
}

// One pixel a cell; drawn large without smoothing.
export function heatImage(grid: HeatGrid, ramp: Uint32Array): ImageData {
  const image = new ImageData(grid.columns, grid.cells);
  const words = new Uint32Array(image.data.buffer);
  for (let column = 0; column < grid.columns; column++) {
    for (let cell = 0; cell < grid.cells; cell++) {
      const share = grid.share[column * grid.cells + cell]!;
      if (share < kShareMin) continue;
      words[(grid.cells - 1 - cell) * grid.columns + column] = ramp[Math.round(rampPosition(share) * 255)]!;
    }
  }
  return image;
}
