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

// A question that is asked again and again: one at a time, with a pause that grows with what it takes.
class Pace {
  private timer = 0; // -1: it is being asked
  private again = false;
  private run = 0; // counts stops: what was asked before one is forgotten

  constructor(
    private readonly gapMs: number,
    private readonly act: () => Promise<void>,
    private readonly failed: (error: unknown) => void,
  ) {}

  ask(): void {
    this.again = true;
    if (this.timer === 0) void this.go();
  }
  stop(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    this.again = false;
    this.run++;
  }
  private async go(): Promise<void> {
    const {run} = this;
    this.timer = -1;
    this.again = false;
    const began = Date.now();
    try {
      await this.act();
    } catch (error) {
      this.failed(error);
    }
    if (run !== this.run) return;
    const pause = Math.max(this.gapMs, 3 * (Date.now() - began));
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      if (this.again) this.ask();
    }, pause);
  }
}

export class Follow {
  waiting = 0; // windows that came while nothing may shift
  holding = false;
  dirtyGroups = new Set<string>();
  private dirty: {from: number; to: number} | null = null;
  private readonly rows: Pace;
  private readonly figures: Pace;
  private readonly groups: Pace;

  constructor(private readonly model: ExploreModel) {
    const failed = (error: unknown): void => model.fail(error);
    this.rows = new Pace(kRowsGapMs, () => this.refreshRows(), failed);
    this.figures = new Pace(kFiguresGapMs, () => this.refreshFigures(), failed);
    this.groups = new Pace(kFiguresGapMs, () => this.refreshGroups(), failed);
  }

  // An answer is here that holds all that came so far.
  begin(groups: string[]): void {
    this.waiting = 0;
    this.dirty = null;
    this.dirtyGroups = new Set(groups);
  }
  // No question goes out any more.
  stop(): void {
    for (const pace of [this.rows, this.figures, this.groups]) pace.stop();
  }
  rest(): void {
    this.stop();
    this.holding = false;
  }

  // With the pointer in a chart or a menu open nothing shifts.
  hold(on: boolean): void {
    if (this.holding === on) return;
    this.holding = on;
    if (!on && (this.waiting || this.dirty)) {
      this.waiting = 0;
      this.rows.ask();
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
      this.rows.ask();
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

  private async refreshRows(): Promise<void> {
    if (this.holding) return;
    const {model, dirty} = this;
    const {answer} = model;
    this.dirty = null;
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

  // The figures of the range and their completeness, which ages without windows too. Those of the groups follow at
  // their own pace: however many they are and however long they take, what is said of the whole stays fresh.
  askFigures(): void {
    this.figures.ask();
    if (this.model.answer?.live && this.model.answer.series.length > 1 && this.dirtyGroups.size === 0)
      for (const s of this.model.answer.series) this.dirtyGroups.add(s.name);
    this.groups.ask();
  }
  private async refreshFigures(): Promise<void> {
    const {model} = this;
    const {answer, view} = model;
    const signal = model.signal();
    if (!answer || !signal || model.loading) return;
    const selection = selectionQuery(answer.metric, view.devices, view.labels);
    const end = answer.live ? null : answer.to;
    const total = await get<RangeSummary>(summaryPath(selection, answer.from, end, kTotalStats), signal);
    if (model.answer !== answer) return;
    model.takeTotal(total);
    model.changed();
  }
  private async refreshGroups(): Promise<void> {
    const signal = this.model.signal();
    if (signal && !this.model.loading) await this.model.loadGroups(signal);
  }
}
