// SPDX-License-Identifier: Apache-2.0
// The fleet in rows: what each gateway is at, in one word and in numbers; searching, sorting and counting 10 000 of
// them within a frame. Pure but for FleetModel at the end.
import type {Device, Gateway} from '../api';
import type {ExploreModel} from './explore';
import {Watch} from './watch';

export type FleetState = 'parked' | 'silent' | 'late' | 'complete' | 'retired';

export interface FleetRow {
  gateway: Gateway;
  name: string;
  rank: number; // of its name among all
  state: FleetState;
  alarm: string; // in words; empty: none
  site: string;
  labels: string;
  devices: number;
  seen: number; // ms, NaN: never
  frontier: number; // ms, NaN: unknown
  mark: number;
  waiting: number;
  flight: number;
  used: number; // share of the budget
  widest: number; // s, 0: all time, −1: nothing waits
  version: string;
  gaps: [number, number][];
  haystack: string;
}

const kAlarmWords: [RegExp, string][] = [
  [/^restored/, 'SD card restored'],
  [/^cloned/, 'SD card cloned'],
  [/^wiped/, 'outbox wiped'],
];
// Live windows close one after the other: up to this far behind is not late.
export const kLateAfterMs = 60_000;
// Order: what needs a decision, who is silent, who is late, then the rest.
const kRank: Record<FleetState, number> = {parked: 0, silent: 1, late: 2, complete: 3, retired: 4};
export const kStateWords: Record<FleetState, string> = {
  parked: 'needs a decision',
  silent: 'silent',
  late: 'late',
  complete: 'up to date',
  retired: 'retired',
};

export function stateOf(g: Gateway, nowMs: number): FleetState {
  if (g.state === 'retired') return 'retired';
  if (g.parked || (g.alarms?.length ?? 0) > 0) return 'parked';
  if (g.state === 'silent' || g.state === 'offline') return 'silent';
  return g.state === 'late' || nowMs - Date.parse(g.frontier) > kLateAfterMs ? 'late' : 'complete';
}

const positive = (text: string | undefined | null): number => {
  const ms = text ? Date.parse(text) : NaN;
  return ms > 0 ? ms : NaN;
};

// The labels of each gateway's devices: key, its values, key, its values. Most have few, so a search beats a map of
// maps.
type Labels = (string | string[])[];
function labelsByGateway(devices: Device[]): Map<string, Labels> {
  const all = new Map<string, Labels>();
  for (const device of devices) {
    const keys = Object.keys(device.labels);
    if (keys.length === 0) continue;
    for (const name of device.gateways) {
      let own = all.get(name);
      if (!own) {
        own = [];
        all.set(name, own);
      }
      for (const key of keys) {
        if (key === 'unit') continue;
        const value = device.labels[key]!;
        const at = own.indexOf(key);
        if (at < 0) own.push(key, [value]);
        else if (!(own[at + 1] as string[]).includes(value)) (own[at + 1] as string[]).push(value);
      }
    }
  }
  return all;
}

export function fleetRows(gateways: Gateway[], devices: Device[], nowMs: number): FleetRow[] {
  const labels = labelsByGateway(devices);
  const rows = gateways.map((g): FleetRow => {
    const own = labels.get(g.gateway);
    const at = own ? own.indexOf('site') : -1;
    const sites = at < 0 ? [] : (own![at + 1] as string[]);
    const outbox = g.status?.outbox ?? {};
    const widths = Object.keys(outbox.waiting_by_width ?? {}).map(Number);
    const alarm = g.alarms?.[0] ?? (g.parked ? 'restored' : '');
    let text = '';
    for (let i = 0; own && i < own.length; i += 2)
      text += `${i ? '  ' : ''}${own[i] as string}=${(own[i + 1] as string[]).join('+')}`;
    const site = sites.length === 1 ? sites[0]! : sites.length ? `${sites.length} sites` : '';
    return {
      gateway: g,
      name: g.gateway,
      rank: 0,
      state: stateOf(g, nowMs),
      alarm: alarm ? (kAlarmWords.find(([pattern]) => pattern.test(alarm))?.[1] ?? alarm.split(':')[0]!) : '',
      site,
      labels: text,
      devices: g.devices,
      seen: positive(g.last_seen),
      frontier: positive(g.frontier),
      mark: positive(g.mark),
      waiting: outbox.waiting ?? 0,
      flight: outbox.flight ?? 0,
      used: outbox.budget_bytes ? (outbox.used_bytes ?? 0) / outbox.budget_bytes : 0,
      widest: widths.length ? (widths.includes(0) ? 0 : Math.max(...widths)) : -1,
      version: g.version,
      gaps: (g.gaps ?? []).map((gap) => [Date.parse(gap.from), Date.parse(gap.to)]),
      haystack: `${g.gateway} ${site} ${text}`.toLowerCase(),
    };
  });
  [...rows]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .forEach((row, i) => {
      row.rank = i;
    });
  return rows;
}

