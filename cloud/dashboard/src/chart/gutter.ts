// SPDX-License-Identifier: Apache-2.0
// Direct labels in the right gutter: moved apart to a pitch, with leader lines where they had to move. Placing is pure.
import type {Surface} from './plot';

export interface GutterLabel {
  y: number; // where the line ends, canvas pixels
  name: string;
  value: string;
  color: string | null; // with a dot, and the value on a second line; null: one line
  strong: boolean;
  alpha: number;
}

// Positions at least pitch apart, as near to the wanted ones as may be, within [low, high]. Ascending input, ascending
// output.
export function moveApart(wanted: number[], pitch: number, low: number, high: number): number[] {
  interface Block {
    sum: number;
    size: number;
  }
  const blocks: Block[] = [];
  const centre = (b: Block): number => {
    const free = b.sum / b.size;
    return Math.max(low, Math.min(high - (b.size - 1) * pitch, free));
  };
  for (const y of wanted) {
    blocks.push({sum: y, size: 1});
    while (blocks.length > 1) {
      const a = blocks[blocks.length - 2]!;
      const b = blocks[blocks.length - 1]!;
      if (centre(a) + a.size * pitch <= centre(b)) break;
      // Each member of the later block, seen from the first place of the joined one.
      a.sum += b.sum - a.size * pitch * b.size;
      a.size += b.size;
      blocks.pop();
    }
  }
  return blocks.flatMap((b) => Array.from({length: b.size}, (_, i) => centre(b) + i * pitch));
}

export function paintGutter(
  s: Surface,
  labels: GutterLabel[],
  ink: string,
  ink3: string,
  line2: string,
  font: string,
): void {
  const {ctx, dpr} = s;
  const sorted = [...labels].sort((a, b) => a.y - b.y);
  const twoLines = sorted.some((label) => label.color !== null);
  const half = (twoLines ? 15 : 7) * dpr;
  const places = moveApart(
    sorted.map((label) => label.y),
    (twoLines ? 30 : 15) * dpr,
    s.top + half,
    s.top + s.height - half + (twoLines ? 0 : 4 * dpr),
  );
  const edge = s.left + s.width;
  ctx.save();
  ctx.textBaseline = 'alphabetic';
  ctx.textAlign = 'left';
  sorted.forEach((label, i) => {
    const y = places[i]!;
    ctx.globalAlpha = label.alpha;
    if (label.color !== null) {
      if (Math.abs(y - label.y) > 3 * dpr) leader(ctx, edge + 2 * dpr, label.y, edge + 7 * dpr, y, line2, dpr);
      ctx.beginPath();
      ctx.arc(edge + 11 * dpr, y, 3.5 * dpr, 0, 2 * Math.PI);
      ctx.fillStyle = label.color;
      ctx.fill();
      ctx.fillStyle = ink;
      ctx.font = `500 ${12 * dpr}px ${font}`;
      ctx.fillText(clip(ctx, label.name, 90 * dpr), edge + 20 * dpr, y - 3 * dpr);
      ctx.font = `${11 * dpr}px ${font}`;
      ctx.fillStyle = ink3;
      ctx.fillText(label.value, edge + 20 * dpr, y + 11 * dpr);
    } else {
      leader(ctx, edge + 2 * dpr, label.y, edge + 18 * dpr, y, line2, dpr);
      ctx.font = `${label.strong ? '600 ' : ''}${11 * dpr}px ${font}`;
      ctx.fillStyle = label.strong ? ink : ink3;
      ctx.fillText(label.name, edge + 22 * dpr, y + 4 * dpr);
      const name = ctx.measureText(label.name).width;
      ctx.textAlign = 'right';
      // A long value may use the gutter's whole width, and is narrowed rather than cut.
      const right = Math.max(100 * dpr, Math.min(110 * dpr, 26 * dpr + name + ctx.measureText(label.value).width));
      ctx.fillText(label.value, edge + right, y + 4 * dpr, right - 26 * dpr - name);
      ctx.textAlign = 'left';
    }
  });
  ctx.restore();
}

function leader(
  ctx: CanvasRenderingContext2D,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  color: string,
  dpr: number,
): void {
  ctx.strokeStyle = color;
  ctx.lineWidth = dpr;
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x0 + (x1 - x0) * 0.65, y1);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

// Cut in the middle: what tells long names apart is often at their end.
function clip(ctx: CanvasRenderingContext2D, text: string, width: number): string {
  if (ctx.measureText(text).width <= width) return text;
  const letters = Array.from(text);
  const cut = (size: number): string =>
    [...letters.slice(0, Math.ceil(size / 2)), '…', ...letters.slice(letters.length - Math.floor(size / 2))].join('');
  let size = letters.length - 1;
  while (size > 1 && ctx.measureText(cut(size)).width > width) size--;
  return cut(size);
}
