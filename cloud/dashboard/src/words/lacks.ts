// SPDX-License-Identifier: Apache-2.0
// What an answer lacks, one line a lack, newest first. Pure.
import type {Behind} from '../api';
import {capital, count, counted, duration, list, moment, reason, span, width} from '../format';
import {isSilent, type Judged, type Lack, type PlacedLack, rejectionWords} from './types';

const kBehindMax = 5; // listed by name; of more the page of gateways tells

// A lack without a time of its own.
const timeless = (lack: Pick<Lack, 'mark' | 'title' | 'text' | 'go'>, at = 0): PlacedLack => ({
  ...lack,
  from: null,
  to: null,
  at,
});

function behindLack(b: Behind, {fromMs, toMs, nowMs, endMs}: Judged): PlacedLack {
  const frontier = Math.max(fromMs, Date.parse(b.frontier));
  const lag = duration((endMs - frontier) / 1000);
  const silence = duration((nowMs - Date.parse(b.last_seen)) / 1000);
  return {
    mark: isSilent(b.state) ? 'silent' : 'late',
    title: `${b.gateway}, ${moment(frontier, nowMs)} until ${toMs > endMs ? 'now' : moment(toMs, nowMs)}`,
    text: isSilent(b.state)
      ? `Silent for ${silence}. What it measures waits there.`
      : `${lag} behind. What it holds is on its way.`,
    from: frontier,
    to: Math.max(endMs, frontier + 1),
    at: Infinity,
  };
}

function behindLacks(judged: Judged): PlacedLack[] {
  const {behind, endMs} = judged;
  if (behind.length <= kBehindMax + 1) return behind.map((b) => behindLack(b, judged));
  const furthest = [...behind].sort((a, b) => Date.parse(a.frontier) - Date.parse(b.frontier));
  const rest = furthest.slice(kBehindMax);
  const lag = duration((endMs - Date.parse(rest[0]!.frontier)) / 1000);
  const others = timeless(
    {
      mark: 'late',
      title: `${count(rest.length)} more gateways behind`,
      text: `By ${lag} or less. What they hold will appear here by itself.`,
      go: {word: 'Which', to: '/fleet?show=behind'},
    },
    Infinity,
  );
  return [
    others,
    ...furthest
      .slice(0, kBehindMax)
      .reverse()
      .map((b) => behindLack(b, judged)),
  ];
}

// Gateways that never reported to this selection, and have not come far enough to be out of question.
function possibleLacks({completeness: {possible}}: Judged): PlacedLack[] {
  if (!possible?.count) return [];
  const named = possible.gateways ?? [];
  const who = named.length === possible.count ? list(named) : counted(possible.count, 'other gateway');
  const one = possible.count === 1;
  return [
    timeless(
      {
        mark: 'late',
        title: `Possibly ${who}`,
        text: `${one ? 'It has' : 'They have'} not reported to this selection, and may hold something of it.`,
        go:
          named.length === 1 && one
            ? {word: 'Show', to: `/fleet?g=${encodeURIComponent(named[0]!)}`}
            : {word: 'Which', to: '/fleet?show=behind'},
      },
      Infinity,
    ),
  ];
}

// Rows wider than the range allows: whether their readings belong to it cannot be told.
function straddlingLacks({completeness: c, nowMs}: Judged): PlacedLack[] {
  return (c.straddling ?? []).map((one) => {
    const from = Date.parse(one.start);
    const wide = one.width > 0;
    const to = wide ? from + one.width * 1000 : from;
    return {
      mark: 'coarse',
      title: wide ? `A window of ${width(one.width)}, ${span(from, to, nowMs)}` : 'Merged into all time',
      text: `${counted(one.count, 'reading')} of it may lie on both sides of the range's bounds.`,
      from: wide ? from : null,
      to: wide ? to : null,
      at: wide ? to : 0,
    };
  });
}

