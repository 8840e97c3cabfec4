// SPDX-License-Identifier: Apache-2.0
// The picture as files: the charts as they stand, with title, range and completeness printed on them; the distribution
// as rows of its buckets.
import type {App} from '../app';
import {serverNow} from '../api';
import {isoTime} from '../time';
import {count, number, span, width as widthText, zone} from '../format';
import {colors, seriesColor} from '../theme';

const kInset = 20;
const kHead = 76;
const kBetween = 34;

export type Part = 'chart' | 'heat';
const kTitles: Record<Part, string> = {chart: '', heat: 'Distribution over time'};

function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// Each bucket of each row, cut by the row's minimum and maximum as the heat map draws it.
export function exportBuckets(app: App): void {
  const answer = app.model?.answer;
  if (!answer) return;
  // A spreadsheet takes a text that begins so for a formula; an apostrophe makes it a text.
  const tame = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
  const quoted = (text: string): string =>
    /[",\n]/.test(text) ? `"${tame(text).replace(/"/g, '""')}"` : tame(text);
  const lines = ['group,start,width,low,high,count'];
  for (const one of answer.series) {
    for (let i = 0; i < one.rows.length; i++) {
      const bins = one.rows.bins(i);
      const head = `${quoted(one.name)},${isoTime(one.rows.start(i))},${(one.rows.end(i) - one.rows.start(i)) / 1000}`;
      for (let k = 0; k < bins.count.length; k++) lines.push(`${head},${bins.low[k]},${bins.high[k]},${bins.count[k]}`);
    }
  }
  save(new Blob([`${lines.join('\n')}\n`], {type: 'text/csv'}), `${answer.metric}-distribution.csv`);
}

export function exportPng(app: App, wanted: Part[]): void {
  const model = app.model;
  const answer = model?.answer;
  const parts = wanted.flatMap((part) => {
    const canvas = document.querySelector<HTMLCanvasElement>(`[data-panel="${part}"] canvas`);
    return canvas ? [{canvas, title: wanted.length > 1 || part === 'heat' ? kTitles[part] : ''}] : [];
  });
  const first = parts[0]?.canvas;
  if (!model || !answer || !first) return;
  const p = colors();
  const dpr = first.width / Math.max(1, first.clientWidth);
  const width = first.clientWidth + 2 * kInset;
  const height =
    kHead + kInset + parts.reduce((sum, one) => sum + one.canvas.clientHeight + (one.title ? kBetween : 0), 0);
  const out = document.createElement('canvas');
  out.width = Math.round(width * dpr);
  out.height = Math.round(height * dpr);
  const ctx = out.getContext('2d')!;
  ctx.fillStyle = p.panel;
  ctx.fillRect(0, 0, out.width, out.height);
  let y = kHead;
  for (const one of parts) {
    if (one.title) {
      ctx.fillStyle = p.ink;
      ctx.font = `600 ${13 * dpr}px ${p.font}`;
      ctx.fillText(one.title, kInset * dpr, (y + 22) * dpr);
      y += kBetween;
    }
    ctx.drawImage(one.canvas, kInset * dpr, y * dpr);
    y += one.canvas.clientHeight;
  }
  ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
  ctx.textBaseline = 'alphabetic';
  ctx.fillStyle = p.ink;
  ctx.font = `600 15px ${p.font}`;
  ctx.fillText(`${answer.metric}${answer.unit ? `, ${answer.unit}` : ''}`, kInset, 28);
  ctx.font = `12px ${p.font}`;
  ctx.fillStyle = p.ink2;
  const d = model.decimals();
  const total = model.total;
  const figures = total
    ? ` · mean ${number(total.mean, d)} ± ${number(total.stddev, d)} of ${count(total.count)} readings`
    : '';
  ctx.fillText(
    `${span(answer.from, answer.to, serverNow() + 1e12)} ${zone(answer.from)} · step ${widthText(answer.step)}` +
      `${figures} · ${model.words()?.headline ?? ''}`,
    kInset,
    46,
  );
  let x = kInset;
  answer.series.slice(0, 12).forEach((one) => {
    ctx.fillStyle = seriesColor(p, one.color);
    ctx.fillRect(x, 56, 14, 3);
    ctx.fillStyle = p.ink2;
    const name = one.name || 'all together';
    ctx.fillText(name, x + 20, 62);
    x += 44 + ctx.measureText(name).width;
  });
  out.toBlob((blob) => {
    if (blob)
      save(blob, `${answer.metric}${wanted.length > 1 ? '' : wanted[0] === 'heat' ? '-distribution' : '-chart'}.png`);
  }, 'image/png');
}
