// SPDX-License-Identifier: Apache-2.0
// What the Explore view shows and how it gets there: loads an answer behind the old picture, follows the stream, and
// asks again for just the part of the range that changed. Statistics come from the server alone: nothing exact is
// computed here.
import {
  ApiError,
  type Completeness,
  type Device,
  type Gateway,
  get,
  type LogGap,
  type Metric,
  type RangeSummary,
  type SeriesAnswer,
  serverNow,
  type Session,
  type StreamEvent,
  type Summary,
} from '../api';
import {exploreKey, selectionQuery, type View} from '../address';
import {describe} from '../words/describe';
import type {CoarseNote, CompletenessWords} from '../words/types';
import {decimalsOfAll} from '../format';
import {Live, type LiveState} from '../live';
import {loadLists} from './catalogue';
import {Follow} from './follow';
import {
  groupBy,
  groupQuery,
  kAllTimeStats,
  kGroupStats,
  kTotalStats,
  resolveRange,
  seriesPath,
  summaryPath,
} from './questions';
import {Rows} from './rows';
import {type Answer, coarseNotes, type Cursor, type SeriesData} from './types';
import {autoStep} from '../time';

const kCatalogueGapMs = 20_000;
const kCatalogueLeastMs = 500;
const kRetryMs = [1000, 2000, 4000, 8000];
const kTogether = 4; // requests at a time

export class ExploreModel {
  metrics: Metric[] = [];
  devices: Device[] = [];
  gateways: Gateway[] = [];
  logGaps: LogGap[] = [];
  ready = false; // the catalogue is known
  expected = 0; // gateways, as the first page says while the others are still to come
  answer: Answer | null = null;
  total: RangeSummary | null = null;
  totalAt = 0; // when the server gave it, by its clock
  parts = new Map<string, Summary>();
  allTime = new Map<string, Summary>();
  loading = false;
  loadingSince = 0;
  error: ApiError | null = null;
  retryAt = 0;
  liveState: LiveState = 'connecting';
  lastWindowAt = 0;
  cursor: Cursor | null = null;
  raised: string | null = null;
  active = false;
  private stale = false;
  revision = 0; // counts changes of the data: a picture is drawn anew if it differs

  onChange: () => void = () => {};
  onCursor: () => void = () => {};
  onSignedOut: () => void = () => {};

  private abort: AbortController | null = null;
  private live: Live;
  private readonly follow = new Follow(this);
  private retryTimer = 0;
  private failures = 0;
  private lastCatalogue = 0;
  private catalogueTimer = 0;
  private colors = new Map<string, number>();

  constructor(
    readonly session: Session,
    public view: View,
    public plotWidth: number,
  ) {
    this.live = new Live({
      state: (state) => this.onLive(state),
      windows: (event) => this.onWindows(event),
      reset: () => void this.load(),
    });
    window.setInterval(() => this.onSecond(), 1000);
  }

  metric(): string {
    return this.view.metric || this.firstMetric();
  }
  firstMetric(): string {
    return (this.metrics.find((m) => m.name === 'temperature') ?? this.metrics[0])?.name ?? '';
  }
  unit(): string {
    return this.answer?.unit ?? this.metrics.find((m) => m.name === this.metric())?.unit ?? '';
  }
  // The devices that have the metric and carry the labels.
  candidates(): Device[] {
    const metric = this.metric();
    return this.devices.filter(
      (d) => d.metrics.includes(metric) && this.view.labels.every(([key, value]) => d.labels[key] === value),
    );
  }
  selected(): Device[] {
    const chosen = new Set(this.view.devices);
    return this.candidates().filter((d) => chosen.size === 0 || chosen.has(d.device));
  }
  // Devices of the address that nobody reported; known only when the lists are whole.
  unknownDevices(): string[] {
    if (!this.ready) return [];
    const known = new Set(this.devices.map((d) => d.device));
    return this.view.devices.filter((device) => !known.has(device));
  }
  // When any of the selected devices last sent anything; null: never.
  lastSeen(): number | null {
    const times = this.selected().map((d) => Date.parse(d.last_seen));
    const last = Math.max(...times.filter(Number.isFinite));
    return Number.isFinite(last) ? last : null;
  }
  labelKeys(): string[] {
    return [...new Set(this.candidates().flatMap((d) => Object.keys(d.labels)))].filter((key) => key !== 'unit').sort();
  }

