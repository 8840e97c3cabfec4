// SPDX-License-Identifier: Apache-2.0
// Base-2 exponential histograms as the API gives them: bucket i at scale s is (2^(i/2^s), 2^((i+1)/2^s)], sparse. Here
// only what drawing needs: the buckets as intervals in ascending order, and spreading them over cells of equal height.
import type {Histogram, Summary} from '../api';
import {valueTicks} from '../time';

export interface Bins {
  low: Float64Array;
  high: Float64Array;
  count: Float64Array;
  total: number;
}

export const kNoBins: Bins = {
  low: new Float64Array(0),
  high: new Float64Array(0),
  count: new Float64Array(0),
  total: 0,
};

// The buckets in ascending order, the outermost cut by minimum and maximum.
export function bins(histogram: Histogram | null | undefined, min: number | null, max: number | null): Bins {
  if (!histogram) return kNoBins;
  const {positive, negative, zero, scale} = histogram;
  const size = positive.offset.length + negative.offset.length + (zero ? 1 : 0);
  const out: Bins = {
    low: new Float64Array(size),
    high: new Float64Array(size),
    count: new Float64Array(size),
    total: 0,
  };
  const power = 2 ** -scale;
  const least = min ?? -Infinity;
  const greatest = max ?? Infinity;
  let k = 0;
  const put = (low: number, high: number, count: number): void => {
    out.low[k] = Math.min(Math.max(low, least), greatest);
    out.high[k] = Math.max(Math.min(high, greatest), least);
    out.count[k] = count;
    out.total += count;
    k++;
  };
  for (let i = negative.offset.length - 1; i >= 0; i--) {
    const index = negative.offset[i]!;
    put(-(2 ** ((index + 1) * power)), -(2 ** (index * power)), negative.counts[i]!);
  }
  if (zero) put(0, 0, zero);
  for (let i = 0; i < positive.offset.length; i++) {
    const index = positive.offset[i]!;
    put(2 ** (index * power), 2 ** ((index + 1) * power), positive.counts[i]!);
  }
  return out;
}

// Adds factor × the bins to cells, which divide [low, high) evenly from below. A bin spreads over its own height, so
// that coarse buckets look coarse; what lies outside the cells is left out.
export function spread(
  from: Bins,
  factor: number,
  cells: Float64Array,
  offset: number,
  size: number,
  low: number,
  high: number,
): void {
  const perCell = (high - low) / size;
  for (let k = 0; k < from.count.length; k++) {
    const a = (from.low[k]! - low) / perCell;
    const b = (from.high[k]! - low) / perCell;
    const n = from.count[k]! * factor;
    // What lies at the very top belongs to the last cell.
    const first = a === size ? size - 1 : Math.floor(a);
    if (b - a < 1e-9 || Math.ceil(b) - 1 <= first) {
      if (first >= 0 && first < size) cells[offset + first]! += n;
      continue;
    }
    const last = Math.min(size - 1, Math.ceil(b) - 1);
    for (let cell = Math.max(0, first); cell <= last; cell++) {
      cells[offset + cell]! += (n * (Math.min(b, cell + 1) - Math.max(a, cell))) / (b - a);
    }
  }
}

// How many readings lie wholly outside of [low, high].
export function beyond(from: Bins, low: number, high: number): {below: number; above: number} {
  let below = 0;
  let above = 0;
  for (let k = 0; k < from.count.length; k++) {
    if (from.high[k]! < low) below += from.count[k]!;
    if (from.low[k]! > high) above += from.count[k]!;
  }
  return {below, above};
}

// One range for all strips of the metric, so that devices compare at a glance: to the fences of their distributions.
export interface StripSpan {
  low: number;
  high: number;
  step: number;
}
export function stripSpan(all: Summary[]): StripSpan | null {
  let low = Infinity;
  let high = -Infinity;
  for (const s of all) {
    if (!s.count || s.min === null || s.max === null) continue;
    const k = s.p5 && s.p95 ? 1.5 * (s.p95.value - s.p5.value) : Infinity;
    low = Math.min(low, s.p5 ? Math.max(s.min, s.p5.value - k) : s.min);
    high = Math.max(high, s.p95 ? Math.min(s.max, s.p95.value + k) : s.max);
  }
  if (!(high >= low)) return null;
  // One wide where all are equal, and more where a double has no digits left for it.
  if (high === low) high = low + Math.max(1, Math.abs(low) * 1e-3);
  const {step} = valueTicks(low, high, 5);
  const fine = step / 2;
  return {low: Math.floor(low / fine + 1e-9) * fine, high: Math.ceil(high / fine - 1e-9) * fine, step: fine};
}
