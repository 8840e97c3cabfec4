// SPDX-License-Identifier: Apache-2.0
// How complete an answer is, in words: the headline, the sentence under it, the lanes, and what it lacks. Only what the
// server says that it knows counts: what it does not say is not known, and what has not been yet is not late. Pure, so
// that the words are tested.
import type {Completeness} from '../api';
import {count, counted, duration, moment, share, span} from '../format';
import {lacksOf} from './lacks';
import {kBeginMs, lanesOf} from './lane';
import {type CompletenessInput, type CompletenessWords, isSilent, isTold, type Judged} from './types';

// Windows close at their own instants, and an idle gateway speaks once a minute: so much is no lateness.
const kToleranceMs = 90_000;
const kLanesMax = 4;

function judge(input: CompletenessInput): Judged {
  const {completeness: c, gateways, toMs, nowMs, askedMs, live} = input;
  const endMs = Math.min(toMs, nowMs);
  const told = c.behind ?? [];
  // Of an open end the server names only those that are later than they must be; of a fixed one all that have not
  // passed it, also when it is still to come.
  const young = live || toMs > askedMs - kToleranceMs;
  const behind = told.filter((b) => {
    const healthy = b.state === 'online' || b.state === 'late';
    return !(young && healthy && askedMs - Date.parse(b.frontier) <= kToleranceMs);
  });
  const names = [...new Set([...gateways, ...told.map((b) => b.gateway)])].sort();
  const knownMs = c.as_of === undefined ? askedMs : Math.min(Date.parse(c.as_of), askedMs);
  return {...input, behind, names, expected: c.expected ?? names.length, endMs, knownMs};
}

// Up to when everything is known to be here.
function leastOf({completeness: c, knownMs}: Judged): number {
  const frontiers = (c.behind ?? []).map((b) => Date.parse(b.frontier));
  return Math.min(knownMs, ...(frontiers.length ? frontiers : [Date.parse(c.to)]));
}

// Nobody is late, and nobody may hold anything of which the answer does not know.
function isWell(judged: Judged): boolean {
  const {completeness: c, behind, live, toMs, askedMs, knownMs, hungMs} = judged;
  if (!isTold(judged) || hungMs !== null) return false;
  if (c.complete) return true;
  // A range that has not ended, or just now, cannot be complete yet; nothing is wrong with it for that.
  const open = live || toMs > askedMs - kToleranceMs;
  const whole = !c.partitions || c.partitions.answered >= c.partitions.expected;
  const lacking = [c.straddling, c.log_gaps].some((all) => all?.length) || (c.possible?.count ?? 0) > 0;
  return open && whole && !lacking && behind.length === 0 && askedMs - knownMs <= kToleranceMs;
}

function markOf(judged: Judged): CompletenessWords['mark'] {
  const {behind, expected} = judged;
  if (isWell(judged)) return 'complete';
  if (behind.length) return behind.length === expected && behind.every((b) => isSilent(b.state)) ? 'silent' : 'late';
  return (judged.completeness.possible?.count ?? 0) > 0 ? 'late' : 'unknown';
}

// Whether something that keeps an answer from being complete stands in the list of what it lacks.
const lacksNamed = (c: Completeness): boolean =>
  Boolean(c.parked) || [c.gaps, c.lost, c.log_gaps, c.straddling].some((all) => all?.length);

function headlineOf(judged: Judged, mark: CompletenessWords['mark']): string {
  const {behind, expected, completeness: c, nowMs, hungMs} = judged;
  if (c.complete && hungMs === null) return 'Complete';
  if (expected === 0 && !Number.isFinite(Date.parse(c.to))) return 'Not known';
  const least = moment(leastOf(judged), nowMs);
  if (!isTold(judged)) return `Here to ${least}`;
  if (behind.length && expected > kLanesMax) return `${share((expected - behind.length) / expected)} complete`;
  if (mark === 'unknown' && hungMs === null)
    return lacksNamed(c) ? 'Lacks what is named below' : 'Not known to be complete';
  return `Complete to ${least}`;
}

