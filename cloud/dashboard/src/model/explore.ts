// SPDX-License-Identifier: Apache-2.0
// What the Explore view shows and how it gets there: loads an answer behind the old picture, follows the stream, and asks again for just the part
// of the range that changed. Statistics come from the server alone: nothing exact is computed here.
import {
  ApiError,
  type Completeness,
  type Device,
  type Gateway,
  get,
  type LogGap,
  type Metric,
  type RangeSummary,
  type Row,
  type SeriesAnswer,
  serverNow,
  type Session,
  type StreamEvent,
  type Summary,
} from '../api';
import {exploreKey, selectionQuery, type View} from '../address';
import {type CompletenessWords, describe, type CoarseNote} from '../completeness';
import {decimalsOfAll} from '../format';
import {Live, type LiveState} from '../live';
import {loadLists} from './catalogue';
import {type Answer, coarseNotes, type Cursor, type SeriesData} from './types';
import {Rows} from '../rows';
import {autoStep, ceilTo, floorTo, isoTime, kSecond, resolveBound, stepText} from '../time';

const kRowStats = 'count,mean,stddev,min,max,p5,p50,p95,p99,histogram';
const kTotalStats = 'count,mean,stddev,min,max,first,last,p50,p95,p99,histogram';
const kGroupStats = 'count,mean,stddev,min,max,first,last,p50,p95,p99';
const kAllTimeStats = 'count,mean,stddev,min,max,first,last,p5,p50,p95,histogram';
const kRowsGapMs = 500;
const kFiguresGapMs = 2000;
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
  waiting = 0; // windows that came while nothing may shift
  holding = false;
  active = false;
  private stale = false;
  revision = 0; // counts changes of the data: a picture is drawn anew if it differs

  onChange: () => void = () => {};
  onCursor: () => void = () => {};
  onSignedOut: () => void = () => {};

  private abort: AbortController | null = null;
  private live: Live;
  private dirty: {from: number; to: number} | null = null;
  private dirtyGroups = new Set<string>();
  private dirtyFigures = false;
  private rowsTimer = 0;
  private figuresTimer = 0;
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
      this.rowsTimer = 0;
      this.figuresTimer = 0;
      this.cursor = null;
      this.holding = false;
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

  private fail(error: unknown): void {
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
    clearTimeout(this.rowsTimer);
    clearTimeout(this.figuresTimer);
  }

  async loadCatalogue(seen?: () => void): Promise<void> {
    this.lastCatalogue = Date.now();
    await loadLists(this, seen);
  }

  private groupQuery(group: string): string {
    const view = this.view;
    if (this.groupBy() === 'device') return selectionQuery(this.metric(), [group], view.labels);
    if (this.groupBy() === '') return selectionQuery(this.metric(), view.devices, view.labels);
    return selectionQuery(this.metric(), view.devices, [
      ...view.labels.filter(([key]) => key !== this.view.by),
      [this.view.by, group],
    ]);
  }

  groupBy(): string {
    return this.view.by === 'none' ? '' : this.view.by;
  }

  // The range, aligned to steps where it moves with the clock.
  private resolveRange(beginMs: number): {from: number; to: number; step: number} {
    const now = serverNow();
    let from = resolveBound(this.view.from, now, beginMs);
    let to = resolveBound(this.view.to, now, beginMs);
    if (!(to > from)) to = from + 60_000;
    const step = this.view.step || autoStep(to - from, this.plotWidth);
    if (this.isLive()) {
      const length = ceilTo(to - from, step * kSecond);
      to = ceilTo(now, step * kSecond);
      from = this.view.from.kind === 'ago' ? to - length : floorTo(from, step * kSecond);
    } else if (this.view.from.kind !== 'at') {
      from = floorTo(from, step * kSecond);
    }
    return {from, to, step};
  }

  private seriesPath(from: number, to: number | null, step: number): string {
    const by = this.groupBy() ? `&by=${encodeURIComponent(this.groupBy())}` : '';
    const end = to === null ? '' : `&to=${isoTime(to)}`;
    return `series?${selectionQuery(this.metric(), this.view.devices, this.view.labels)}${by}&from=${isoTime(from)}${end}&step=${stepText(step)}&stats=${kRowStats}`;
  }
  private summaryPath(selection: string, from: number | null, stats: string): string {
    const start = from === null ? '' : `&from=${isoTime(from)}`;
    const end = from === null || this.isLive() || !this.answer ? '' : `&to=${isoTime(this.answer.to)}`;
    return `summary?${selection}${start}${end}&stats=${stats}`;
  }
  // The API's own answer for this view, as a file.
  csvPath(): string {
    const a = this.answer;
    return a ? `/api/v1/${this.seriesPath(a.from, a.to, a.step).replace(/&stats=.*/, '')}&format=csv` : '#';
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
      if (!metric) {
        this.loading = false;
        this.error = null;
        this.failures = 0;
        this.live.follow('');
        this.changed();
        return;
      }
      const selection = selectionQuery(metric, this.view.devices, this.view.labels);
      let begin = 0;
      if (this.view.from.kind === 'begin') {
        const all = await get<RangeSummary>(`summary?${selection}&stats=first,count`, control.signal);
        begin = all.first ? Date.parse(all.first.time) : serverNow() - 3_600_000;
      }
      const {from, to, step} = this.resolveRange(begin);
      const live = this.isLive();
      const [series, total] = await Promise.all([
        get<SeriesAnswer>(this.seriesPath(from, live ? null : to, step), control.signal),
        get<RangeSummary>(
          `summary?${selection}&from=${isoTime(from)}${live ? '' : `&to=${isoTime(to)}`}&stats=${kTotalStats}`,
          control.signal,
        ),
      ]);
      if (control.signal.aborted) return;
      const data = this.fresh(series);
      const answer: Answer = {metric, unit: series.unit, from, to, step, live, series: data};
      const keep = this.answer?.metric === metric;
      this.answer = answer;
      this.total = total;
      if (!keep) this.allTime.clear();
      this.parts.clear();
      this.loading = false;
      this.error = null;
      this.failures = 0;
      this.waiting = 0;
      this.dirty = null;
      this.changed();
      if (this.active) this.live.follow(`metric=${encodeURIComponent(metric)}`);
      this.dirtyGroups = new Set(data.map((s) => s.name));
      await this.loadGroups(control.signal);
    } catch (error) {
      if (this.abort === control) this.loading = false;
      this.fail(error);
    }
  }

  private fresh(series: SeriesAnswer): SeriesData[] {
    const names = series.series.map((s) => s.group).sort();
    for (const name of [...this.colors.keys()]) if (!names.includes(name)) this.colors.delete(name);
    return series.series
      .map(({group, rows}) => {
        const data: SeriesData = {
          name: group,
          rows: new Rows(),
          color: this.colorOf(group, names),
          gateways: this.gatewaysOf(group),
        };
        for (const row of rows) data.rows.put(row);
        return data;
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
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
  private async loadGroups(signal: AbortSignal): Promise<void> {
    const answer = this.answer;
    if (!answer) return;
    const names = answer.series.map((s) => s.name).filter((name) => this.dirtyGroups.has(name));
    this.dirtyGroups.clear();
    const single = answer.series.length === 1;
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < names.length) {
        const name = names[next++]!;
        const query = this.groupQuery(name);
        if (single && this.total) this.parts.set(name, this.total);
        else this.parts.set(name, await get<Summary>(this.summaryPath(query, answer.from, kGroupStats), signal));
        this.allTime.set(name, await get<Summary>(this.summaryPath(query, null, kAllTimeStats), signal));
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
    const back = state === 'live' && (this.liveState === 'reconnecting' || this.liveState === 'offline');
    this.liveState = state;
    if (back) {
      if (this.error?.away) void this.load();
      else {
        this.dirtyFigures = true;
        this.scheduleFigures();
      }
    }
    this.onChange();
  }

  private onWindows(event: StreamEvent): void {
    this.lastWindowAt = Date.now();
    const answer = this.answer;
    const metric = this.metric();
    if (!answer) {
      if (this.metrics.length === 0) void this.reloadCatalogue();
      return;
    }
    const chosen = new Set(this.view.devices);
    const known = new Set(this.devices.map((d) => d.device));
    let windows = 0;
    for (const row of event.rows) {
      if (row.metric !== metric) continue;
      if (row.device && !known.has(row.device)) void this.reloadCatalogue();
      if (row.device && chosen.size && !chosen.has(row.device)) continue;
      const start = Date.parse(row.start);
      if (!(row.width > 0)) continue;
      if (!answer.live && (start >= answer.to || start + row.width * kSecond <= answer.from)) {
        this.dirtyGroups.add(row.device ?? '');
        continue;
      }
      if (start + row.width * kSecond <= answer.from) continue;
      windows++;
      const from = Math.min(start, this.dirty?.from ?? Infinity);
      const to = Math.max(start + row.width * kSecond, this.dirty?.to ?? -Infinity);
      this.dirty = {from, to};
      if (this.groupBy() === 'device' && row.device) this.dirtyGroups.add(row.device);
      else for (const s of answer.series) this.dirtyGroups.add(s.name);
    }
    if (windows === 0) {
      this.onChange();
      return;
    }
    if (this.holding) {
      this.waiting += windows;
      this.onChange();
    } else {
      this.scheduleRows();
    }
  }

  // With the pointer in a chart or a menu open nothing shifts.
  hold(on: boolean): void {
    if (this.holding === on) return;
    this.holding = on;
    if (!on && this.waiting) {
      this.waiting = 0;
      this.scheduleRows();
    }
  }

  private onSecond(): void {
    if (document.hidden || !this.active) return;
    if (Date.now() - this.lastCatalogue > kCatalogueGapMs && this.ready && !this.error) void this.reloadCatalogue();
    const answer = this.answer;
    if (answer?.live && !this.holding && !this.loading && this.error === null) {
      const to = ceilTo(serverNow(), answer.step * kSecond);
      if (to > answer.to) {
        const shift = this.view.from.kind === 'ago' ? to - answer.to : 0;
        answer.from += shift;
        answer.to = to;
        for (const s of answer.series) s.rows.remove(-Infinity, answer.from);
        this.dirtyFigures = true;
        this.scheduleFigures();
        this.changed();
        return;
      }
    }
    this.onChange(); // ages in words: "last window 3 s ago"
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
        if (this.answer?.live) {
          this.dirtyFigures = true; // completeness ages without windows too
          this.scheduleFigures();
        }
        this.changed();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  private scheduleRows(): void {
    if (this.rowsTimer) return;
    this.rowsTimer = -1;
    void this.refreshRows();
  }
  private async refreshRows(): Promise<void> {
    const answer = this.answer;
    const dirty = this.dirty;
    this.dirty = null;
    const began = Date.now();
    try {
      if (answer && dirty) {
        const stepMs = answer.step * kSecond;
        const from = Math.max(answer.from, floorTo(dirty.from, stepMs));
        const to = Math.max(ceilTo(dirty.to, stepMs), from + stepMs);
        const part = await get<SeriesAnswer>(this.seriesPath(from, to, answer.step), this.abort?.signal);
        if (this.answer === answer && this.answer) this.replace(answer, part, from, to);
      }
    } catch (error) {
      this.fail(error);
    }
    const pause = Math.max(kRowsGapMs, 3 * (Date.now() - began));
    this.rowsTimer = window.setTimeout(() => {
      this.rowsTimer = 0;
      if (this.dirty && !this.holding) this.scheduleRows();
    }, pause);
    this.dirtyFigures = true;
    this.scheduleFigures();
  }
  private replace(answer: Answer, part: SeriesAnswer, from: number, to: number): void {
    const now = serverNow();
    const stepMs = answer.step * kSecond;
    if (answer.live) answer.to = Math.max(answer.to, ceilTo(now, stepMs));
    for (const s of answer.series) s.rows.remove(from, to);
    for (const {group, rows} of part.series) {
      let data = answer.series.find((s) => s.name === group);
      if (!data) {
        data = {name: group, rows: new Rows(), color: this.colorOf(group, [group]), gateways: this.gatewaysOf(group)};
        answer.series.push(data);
        answer.series.sort((a, b) => (a.name < b.name ? -1 : 1));
        this.dirtyGroups.add(group);
      }
      for (const row of rows as Row[]) data.rows.put(row);
    }
    this.changed();
  }

  private scheduleFigures(): void {
    if (this.figuresTimer) return;
    this.figuresTimer = -1;
    void this.refreshFigures();
  }
  private async refreshFigures(): Promise<void> {
    const answer = this.answer;
    this.dirtyFigures = false;
    const began = Date.now();
    const signal = this.abort?.signal;
    try {
      if (answer && signal && !this.loading) {
        const total = await get<RangeSummary>(
          this.summaryPath(
            selectionQuery(answer.metric, this.view.devices, this.view.labels),
            answer.from,
            kTotalStats,
          ),
          signal,
        );
        if (this.answer === answer) {
          this.total = total;
          if (answer.live && answer.series.length > 1 && this.dirtyGroups.size === 0)
            for (const s of answer.series) this.dirtyGroups.add(s.name);
          await this.loadGroups(signal);
          this.changed();
        }
      }
    } catch (error) {
      this.fail(error);
    }
    const pause = Math.max(kFiguresGapMs, 3 * (Date.now() - began));
    this.figuresTimer = window.setTimeout(() => {
      this.figuresTimer = 0;
      if (this.dirtyFigures) this.scheduleFigures();
    }, pause);
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
    const key = `${this.revision} ${Math.floor(serverNow() / 1000)}`;
    if (this.said.key !== key) this.said = {key, words: this.describe()};
    return this.said.words;
  }
  private describe(): CompletenessWords | null {
    const answer = this.answer;
    const completeness = this.completeness();
    if (!answer || !completeness) return null;
    const gateways = [...new Set(this.selected().flatMap((d) => d.gateways))];
    const frontiers = new Map(this.gateways.map((g) => [g.gateway, Date.parse(g.frontier)]));
    return describe({
      completeness,
      gateways,
      frontiers,
      coarse: this.coarse(),
      fromMs: answer.from,
      toMs: answer.to,
      nowMs: serverNow(),
      live: answer.live,
    });
  }
}
