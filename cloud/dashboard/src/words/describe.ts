// SPDX-License-Identifier: Apache-2.0
// How complete an answer is, in words: the headline, the sentence under it, the lanes, and what it lacks. Pure, so that
// the words are tested.
import {count, counted, duration, moment, share} from '../format';
import {lacksOf} from './lacks';
import {type CompletenessInput, type CompletenessWords, type GatewayLane, isSilent, type Judged} from './types';

// A live gateway is always some seconds behind the newest one: windows close at their own instants. That is not
// lateness.
const kToleranceMs = 60_000;
const kLanesMax = 4;

function judge(input: CompletenessInput): Judged {
  const {completeness: c, gateways, toMs, nowMs, live} = input;
  const frontiers = (c.behind ?? []).map((b) => Date.parse(b.frontier));
  const newest = live ? Math.max(Date.parse(c.to), ...frontiers, nowMs - kToleranceMs) : toMs;
  const behind = (c.behind ?? []).filter((b) => {
    const healthy = b.state === 'online' || b.state === 'late';
    return !(live && healthy && newest - Date.parse(b.frontier) <= kToleranceMs);
  });
  const names = [...new Set([...gateways, ...(c.behind ?? []).map((b) => b.gateway)])].sort();
  return {...input, behind, names, expected: c.expected ?? names.length};
}

function laneOf(gateway: string, {completeness: c, behind, coarse, toMs, nowMs}: Judged): GatewayLane {
  const late = behind.find((b) => b.gateway === gateway);
  const spans = (all: {gateway: string; from: string; to: string}[] | undefined): [number, number][] =>
    (all ?? []).filter((one) => one.gateway === gateway).map((one) => [Date.parse(one.from), Date.parse(one.to)]);
  const gaps = spans(c.gaps);
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
    estimated: spans(c.estimated),
    coarse: coarse.filter((note) => note.gateway === gateway).flatMap((note) => note.windows),
  };
}

// Up to when everything is known to be here.
const leastOf = ({behind, completeness}: Judged): number =>
  behind.length ? Math.min(...behind.map((b) => Date.parse(b.frontier))) : Date.parse(completeness.to);

function headlineOf(judged: Judged): string {
  const {behind, expected, live, nowMs} = judged;
  if (expected === 0 || (behind.length === 0 && !live)) return 'Complete';
  if (expected <= kLanesMax) return `Complete to ${moment(leastOf(judged), nowMs)}`;
  return behind.length ? `${share((expected - behind.length) / expected)} complete` : 'Complete';
}

// How far those have come that are not behind; what is known of them may be some seconds old, which is on the safe
// side.
function reachedOf({completeness: c, names, behind, frontiers, toMs, live}: Judged): number {
  if (!live) return toMs;
  const told = new Map((c.behind ?? []).map((b) => [b.gateway, Date.parse(b.frontier)]));
  const others = names
    .filter((name) => !behind.some((b) => b.gateway === name))
    .map((name) => told.get(name) ?? frontiers.get(name) ?? toMs);
  return Math.min(toMs, ...others);
}

function explain(judged: Judged): CompletenessWords['explain'] {
  const {behind, expected, names, live, toMs, nowMs} = judged;
  if (expected === 0) return [{text: 'No gateway reports to this selection.'}];
  const least = moment(leastOf(judged), nowMs);
  if (behind.length === 0) {
    const end = live ? least : moment(toMs, nowMs);
    const who =
      expected === 1 && names.length
        ? [{text: 'Its gateway '}, {text: names[0]!, strong: true}, {text: ` has passed ${end}. `}]
        : [{text: `${expected === 2 ? 'Both' : `All ${count(expected)}`} gateways have passed ${end}. `}];
    return [...who, {text: 'Every reading accepted from before then is in this picture or named below.'}];
  }
  const passed = expected - behind.length;
  const have = passed === 1 ? 'has' : 'have';
  const first = {
    text: `${count(passed)} of ${counted(expected, 'gateway')} ${have} passed ${moment(reachedOf(judged), nowMs)}. `,
  };
  if (behind.length > 1)
    return [first, {text: `What the others hold will appear here by itself. Everything before ${least} is complete.`}];
  const b = behind[0]!;
  const lag = duration((Math.min(nowMs, toMs) - Date.parse(b.frontier)) / 1000);
  return [
    first,
    {text: b.gateway, strong: true},
    {text: ` is ${lag} behind; what it holds will appear here by itself.`},
  ];
}

export function describe(input: CompletenessInput): CompletenessWords {
  const judged = judge(input);
  const {behind, expected, names} = judged;
  const allSilent = behind.length === expected && behind.every((b) => isSilent(b.state));
  return {
    mark: behind.length === 0 ? 'complete' : allSilent ? 'silent' : 'late',
    share: expected ? (expected - behind.length) / expected : 1,
    headline: headlineOf(judged),
    explain: explain(judged),
    lacks: lacksOf(judged),
    lanes: names.map((name) => laneOf(name, judged)),
  };
}
