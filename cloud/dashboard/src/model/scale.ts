// SPDX-License-Identifier: Apache-2.0
// How far a band is drawn and how far the scale reaches: to the fences of the rows, so that one bad reading stays
// visible and does not flatten the picture. Pure.
import type {Rows} from './rows';

export interface Span {
  low: number;
  high: number;
}

const kFenceFactor = 1.5;
const kFenceSpanShare = 0.02;
const kMargin = 0.04;
const kReachFactor = 3;
// Up to this many readings the 5th percentile is the minimum itself and fences nothing off.
const kFewReadings = 20;

// Where the rows of a series usually lie: the quartiles of their ends, and three times their distance beyond. It fences
// what rows of few readings cannot fence by themselves.
export function reachOf(rows: Rows): Span {
  const lows = Array.from(rows.column('min').subarray(0, rows.length)).sort((a, b) => a - b);
  const highs = Array.from(rows.column('max').subarray(0, rows.length)).sort((a, b) => a - b);
  if (lows.length === 0) return {low: -Infinity, high: Infinity};
  const low = lows[Math.floor(lows.length / 4)]!;
  const high = highs[Math.floor((highs.length * 3) / 4)]!;
  const beyond = kReachFactor * Math.max(0, high - low);
  return {low: low - beyond, high: high + beyond};
}

// The band of row i: minimum and maximum, cut at p5 − k and p95 + k; a row of few readings is cut at the reach of its
// series, though never on the far side of its own median.
export function bandOf(rows: Rows, i: number, spanSize: number, reach: Span): Span {
  const min = rows.column('min')[i]!;
  const max = rows.column('max')[i]!;
  const p5 = rows.column('p5')[i]!;
  const p95 = rows.column('p95')[i]!;
  if (Number.isNaN(p5) || Number.isNaN(p95)) return {low: min, high: max};
  const middle = rows.column('p50')[i]!;
  if (rows.column('count')[i]! <= kFewReadings && !Number.isNaN(middle)) {
    return {low: Math.max(min, Math.min(middle, reach.low)), high: Math.min(max, Math.max(middle, reach.high))};
  }
  const k = Math.max(kFenceFactor * (p95 - p5), kFenceSpanShare * spanSize);
  return {low: Math.max(min, p5 - k), high: Math.min(max, p95 + k)};
}

// The scale over all series: the span of the fences (or of the extremes, if full) and a margin. Null without rows.
export function scaleOf(series: Rows[], full: boolean): Span | null {
  let low = Infinity;
  let high = -Infinity;
  for (const rows of series) {
    const reach = reachOf(rows);
    for (let i = 0; i < rows.length; i++) {
      const band = full ? {low: rows.column('min')[i]!, high: rows.column('max')[i]!} : bandOf(rows, i, 0, reach);
      // The mean may lie outside of the fences, drawn there by the very reading that they cut off; its line stays
      // whole.
      const mean = rows.column('mean')[i]!;
      low = Math.min(low, band.low, mean);
      high = Math.max(high, band.high, mean);
    }
  }
  if (!(high >= low)) return null;
  if (low === 0 && high === 0) return {low: -1, high: 1};
  const size = high - low || Math.abs(high) * 0.02;
  return {low: low - size * kMargin, high: high + size * kMargin};
}

// Grows at once, shrinks after a while, so that a live scale does not breathe with every window.
export class SteadySpan {
  private span: Span | null = null;
  private smallerSince = 0;
  private key = '';
  private static readonly kShrinkAfterMs = 30_000;

  next(wanted: Span, key: string, nowMs: number): Span {
    const span = this.span;
    if (!span || key !== this.key) {
      this.key = key;
      this.smallerSince = 0;
      this.span = wanted;
      return wanted;
    }
    const grown = {low: Math.min(span.low, wanted.low), high: Math.max(span.high, wanted.high)};
    const smaller = wanted.high - wanted.low < 0.9 * (grown.high - grown.low);
    if (!smaller) this.smallerSince = 0;
    else if (this.smallerSince === 0) this.smallerSince = nowMs;
    if (smaller && nowMs - this.smallerSince > SteadySpan.kShrinkAfterMs) {
      this.smallerSince = 0;
      this.span = wanted;
      return wanted;
    }
    this.span = grown;
    return grown;
  }
}
