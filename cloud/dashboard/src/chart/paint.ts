// SPDX-License-Identifier: Apache-2.0
// Draws the rows of series: band to the fences, whiskers, percentiles with their bounds, median, mean; gaps, and what
// lies beyond the scale. A row is drawn as wide as it is.
import {isPlateau, type Rows} from '../model/rows';
import {bandOf, type Span} from '../model/scale';
import type {Surface} from './plot';

export interface Style {
  color: string;
  ink: string;
  ink2: string;
  panel: string;
  font: string;
  band: number; // opacity
  alpha: number; // of the whole series, when another one is raised
  lineWidth: number;
  dash: number[];
  mean: boolean;
  range: boolean;
  percentiles: boolean;
}

export interface SeriesPicture {
  rows: Rows;
  stepMs: number;
  gaps: [number, number][]; // in which nothing was accepted
  spanSize: number; // of the y scale
  reach: Span; // where the rows usually lie
  labelOf: (value: number) => string;
}

interface Point {
  x0: number;
  x1: number;
  plateau: boolean;
  joins: boolean;
}

// Row geometry in canvas pixels; joins: it starts where the row before ends.
function geometry(s: Surface, picture: SeriesPicture): Point[] {
  const {rows, stepMs} = picture;
  const points: Point[] = [];
  const inset = 0.5 * s.dpr;
  for (let i = 0; i < rows.length; i++) {
    const start = rows.start(i);
    const end = rows.end(i);
    const plateau = isPlateau(end - start, stepMs, s.pxPerMs);
    const x0 = s.x(start);
    const x1 = s.x(end);
    points.push({
      x0: plateau ? x0 + inset : (x0 + x1) / 2,
      x1: plateau ? x1 - inset : (x0 + x1) / 2,
      plateau,
      joins: i > 0 && start - rows.end(i - 1) < 1,
    });
  }
  return points;
}

function trace(
  ctx: CanvasRenderingContext2D,
  s: Surface,
  points: Point[],
  values: Float64Array,
  joined: boolean,
): void {
  ctx.beginPath();
  let open = false;
  for (let i = 0; i < points.length; i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) {
      open = false;
      continue;
    }
    const p = points[i]!;
    const y = s.y(value);
    if (open && p.joins && joined) ctx.lineTo(p.x0, y);
    else ctx.moveTo(p.x0, y);
    if (p.x1 > p.x0) ctx.lineTo(p.x1, y);
    open = true;
  }
  ctx.stroke();
}

// What joins two runs: thin where there were simply no readings, dots between hollow rings where a gap is known.
function breaks(s: Surface, picture: SeriesPicture, style: Style, points: Point[], all: Rows): void {
  const {ctx, dpr} = s;
  const {rows, gaps} = picture;
  const mean = rows.column('mean');
  for (let i = 0; i < points.length; i++) {
    const lone = (i === 0 || !points[i]!.joins) && (i + 1 === points.length || !points[i + 1]!.joins);
    if (lone && !points[i]!.plateau && !Number.isNaN(mean[i]!)) {
      ctx.beginPath();
      ctx.arc(points[i]!.x0, s.y(mean[i]!), 1.5 * dpr, 0, 2 * Math.PI);
      ctx.fillStyle = style.color;
      ctx.fill();
    }
    if (i === 0 || points[i]!.joins || Number.isNaN(mean[i]!) || Number.isNaN(mean[i - 1]!)) continue;
    const a = {x: points[i - 1]!.x1, y: s.y(mean[i - 1]!)};
    const b = {x: points[i]!.x0, y: s.y(mean[i]!)};
    // Rows of another width stand in between: they are drawn in a layer of their own.
    if (all !== rows && all.at((rows.end(i - 1) + rows.start(i)) / 2) >= 0) continue;
    const gap = gaps.some(([from, to]) => from < rows.start(i) && to > rows.end(i - 1));
    ctx.save();
    ctx.strokeStyle = style.color;
    ctx.lineWidth = dpr;
    if (gap) ctx.setLineDash([dpr, 3 * dpr]);
    else ctx.globalAlpha *= 0.45;
    ctx.beginPath();
    ctx.moveTo(a.x, a.y);
    ctx.lineTo(b.x, b.y);
    ctx.stroke();
    ctx.restore();
    if (!gap) continue;
    for (const end of [a, b]) {
      ctx.beginPath();
      ctx.arc(end.x, end.y, 3 * dpr, 0, 2 * Math.PI);
      ctx.fillStyle = style.panel;
      ctx.fill();
      ctx.lineWidth = 1.5 * dpr;
      ctx.strokeStyle = style.color;
      ctx.stroke();
    }
  }
}

