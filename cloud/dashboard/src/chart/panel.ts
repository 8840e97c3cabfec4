// SPDX-License-Identifier: Apache-2.0
// The chart: mean, range and percentiles of each series over time, with labels in the gutter.
import {clock, clockExact, kNbsp, number, quantileDecimals, range, sameDay, day, width} from '../format';
import type {SeriesData} from '../model/types';
import {colors} from '../theme';
import {Panel} from './base';
import {type GutterLabel, paintGutter} from './gutter';
import {lateSpan, paintBracket, paintFrontier, paintSeries, type Taken} from './paint';
import {reachOf} from '../model/scale';
import {kGutter, type Surface} from './plot';

export class ChartPanel extends Panel {
  protected override onSize(plotWidth: number): void {
    this.picture.model.setWidth(plotWidth);
  }

  protected paint(s: Surface): void {
    const {model} = this.picture;
    const answer = model.answer;
    const state = this.picture.state();
    if (!answer || !state) return;
    const p = colors();
    const words = model.words();
    const late = lateSpan(words?.lanes ?? []);
    if (late) paintFrontier(s, late, p.ink3, p.line2, 0.5);
    const shows = this.picture.shows();
    const single = this.picture.single();
    const size = state.y.high - state.y.low;
    const d = model.decimals();
    const raised = model.raised;
    // The raised one is drawn last, on top.
    const order = [...answer.series].sort((a, b) => Number(a.name === raised) - Number(b.name === raised));
    const taken: Taken[] = [];
    for (const series of order) {
      const gaps = (words?.lanes ?? [])
        .filter((lane) => series.gateways.includes(lane.gateway))
        .flatMap((lane) => [...lane.gaps, ...lane.lost]);
      paintSeries(
        s,
        {
          rows: series.rows,
          stepMs: answer.step * 1000,
          gaps,
          spanSize: size,
          reach: reachOf(series.rows),
          labelOf: (value) => number(value, Math.max(0, d - 1)),
        },
        {
          color: this.picture.color(p, series),
          ink: p.ink,
          ink2: p.ink2,
          panel: p.panel,
          font: p.font,
          band: p.band,
          alpha: this.picture.alpha(series),
          lineWidth: single ? 2 : 1.75,
          dash: this.picture.dash(p, series),
          mean: shows.has('mean'),
          range: shows.has('range'),
          percentiles: shows.has('percentiles'),
        },
        taken,
      );
    }
    if (single) {
      for (const note of model.coarse()) {
        if (!note.whole)
          paintBracket(
            s,
            note.from,
            note.to,
            `${width(note.width / 1000)} windows, sent after an outage`,
            p.ink3,
            p.panel,
            p.font,
          );
      }
    }
    if (this.gutter()) paintGutter(s, single ? this.oneSeries(s, d) : this.names(s, d), p.ink, p.ink3, p.line2, p.font);
  }

  private gutter(): boolean {
    return window.innerWidth >= 700 && kGutter > 0;
  }

  private names(s: Surface, d: number): GutterLabel[] {
    const {model} = this.picture;
    const p = colors();
    const labels: GutterLabel[] = [];
    const room = Math.max(1, Math.floor(s.height / (30 * s.dpr)));
    for (const series of (model.answer?.series ?? []).slice(0, room)) {
      const i = series.rows.length - 1;
      if (i < 0) continue;
      const mean = series.rows.value('mean', i);
      if (mean === null) continue;
      const unit = model.answer?.unit ? kNbsp + model.answer.unit : '';
      labels.push({
        y: Math.min(s.top + s.height, Math.max(s.top, s.y(mean))),
        name: series.name,
        value: `${number(mean, Math.max(0, d - 1))}${unit} at ${clock(series.rows.start(i))}`,
        color: this.picture.color(p, series),
        strong: false,
        alpha: this.picture.alpha(series),
      });
    }
    return labels;
  }

  private oneSeries(s: Surface, d: number): GutterLabel[] {
    const rows = this.picture.model.answer?.series[0]?.rows;
    if (!rows || rows.length === 0) return [];
    const i = rows.length - 1;
    const shows = this.picture.shows();
    const labels: GutterLabel[] = [];
    const put = (name: string, value: number | null, decimals: number, strong = false): void => {
      if (value === null) return;
      const y = Math.min(s.top + s.height, Math.max(s.top, s.y(value)));
      labels.push({y, name, value: number(value, decimals), color: null, strong, alpha: 1});
    };
    if (shows.has('range')) put('max', rows.value('max', i), d);
    if (shows.has('percentiles')) {
      for (const [name, key] of [
        ['99th', 'p99'],
        ['95th', 'p95'],
      ] as const) {
        const q = rows.quantile(key, i);
        if (q) put(name, q.value, quantileDecimals(q.low, q.high, d));
      }
    }
    put('mean', rows.value('mean', i), d, true);
    if (shows.has('percentiles')) {
      const q = rows.quantile('p50', i);
      if (q) put('median', q.value, quantileDecimals(q.low, q.high, d));
    }
    if (shows.has('range')) put('min', rows.value('min', i), d);
    // Equal values keep this order from top to bottom.
    return labels.map((label, k) => ({...label, y: label.y + k * 0.01}));
  }

  protected marks(): {value: number; ms: number; color: string}[] {
    const {model} = this.picture;
    const cursor = model.cursor;
    if (!cursor || !model.answer) return [];
    const p = colors();
    const out: {value: number; ms: number; color: string}[] = [];
    const middle = (cursor.row[0] + cursor.row[1]) / 2;
    const put = (series: SeriesData): void => {
      const i = series.rows.at(middle);
      if (i < 0) return;
      const ms = (series.rows.start(i) + series.rows.end(i)) / 2;
      if (this.picture.single() && this.picture.shows().has('percentiles')) {
        for (const key of ['p50', 'p95'] as const) {
          const q = series.rows.quantile(key, i);
          if (q) out.push({value: q.value, ms, color: p.ink2});
        }
      }
      const mean = series.rows.value('mean', i);
      if (mean !== null) out.push({value: mean, ms, color: this.picture.color(p, series)});
    };
    model.answer.series.forEach(put);
    return out;
  }

  protected override flagText(): string | null {
    const {cursor, answer} = this.picture.model;
    if (!cursor || !answer) return null;
    const [from, to] = cursor.row;
    const text = range(clockExact(from), clockExact(to));
    return answer.to - answer.from > 86_400_000 * 1.5 || !sameDay(answer.from, answer.to - 1)
      ? `${day(from)} ${text}`
      : text;
  }
}