function timedLacks({completeness: c, coarse, nowMs}: Judged): PlacedLack[] {
  const lacks: PlacedLack[] = [];
  for (const gap of c.gaps ?? []) {
    const from = Date.parse(gap.from);
    const to = Date.parse(gap.to);
    const cause = gap.cause
      ? `: ${/^not running$/.test(reason(gap.cause)) ? 'the gateway was not running' : reason(gap.cause)}`
      : `, ${duration((to - from) / 1000, true)}`;
    const text = `Gap${cause}. Nothing from this time was accepted.`;
    lacks.push({mark: 'gap', title: `${gap.gateway}, ${span(from, to, nowMs)}`, text, from, to, at: to});
  }
  for (const one of c.estimated ?? []) {
    const from = Date.parse(one.from);
    const to = Date.parse(one.to);
    const text = "Times are estimates: the gateway's clock was not set. Counts, means and extremes are exact.";
    lacks.push({mark: 'estimated', title: `${one.gateway}, ${span(from, to, nowMs)}`, text, from, to, at: to});
  }
  for (const {gateway, from, to, width: ms, whole} of coarse) {
    const after = whole ? '' : ' after an uplink outage';
    const exact = 'Counts, means and extremes are exact; only detail in time is gone.';
    const text = `Came in ${width(ms / 1000)} windows${after}. ${exact}`;
    lacks.push({
      mark: 'coarse',
      title: `${gateway || 'All together'}, ${span(from, to, nowMs)}`,
      text,
      from,
      to,
      at: to,
    });
  }
  return lacks;
}

function lostLacks({completeness: c}: Judged): PlacedLack[] {
  const lost = (c.lost ?? []).map((one) => {
    const [first, last] = one.seqs.split('-').map(Number) as [number, number | undefined];
    return timeless({
      mark: 'lost',
      title: `${one.gateway}, lost`,
      text: `Lost at gateway, ${counted((last ?? first) - first + 1, 'partial')}. ${capital(reason(one.cause))}.`,
      go: {word: 'Show', to: `/fleet?g=${encodeURIComponent(one.gateway)}`},
    });
  });
  const logGaps = (c.log_gaps ?? []).map((gap) =>
    timeless({
      mark: 'lost',
      title: `Log, partition ${gap.partition}`,
      text: `${counted(gap.to - gap.from, 'record')} missing. ${capital(reason(gap.cause))}.`,
      go: {word: 'Show', to: '/system#troubles'},
    }),
  );
  return [...lost, ...logGaps];
}

function countedLacks({completeness: c}: Judged): PlacedLack[] {
  const lacks: PlacedLack[] = [];
  if (c.parked)
    lacks.push(
      timeless({
        mark: 'parked',
        title: 'SD card restored',
        text: `${counted(c.parked, 'partial')} wait for a decision.`,
        go: {word: 'Decide', to: '/fleet?show=parked'},
      }),
    );
  for (const gateway of c.overflow ?? [])
    lacks.push(
      timeless({
        mark: 'overflow',
        title: `${gateway}, others, together`,
        text: `Series counted together: ${gateway}'s limit is reached.`,
      }),
    );
  const rejected = Object.entries(c.rejected ?? {})
    .filter(([, n]) => n > 0)
    .sort((a, b) => b[1] - a[1]);
  if (rejected.length === 0) return lacks;
  const total = rejected.reduce((sum, [, n]) => sum + n, 0);
  const why =
    rejected.length === 1
      ? rejectionWords(rejected[0]![0])
      : rejected.map(([code, n]) => `${rejectionWords(code)} ${count(n)}`).join(', ');
  lacks.push(
    timeless(
      {
        mark: 'rejected',
        title: `${counted(total, 'reading')} rejected`,
        text: `${capital(why)}. Counted, not merged.`,
        go: {word: 'Show', to: '/system#rejected'},
      },
      -1,
    ),
  );
  return lacks;
}

function partitionLacks({completeness: {partitions}}: Judged): PlacedLack[] {
  if (!partitions || partitions.answered >= partitions.expected) return [];
  const {missing} = partitions;
  const which =
    missing?.length === 1 ? `Partition ${missing[0]}` : counted(partitions.expected - partitions.answered, 'partition');
  return [
    timeless(
      {
        mark: 'lost',
        title: `${which} did not answer`,
        text: 'Gateways are missing from this picture.',
        go: {word: 'Which', to: '/system#log'},
      },
      Infinity,
    ),
  ];
}

export function lacksOf(judged: Judged): Lack[] {
  return [behindLacks, possibleLacks, timedLacks, straddlingLacks, lostLacks, countedLacks, partitionLacks]
    .flatMap((made) => made(judged))
    .sort((a, b) => b.at - a.at);
}
