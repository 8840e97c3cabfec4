// SPDX-License-Identifier: Apache-2.0
// Where readings are: amounts and oldest at each station between sensor and screen, delays of the last hour, what was
// rejected, lost or parked.
import {type Gateway, get, type LogGap, type Service, serverNow, type SystemAnswer} from '../api';
import {count, duration, kNbsp, reason} from '../format';
import type {ExploreModel} from './explore';
import {Watch} from './watch';

export interface Amounts {
  open: number; // windows not closed yet
  waiting: number;
  waitingAt: number; // gateways where something waits
  oldestWaiting: number; // ms; NaN: nothing waits
  flight: number;
  flightAt: number;
  log: number; // records not yet merged; −1: this key may not see it
  parked: number;
  lost: number; // partials
  accepted: number; // readings, as the gateways last said
  toldAt: number; // ms, the oldest of what they said; NaN: none said anything
}

export function amountsOf(gateways: Gateway[], answer: SystemAnswer | null): Amounts {
  const sum: Amounts = {
    open: 0,
    waiting: 0,
    waitingAt: 0,
    oldestWaiting: NaN,
    flight: 0,
    flightAt: 0,
    log: answer?.log ? answer.log.partitions.reduce((n, p) => n + Math.max(0, p.end - p.position), 0) : -1,
    parked: 0,
    lost: 0,
    accepted: 0,
    toldAt: NaN,
  };
  for (const g of gateways) {
    if (g.state === 'retired') continue;
    const outbox = g.status?.outbox;
    sum.open += g.status?.open_windows ?? 0;
    sum.waiting += outbox?.waiting ?? 0;
    sum.flight += outbox?.flight ?? 0;
    if (outbox?.waiting) sum.waitingAt++;
    if (outbox?.flight) sum.flightAt++;
    const oldest = outbox?.oldest_waiting ? Date.parse(outbox.oldest_waiting) : NaN;
    if (oldest > 0 && !(oldest >= sum.oldestWaiting)) sum.oldestWaiting = oldest;
    sum.parked += g.parked ?? 0;
    sum.accepted += g.status?.counters?.accepted ?? 0;
    const told = g.status?.time ? Date.parse(g.status.time) : NaN;
    if (told > 0 && !(told >= sum.toldAt)) sum.toldAt = told;
    for (const lost of g.lost ?? []) {
      const [first, last] = lost.seqs.split('-').map(Number) as [number, number | undefined];
      sum.lost += (last ?? first) - first + 1;
    }
  }
  return sum;
}

// Rejected readings by reason, the most first.
export function rejectedOf(gateways: Gateway[]): {reason: string; count: number; at: string[]}[] {
  const all = new Map<string, {count: number; at: string[]}>();
  for (const g of gateways)
    for (const [reason, count] of Object.entries(g.rejected ?? {})) {
      const one = all.get(reason) ?? {count: 0, at: []};
      one.count += count;
      if (count) one.at.push(g.gateway);
      all.set(reason, one);
    }
  return [...all]
    .map(([reason, one]) => ({reason, ...one}))
    .filter((one) => one.count > 0)
    .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
}

export interface Trouble {
  kind: 'parked' | 'lost' | 'gap';
  text: string;
  where: string;
  from: number; // ms, NaN: unknown
  to: number;
  cause: string;
}

// What needs a decision first, then losses, then gaps, the newest first.
export function troublesOf(gateways: Gateway[], logGaps: LogGap[] = []): Trouble[] {
  const parked: Trouble[] = [];
  const lost: Trouble[] = logGaps.map((gap) => ({
    kind: 'lost',
    text: `records ${gap.from} to ${gap.to - 1}`,
    where: `log, partition ${gap.partition}`,
    from: NaN,
    to: NaN,
    cause: gap.cause,
  }));
  const gaps: Trouble[] = [];
  for (const g of gateways) {
    if (g.parked)
      parked.push({kind: 'parked', text: '', where: g.gateway, from: NaN, to: NaN, cause: String(g.parked)});
    for (const one of g.lost ?? [])
      lost.push({kind: 'lost', text: `seqs ${one.seqs}`, where: g.gateway, from: NaN, to: NaN, cause: one.cause});
    for (const gap of g.gaps ?? [])
      gaps.push({
        kind: 'gap',
        text: '',
        where: g.gateway,
        from: Date.parse(gap.from),
        to: Date.parse(gap.to),
        cause: gap.cause,
      });
  }
  gaps.sort((a, b) => b.to - a.to);
  return [...parked, ...lost, ...gaps];
}

