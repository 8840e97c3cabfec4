// SPDX-License-Identifier: Apache-2.0
// Pointer and wheel on a panel: hover or one finger reads, drag chooses a range, Shift-drag pans, Ctrl-wheel and two
// fingers zoom, double click goes back.
import type {Panel} from './base';
import type {Picture} from '../model/picture';

export interface Gestures {
  read(ms: number, value: number | null): void;
  leave(): void;
  picking(fromMs: number | null, toMs: number | null): void;
  zoom(fromMs: number, toMs: number, done: boolean): void;
  back(): void;
}

const kDragMinPx = 5;

class Pointer {
  private drag: {x: number; pan: boolean; from: number; to: number} | null = null;
  private readonly touches = new Map<number, number>();
  private pinch: {a: number; b: number; from: number; to: number} | null = null;

  constructor(
    private readonly panel: Panel,
    private readonly picture: Picture,
    private readonly gestures: Gestures,
  ) {}

  private place(event: MouseEvent): {ms: number; value: number; inside: boolean} | null {
    const state = this.picture.state();
    const box = this.panel.box();
    if (!state || !box) return null;
    const bounds = this.panel.element.getBoundingClientRect();
    const x = (event.clientX - bounds.left - box.left) / box.width;
    const y = (event.clientY - bounds.top - box.top) / box.height;
    return {
      ms: state.from + Math.min(1, Math.max(0, x)) * (state.to - state.from),
      value: state.y.high - y * (state.y.high - state.y.low),
      inside: x >= -0.01 && x <= 1.01 && y >= -0.05 && y <= 1.15,
    };
  }
  private perPx(): number {
    const state = this.picture.state();
    const box = this.panel.box();
    return state && box ? (state.to - state.from) / box.width : 0;
  }

  move = (event: PointerEvent): void => {
    if (event.pointerType === 'touch') this.touches.set(event.pointerId, event.clientX);
    if (this.pinch && this.touches.size === 2) {
      const [a, b] = [...this.touches.values()] as [number, number];
      const scale = Math.abs(this.pinch.b - this.pinch.a) / Math.max(20, Math.abs(b - a));
      const middle = (this.pinch.from + this.pinch.to) / 2;
      const half = ((this.pinch.to - this.pinch.from) / 2) * scale;
      this.gestures.picking(middle - half, middle + half);
      return;
    }
    const at = this.place(event);
    if (!at) return;
    if (this.drag && Math.abs(event.clientX - this.drag.x) >= kDragMinPx) {
      if (this.drag.pan) {
        const shift = (this.drag.x - event.clientX) * this.perPx();
        this.gestures.zoom(this.drag.from + shift, this.drag.to + shift, false);
        return;
      }
      const from = Math.min(this.drag.from, at.ms);
      this.gestures.picking(from, Math.max(this.drag.from, at.ms));
    }
    if (at.inside) this.gestures.read(at.ms, at.value);
    else this.gestures.leave();
  };
  down = (event: PointerEvent): void => {
    if (event.pointerType === 'touch') {
      this.touches.set(event.pointerId, event.clientX);
      const state = this.picture.state();
      if (this.touches.size === 2 && state) {
        const [a, b] = [...this.touches.values()] as [number, number];
        this.pinch = {a, b, from: state.from, to: state.to};
        return;
      }
      const at = this.place(event);
      if (at?.inside) this.gestures.read(at.ms, at.value);
      return;
    }
    const at = this.place(event);
    const state = this.picture.state();
    if (!at?.inside || !state || event.button !== 0) return;
    this.drag = event.shiftKey
      ? {x: event.clientX, pan: true, from: state.from, to: state.to}
      : {x: event.clientX, pan: false, from: at.ms, to: at.ms};
    this.panel.element.setPointerCapture(event.pointerId);
  };
  up = (event: PointerEvent): void => {
    if (this.pinch && this.touches.size === 2) {
      const [a, b] = [...this.touches.values()] as [number, number];
      const half =
        ((this.pinch.to - this.pinch.from) / 2) *
        (Math.abs(this.pinch.b - this.pinch.a) / Math.max(20, Math.abs(b - a)));
      const middle = (this.pinch.from + this.pinch.to) / 2;
      this.gestures.zoom(middle - half, middle + half, true);
    }
    this.touches.delete(event.pointerId);
    if (this.touches.size < 2) this.pinch = null;
    if (this.drag && Math.abs(event.clientX - this.drag.x) >= kDragMinPx && event.type === 'pointerup') {
      const at = this.place(event);
      if (this.drag.pan) {
        const shift = (this.drag.x - event.clientX) * this.perPx();
        this.gestures.zoom(this.drag.from + shift, this.drag.to + shift, true);
      } else if (at) {
        this.gestures.zoom(Math.min(this.drag.from, at.ms), Math.max(this.drag.from, at.ms), true);
      }
    }
    this.drag = null;
    this.gestures.picking(null, null);
  };
  leave = (event: PointerEvent): void => {
    if (event.pointerType === 'mouse' && !this.drag) this.gestures.leave();
  };
  wheel = (event: WheelEvent): void => {
    const at = this.place(event);
    const state = this.picture.state();
    if (!event.ctrlKey || !at || !state) return;
    event.preventDefault();
    const factor = Math.exp(event.deltaY * 0.002);
    this.gestures.zoom(at.ms - (at.ms - state.from) * factor, at.ms + (state.to - at.ms) * factor, true);
  };
}

export function attachPointer(panel: Panel, picture: Picture, gestures: Gestures): () => void {
  const {element} = panel;
  const pointer = new Pointer(panel, picture, gestures);
  const heard = {
    pointermove: pointer.move,
    pointerdown: pointer.down,
    pointerup: pointer.up,
    pointercancel: pointer.up,
    pointerleave: pointer.leave,
    wheel: pointer.wheel,
    dblclick: gestures.back,
  };
  for (const [name, hear] of Object.entries(heard))
    element.addEventListener(name, hear as EventListener, name === 'wheel' ? {passive: false} : undefined);
  return () => {
    for (const [name, hear] of Object.entries(heard)) element.removeEventListener(name, hear as EventListener);
  };
}
