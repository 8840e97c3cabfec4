// SPDX-License-Identifier: Apache-2.0
// The Now view: one tile a metric and device, fed by the stream itself, so that a window is seen as soon as it is told.
// Figures since the beginning are asked for behind it, since they are exact at the server alone.
import {
  type Device,
  get,
  type RangeSummary,
  type SeriesAnswer,
  serverNow,
  type StreamEvent,
  type StreamRow,
  type Summary,
} from '../api';
import {selectionQuery, type View} from '../address';
import {Rows} from './rows';
import {isoTime, kSecond} from '../time';
import type {ExploreModel} from './explore';
import {Watch} from './watch';

export const kNowMs = 30 * 60 * kSecond;
const kStepS = 10;
const kStats = 'count,mean,min,max,last';
const kAllTimeStats = 'count,mean,stddev,min,max,first,last,p5,p95,histogram';
const kDevicesTogether = 40; // of one question
const kTogether = 5; // questions at a time
const kAllTimeGapMs = 1000;
export const kTilesMore = 48;

export interface Tile {
  key: string;
  metric: string;
  unit: string;
  device: string;
  color: number;
  gateways: string[];
  rows: Rows;
  last: {ms: number; value: number} | null;
  allTime: Summary | null;
  several: boolean; // series: then what the stream tells of one is not the device's whole row
  version: number; // 0: its rows were never here, or may lack something
  asking: number; // questions for rows on their way: what is told meanwhile is asked for again
}

const keyOf = (metric: string, device: string): string => `${metric}\n${device}`;

export class NowModel extends Watch {
  tiles: Tile[] = [];
  shown = kTilesMore;
  found = 0; // tiles that fit, of which the first are shown
  onShown: (committedMs: number) => void = () => {};

  private byKey = new Map<string, Tile>();
  private chip = '';
  private find = '';
  private dirtyAll = new Set<Tile>();
  private dirtyRows = new Map<Tile, number>();
  private timer2 = 0;

  constructor(private readonly catalogue: ExploreModel) {
    super(0, 20_000);
  }

  protected query(): string {
    return `stats=${kStats}${this.chip ? `&metric=${encodeURIComponent(this.chip)}` : ''}`;
  }

  setView(view: View): void {
    if (view.chip === this.chip && view.find === this.find) return;
    this.chip = view.chip;
    this.find = view.find;
    this.shown = kTilesMore;
    this.follow();
    void this.load();
  }
  more(): void {
    this.shown += kTilesMore;
    void this.load();
  }

  // Metric by metric, then by name: a tile never moves by its value.
  private choose(): Tile[] {
    const {devices} = this.catalogue;
    // The metric that Explore begins with comes first here too.
    const begin = this.catalogue.firstMetric();
    const metrics = [...this.catalogue.metrics].sort((a, b) => Number(b.name === begin) - Number(a.name === begin));
    const words = this.find.toLowerCase().split(/\s+/).filter(Boolean);
    const fit = (d: Device): boolean => words.every((word) => d.device.toLowerCase().includes(word));
    const tiles: Tile[] = [];
    this.found = 0;
    for (const metric of metrics) {
      if (this.chip && metric.name !== this.chip) continue;
      const members = devices.filter((d) => d.metrics.includes(metric.name));
      members.forEach((d, i) => {
        if (!fit(d)) return;
        this.found++;
        if (tiles.length >= this.shown) return;
        const key = keyOf(metric.name, d.device);
        const tile = this.byKey.get(key) ?? {
          key,
          metric: metric.name,
          unit: metric.unit,
          device: d.device,
          color: members.length <= 5 ? i : 0,
          gateways: d.gateways,
          rows: new Rows(),
          last: null,
          allTime: null,
          several: metric.series > members.length,
          version: 0,
          asking: 0,
        };
        tile.gateways = d.gateways;
        tile.unit = metric.unit;
        this.byKey.set(key, tile);
        tiles.push(tile);
      });
    }
    return tiles;
  }

  protected async ask(): Promise<void> {
    await this.catalogue.loadCatalogue();
    this.tiles = this.choose();
    const keep = new Set(this.tiles);
    for (const [key, tile] of this.byKey) if (!keep.has(tile)) this.byKey.delete(key);
    this.onChange();
    // What the stream told already stays: only tiles without rows, or all of them after a break, are asked for.
    await this.askRows(this.tiles.filter((tile) => tile.version === 0));
    for (const tile of this.tiles) if (!tile.allTime) this.dirtyAll.add(tile);
    void this.askAllTime();
  }

  protected onReset(): void {
    for (const tile of this.tiles) tile.version = 0;
  }

