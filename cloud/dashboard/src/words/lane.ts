// SPDX-License-Identifier: Apache-2.0
// The lane of each gateway: from when on it was known, how far it is all here, what is still to come. It stops where
// knowledge stops, and what has not been yet is left empty. Pure.
import {counted, duration} from '../format';
import {type GatewayLane, isSilent, isTold, type Judged} from './types';

type Span = [number, number];

// So shortly after the beginning of a range nobody needs to be told of.
export const kBeginMs = 60_000;

const spansOf = (all: {gateway: string; from: string; to: string}[] | undefined, gateway: string): Span[] =>
  (all ?? []).filter((one) => one.gateway === gateway).map((one) => [Date.parse(one.from), Date.parse(one.to)]);

function wordOf(gateway: string, state: GatewayLane['state'], frontier: number | null, judged: Judged): string {
  const {completeness: c, endMs, hungMs} = judged;
  if (hungMs !== null) return 'not known';
  if (state === 'silent') return 'silent';
  if (frontier !== null) return `${duration((endMs - frontier) / 1000)} behind`;
  const gaps = (c.gaps ?? []).filter((gap) => gap.gateway === gateway);
  if (gaps.length) return counted(gaps.length, 'gap');
  return (c.lost ?? []).some((lost) => lost.gateway === gateway) ? 'lost' : isTold(judged) ? 'complete' : 'here';
}

function laneOf(gateway: string, judged: Judged): GatewayLane {
  const {completeness: c, behind, coarse, fromMs, endMs, heard, knownMs, hungMs} = judged;
  const late = behind.find((b) => b.gateway === gateway);
  const told = c.behind?.find((b) => b.gateway === gateway);
  const frontier = late ? Date.parse(late.frontier) : null;
  const well = isTold(judged) ? 'complete' : 'unknown';
  const state = hungMs !== null ? 'unknown' : late ? (isSilent(late.state) ? 'silent' : 'late') : well;
  const clamp = (ms: number): number => Math.min(endMs, Math.max(fromMs, ms));
  const heardSince = heard.get(gateway)?.since ?? Number.NaN;
  const since = heardSince > fromMs + kBeginMs ? clamp(heardSince) : fromMs;
  // One that is up to date is complete to where it said; of a range that it has passed, to its end.
  const own = Math.max(Date.parse(c.to), heard.get(gateway)?.frontier ?? Number.NEGATIVE_INFINITY);
  const reached = told ? Date.parse(told.frontier) : judged.live ? own : endMs;
  const solidTo = Math.max(since, clamp(Math.min(frontier ?? reached, Math.max(knownMs, frontier ?? 0))));
  const known = hungMs === null ? endMs : Math.max(solidTo, clamp(hungMs));
  const unknown: Span[] = [];
  if (since > fromMs) unknown.push([fromMs, since]);
  if (known < endMs) unknown.push([known, endMs]);
  return {
    gateway,
    state,
    frontier,
    solid: [since, solidTo],
    hatch: frontier !== null && known > solidTo ? [solidTo, known] : null,
    unknown,
    word: wordOf(gateway, state, frontier, judged),
    gaps: spansOf(c.gaps, gateway),
    lost: [],
    estimated: spansOf(c.estimated, gateway),
    coarse: coarse.filter((note) => note.gateway === gateway).flatMap((note) => note.windows),
  };
}

export const lanesOf = (judged: Judged): GatewayLane[] => judged.names.map((name) => laneOf(name, judged));
