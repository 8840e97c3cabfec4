// SPDX-License-Identifier: Apache-2.0
// What an answer lacks, in words: the headline, the sentence under it, and one line a lack, newest first. Pure, so that the words are tested.
import type {Completeness} from './api';
import {capital, clock, counted, count, duration, moment, range, reason, share, span, width} from './format';

export type Mark = 'complete' | 'late' | 'silent' | 'coarse' | 'gap' | 'lost' | 'parked' | 'rejected' | 'overflow' | 'estimated';

export interface Lack {
  mark: Mark;
  title: string;
  text: string;
  from: number | null; // where to zoom to
  to: number | null;
  go?: {word: string; to: string}; // a link to where it is shown or decided
}

export interface GatewayLane {
  gateway: string;
  state: 'complete' | 'late' | 'silent';
  frontier: number | null; // null: complete
  word: string;
  gaps: [number, number][];
  lost: [number, number][];
  coarse: [number, number][];
  estimated: [number, number][];
}

export interface CoarseNote {
  gateway: string;
  from: number;
  to: number;
  width: number;
  windows: [number, number][];
  whole: boolean;
}

export interface CompletenessInput {
  completeness: Completeness;
  gateways: string[]; // that contribute to the selection, by name
  frontiers: Map<string, number>; // as last heard of each
  coarse: CoarseNote[];
  fromMs: number;
  toMs: number;
  nowMs: number;
  live: boolean;
}

export interface CompletenessWords {
  mark: 'complete' | 'late' | 'silent';
  share: number;
  headline: string;
  explain: {text: string; strong?: boolean}[];
  lacks: Lack[];
  lanes: GatewayLane[];
}

// A live gateway is always some seconds behind the newest one: windows close at their own instants. That is not lateness.
const kToleranceMs = 60_000;
const kLanesMax = 4;
const kBehindMax = 5; // listed by name; of more the page of gateways tells

function sentence(code: string): string {
  const words = reason(code);
  if (words === 'nan' || words === 'not finite') return 'not a number';
  return words;
}

