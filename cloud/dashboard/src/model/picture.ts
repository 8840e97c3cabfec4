// SPDX-License-Identifier: Apache-2.0
// What both panels share: the range, the scale, which of the statistics are shown, and how a series looks.
import {kNbsp, number, span as spanText, tickOffset, width as widthText} from '../format';
import {valueTicks} from '../time';
import type {ExploreModel} from './explore';
import type {Cursor, SeriesData} from './types';
import type {Show} from '../address';
import {serverNow} from '../api';
import {type Palette, seriesColor} from '../theme';
import {scaleOf, type Span, SteadySpan} from './scale';

// What a panel needs to know of the picture: its range, its scale.
export interface PlotState {
  from: number;
  to: number;
  y: Span;
  unit: string;
}

const kNoScale: Span = {low: 0, high: 1};
const kRaisedAway = 0.25;
const kBracketShare = 0.06;
const kDashes = [[], [10, 3], [8, 3, 2, 3], [4, 3], [1.5, 3]];

export class Picture {
  private steady = new SteadySpan();
  private seen = -1;
  private plotState: PlotState | null = null;

  constructor(readonly model: ExploreModel) {}

  state = (): PlotState | null => {
    const {answer, view, revision} = this.model;
    if (!answer) return null;
    if (this.seen === revision && this.plotState) return this.plotState;
    this.seen = revision;
    const wanted = {
      ...(scaleOf(
        answer.series.map((s) => s.rows),
        view.y === 'full',
      ) ?? kNoScale),
    };
    // The bracket over coarse windows stands above the data.
    if (this.single() && this.model.coarse().some((note) => !note.whole))
      wanted.high += (wanted.high - wanted.low) * kBracketShare;
    const key = [
      answer.metric,
      answer.step,
      view.y,
      view.from.kind,
      answer.live ? '' : answer.from,
      answer.series.map((s) => s.name).join(),
    ].join();
    const y = this.steady.next(wanted, key, Date.now());
    this.plotState = {from: answer.from, to: answer.to, y, unit: answer.unit};
    return this.plotState;
  };

  shows(): Set<Show> {
    if (this.model.view.show) return new Set(this.model.view.show);
    return new Set(this.single() ? ['mean', 'range', 'percentiles'] : ['mean', 'range']);
  }
  single(): boolean {
    return (this.model.answer?.series.length ?? 0) <= 1;
  }
  alpha(series: SeriesData): number {
    const raised = this.model.raised;
    const base = series.color >= 5 && raised !== series.name ? 0.5 : 1;
    return raised === null || raised === series.name ? base : kRaisedAway;
  }
  color(p: Palette, series: SeriesData): string {
    return seriesColor(p, series.color);
  }
  dash(p: Palette, series: SeriesData): number[] {
    return p.contrast ? kDashes[series.color % kDashes.length]! : [];
  }

  // The row under a point: of the series whose mean is nearest, where there are several.
  snap(ms: number, value: number | null): Cursor | null {
    const answer = this.model.answer;
    if (!answer) return null;
    let best: Cursor | null = null;
    let least = Infinity;
    for (const s of answer.series) {
      const i = s.rows.nearest(ms);
      if (i < 0) continue;
      const start = s.rows.start(i);
      const end = s.rows.end(i);
      const away = ms >= start && ms < end ? 0 : Math.min(Math.abs(ms - start), Math.abs(ms - end));
      const mean = s.rows.value('mean', i);
      const range = this.plotState ? this.plotState.y.high - this.plotState.y.low : 1;
      const distance =
        (away / (answer.to - answer.from)) * 4 + (value === null || mean === null ? 0 : Math.abs(mean - value) / range);
      if (distance < least) {
        least = distance;
        best = {ms: Math.min(Math.max(ms, start), end - 1), value, group: s.name, row: [start, end]};
      }
    }
    return best;
  }

  // What the labels of the value axis are above; 0: nothing.
  offset(): number {
    const state = this.state();
    return state ? tickOffset(valueTicks(state.y.low, state.y.high, 5).ticks) : 0;
  }

  // One sentence for those who do not see the picture.
  sentence(what: string): string {
    const {answer, total} = this.model;
    const words = this.model.words();
    if (!answer || !total) return what;
    const d = this.model.decimals();
    const unit = answer.unit ? kNbsp + answer.unit : '';
    return (
      `${what} of ${answer.metric}, ${spanText(answer.from, answer.to, serverNow())}, ` +
      `in rows of ${widthText(answer.step)}. Mean ${number(total.mean, d)} ± ${number(total.stddev, d)}${unit} ` +
      `over ${number(total.count, 0)} readings. ${words?.headline ?? ''}.`
    );
  }
}
