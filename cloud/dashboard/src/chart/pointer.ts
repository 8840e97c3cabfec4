// SPDX-License-Identifier: Apache-2.0
// Pointer and wheel on a panel: hover or one finger reads, drag chooses a range, Shift-drag pans, Ctrl-wheel and two fingers zoom, double click
// goes back.
import type {Panel} from './base';
import type {Picture} from './picture';

export interface Gestures {
  read(ms: number, value: number | null): void;
  leave(): void;
  picking(fromMs: number | null, toMs: number | null): void;
  zoom(fromMs: number, toMs: number, done: boolean): void;
  back(): void;
}

const kDragMinPx = 5;

export function attachPointer(panel: Panel, picture: Picture, gestures: Gestures): () => void {
  const {element} = panel;
  let drag: {x: number; pan: boolean; from: number; to: number} | null = null;
  const touches = new Map<number, number>();
  let pinch: {a: number; b: number; from: number; to: number} | null = null;

  const place = (event: MouseEvent): {ms: number; value: number; inside: boolean} | null => {
    const state = picture.state();
    const box = panel.box();
    if (!state || !box) return null;
    const bounds = element.getBoundingClientRect();
    const x = (event.clientX - bounds.left - box.left) / box.width;
    const y = (event.clientY - bounds.top - box.top) / box.height;
    return {
      ms: state.from + Math.min(1, Math.max(0, x)) * (state.to - state.from),
      value: state.y.high - y * (state.y.high - state.y.low),
      inside: x >= -0.01 && x <= 1.01 && y >= -0.05 && y <= 1.15,
    };
  };
  const perPx = (): number => {
    const state = picture.state();
    const box = panel.box();
    return state && box ? (state.to - state.from) / box.width : 0;
  };

  const move = (event: PointerEvent): void => {
    if (event.pointerType === 'touch') touches.set(event.pointerId, event.clientX);
    if (pinch && touches.size === 2) {
      const [a, b] = [...touches.values()] as [number, number];
      const scale = Math.abs(pinch.b - pinch.a) / Math.max(20, Math.abs(b - a));
      const middle = (pinch.from + pinch.to) / 2;
      const half = ((pinch.to - pinch.from) / 2) * scale;
      gestures.picking(middle - half, middle + half);
      return;
    }
    const at = place(event);
    if (!at) return;
    if (drag && Math.abs(event.clientX - drag.x) >= kDragMinPx) {
      if (drag.pan) {
        const shift = (drag.x - event.clientX) * perPx();
        gestures.zoom(drag.from + shift, drag.to + shift, false);
        return;
      }
      const from = Math.min(drag.from, at.ms);
      gestures.picking(from, Math.max(drag.from, at.ms));
    }
    if (at.inside) gestures.read(at.ms, at.value);
    else gestures.leave();
  };
  const down = (event: PointerEvent): void => {
    if (event.pointerType === 'touch') {
      touches.set(event.pointerId, event.clientX);
      const state = picture.state();
      if (touches.size === 2 && state) {
        const [a, b] = [...touches.values()] as [number, number];
        pinch = {a, b, from: state.from, to: state.to};
        return;
      }
      const at = place(event);
      if (at?.inside) gestures.read(at.ms, at.value);
      return;
    }
    const at = place(event);
    const state = picture.state();
    if (!at?.inside || !state || event.button !== 0) return;
    drag = event.shiftKey
      ? {x: event.clientX, pan: true, from: state.from, to: state.to}
      : {x: event.clientX, pan: false, from: at.ms, to: at.ms};
    element.setPointerCapture(event.pointerId);
  };
  const up = (event: PointerEvent): void => {
    if (pinch && touches.size === 2) {
      const [a, b] = [...touches.values()] as [number, number];
      const half = ((pinch.to - pinch.from) / 2) * (Math.abs(pinch.b - pinch.a) / Math.max(20, Math.abs(b - a)));
      const middle = (pinch.from + pinch.to) / 2;
      gestures.zoom(middle - half, middle + half, true);
    }
    touches.delete(event.pointerId);
    if (touches.size < 2) pinch = null;
    if (drag && Math.abs(event.clientX - drag.x) >= kDragMinPx && event.type === 'pointerup') {
      const at = place(event);
      if (drag.pan) {
        const shift = (drag.x - event.clientX) * perPx();
        gestures.zoom(drag.from + shift, drag.to + shift, true);
      } else if (at) {
        gestures.zoom(Math.min(drag.from, at.ms), Math.max(drag.from, at.ms), true);
      }
    }
    drag = null;
    gestures.picking(null, null);
  };
  const leave = (event: PointerEvent): void => {
    if (event.pointerType === 'mouse' && !drag) gestures.leave();
  };
  const wheel = (event: WheelEvent): void => {
    const at = place(event);
    const state = picture.state();
    if (!event.ctrlKey || !at || !state) return;
    event.preventDefault();
    const factor = Math.exp(event.deltaY * 0.002);
    gestures.zoom(at.ms - (at.ms - state.from) * factor, at.ms + (state.to - at.ms) * factor, true);
  };

  element.addEventListener('pointermove', move);
  element.addEventListener('pointerdown', down);
  element.addEventListener('pointerup', up);
  element.addEventListener('pointercancel', up);
  element.addEventListener('pointerleave', leave);
  element.addEventListener('wheel', wheel, {passive: false});
  element.addEventListener('dblclick', gestures.back);
  return () => {
    element.removeEventListener('pointermove', move);
    element.removeEventListener('pointerdown', down);
    element.removeEventListener('pointerup', up);
    element.removeEventListener('pointercancel', up);
    element.removeEventListener('pointerleave', leave);
    element.removeEventListener('wheel', wheel);
    element.removeEventListener('dblclick', gestures.back);
  };
}
