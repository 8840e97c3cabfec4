// SPDX-License-Identifier: Apache-2.0
// The last half hour of a tile: band, mean, a dot at the newest, a hatch where readings are still to come.
import {kNowMs, type Tile} from '../model/now';
import type {Rows} from '../model/rows';
import {colors, type Palette, seriesColor} from '../theme';

const kBreakMs = 60_000; // rows further apart are not joined

type Way = (value: number) => number;

function hatch(ctx: CanvasRenderingContext2D, p: Palette, left: number, width: number, height: number): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, 0, width - left, height);
  ctx.clip();
  ctx.strokeStyle = p.warnMark;
  ctx.globalAlpha = 0.55;
  ctx.beginPath();
  for (let k = left - height; k < width; k += 5) {
    ctx.moveTo(k, height);
    ctx.lineTo(k + height, 0);
  }
  ctx.stroke();
  ctx.restore();
}

const middle = (rows: Rows, i: number): number => (rows.start(i) + rows.end(i)) / 2;

function line(ctx: CanvasRenderingContext2D, rows: Rows, x: Way, y: Way, color: string): void {
  ctx.strokeStyle = color;
  ctx.lineWidth = 1.75;
  ctx.lineJoin = 'round';
  ctx.beginPath();
  let end = -Infinity;
  for (let i = 0; i < rows.length; i++) {
    const at = Math.max(0, x(middle(rows, i)));
    if (rows.start(i) - end > kBreakMs) ctx.moveTo(at, y(rows.column('mean')[i]!));
    else ctx.lineTo(at, y(rows.column('mean')[i]!));
    end = rows.end(i);
  }
  ctx.stroke();
}

// A row that is joined to none is a dot; the newest is a large one.
function dots(ctx: CanvasRenderingContext2D, p: Palette, rows: Rows, x: Way, y: Way, color: string): void {
  ctx.fillStyle = color;
  for (let i = 0; i < rows.length; i++) {
    if (i > 0 && rows.start(i) - rows.end(i - 1) <= kBreakMs) continue;
    if (i + 1 < rows.length && rows.start(i + 1) - rows.end(i) <= kBreakMs) continue;
    ctx.beginPath();
    ctx.arc(Math.max(1.5, x(middle(rows, i))), y(rows.column('mean')[i]!), 1.5, 0, 2 * Math.PI);
    ctx.fill();
  }
  const i = rows.length - 1;
  if (i < 0) return;
  ctx.fillStyle = color;
  ctx.strokeStyle = p.panel;
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.arc(x(middle(rows, i)), y(rows.column('mean')[i]!), 4, 0, 2 * Math.PI);
  ctx.fill();
  ctx.stroke();
}

export function drawSpark(tile: Tile, toMs: number, frontier: number | null) {
  return (ctx: CanvasRenderingContext2D, width: number, height: number): void => {
    const p = colors();
    const {rows} = tile;
    const from = toMs - kNowMs;
    const x = (ms: number): number => ((ms - from) / kNowMs) * (width - 6);
    const means = rows.column('mean').subarray(0, rows.length);
    const low = means.reduce((a, b) => Math.min(a, b), Infinity);
    const high = means.reduce((a, b) => Math.max(a, b), -Infinity);
    if (frontier !== null) hatch(ctx, p, Math.max(0, x(Math.max(from, frontier))), width, height);
    if (!(high >= low)) return;
    const margin = (high - low || Math.abs(high) * 0.02 || 1) * 0.15;
    const y = (value: number): number =>
      Math.min(height - 1, Math.max(1, 4 + ((high + margin - value) / (high - low + 2 * margin)) * (height - 8)));
    const color = seriesColor(p, tile.color);
    ctx.fillStyle = color;
    ctx.globalAlpha = Math.min(0.6, p.band * 2);
    for (let i = 0; i < rows.length; i++) {
      const top = y(rows.column('max')[i]!);
      const left = Math.max(0, x(rows.start(i)));
      ctx.fillRect(left, top, Math.max(1, x(rows.end(i)) - left), Math.max(1, y(rows.column('min')[i]!) - top));
    }
    ctx.globalAlpha = 1;
    line(ctx, rows, x, y, color);
    dots(ctx, p, rows, x, y, color);
  };
}