// All but the last two are states; 'behind' is two of them together and has no chip of its own.
export const kFilters: {key: string; name: string; fits: (row: FleetRow) => boolean}[] = [
  {key: 'complete', name: 'Up to date', fits: (row) => row.state === 'complete'},
  {key: 'late', name: 'Late', fits: (row) => row.state === 'late'},
  {key: 'silent', name: 'Silent', fits: (row) => row.state === 'silent'},
  {key: 'parked', name: 'Needs a decision', fits: (row) => row.state === 'parked'},
  {key: 'behind', name: 'Behind', fits: (row) => row.state === 'late' || row.state === 'silent'},
  {key: 'coarse', name: 'Coarse', fits: (row) => row.widest === 0 || row.widest > 10},
  {key: 'gaps', name: 'Gaps', fits: (row) => row.gaps.length > 0},
];

const kKeys: Record<string, (row: FleetRow) => number | string> = {
  name: (row) => row.rank,
  site: (row) => row.site,
  devices: (row) => row.devices,
  seen: (row) => -row.seen, // "7 s" before "3 d"
  behind: (row) => -row.frontier,
  outbox: (row) => row.waiting + row.flight,
  widest: (row) => (row.widest === 0 ? Infinity : row.widest),
  version: (row) => row.version,
};
export const kSortKeys = Object.keys(kKeys);

function compare(a: number | string, b: number | string): number {
  if (typeof a === 'string' || typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1; // unknown comes last
  return Number.isNaN(b) ? -1 : a - b;
}

// The rows in order. Names decide between equals, so that the order never depends on what was shown before.
export function orderRows(rows: FleetRow[], sort: string): FleetRow[] {
  const down = sort.startsWith('-');
  const key = kKeys[down ? sort.slice(1) : sort];
  if (!key)
    return [...rows].sort(
      (a, b) => kRank[a.state] - kRank[b.state] || compare(a.frontier, b.frontier) || a.rank - b.rank,
    );
  const sign = down ? -1 : 1;
  return rows
    .map((row) => ({row, value: key(row)}))
    .sort((a, b) => sign * compare(a.value, b.value) || a.row.rank - b.row.rank)
    .map((one) => one.row);
}

export function filterRows(rows: FleetRow[], find: string, filter: string): FleetRow[] {
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = kFilters.find((one) => one.key === filter)?.fits;
  return rows.filter((row) => (!fits || fits(row)) && words.every((word) => row.haystack.includes(word)));
}

export const selectRows = (rows: FleetRow[], find: string, filter: string, sort: string): FleetRow[] =>
  orderRows(filterRows(rows, find, filter), sort);

export interface FleetSummary {
  expected: number; // all but the retired
  counts: Record<FleetState, number>;
  share: number; // of the gateways whose frontier has passed the newest minute
  completeTo: number; // everything before is complete; NaN: unknown
}

export function summarize(rows: FleetRow[], nowMs: number): FleetSummary {
  const counts: Record<FleetState, number> = {parked: 0, silent: 0, late: 0, complete: 0, retired: 0};
  let least = Infinity;
  let passed = 0;
  const minute = Math.floor((nowMs - kLateAfterMs) / 60_000) * 60_000;
  for (const row of rows) {
    counts[row.state]++;
    if (row.state === 'retired') continue;
    if (row.frontier < least) least = row.frontier;
    if (row.frontier >= minute) passed++;
  }
  const expected = rows.length - counts.retired;
  return {expected, counts, share: expected ? passed / expected : 1, completeTo: Number.isFinite(least) ? least : NaN};
}

export interface SiteLine {
  site: string;
  states: FleetState[];
}

// Sites by name, gateways by name; those without a site come last.
export function siteLines(rows: FleetRow[]): SiteLine[] {
  const sites = new Map<string, FleetRow[]>();
  for (const row of rows) {
    if (row.state === 'retired') continue;
    const line = sites.get(row.site);
    if (line) line.push(row);
    else sites.set(row.site, [row]);
  }
  return [...sites]
    .sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1))
    .map(([site, own]) => ({
      site: site || (sites.size > 1 ? 'no site' : ''),
      states: own.sort((a, b) => a.rank - b.rank).map((row) => row.state),
    }));
}