function bands(s: Surface, picture: SeriesPicture, style: Style, points: Point[]): void {
  const {ctx, dpr} = s;
  const {rows, spanSize, reach} = picture;
  ctx.save();
  ctx.fillStyle = style.color;
  ctx.globalAlpha = style.alpha * style.band;
  ctx.beginPath();
  // Runs of narrow rows are one polygon each; a plateau is a rectangle of its own.
  for (let i = 0; i < points.length;) {
    if (points[i]!.plateau) {
      const {low, high} = bandOf(rows, i, spanSize, reach);
      const y0 = s.y(high);
      ctx.rect(points[i]!.x0, y0, points[i]!.x1 - points[i]!.x0, Math.max(s.y(low) - y0, dpr));
      i++;
      continue;
    }
    let j = i + 1;
    while (j < points.length && points[j]!.joins && !points[j]!.plateau) j++;
    const left = s.x(rows.start(i));
    const right = s.x(rows.end(j - 1));
    for (let k = i; k < j; k++) {
      const y = s.y(bandOf(rows, k, spanSize, reach).high);
      if (k === i) ctx.moveTo(left, y);
      ctx.lineTo(points[k]!.x0, y);
      if (k === j - 1) ctx.lineTo(right, y);
    }
    for (let k = j - 1; k >= i; k--) {
      const y = s.y(bandOf(rows, k, spanSize, reach).low);
      if (k === j - 1) ctx.lineTo(right, y);
      ctx.lineTo(points[k]!.x0, y);
      if (k === i) ctx.lineTo(left, y);
    }
    ctx.closePath();
    i = j;
  }
  ctx.fill();
  ctx.restore();
}

// Where labels stand already: a second one there is left out, the rail has its number.
export interface Taken {
  from: number;
  to: number;
  top: boolean;
}

interface Beyond {
  x: number;
  value: number;
  top: boolean;
}

// Whiskers from the fence to the true extreme; what leaves the scale is marked at its edge.
function whiskers(s: Surface, picture: SeriesPicture, style: Style, points: Point[]): Beyond[] {
  const {ctx, dpr} = s;
  const {rows, spanSize, reach} = picture;
  const beyond: Beyond[] = [];
  const bottom = s.top + s.height;
  ctx.save();
  ctx.strokeStyle = style.color;
  ctx.globalAlpha = style.alpha * 0.5;
  ctx.lineWidth = dpr;
  ctx.beginPath();
  for (let i = 0; i < points.length; i++) {
    const min = rows.column('min')[i]!;
    const max = rows.column('max')[i]!;
    const {low, high} = bandOf(rows, i, spanSize, reach);
    const x = Math.round((points[i]!.x0 + points[i]!.x1) / 2) + (Math.round(dpr) % 2 ? 0.5 : 0);
    if (min < low) {
      ctx.moveTo(x, s.y(low));
      ctx.lineTo(x, Math.min(bottom, s.y(min)));
      if (s.y(min) > bottom) beyond.push({x, value: min, top: false});
    }
    if (max > high) {
      ctx.moveTo(x, s.y(high));
      ctx.lineTo(x, Math.max(s.top, s.y(max)));
      if (s.y(max) < s.top) beyond.push({x, value: max, top: true});
    }
  }
  ctx.stroke();
  ctx.restore();
  return beyond;
}