  private async askRows(tiles: Tile[], fromMs = serverNow() - kNowMs): Promise<void> {
    const groups: Tile[][] = [];
    for (const metric of new Set(tiles.map((tile) => tile.metric))) {
      const own = tiles.filter((tile) => tile.metric === metric);
      for (let i = 0; i < own.length; i += kDevicesTogether) groups.push(own.slice(i, i + kDevicesTogether));
    }
    await together(groups, async (group) => {
      const select = selectionQuery(
        group[0]!.metric,
        group.map((tile) => tile.device),
        [],
      );
      const from = Math.floor(fromMs / (kStepS * kSecond)) * kStepS * kSecond;
      for (const tile of group) tile.asking++;
      let answer: SeriesAnswer;
      try {
        answer = await get<SeriesAnswer>(
          `series?${select}&by=device&from=${isoTime(from)}&step=${kStepS}s&stats=${kStats}`,
        );
      } finally {
        for (const tile of group) tile.asking--;
      }
      for (const tile of group) {
        const rows = answer.series.find((s) => s.group === tile.device)?.rows ?? [];
        tile.rows.remove(from, Infinity);
        for (const row of rows) this.take(tile, row);
        tile.version++;
      }
      this.onChange();
    });
  }

  private take(tile: Tile, row: {start: string; width: number} & Summary): void {
    tile.rows.put(row);
    const ms = row.last ? Date.parse(row.last.time) : NaN;
    if (row.last && !(tile.last && ms < tile.last.ms)) tile.last = {ms, value: row.last.value};
  }

  protected override onWindows(event: StreamEvent): boolean {
    let unknown = false;
    let taken = false;
    const begin = serverNow() - kNowMs;
    for (const row of event.rows) {
      if (!row.device) continue;
      const tile = this.byKey.get(keyOf(row.metric, row.device));
      if (!tile) {
        unknown ||= !this.catalogue.devices.some((d) => d.device === row.device && d.metrics.includes(row.metric));
        continue;
      }
      this.dirtyAll.add(tile);
      const start = Date.parse(row.start);
      if (start + row.width * kSecond <= begin) continue;
      // A wider row holds the finer ones too, and one of several series is not the whole: the server makes the rows
      // then.
      if (row.width !== kStepS || tile.several || tile.asking || tile.version === 0)
        this.dirtyRows.set(tile, Math.min(start, this.dirtyRows.get(tile) ?? Infinity));
      else {
        this.take(tile, row as StreamRow);
        tile.version++;
        taken = true;
      }
    }
    if (taken) this.onShown(Date.parse(event.committed));
    void this.askAllTime();
    return unknown; // a device or metric that is new
  }

  // Figures since the beginning, and rows that only the server can make.
  private async askAllTime(): Promise<void> {
    if (this.timer2) return;
    this.timer2 = -1;
    const began = Date.now();
    try {
      const rows = [...this.dirtyRows];
      this.dirtyRows.clear();
      if (rows.length)
        await this.askRows(
          rows.map(([tile]) => tile),
          Math.max(serverNow() - kNowMs, Math.min(...rows.map(([, from]) => from))),
        );
      const tiles = [...this.dirtyAll].filter((tile) => this.byKey.get(tile.key) === tile);
      this.dirtyAll.clear();
      await together(tiles, async (tile) => {
        tile.allTime = await get<RangeSummary>(
          `summary?${selectionQuery(tile.metric, [tile.device], [])}&stats=${kAllTimeStats}`,
        );
        const {last} = tile.allTime;
        if (last && !(tile.last && Date.parse(last.time) < tile.last.ms))
          tile.last = {ms: Date.parse(last.time), value: last.value};
        tile.version++;
        this.onChange();
      });
    } catch (error) {
      // After the break everything is asked for again.
      this.onReset();
      for (const tile of this.tiles) this.dirtyAll.add(tile);
      this.fail(error);
    }
    this.timer2 = window.setTimeout(
      () => {
        this.timer2 = 0;
        if (this.active && (this.dirtyAll.size || this.dirtyRows.size) && !this.error) void this.askAllTime();
      },
      Math.max(kAllTimeGapMs, 2 * (Date.now() - began)),
    );
  }

  protected override onSecond(): void {
    if (this.active && !document.hidden) {
      const begin = serverNow() - kNowMs;
      for (const tile of this.tiles) {
        const before = tile.rows.length;
        tile.rows.remove(-Infinity, begin);
        if (tile.rows.length !== before) tile.version++;
      }
    }
    super.onSecond();
  }
}

async function together<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({length: Math.min(kTogether, items.length)}, worker));
}