// Which rows of a fixed height are seen: the first, and one past the last, with some to spare on both sides.
export function visibleRows(
  count: number,
  rowPx: number,
  scrollPx: number,
  heightPx: number,
  spare = 6,
): {first: number; last: number} {
  const first = Math.max(0, Math.min(count, Math.floor(scrollPx / rowPx) - spare));
  return {first, last: Math.min(count, Math.ceil((scrollPx + heightPx) / rowPx) + spare)};
}

export interface FleetView {
  rows: FleetRow[];
  sum: FleetSummary;
  lines: SiteLine[];
  counts: Map<string, number>; // by filter
}

const kAgeMs = 15_000;
const kStillMs = 1000;

export class FleetModel extends Watch {
  constructor(private readonly catalogue: ExploreModel) {
    super(2000, 10_000);
  }
  protected query(): string {
    return 'fleet=1&stats=count';
  }
  protected async ask(): Promise<void> {
    await this.catalogue.loadCatalogue(this.onChange);
  }

  // While somebody scrolls nothing shifts, and no answer of some megabytes is read in between.
  private scrolledAt = 0;
  private deferred = 0;
  scrolled(): void {
    this.scrolledAt = Date.now();
  }
  private scrolling(): boolean {
    return this.loaded && Date.now() - this.scrolledAt < kStillMs;
  }
  override async load(): Promise<void> {
    if (!this.scrolling()) return super.load();
    this.deferred ||= window.setTimeout(() => {
      this.deferred = 0;
      void this.load();
    }, kStillMs);
  }
  private made: {
    from: Gateway[] | null;
    time: number;
    view: FleetView | null;
    sort: string;
    ordered: FleetRow[];
    key: string; // empty: nothing is chosen of this view yet
    shown: FleetRow[];
  } = {from: null, time: 0, view: null, sort: '', ordered: [], key: '', shown: []};
  // Made anew when the answer is new, and now and then as gateways age: scrolling and the seconds cost nothing.
  view(nowMs: number): FleetView {
    const {made} = this;
    const old = made.from !== this.catalogue.gateways || Math.abs(nowMs - made.time) > kAgeMs;
    if (!made.view || (old && !this.scrolling())) {
      const rows = fleetRows(this.catalogue.gateways, this.catalogue.devices, nowMs);
      made.view = {
        rows,
        sum: summarize(rows, nowMs),
        lines: siteLines(rows),
        counts: new Map(kFilters.map((one) => [one.key, rows.reduce((n, row) => n + (one.fits(row) ? 1 : 0), 0)])),
      };
      made.from = this.catalogue.gateways;
      made.time = nowMs;
      made.key = '';
    }
    return made.view;
  }
  // The whole fleet is put in order once for each answer and column: what is typed only leaves some out.
  selected(view: FleetView, find: string, filter: string, sort: string): FleetRow[] {
    const {made} = this;
    if (made.key === '' || made.sort !== sort) {
      made.sort = sort;
      made.ordered = orderRows(view.rows, sort);
      made.key = '';
    }
    const key = `${find}\n${filter}\n${sort}\n`;
    if (made.key !== key) {
      made.key = key;
      made.shown = filterRows(made.ordered, find, filter);
    }
    return made.shown;
  }
}
