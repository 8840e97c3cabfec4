// SPDX-License-Identifier: Apache-2.0
// The rows of one series in typed arrays, ascending by start. Rows are replaced by (start, width); late ones fill in
// where they belong.
import type {Quantile, Summary} from '../api';
import {type Bins, bins, kNoBins} from './hist';

const kColumns = [
  'start',
  'end',
  'count',
  'mean',
  'sd',
  'min',
  'max',
  'last',
  'p5',
  'p50',
  'p50Low',
  'p50High',
  'p95',
  'p95Low',
  'p95High',
  'p99',
  'p99Low',
  'p99High',
] as const;
type Column = (typeof kColumns)[number];

export interface RowValues extends Summary {
  start: string | number;
  width: number;
}

const orNan = (value: number | null | undefined): number => (value === null || value === undefined ? NaN : value);
const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);

export class Rows {
  length = 0;
  private capacity = 64;
  private columns: Record<Column, Float64Array>;
  private histograms: Bins[] = [];

  constructor() {
    this.columns = Object.fromEntries(kColumns.map((name) => [name, new Float64Array(this.capacity)])) as Record<
      Column,
      Float64Array
    >;
  }

  // A live view of a column; valid until the next change.
  column(name: Column): Float64Array {
    return this.columns[name];
  }
  start(i: number): number {
    return this.columns.start[i]!;
  }
  end(i: number): number {
    return this.columns.end[i]!;
  }
  bins(i: number): Bins {
    return this.histograms[i] ?? kNoBins;
  }
  value(name: Column, i: number): number | null {
    return orNull(this.columns[name][i]!);
  }
  quantile(name: 'p50' | 'p95' | 'p99', i: number): Quantile | null {
    const value = this.columns[name][i]!;
    return Number.isNaN(value)
      ? null
      : {value, low: this.columns[`${name}Low`][i]!, high: this.columns[`${name}High`][i]!};
  }

  // The first row whose start is not before ms.
  lowerBound(ms: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.columns.start[middle]! < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // The row that covers ms, or -1.
  at(ms: number): number {
    for (let i = this.lowerBound(ms + 0.5) - 1; i >= 0; i--) {
      if (this.columns.end[i]! > ms) return i;
      // Widths nest and are at most a day, so an earlier, wider row can lie below a narrower one only a few rows back.
      if (ms - this.columns.start[i]! > 86_400_000) return -1;
    }
    return -1;
  }

  // The row nearest in time, or -1 where there is none.
  nearest(ms: number): number {
    const hit = this.at(ms);
    if (hit >= 0 || this.length === 0) return hit;
    const right = this.lowerBound(ms);
    if (right === 0) return 0;
    if (right === this.length) return right - 1;
    return this.columns.start[right]! - ms < ms - this.columns.end[right - 1]! ? right : right - 1;
  }

  private reserve(size: number): void {
    if (size <= this.capacity) return;
    while (this.capacity < size) this.capacity *= 2;
    for (const name of kColumns) {
      const grown = new Float64Array(this.capacity);
      grown.set(this.columns[name].subarray(0, this.length));
      this.columns[name] = grown;
    }
  }

  private move(from: number, to: number): void {
    for (const name of kColumns) this.columns[name].copyWithin(to, from, this.length);
  }

  private write(i: number, startMs: number, row: RowValues): void {
    const c = this.columns;
    c.start[i] = startMs;
    c.end[i] = startMs + row.width * 1000;
    c.count[i] = row.count;
    c.mean[i] = orNan(row.mean);
    c.sd[i] = orNan(row.stddev);
    c.last[i] = orNan(row.last?.value);
    c.min[i] = orNan(row.min);
    c.max[i] = orNan(row.max);
    c.p5[i] = orNan(row.p5?.value);
    for (const name of ['p50', 'p95', 'p99'] as const) {
      c[name][i] = orNan(row[name]?.value);
      c[`${name}Low`][i] = orNan(row[name]?.low);
      c[`${name}High`][i] = orNan(row[name]?.high);
    }
    if (row.histogram !== undefined) this.histograms[i] = bins(row.histogram, row.min, row.max);
  }

  // Inserts the row, or replaces the one with the same start and width.
  put(row: RowValues): void {
    const startMs = typeof row.start === 'number' ? row.start : Date.parse(row.start);
    const endMs = startMs + row.width * 1000;
    let i = this.lowerBound(startMs);
    while (i < this.length && this.columns.start[i] === startMs && this.columns.end[i]! < endMs) i++;
    const replaces = i < this.length && this.columns.start[i] === startMs && this.columns.end[i] === endMs;
    if (!replaces) {
      this.reserve(this.length + 1);
      if (i < this.length) {
        this.move(i, i + 1);
        this.histograms.splice(i, 0, kNoBins);
      }
      this.length++;
      this.histograms[i] = kNoBins;
    }
    this.write(i, startMs, row);
  }

  // Rows that overlap in time (windows of one gateway beside the coarse ones of another) in layers that do not: the
  // wide ones, then the others.
  layers(stepMs: number): Rows[] {
    let overlap = false;
    for (let i = 1; i < this.length && !overlap; i++) overlap = this.start(i) < this.end(i - 1);
    if (!overlap) return [this];
    const wide = new Rows();
    const fine = new Rows();
    for (let i = 0; i < this.length; i++) {
      const to = this.end(i) - this.start(i) > stepMs ? wide : fine;
      to.reserve(to.length + 1);
      for (const name of kColumns) to.columns[name][to.length] = this.columns[name][i]!;
      to.histograms[to.length++] = this.bins(i);
    }
    return [wide, fine];
  }

  // Takes out the rows that start in [fromMs, toMs).
  remove(fromMs: number, toMs: number): void {
    const first = this.lowerBound(fromMs);
    const last = this.lowerBound(toMs);
    if (last <= first) return;
    this.move(last, first);
    this.histograms.splice(first, last - first);
    this.length -= last - first;
  }
}

// Whether row i is drawn from its start to its end rather than through its centre: wider than the step, or wide enough
// to be seen.
export function isPlateau(widthMs: number, stepMs: number, pxPerMs: number): boolean {
  return widthMs > stepMs || widthMs * pxPerMs >= 6;
}

// Spans [from, to) in which rows are wider than the step: the coarse windows that an outage leaves behind.
export function coarseSpans(
  rows: Rows,
  stepMs: number,
): {from: number; to: number; width: number; windows: [number, number][]}[] {
  const spans: {from: number; to: number; width: number; windows: [number, number][]}[] = [];
  for (let i = 0; i < rows.length; i++) {
    const start = rows.start(i);
    const end = rows.end(i);
    if (end - start <= stepMs) continue;
    const last = spans[spans.length - 1];
    if (last && start - last.to < stepMs * 2 && last.width === end - start) {
      last.to = Math.max(last.to, end);
      last.windows.push([start, end]);
    } else {
      spans.push({from: start, to: end, width: end - start, windows: [[start, end]]});
    }
  }
  return spans;
}