export function describe(input: CompletenessInput): CompletenessWords {
  const {completeness: c, gateways, fromMs, toMs, nowMs, live} = input;
  const frontierOf = new Map((c.behind ?? []).map((b) => [b.gateway, Date.parse(b.frontier)]));
  const newest = live ? Math.max(Date.parse(c.to), ...[...frontierOf.values()], nowMs - kToleranceMs) : toMs;
  const behind = (c.behind ?? []).filter((b) => {
    const healthy = b.state === 'online' || b.state === 'late';
    return !(live && healthy && newest - Date.parse(b.frontier) <= kToleranceMs);
  });
  const names = [...new Set([...gateways, ...(c.behind ?? []).map((b) => b.gateway)])].sort();
  const expected = c.expected ?? names.length;
  const silentFor = (lastSeen: string): string => duration((nowMs - Date.parse(lastSeen)) / 1000);
  const isSilent = (state: string): boolean => state === 'silent' || state === 'offline';

  const lacks: (Lack & {at: number})[] = [];
  const furthest = [...behind].sort((a, b) => Date.parse(a.frontier) - Date.parse(b.frontier));
  const rest = behind.length > kBehindMax + 1 ? furthest.slice(kBehindMax) : [];
  if (rest.length)
    lacks.push({
      mark: 'late',
      title: `${count(rest.length)} more gateways behind`,
      text: `By ${duration((Math.min(nowMs, toMs) - Date.parse(rest[0]!.frontier)) / 1000)} or less. What they hold will appear here by itself.`,
      from: null,
      to: null,
      go: {word: 'Which', to: '/fleet?show=behind'},
      at: Infinity,
    });
  for (const b of rest.length ? furthest.slice(0, kBehindMax).reverse() : behind) {
    const frontier = Math.max(fromMs, Date.parse(b.frontier));
    const lag = duration((Math.min(nowMs, toMs) - frontier) / 1000);
    lacks.push({
      mark: isSilent(b.state) ? 'silent' : 'late',
      title: `${b.gateway}, ${moment(frontier, nowMs)} until ${live ? 'now' : moment(toMs, nowMs)}`,
      text: isSilent(b.state)
        ? `Silent for ${silentFor(b.last_seen)}. What it measures waits there.`
        : `${lag} behind. What it holds is on its way.`,
      from: frontier,
      to: Math.min(toMs, Math.max(nowMs, frontier + 1)),
      at: Infinity,
    });
  }
  for (const gap of c.gaps ?? []) {
    const from = Date.parse(gap.from);
    const to = Date.parse(gap.to);
    const cause = gap.cause
      ? `: ${/^not running$/.test(reason(gap.cause)) ? 'the gateway was not running' : reason(gap.cause)}`
      : `, ${duration((to - from) / 1000, true)}`;
    lacks.push({
      mark: 'gap',
      title: `${gap.gateway}, ${span(from, to, nowMs)}`,
      text: `Gap${cause}. Nothing from this time was accepted.`,
      from,
      to,
      at: to,
    });
  }
  for (const one of c.estimated ?? []) {
    const from = Date.parse(one.from);
    const to = Date.parse(one.to);
    lacks.push({
      mark: 'estimated',
      title: `${one.gateway}, ${span(from, to, nowMs)}`,
      text: "Times are estimates: the gateway's clock was not set. Counts, means and extremes are exact.",
      from,
      to,
      at: to,
    });
  }
  for (const note of input.coarse) {
    const who = note.gateway || 'All together';
    lacks.push({
      mark: 'coarse',
      title: `${who}, ${span(note.from, note.to, nowMs)}`,
      text: `Came in ${width(note.width / 1000)} windows${note.whole ? '' : ' after an uplink outage'}. Counts, means and extremes are exact; only detail in time is gone.`,
      from: note.from,
      to: note.to,
      at: note.to,
    });
  }
  for (const lost of c.lost ?? []) {
    const [first, last] = lost.seqs.split('-').map(Number) as [number, number | undefined];
    lacks.push({
      mark: 'lost',
      title: `${lost.gateway}, lost`,
      text: `Lost at gateway, ${counted((last ?? first) - first + 1, 'partial')}. ${capital(reason(lost.cause))}.`,
      from: null,
      to: null,
      go: {word: 'Show', to: `/fleet?g=${encodeURIComponent(lost.gateway)}`},
      at: 0,
    });
  }
  for (const gap of c.log_gaps ?? []) {
    lacks.push({
      mark: 'lost',
      title: `Log, partition ${gap.partition}`,
      text: `${counted(gap.to - gap.from, 'record')} missing. ${capital(reason(gap.cause))}.`,
      from: null,
      to: null,
      go: {word: 'Show', to: '/system#troubles'},
      at: 0,
    });
  }
  if (c.parked)
    lacks.push({
      mark: 'parked',
      title: 'SD card restored',
      text: `${counted(c.parked, 'partial')} wait for a decision.`,
      from: null,
      to: null,
      go: {word: 'Decide', to: '/fleet?show=parked'},
      at: 0,
    });
  for (const gateway of c.overflow ?? []) {
    lacks.push({
      mark: 'overflow',
      title: `${gateway}, others, together`,
      text: `Series counted together: ${gateway}'s limit is reached.`,
      from: null,
      to: null,
      at: 0,
    });
  }
  const rejected = Object.entries(c.rejected ?? {})
    .filter(([, n]) => n > 0)
    .sort((a, b) => b[1] - a[1]);
  if (rejected.length) {
    const total = rejected.reduce((sum, [, n]) => sum + n, 0);
    const why =
      rejected.length === 1
        ? capital(sentence(rejected[0]![0]))
        : capital(rejected.map(([code, n]) => `${sentence(code)} ${count(n)}`).join(', '));
    lacks.push({
      mark: 'rejected',
      title: `${counted(total, 'reading')} rejected`,
      text: `${why}. Counted, not merged.`,
      from: null,
      to: null,
      go: {word: 'Show', to: '/system#rejected'},
      at: -1,
    });
  }
  const answered = c.partitions;
  if (answered && answered.answered < answered.expected) {
    lacks.push({
      mark: 'lost',
      title: `${answered.missing?.length === 1 ? `Partition ${answered.missing[0]}` : counted(answered.expected - answered.answered, 'partition')} did not answer`,
      text: 'Gateways are missing from this picture.',
      from: null,
      to: null,
      go: {word: 'Which', to: '/system#log'},
      at: Infinity,
    });
  }
  lacks.sort((a, b) => b.at - a.at);

  const lanes = names.map((gateway): GatewayLane => {
    const late = behind.find((b) => b.gateway === gateway);
    const gaps = (c.gaps ?? [])
      .filter((gap) => gap.gateway === gateway)
      .map((gap): [number, number] => [Date.parse(gap.from), Date.parse(gap.to)]);
    const state = late ? (isSilent(late.state) ? 'silent' : 'late') : 'complete';
    const word = late
      ? state === 'silent'
        ? 'silent'
        : `${duration((Math.min(nowMs, toMs) - Date.parse(late.frontier)) / 1000)} behind`
      : gaps.length
        ? counted(gaps.length, 'gap')
        : (c.lost ?? []).some((lost) => lost.gateway === gateway)
          ? 'lost'
          : 'complete';
    return {
      gateway,
      state,
      frontier: late ? Date.parse(late.frontier) : null,
      word,
      gaps,
      lost: [],
      estimated: (c.estimated ?? [])
        .filter((one) => one.gateway === gateway)
        .map((one): [number, number] => [Date.parse(one.from), Date.parse(one.to)]),
      coarse: input.coarse.filter((note) => note.gateway === gateway).flatMap((note) => note.windows),
    };
  });

  const leastMs = behind.length ? Math.min(...behind.map((b) => Date.parse(b.frontier))) : Date.parse(c.to);
  const silent = behind.filter((b) => isSilent(b.state));
  const mark =
    behind.length === 0
      ? 'complete'
      : silent.length === behind.length && behind.length === expected
        ? 'silent'
        : 'late';
  const passed = expected - behind.length;
  // How far those have come that are not behind; what is known of them may be some seconds old, which is on the safe side.
  const others = names
    .filter((name) => !behind.some((b) => b.gateway === name))
    .map((name) => frontierOf.get(name) ?? input.frontiers.get(name) ?? toMs);
  const reachedText = moment(live ? Math.min(toMs, ...others) : toMs, nowMs);

  let headline = 'Complete';
  if (behind.length || live)
    headline =
      expected <= kLanesMax
        ? `Complete to ${moment(leastMs, nowMs)}`
        : behind.length
          ? `${share(passed / expected)} complete`
          : 'Complete';
  const explain: {text: string; strong?: boolean}[] = [];
  if (expected === 0) {
    headline = 'Complete';
    explain.push({text: 'No gateway reports to this selection.'});
  } else if (behind.length === 0) {
    const end = live ? moment(leastMs, nowMs) : moment(toMs, nowMs);
    if (expected === 1 && names.length)
      explain.push({text: 'Its gateway '}, {text: names[0]!, strong: true}, {text: ` has passed ${end}. `});
    else explain.push({text: `${expected === 2 ? 'Both' : `All ${count(expected)}`} gateways have passed ${end}. `});
    explain.push({text: 'Every reading accepted from before then is in this picture or named below.'});
  } else {
    explain.push({
      text: `${count(passed)} of ${counted(expected, 'gateway')} ${passed === 1 ? 'has' : 'have'} passed ${reachedText}. `,
    });
    if (behind.length === 1) {
      const b = behind[0]!;
      explain.push(
        {text: b.gateway, strong: true},
        {
          text: ` is ${duration((Math.min(nowMs, toMs) - Date.parse(b.frontier)) / 1000)} behind; what it holds will appear here by itself.`,
        },
      );
    } else {
      explain.push({
        text: `What the others hold will appear here by itself. Everything before ${moment(leastMs, nowMs)} is complete.`,
      });
    }
  }
  return {mark, share: expected ? passed / expected : 1, headline, explain, lacks, lanes};
}

// The sentence a chart is called by.
export function clockSpan(fromMs: number, toMs: number): string {
  return range(clock(fromMs), clock(toMs));
}