  decimals(): number {
    return decimalsOfAll([this.total, ...this.parts.values(), ...this.allTime.values()]);
  }

  isLive(): boolean {
    return this.view.to.kind === 'now';
  }

  setView(view: View): void {
    const before = exploreKey(this.view);
    this.view = view;
    if (exploreKey(view) !== before) this.stale = true;
    if (this.active && this.stale) void this.load();
    else this.changed();
  }

  // Only the view that is seen asks and follows; the others keep what they had.
  setActive(on: boolean): void {
    if (this.active === on) return;
    this.active = on;
    if (on) void this.load();
    else {
      this.stop();
      this.loading = false;
      this.follow.rest();
      this.cursor = null;
      this.liveState = 'connecting';
    }
  }

  setWidth(px: number): void {
    const before = this.plotWidth;
    this.plotWidth = px;
    if (before === px || !this.answer || this.view.step) return;
    if (autoStep(this.answer.to - this.answer.from, px) !== this.answer.step) void this.load();
  }

  changed(): void {
    this.revision++;
    this.onChange();
  }

  fail(error: unknown): void {
    if (error instanceof DOMException) return; // aborted by a newer question
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) {
      this.stop();
      this.onSignedOut();
      return;
    }
    this.error = error;
    if (error.away) {
      const delay = kRetryMs[Math.min(this.failures++, kRetryMs.length - 1)]!;
      this.retryAt = Date.now() + delay;
      clearTimeout(this.retryTimer);
      this.retryTimer = window.setTimeout(() => void this.load(), delay);
    }
    this.changed();
  }

  stop(): void {
    this.live.stop();
    this.abort?.abort();
    clearTimeout(this.retryTimer);
    this.follow.stop();
  }

  async loadCatalogue(seen?: () => void): Promise<void> {
    this.lastCatalogue = Date.now();
    await loadLists(this, seen);
  }

  groupBy(): string {
    return groupBy(this.view);
  }
  get waiting(): number {
    return this.follow.waiting;
  }
  // With the pointer in a chart or a menu open nothing shifts.
  hold(on: boolean): void {
    this.follow.hold(on);
  }
  // Ends what the present answer still asks, when another one is wanted.
  signal(): AbortSignal | undefined {
    return this.abort?.signal;
  }

  // The API's own answer for this view, as a file.
  csvPath(): string {
    const a = this.answer;
    return a
      ? `/api/v1/${seriesPath(this.view, this.metric(), a.from, a.to, a.step).replace(/&stats=.*/, '')}&format=csv`
      : '#';
  }

  async load(): Promise<void> {
    this.abort?.abort();
    this.stale = false;
    clearTimeout(this.retryTimer);
    const control = new AbortController();
    this.abort = control;
    this.loading = true;
    this.loadingSince = Date.now();
    this.onChange();
    try {
      if (!this.ready || this.failures) await this.loadCatalogue();
      const metric = this.metric();
      if (metric) await this.ask(metric, control.signal);
      else {
        this.here();
        this.live.follow('');
        this.changed();
      }
    } catch (error) {
      if (this.abort === control) this.loading = false;
      this.fail(error);
    }
  }
  private here(): void {
    this.loading = false;
    this.error = null;
    this.failures = 0;
  }

  // The rows and the figures of the whole range.
  private async ask(metric: string, signal: AbortSignal): Promise<void> {
    const selection = selectionQuery(metric, this.view.devices, this.view.labels);
    let begin = 0;
    if (this.view.from.kind === 'begin') {
      const all = await get<RangeSummary>(`summary?${selection}&stats=first,count`, signal);
      begin = all.first ? Date.parse(all.first.time) : serverNow() - 3_600_000;
    }
    const {from, to, step} = resolveRange(this.view, serverNow(), begin, this.plotWidth);
    const live = this.isLive();
    const end = live ? null : to;
    const [series, total] = await Promise.all([
      get<SeriesAnswer>(seriesPath(this.view, metric, from, end, step), signal),
      get<RangeSummary>(summaryPath(selection, from, end, kTotalStats), signal),
    ]);
    if (signal.aborted) return;
    const data = this.fresh(series);
    const keep = this.answer?.metric === metric;
    this.answer = {metric, unit: series.unit, from, to, step, live, series: data};
    this.takeTotal(total);
    if (!keep) this.allTime.clear();
    this.parts.clear();
    this.here();
    this.follow.begin(data.map((s) => s.name));
    this.changed();
    if (this.active) this.live.follow(`metric=${encodeURIComponent(metric)}`);
    await this.loadGroups(signal);
  }

  private fresh(series: SeriesAnswer): SeriesData[] {
    const names = series.series.map((s) => s.group).sort();
    for (const name of [...this.colors.keys()]) if (!names.includes(name)) this.colors.delete(name);
    return series.series
      .map(({group, rows}) => {
        const data = this.emptySeries(group, names);
        for (const row of rows) data.rows.put(row);
        return data;
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  emptySeries(name: string, names: string[]): SeriesData {
    return {name, rows: new Rows(), color: this.colorOf(name, names), gateways: this.gatewaysOf(name)};
  }
  private colorOf(name: string, names: string[]): number {
    let color = this.colors.get(name);
    if (color === undefined) {
      const used = new Set(this.colors.values());
      // A lone device keeps the colour it has among all devices, so that it looks the same alone and compared.
      const wish =
        this.groupBy() === 'device' && this.candidates().length <= 5
          ? this.candidates().findIndex((d) => d.device === name)
          : names.indexOf(name);
      color = wish;
      if (wish < 0 || used.has(wish)) for (color = 0; used.has(color);) color++;
      this.colors.set(name, color);
    }
    return color;
  }
  private gatewaysOf(group: string): string[] {
    const by = this.groupBy();
    const members =
      by === 'device'
        ? this.devices.filter((d) => d.device === group)
        : by === ''
          ? this.selected()
          : this.selected().filter((d) => d.labels[by] === group);
    return [...new Set(members.flatMap((d) => d.gateways))].sort();
  }

  // The figures of each group whose readings changed: of the range, and since the beginning.
  async loadGroups(signal: AbortSignal): Promise<void> {
    const answer = this.answer;
    if (!answer) return;
    const {dirtyGroups} = this.follow;
    const names = answer.series.map((s) => s.name).filter((name) => dirtyGroups.has(name));
    dirtyGroups.clear();
    const end = answer.live ? null : answer.to;
    const single = answer.series.length === 1;
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < names.length) {
        const name = names[next++]!;
        const query = groupQuery(this.view, answer.metric, name);
        if (single && this.total) this.parts.set(name, this.total);
        else this.parts.set(name, await get<Summary>(summaryPath(query, answer.from, end, kGroupStats), signal));
        this.allTime.set(name, await get<Summary>(summaryPath(query, null, null, kAllTimeStats), signal));
      }
    };
    await Promise.all(Array.from({length: Math.min(kTogether, names.length)}, work));
    if (signal.aborted || this.answer !== answer) return;
    for (const name of [...this.allTime.keys()])
      if (!answer.series.some((s) => s.name === name)) this.allTime.delete(name);
    this.changed();
  }

  // ---- live

  private onLive(state: LiveState): void {
    const back = state === 'live' && this.liveState !== 'live' && this.liveState !== 'connecting';
    if (this.liveState === state && !back) return;
    this.liveState = state;
    if (back) {
      if (this.error?.away) void this.load();
      else this.follow.askFigures();
    }
    this.onChange();
  }

  takeTotal(total: RangeSummary): void {
    this.total = total;
    this.totalAt = serverNow();
  }
  // When the server last said anything, by its clock.
  heardAt(): number {
    return serverNow() - (Date.now() - this.live.heardAt);
  }
  heardMs(): number {
    return this.live.heardAt;
  }
  isHeard(): boolean {
    return this.liveState !== 'quiet' && !this.error?.away;
  }

  private onWindows(event: StreamEvent): void {
    this.lastWindowAt = Date.now();
    const answer = this.answer;
    if (answer) this.follow.take(event, answer, () => void this.reloadCatalogue());
    else if (this.metrics.length === 0) void this.reloadCatalogue();
  }

  private onSecond(): void {
    if (document.hidden || !this.active) return;
    if (Date.now() - this.lastCatalogue > kCatalogueGapMs && this.ready && !this.error) void this.reloadCatalogue();
    const {answer} = this;
    if (answer && !this.loading && this.error === null && this.isHeard() && this.follow.advance(answer)) this.changed();
    else this.onChange(); // ages in words: "last window 3 s ago"
  }

  private async reloadCatalogue(): Promise<void> {
    const since = Date.now() - this.lastCatalogue;
    if (since < kCatalogueLeastMs) {
      // What was asked for just now may not have it yet.
      this.catalogueTimer ||= window.setTimeout(() => {
        this.catalogueTimer = 0;
        if (this.active) void this.reloadCatalogue();
      }, kCatalogueLeastMs - since);
      return;
    }
    const before = this.metrics.length;
    try {
      await this.loadCatalogue();
      if (before === 0 && this.metrics.length) await this.load();
      else {
        if (this.answer?.live) this.follow.askFigures(); // completeness ages without windows too
        this.changed();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  // ---- what is said about it

  coarse(): CoarseNote[] {
    return this.answer ? coarseNotes(this.answer) : [];
  }

  completeness(): Completeness | null {
    return this.total?.completeness ?? null;
  }
  private said: {key: string; words: CompletenessWords | null} = {key: '', words: null};
  // Asked for by every part of the page: made once for each change and each second.
  words(): CompletenessWords | null {
    const key = `${this.revision} ${Math.floor(serverNow() / 1000)} ${this.isHeard()}`;
    if (this.said.key !== key) this.said = {key, words: this.describe()};
    return this.said.words;
  }
  // From when on a gateway is known, by itself or by what it brought: history that it sent later is known, too.
  private knownSince(g: Gateway): number {
    const first = Date.parse(g.first_seen ?? '');
    const rows = (this.answer?.series ?? []).filter((s) => s.rows.length && s.gateways.includes(g.gateway));
    return Math.min(first, ...rows.map((s) => s.rows.start(0)));
  }
  // Since when nothing is heard of the server; null: it is there.
  private hungMs(): number | null {
    return this.isHeard() ? null : Math.max(this.totalAt, this.heardAt());
  }
  private describe(): CompletenessWords | null {
    const answer = this.answer;
    const completeness = this.completeness();
    if (!answer || !completeness) return null;
    const gateways = [...new Set(this.selected().flatMap((d) => d.gateways))];
    const heard = new Map(
      this.gateways.map((g) => [g.gateway, {frontier: Date.parse(g.frontier), since: this.knownSince(g)}]),
    );
    return describe({
      completeness,
      gateways,
      heard,
      coarse: this.coarse(),
      fromMs: answer.from,
      toMs: answer.to,
      nowMs: serverNow(),
      askedMs: this.totalAt,
      hungMs: this.hungMs(),
      live: answer.live,
    });
  }
}
