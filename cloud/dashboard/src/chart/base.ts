// SPDX-License-Identifier: Apache-2.0
// A panel on the page: its uPlot, and over it a layer of a few elements for the cursor, so that moving it draws no
// data.
import {onFrame, onRead} from '../frame';
import {colors} from '../theme';
import type {Picture} from '../model/picture';
import {insets, Plot, type Surface} from './plot';

interface Dot {
  element: HTMLElement;
}

export abstract class Panel {
  protected plot: Plot | null = null;
  private readonly overlay = document.createElement('div');
  private readonly shade = document.createElement('div');
  private readonly hair = document.createElement('div');
  private readonly pickBox = document.createElement('div');
  private readonly flag = document.createElement('div');
  private dots: Dot[] = [];
  private size = {width: 0, height: 0};
  private readonly observer: ResizeObserver;

  constructor(
    readonly element: HTMLElement,
    protected readonly picture: Picture,
    private readonly timeAxis: boolean,
  ) {
    this.overlay.className = 'overlay';
    this.shade.className = 'shade';
    this.hair.className = 'hair';
    this.pickBox.className = 'pick';
    this.flag.className = 'flag';
    this.overlay.append(this.shade, this.hair, this.pickBox, this.flag);
    element.append(this.overlay);
    this.observer = new ResizeObserver(() => onRead(this.measure));
    this.observer.observe(element);
  }

  protected abstract paint(surface: Surface): void;
  // Where dots stand at the cursor: value and colour.
  protected abstract marks(): {value: number; ms: number; color: string}[];

  private measure = (): void => {
    const width = this.element.clientWidth;
    const height = this.element.clientHeight;
    if (width < 50 || height < 40 || (width === this.size.width && height === this.size.height)) return;
    const before = insets(this.size.width ? window.innerWidth : 0);
    this.size = {width, height};
    onFrame(() => {
      const inset = insets(window.innerWidth);
      if (this.plot && (before.left !== inset.left || this.plotInset !== inset.left)) {
        this.plot.destroy();
        this.plot = null;
      }
      if (!this.plot) {
        this.plotInset = inset.left;
        this.plot = new Plot(
          this.element,
          width,
          height,
          inset.right,
          inset.left,
          this.timeAxis,
          this.picture.state,
          (surface) => this.paint(surface),
        );
      } else {
        this.plot.size(width, height);
      }
      this.onSize(width - inset.left - inset.right);
      this.draw();
    });
  };
  private plotInset = 0;
  protected onSize(_plotWidth: number): void {}

  draw = (): void => {
    if (document.hidden) return;
    this.plot?.draw();
    this.drawCursor();
  };

  box(): {left: number; top: number; width: number; height: number} | null {
    return this.plot?.box() ?? null;
  }

  drawCursor = (): void => {
    const state = this.picture.state();
    const box = this.box();
    const cursor = this.picture.model.cursor;
    const on = cursor !== null && state !== null && box !== null;
    for (const element of [this.shade, this.hair, this.flag]) element.style.display = on ? 'block' : 'none';
    const marks = on ? this.marks() : [];
    while (this.dots.length < marks.length) {
      const element = document.createElement('div');
      element.className = 'dot';
      this.overlay.append(element);
      this.dots.push({element});
    }
    this.dots.forEach((dot, i) => {
      dot.element.style.display = i < marks.length ? 'block' : 'none';
    });
    if (!on) return;
    const x = (ms: number): number =>
      box.left + ((Math.min(Math.max(ms, state.from), state.to) - state.from) / (state.to - state.from)) * box.width;
    const [start, end] = cursor.row;
    const left = x(start);
    const right = x(end);
    Object.assign(this.shade.style, {
      left: `${left}px`,
      width: `${Math.max(1, right - left)}px`,
      top: `${box.top}px`,
      height: `${box.height}px`,
    });
    const middle = Math.round((left + right) / 2);
    Object.assign(this.hair.style, {left: `${middle}px`, top: `${box.top}px`, height: `${box.height}px`});
    marks.forEach((mark, i) => {
      const y = box.top + box.height * (1 - (mark.value - state.y.low) / (state.y.high - state.y.low));
      Object.assign(this.dots[i]!.element.style, {
        left: `${x(mark.ms)}px`,
        top: `${y}px`,
        background: mark.color,
        display: y < box.top || y > box.top + box.height ? 'none' : 'block',
      });
    });
    const text = this.flagText();
    if (text === null) {
      this.flag.style.display = 'none';
    } else {
      this.flag.textContent = text;
      const half = text.length * 3.2 + 10;
      Object.assign(this.flag.style, {
        left: `${Math.min(Math.max(middle, box.left + half - 20), box.left + box.width - half + 40)}px`,
        top: `${box.top + box.height + 4}px`,
      });
    }
  };
  protected flagText(): string | null {
    return null;
  }

  // The range being chosen by dragging; null: none.
  pick(fromMs: number | null, toMs: number | null): void {
    const state = this.picture.state();
    const box = this.box();
    if (fromMs === null || toMs === null || !state || !box) {
      this.pickBox.style.display = 'none';
      return;
    }
    const x = (ms: number): number => box.left + ((ms - state.from) / (state.to - state.from)) * box.width;
    Object.assign(this.pickBox.style, {
      display: 'block',
      left: `${x(fromMs)}px`,
      width: `${x(toMs) - x(fromMs)}px`,
      top: `${box.top}px`,
      height: `${box.height}px`,
    });
  }

  // Axes keep their font; the theme's colours are read while drawing.
  retheme(): void {
    colors();
    this.draw();
  }

  destroy(): void {
    this.observer.disconnect();
    this.plot?.destroy();
    this.overlay.remove();
  }
}
