// SPDX-License-Identifier: Apache-2.0
// The picture as a file: both charts as they stand, with title, range and completeness printed on it.
import type {App} from '../app';
import {serverNow} from '../api';
import {count, number, span, width as widthText, zone} from '../format';
import {colors, seriesColor} from '../theme';

const kInset = 20;
const kHead = 76;
const kBetween = 34;

export function exportPng(app: App): void {
  const model = app.model;
  const answer = model?.answer;
  const canvases = ['chart', 'heat'].map((name) =>
    document.querySelector<HTMLCanvasElement>(`[data-panel="${name}"] canvas`),
  );
  const [chart, heat] = canvases;
  if (!model || !answer || !chart || !heat) return;
  const p = colors();
  const dpr = chart.width / Math.max(1, chart.clientWidth);
  const width = chart.clientWidth + 2 * kInset;
  const height = kHead + chart.clientHeight + kBetween + heat.clientHeight + kInset;
  const out = document.createElement('canvas');
  out.width = Math.round(width * dpr);
  out.height = Math.round(height * dpr);
  const ctx = out.getContext('2d')!;
  ctx.fillStyle = p.panel;
  ctx.fillRect(0, 0, out.width, out.height);
  ctx.drawImage(chart, kInset * dpr, kHead * dpr);
  ctx.drawImage(heat, kInset * dpr, (kHead + chart.clientHeight + kBetween) * dpr);
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
    `${span(answer.from, answer.to, serverNow() + 1e12)} ${zone(answer.from)} · step ${widthText(answer.step)}${figures} · ${model.words()?.headline ?? ''}`,
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
  ctx.fillStyle = p.ink;
  ctx.font = `600 13px ${p.font}`;
  ctx.fillText('Distribution over time', kInset, kHead + chart.clientHeight + 22);
  out.toBlob((blob) => {
    if (!blob) return;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = `${answer.metric}.png`;
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }, 'image/png');
}
