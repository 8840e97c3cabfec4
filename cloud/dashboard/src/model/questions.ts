// SPDX-License-Identifier: Apache-2.0
// What Explore asks the server for: the range that a view means now, and the addresses of the questions. Pure.
import {selectionQuery, type View} from '../address';
import {autoStep, ceilTo, floorTo, isoTime, kSecond, resolveBound, stepText} from '../time';

const kRowStats = 'count,mean,stddev,min,max,p5,p50,p95,p99,histogram';
export const kTotalStats = 'count,mean,stddev,min,max,first,last,p50,p95,p99,histogram';
export const kGroupStats = 'count,mean,stddev,min,max,first,last,p50,p95,p99';
export const kAllTimeStats = 'count,mean,stddev,min,max,first,last,p5,p50,p95,histogram';

export interface Range {
  from: number;
  to: number;
  step: number; // seconds
}

export const groupBy = (view: View): string => (view.by === 'none' ? '' : view.by);

// The range, aligned to steps where it moves with the clock.
export function resolveRange(view: View, now: number, beginMs: number, plotWidth: number): Range {
  let from = resolveBound(view.from, now, beginMs);
  let to = resolveBound(view.to, now, beginMs);
  if (!(to > from)) to = from + 60_000;
  const step = view.step || autoStep(to - from, plotWidth);
  if (view.to.kind === 'now') {
    const length = ceilTo(to - from, step * kSecond);
    to = ceilTo(now, step * kSecond);
    from = view.from.kind === 'ago' ? to - length : floorTo(from, step * kSecond);
  } else if (view.from.kind !== 'at') {
    from = floorTo(from, step * kSecond);
  }
  return {from, to, step};
}

// What selects one of the compared groups.
export function groupQuery(view: View, metric: string, group: string): string {
  const by = groupBy(view);
  if (by === 'device') return selectionQuery(metric, [group], view.labels);
  if (by === '') return selectionQuery(metric, view.devices, view.labels);
  return selectionQuery(metric, view.devices, [...view.labels.filter(([key]) => key !== by), [by, group]]);
}

export function seriesPath(view: View, metric: string, from: number, to: number | null, step: number): string {
  const selection = selectionQuery(metric, view.devices, view.labels);
  const by = groupBy(view) ? `&by=${encodeURIComponent(groupBy(view))}` : '';
  const end = to === null ? '' : `&to=${isoTime(to)}`;
  return `series?${selection}${by}&from=${isoTime(from)}${end}&step=${stepText(step)}&stats=${kRowStats}`;
}

// from null: since the beginning; to null: to the end of all there is.
export function summaryPath(selection: string, from: number | null, to: number | null, stats: string): string {
  const start = from === null ? '' : `&from=${isoTime(from)}`;
  const end = from === null || to === null ? '' : `&to=${isoTime(to)}`;
  return `summary?${selection}${start}${end}&stats=${stats}`;
}