function triangles(s: Surface, picture: SeriesPicture, style: Style, beyond: Beyond[], taken: Taken[]): void {
  const {ctx, dpr} = s;
  ctx.fillStyle = style.color;
  for (const mark of beyond) {
    const tip = mark.top ? s.top : s.top + s.height;
    const back = mark.top ? 5 * dpr : -5 * dpr;
    ctx.beginPath();
    ctx.moveTo(mark.x, tip);
    ctx.lineTo(mark.x - 3 * dpr, tip + back);
    ctx.lineTo(mark.x + 3 * dpr, tip + back);
    ctx.fill();
  }
  // The least and the greatest say their value.
  const under = beyond.filter((mark) => !mark.top).sort((a, b) => a.value - b.value)[0];
  const over = beyond.filter((mark) => mark.top).sort((a, b) => b.value - a.value)[0];
  ctx.font = `${11 * dpr}px ${style.font}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'alphabetic';
  ctx.lineJoin = 'round';
  for (const mark of [under, over]) {
    if (!mark) continue;
    const text = picture.labelOf(mark.value);
    const width = ctx.measureText(text).width;
    const x = mark.x + 5 * dpr + width > s.left + s.width ? mark.x - 5 * dpr - width : mark.x + 5 * dpr;
    if (taken.some((t) => t.top === mark.top && t.from < x + width + 4 * dpr && x < t.to + 4 * dpr)) continue;
    taken.push({from: x, to: x + width, top: mark.top});
    const y = mark.top ? s.top + 10 * dpr : s.top + s.height - 2 * dpr;
    ctx.strokeStyle = style.panel;
    ctx.lineWidth = 6 * dpr;
    ctx.strokeText(text, x, y);
    ctx.fillStyle = style.ink2;
    ctx.fillText(text, x, y);
  }
}

function percentiles(s: Surface, picture: SeriesPicture, style: Style, points: Point[]): void {
  const {ctx, dpr} = s;
  const {rows} = picture;
  ctx.save();
  for (const [name, alpha] of [
    ['p95', 0.75],
    ['p99', 0.5],
  ] as const) {
    const value = rows.column(name);
    const low = rows.column(`${name}Low`);
    const high = rows.column(`${name}High`);
    for (let i = 0; i < points.length; i++) {
      if (Number.isNaN(value[i]!)) continue;
      const x0 = points[i]!.plateau ? points[i]!.x0 : s.x(rows.start(i));
      const x1 = points[i]!.plateau ? points[i]!.x1 : s.x(rows.end(i));
      const top = s.y(high[i]!);
      const size = s.y(low[i]!) - top;
      ctx.fillStyle = style.ink;
      if (size > dpr) {
        ctx.globalAlpha = style.alpha * 0.16;
        ctx.fillRect(x0, top, x1 - x0, size);
      }
      ctx.globalAlpha = style.alpha * alpha;
      ctx.fillRect(x0, Math.round(s.y(value[i]!) - dpr / 2), x1 - x0, dpr);
    }
  }
  ctx.globalAlpha = style.alpha;
  ctx.strokeStyle = style.ink2;
  ctx.lineWidth = dpr;
  ctx.setLineDash([2 * dpr, 2 * dpr]);
  trace(ctx, s, points, rows.column('p50'), true);
  ctx.restore();
}

export function paintSeries(s: Surface, picture: SeriesPicture, style: Style, taken: Taken[]): void {
  for (const rows of picture.rows.layers(picture.stepMs)) paintLayer(s, {...picture, rows}, style, taken, picture.rows);
}

function paintLayer(s: Surface, picture: SeriesPicture, style: Style, taken: Taken[], all: Rows): void {
  const {ctx, dpr} = s;
  const points = geometry(s, picture);
  const {rows} = picture;
  ctx.save();
  ctx.beginPath();
  ctx.rect(s.left, s.top, s.width, s.height);
  ctx.clip();
  ctx.globalAlpha = style.alpha;
  let beyond: Beyond[] = [];
  if (style.range) {
    bands(s, picture, style, points);
    beyond = whiskers(s, picture, style, points);
  }
  if (style.percentiles) percentiles(s, picture, style, points);
  if (style.mean) {
    ctx.strokeStyle = style.color;
    ctx.lineWidth = style.lineWidth * dpr;
    ctx.lineJoin = 'round';
    ctx.setLineDash(style.dash.map((n) => n * dpr));
    trace(ctx, s, points, rows.column('mean'), true);
    ctx.setLineDash([]);
    breaks(s, picture, style, points, all);
  }
  ctx.globalAlpha = style.alpha;
  triangles(s, picture, style, beyond, taken);
  ctx.restore();
}

// What is late: from its least frontier to the end of what has been; null: nothing.
export function lateSpan(lanes: {hatch: [number, number] | null}[]): [number, number] | null {
  const late = lanes.flatMap((lane) => (lane.hatch ? [lane.hatch] : []));
  return late.length ? [Math.min(...late.map(([from]) => from)), Math.max(...late.map(([, to]) => to))] : null;
}

// What is late is not all there yet: a dotted line, then a hatch. What has not been yet is left as it is.
export function paintFrontier(
  s: Surface,
  [frontierMs, endMs]: [number, number],
  ink3: string,
  line2: string,
  alpha: number,
): void {
  const {ctx, dpr} = s;
  const right = Math.min(s.left + s.width, s.x(endMs));
  const x = Math.max(s.left, Math.min(right, s.x(frontierMs)));
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, s.top, Math.max(0, right - x), s.height);
  ctx.clip();
  ctx.globalAlpha = alpha;
  ctx.strokeStyle = line2;
  ctx.lineWidth = dpr;
  ctx.beginPath();
  for (let k = x - s.height; k < right; k += 7 * dpr) {
    ctx.moveTo(k, s.top + s.height);
    ctx.lineTo(k + s.height, s.top);
  }
  ctx.stroke();
  ctx.restore();
  if (s.x(frontierMs) < s.left) return;
  ctx.save();
  ctx.strokeStyle = ink3;
  ctx.lineWidth = 1.5 * dpr;
  ctx.setLineDash([2 * dpr, 3 * dpr]);
  ctx.beginPath();
  ctx.moveTo(x, s.top);
  ctx.lineTo(x, s.top + s.height);
  ctx.stroke();
  ctx.restore();
}

export function paintBracket(
  s: Surface,
  fromMs: number,
  toMs: number,
  text: string,
  ink3: string,
  panel: string,
  font: string,
): void {
  const {ctx, dpr} = s;
  const x0 = Math.max(s.left, s.x(fromMs));
  const x1 = Math.min(s.left + s.width, s.x(toMs));
  if (x1 - x0 < 24 * dpr) return;
  const y = s.top + 9 * dpr;
  ctx.save();
  ctx.strokeStyle = ink3;
  ctx.lineWidth = dpr;
  ctx.beginPath();
  ctx.moveTo(x0 + dpr / 2, y + 5 * dpr);
  ctx.lineTo(x0 + dpr / 2, y);
  ctx.lineTo(x1 - dpr / 2, y);
  ctx.lineTo(x1 - dpr / 2, y + 5 * dpr);
  ctx.stroke();
  ctx.font = `${11 * dpr}px ${font}`;
  const width = ctx.measureText(text).width;
  if (width + 24 * dpr < x1 - x0) {
    const middle = (x0 + x1) / 2;
    ctx.fillStyle = panel;
    ctx.fillRect(middle - width / 2 - 8 * dpr, y - 8 * dpr, width + 16 * dpr, 16 * dpr);
    ctx.fillStyle = ink3;
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.fillText(text, middle, y);
  }
  ctx.restore();
}
