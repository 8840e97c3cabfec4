// SPDX-License-Identifier: Apache-2.0
// How Explore follows the stream: what changed is remembered, and just that part of the range is asked for again, rows
// and figures each at their own pace. While something is looked at nothing shifts: new windows wait and are counted.
import {get, type RangeSummary, type SeriesAnswer, serverNow, type StreamEvent} from '../api';
import {selectionQuery} from '../address';
import {ceilTo, floorTo, kSecond} from '../time';
import type {ExploreModel} from './explore';
import {kTotalStats, seriesPath, summaryPath} from './questions';
import type {Answer} from './types';

const kRowsGapMs = 500;
const kFiguresGapMs = 2000;

export class Follow {
  waiting = 0; // windows that came while nothing may shift
  holding = false;
  dirtyGroups = new Set<string>();
  private dirty: {from: number; to: number} | null = null;
  private dirtyFigures = false;
  private rowsTimer = 0;
  private figuresTimer = 0;

  constructor(private readonly model: ExploreModel) {}

  // An answer is here that holds all that came so far.
  begin(groups: string[]): void {
    this.waiting = 0;
    this.dirty = null;
    this.dirtyGroups = new Set(groups);
  }
  // No question goes out any more.
  stop(): void {
    clearTimeout(this.rowsTimer);
    clearTimeout(this.figuresTimer);
  }
  rest(): void {
    this.stop();
    this.rowsTimer = 0;
    this.figuresTimer = 0;
    this.holding = false;
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

  // Rows that were told of: how many of them belong to the answer. A device that nobody knew yet is told by newDevice.
  take(event: StreamEvent, answer: Answer, newDevice: () => void): void {
    const {model} = this;
    const metric = model.metric();
    const chosen = new Set(model.view.devices);
    const known = new Set(model.devices.map((d) => d.device));
    let windows = 0;
    for (const row of event.rows) {
      if (row.metric !== metric) continue;
      if (row.device && !known.has(row.device)) newDevice();
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
      if (model.groupBy() === 'device' && row.device) this.dirtyGroups.add(row.device);
      else for (const s of answer.series) this.dirtyGroups.add(s.name);
    }
    if (windows && !this.holding) {
      this.scheduleRows();
      return;
    }
    this.waiting += windows;
    model.onChange();
  }

  // A live range moves by whole steps; true: it did.
  advance(answer: Answer): boolean {
    if (!answer.live || this.holding) return false;
    const to = ceilTo(serverNow(), answer.step * kSecond);
    if (to <= answer.to) return false;
    answer.from += this.model.view.from.kind === 'ago' ? to - answer.to : 0;
    answer.to = to;
    for (const s of answer.series) s.rows.remove(-Infinity, answer.from);
    this.askFigures();
    return true;
  }

  private scheduleRows(): void {
    if (this.rowsTimer) return;
    this.rowsTimer = -1;
    void this.refreshRows();
  }
  private async refreshRows(): Promise<void> {
    const {model} = this;
    const {answer} = model;
    const dirty = this.dirty;
    this.dirty = null;
    const began = Date.now();
    try {
      if (answer && dirty) {
        const stepMs = answer.step * kSecond;
        const from = Math.max(answer.from, floorTo(dirty.from, stepMs));
        const to = Math.max(ceilTo(dirty.to, stepMs), from + stepMs);
        const part = await get<SeriesAnswer>(
          seriesPath(model.view, model.metric(), from, to, answer.step),
          model.signal(),
        );
        if (model.answer === answer) this.replace(answer, part, from, to);
      }
    } catch (error) {
      model.fail(error);
    }
    const pause = Math.max(kRowsGapMs, 3 * (Date.now() - began));
    this.rowsTimer = window.setTimeout(() => {
      this.rowsTimer = 0;
      if (this.dirty && !this.holding) this.scheduleRows();
    }, pause);
    this.askFigures();
  }
  private replace(answer: Answer, part: SeriesAnswer, from: number, to: number): void {
    if (answer.live) answer.to = Math.max(answer.to, ceilTo(serverNow(), answer.step * kSecond));
    for (const s of answer.series) s.rows.remove(from, to);
    for (const {group, rows} of part.series) {
      let data = answer.series.find((s) => s.name === group);
      if (!data) {
        data = this.model.emptySeries(group, [group]);
        answer.series.push(data);
        answer.series.sort((a, b) => (a.name < b.name ? -1 : 1));
        this.dirtyGroups.add(group);
      }
      for (const row of rows) data.rows.put(row);
    }
    this.model.changed();
  }

  // The figures of the range and their completeness, which ages without windows too.
  askFigures(): void {
    this.dirtyFigures = true;
    if (this.figuresTimer) return;
    this.figuresTimer = -1;
    void this.refreshFigures();
  }
  private async refreshFigures(): Promise<void> {
    const {model} = this;
    const {answer, view} = model;
    this.dirtyFigures = false;
    const began = Date.now();
    const signal = model.signal();
    try {
      if (answer && signal && !model.loading) {
        const selection = selectionQuery(answer.metric, view.devices, view.labels);
        const end = answer.live ? null : answer.to;
        const total = await get<RangeSummary>(summaryPath(selection, answer.from, end, kTotalStats), signal);
        if (model.answer === answer) {
          model.total = total;
          if (answer.live && answer.series.length > 1 && this.dirtyGroups.size === 0)
            for (const s of answer.series) this.dirtyGroups.add(s.name);
          await model.loadGroups(signal);
          model.changed();
        }
      }
    } catch (error) {
      model.fail(error);
    }
    const pause = Math.max(kFiguresGapMs, 3 * (Date.now() - began));
    this.figuresTimer = window.setTimeout(() => {
      this.figuresTimer = 0;
      if (this.dirtyFigures) this.askFigures();
    }, pause);
  }
}