// How far those have come that are not behind; what is known of them may be some seconds old, which is on the safe
// side.
function reachedOf({completeness: c, names, behind, heard, endMs, toMs}: Judged): number {
  if (toMs <= endMs) return toMs;
  const told = new Map((c.behind ?? []).map((b) => [b.gateway, Date.parse(b.frontier)]));
  const others = names
    .filter((name) => !behind.some((b) => b.gateway === name))
    .map((name) => told.get(name) ?? heard.get(name)?.frontier ?? endMs);
  return Math.min(endMs, ...others);
}

type Sentence = CompletenessWords['explain'];

function whoHasPassed(judged: Judged): Sentence {
  const {behind, expected, names, live, toMs, endMs, nowMs, completeness: c} = judged;
  const least = moment(leastOf(judged), nowMs);
  if (behind.length === 0) {
    const ended = !live && toMs <= endMs && !c.behind?.length;
    const passed = ended ? moment(toMs, nowMs) : least;
    return expected === 1 && names.length
      ? [{text: 'Its gateway '}, {text: names[0]!, strong: true}, {text: ` has passed ${passed}. `}]
      : [{text: `${expected === 2 ? 'Both' : `All ${count(expected)}`} gateways have passed ${passed}. `}];
  }
  const passed = expected - behind.length;
  const have = passed === 1 ? 'has' : 'have';
  const first = {
    text: `${count(passed)} of ${counted(expected, 'gateway')} ${have} passed ${moment(reachedOf(judged), nowMs)}. `,
  };
  if (behind.length > 1)
    return [first, {text: `What the others hold will appear here by itself. Everything before ${least} is complete. `}];
  const b = behind[0]!;
  const lag = duration((endMs - Date.parse(b.frontier)) / 1000);
  return [
    first,
    {text: b.gateway, strong: true},
    {text: ` is ${lag} behind; what it holds will appear here by itself. `},
  ];
}

// Why it is not called complete although nobody is late.
function whyNot(judged: Judged, mark: CompletenessWords['mark']): Sentence {
  const {completeness: c, toMs, fromMs, endMs, nowMs, knownMs, hungMs, names, heard} = judged;
  const said: Sentence = [];
  if (hungMs !== null) said.push({text: `The server says nothing since ${moment(hungMs, nowMs)}. `});
  if (c.answered)
    said.push({text: `Answered for ${span(Date.parse(c.answered.from), Date.parse(c.answered.to), nowMs)}. `});
  if (toMs > endMs && !judged.live)
    said.push({text: `The range ends at ${moment(toMs, nowMs)}, which is still to come. `});
  if (mark !== 'unknown' || hungMs !== null) return said;
  if (!isTold(judged)) said.push({text: 'This server does not say up to when it knows all that was sent. '});
  else if (knownMs < Math.min(endMs, toMs)) said.push({text: `Its log is read up to ${moment(knownMs, nowMs)}. `});
  const since = names.map((name) => heard.get(name)?.since ?? Number.NaN).filter(Number.isFinite);
  if (since.length && Math.min(...since) > fromMs + kBeginMs)
    said.push({text: `Nobody was known before ${moment(Math.min(...since), nowMs)}. `});
  return said;
}

function explain(judged: Judged, mark: CompletenessWords['mark']): Sentence {
  const {expected} = judged;
  const last = whyNot(judged, mark);
  if (expected === 0) return [{text: 'No gateway is known to report to this selection. '}, ...last];
  const all =
    mark === 'complete' ? [{text: 'Every reading accepted from before then is in this picture or named below. '}] : [];
  return [...whoHasPassed(judged), ...all, ...last];
}

const trimmed = (said: Sentence): Sentence =>
  said.map((part, i) => (i + 1 < said.length ? part : {...part, text: part.text.trimEnd()}));

export function describe(input: CompletenessInput): CompletenessWords {
  const judged = judge(input);
  const {behind, expected} = judged;
  const mark = markOf(judged);
  return {
    mark,
    share: expected ? (expected - behind.length) / expected : 0,
    headline: headlineOf(judged, mark),
    explain: trimmed(explain(judged, mark)),
    lacks: lacksOf(judged),
    lanes: lanesOf(judged),
  };
}