export interface Delays {
  count: number;
  quantile: (p: number) => number | null; // ms: the upper edge of the bucket of that rank
}

export function delaysOf(answer: SystemAnswer | null): Delays {
  const counts: number[] = [];
  let total = 0;
  for (const minute of answer?.minutes ?? [])
    for (const [bucket, n] of minute.delays) {
      counts[bucket] = (counts[bucket] ?? 0) + n;
      total += n;
    }
  return {
    count: total,
    quantile: (p) => {
      if (!answer || total === 0) return null;
      const rank = Math.ceil(p * total);
      let seen = 0;
      for (let i = 0; i < counts.length; i++) {
        seen += counts[i] ?? 0;
        if (seen >= rank) return answer.delay_buckets.least_ms * 2 ** ((i + 1) / answer.delay_buckets.per_octave);
      }
      return null;
    },
  };
}

// The rows of the heat map of delays: buckets joined to rows of half an octave, columns are minutes.
export const kHeatLeastMs = 10;
export const kHeatOctaves = 8; // 10 ms to 2.56 s; what lies beyond is in the outermost row
export function delayHeat(answer: SystemAnswer, nowMs: number): {columns: number; rows: number; share: Float64Array} {
  const columns = 60;
  const rows = kHeatOctaves * 2;
  const share = new Float64Array(columns * rows);
  const end = Math.floor(nowMs / 60_000);
  for (const minute of answer.minutes) {
    const column = columns - 1 - (end - Math.floor(Date.parse(minute.start) / 60_000));
    if (column < 0 || column >= columns) continue;
    const total = minute.delays.reduce((sum, [, n]) => sum + n, 0);
    for (const [bucket, n] of minute.delays) {
      const ms = answer.delay_buckets.least_ms * 2 ** ((bucket + 0.5) / answer.delay_buckets.per_octave);
      const row = Math.min(rows - 1, Math.max(0, Math.floor(Math.log2(ms / kHeatLeastMs) * 2)));
      share[column * rows + row]! += n / total;
    }
  }
  return {columns, rows, share};
}

// The partitions of the log in order, with how many records are not merged yet; null: its aggregator does not say.
export function lagsOf(log: NonNullable<SystemAnswer['log']>): {partition: number; lag: number | null}[] {
  const told = log.partitions.map((p) => ({partition: p.partition, lag: Math.max(0, p.end - p.position)}));
  const missing = (log.missing ?? []).map((partition) => ({partition, lag: null}));
  return [...told, ...missing].sort((a, b) => a.partition - b.partition);
}

// What a service came out of last, and what it found.
export function recoveryText(service: Service): {text: string; title: string} | null {
  const last = service.last_recovery;
  if (!last) return null;
  const amounts = Object.entries(last.amounts).map(([name, n]) => `${count(n)} ${reason(name)}`);
  return {
    text: reason(last.kind),
    title: [
      last.seconds < 1 ? `${Math.round(last.seconds * 1000)}${kNbsp}ms` : duration(last.seconds, true),
      ...amounts,
    ].join(', '),
  };
}

export interface Sample {
  at: number;
  open: number;
  waiting: number;
  flight: number;
  log: number;
}
const kSamplesMax = 720;

export class SystemModel extends Watch {
  answer: SystemAnswer | null = null;
  samples: Sample[] = []; // since the page was opened
  private merged: {at: number; readings: number}[] = [];

  constructor(private readonly catalogue: ExploreModel) {
    super(1000, 5000);
  }
  protected query(): string {
    return 'fleet=1&stats=count';
  }
  protected async ask(): Promise<void> {
    const [answer] = await Promise.all([get<SystemAnswer>('system'), this.catalogue.loadCatalogue()]);
    this.answer = answer;
    const amounts = amountsOf(this.catalogue.gateways, answer);
    this.samples.push({at: serverNow(), ...amounts});
    if (this.samples.length > kSamplesMax) this.samples.shift();
    // A sum without some partitions says nothing about the pace.
    if (answer.partitions?.missing) this.merged = [];
    else this.merged.push({at: Date.parse(answer.time), readings: answer.merged.readings});
    while (this.merged.length > 2 && this.merged[0]!.at < this.merged[this.merged.length - 1]!.at - 60_000)
      this.merged.shift();
  }
  // Readings merged a second, over up to the last minute; null: not known yet. Windows come by steps, so some seconds
  // are needed.
  rate(): number | null {
    const first = this.merged[0];
    const last = this.merged[this.merged.length - 1];
    if (!first || !last || last.at - first.at < 10_000) return null;
    return ((last.readings - first.readings) * 1000) / (last.at - first.at);
  }
}
