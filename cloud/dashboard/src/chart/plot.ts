// SPDX-License-Identifier: Apache-2.0
// A panel's uPlot: scales, axes, grid and the canvas. What is in it is drawn by the panel; cursor and selection are the
// page's own, because they span panels, snap to rows and read touch.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import {clock, day, kNbsp, number, tick, tickOffset} from '../format';
import {colors} from '../theme';
import {kDay, kMinute, timeTicks, valueTicks} from '../time';
import type {PlotState} from '../model/picture';

// What painters get: canvas pixels, and the way from time and value to them.
export interface Surface {
  ctx: CanvasRenderingContext2D;
  dpr: number;
  left: number;
  top: number;
  width: number;
  height: number; // of the plot, in canvas pixels
  x(ms: number): number;
  y(value: number): number;
  pxPerMs: number; // CSS pixels
}

export const kInsetLeft = 44;
export const kGutter = 112;
const kPhone = 700;
export const insets = (viewport: number): {left: number; right: number} =>
  viewport < kPhone ? {left: 38, right: 12} : {left: kInsetLeft, right: kGutter};

const kFontPx = 11;
const tickGap = (): number => (window.innerWidth < kPhone ? 64 : 90);

// The labels of the values, by the left edge: what is too long for the inset is narrowed, for a minus that is cut off
// would be another number.
function valueLabels(s: Surface, splits: number[], left: number, unit: string): void {
  const {ctx, dpr} = s;
  const step = splits.length > 1 ? splits[1]! - splits[0]! : 1;
  ctx.save();
  ctx.font = `${kFontPx * dpr}px ${colors().font}`;
  ctx.fillStyle = colors().ink3;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'middle';
  const offset = tickOffset(splits);
  splits.forEach((value, i) => {
    const text = tick(value - offset, step) + (i === splits.length - 1 && unit ? kNbsp + unit : '');
    ctx.fillText(text, s.left - 6 * dpr, s.y(value), (left - 7) * dpr);
  });
  ctx.restore();
  if (offset) offsetLabel(s, offset);
}

// What the labels are above, in the corner where they begin.
function offsetLabel(s: Surface, offset: number): void {
  const {ctx, dpr} = s;
  const text = `${offset < 0 ? '' : '+'}${kNbsp}${number(offset, 0)}`;
  ctx.save();
  ctx.font = `${kFontPx * dpr}px ${colors().font}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'top';
  ctx.lineJoin = 'round';
  ctx.strokeStyle = colors().panel;
  ctx.lineWidth = 6 * dpr;
  ctx.strokeText(text, s.left + 4 * dpr, s.top + 2 * dpr);
  ctx.fillStyle = colors().ink2;
  ctx.fillText(text, s.left + 4 * dpr, s.top + 2 * dpr);
  ctx.restore();
}

const axisFont = (): string => `${kFontPx}px ${colors().font}`;

function timeAxisOf(state: () => PlotState | null, show: boolean): uPlot.Axis {
  const ticksOf = (u: uPlot): {ticks: number[]; stepMs: number} => {
    const s = state();
    return s ? timeTicks(s.from, s.to, u.bbox.width / uPlot.pxRatio, tickGap()) : {ticks: [], stepMs: kDay};
  };
  return {
    show,
    size: 24,
    gap: 4,
    font: axisFont(),
    stroke: () => colors().ink3,
    grid: {show: false},
    ticks: {show: true, size: 4, width: 1, stroke: () => colors().line2},
    splits: (u) => ticksOf(u).ticks,
    values: (u, splits) => {
      const step = ticksOf(u).stepMs;
      return splits.map((t) =>
        new Date(t).getHours() === 0 && new Date(t).getMinutes() === 0 && step >= kMinute
          ? day(t)
          : clock(t, step < kMinute),
      );
    },
  };
}

export class Plot {
  readonly u: uPlot;
  constructor(
    element: HTMLElement,
    width: number,
    height: number,
    right: number,
    left: number,
    timeAxis: boolean,
    private readonly state: () => PlotState | null,
    paint: (surface: Surface) => void,
  ) {
    const data: uPlot.AlignedData = [
      [0, 1],
      [0, 1],
    ];
    this.u = new uPlot(
      {
        width,
        height,
        ms: 1,
        padding: [7, right, timeAxis ? 0 : 6, 0],
        legend: {show: false},
        cursor: {show: false},
        scales: {
          x: {time: false, range: (): [number, number] => this.spanX()},
          y: {range: (): [number, number] => this.spanY()},
        },
        series: [{}, {paths: () => null, points: {show: false}}],
        axes: [timeAxisOf(state, timeAxis), this.valueAxis(left)],
        hooks: {
          draw: [
            (u) => {
              const s = state();
              if (!s) return;
              const surface = this.surface(u, s);
              valueLabels(surface, this.valueSplits(u), left, s.unit);
              paint(surface);
            },
          ],
        },
      },
      data,
      element,
    );
  }

  private readonly valueSplits = (u: uPlot): number[] => {
    const s = this.state();
    return s ? valueTicks(s.y.low, s.y.high, u.bbox.height / uPlot.pxRatio > 170 ? 5 : 4).ticks : [];
  };
  private valueAxis(left: number): uPlot.Axis {
    return {
      size: left,
      gap: 6,
      font: axisFont(),
      stroke: () => colors().ink3,
      grid: {stroke: () => colors().grid, width: 1},
      ticks: {show: false},
      splits: this.valueSplits,
      values: (_u, splits) => splits.map(() => ''), // painted below
    };
  }

  private spanX(): [number, number] {
    const s = this.state();
    return s ? [s.from, s.to] : [0, 1];
  }
  private spanY(): [number, number] {
    const s = this.state();
    return s ? [s.y.low, s.y.high] : [0, 1];
  }

  private surface(u: uPlot, s: PlotState): Surface {
    const {left, top, width, height} = u.bbox;
    const xScale = width / (s.to - s.from);
    const yScale = height / (s.y.high - s.y.low);
    return {
      ctx: u.ctx,
      dpr: uPlot.pxRatio,
      left,
      top,
      width,
      height,
      x: (ms) => left + (ms - s.from) * xScale,
      y: (value) => top + height - (value - s.y.low) * yScale,
      pxPerMs: xScale / uPlot.pxRatio,
    };
  }

  draw(): void {
    const s = this.state();
    if (s)
      this.u.setData([
        [s.from, s.to],
        [s.y.low, s.y.high],
      ]);
  }
  // Axes have colours and a font of the theme: they are read anew with every drawing.
  size(width: number, height: number): void {
    this.u.setSize({width, height});
  }
  box(): {left: number; top: number; width: number; height: number} {
    const {left, top, width, height} = this.u.bbox;
    const dpr = uPlot.pxRatio;
    return {left: left / dpr, top: top / dpr, width: width / dpr, height: height / dpr};
  }
  destroy(): void {
    this.u.destroy();
  }
}
