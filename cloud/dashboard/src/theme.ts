// SPDX-License-Identifier: Apache-2.0
// The chosen theme, and the tokens as the canvases need them: read from the style sheet once a change.

export interface Palette {
  dark: boolean;
  bg: string;
  panel: string;
  ink: string;
  ink2: string;
  ink3: string;
  line: string;
  line2: string;
  grid: string;
  acc: string;
  warnMark: string;
  bad: string;
  series: string[];
  band: number;
  ramp: Uint32Array; // 256 steps, as ImageData words (little endian ABGR)
  rampCss: string;
  font: string;
  contrast: boolean; // more of it is asked for: series differ by dashes too
}

type Listener = () => void;
const listeners = new Set<Listener>();
const systemDark = matchMedia('(prefers-color-scheme: dark)');
const kKey = 'tributary.theme';
let palette: Palette | null = null;

function chosen(): string | null {
  try {
    return localStorage.getItem(kKey);
  } catch {
    return null; // storage may be forbidden; then the system decides
  }
}

function apply(): void {
  const dark = chosen() ? chosen() === 'dark' : systemDark.matches;
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  palette = null;
  for (const listener of listeners) listener();
}

export function startTheme(): void {
  apply();
  for (const query of [systemDark, matchMedia('(prefers-contrast: more)'), matchMedia('(forced-colors: active)')])
    query.addEventListener('change', apply);
}

export function toggleTheme(): void {
  const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  try {
    localStorage.setItem(kKey, next);
  } catch {
    // Without storage the choice lasts as long as the page would; say nothing.
  }
  apply();
}

export function onTheme(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function rampTable(stops: string[]): Uint32Array {
  const rgb = stops.map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (rgb.length - 1);
    const k = Math.min(rgb.length - 2, Math.floor(at));
    const [r, g, b] = rgb[k]!.map((from, c) => Math.round(from + (rgb[k + 1]![c]! - from) * (at - k))) as [
      number,
      number,
      number,
    ];
    table[i] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }
  return table;
}

export function colors(): Palette {
  if (palette) return palette;
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const forced = matchMedia('(forced-colors: active)').matches;
  const stops = token('ramp').split(/\s+/);
  const pick = (name: string, system: string): string => (forced ? system : token(name));
  palette = {
    dark: document.documentElement.dataset.theme === 'dark',
    bg: pick('bg', 'Canvas'),
    panel: pick('panel', 'Canvas'),
    ink: pick('ink', 'CanvasText'),
    ink2: pick('ink2', 'CanvasText'),
    ink3: pick('ink3', 'CanvasText'),
    line: pick('line', 'GrayText'),
    line2: pick('line2', 'GrayText'),
    grid: pick('grid', 'GrayText'),
    acc: pick('acc', 'LinkText'),
    warnMark: pick('warn-mark', 'CanvasText'),
    bad: pick('bad', 'CanvasText'),
    series: ['c1', 'c2', 'c3', 'c4', 'c5'].map((name) => pick(name, 'CanvasText')),
    band: Number(token('band')) || 0.16,
    ramp: rampTable(stops),
    rampCss: `linear-gradient(to right, ${stops.join(', ')})`,
    font: token('font'),
    contrast: forced || matchMedia('(prefers-contrast: more)').matches,
  };
  return palette;
}

export function seriesColor(p: Palette, index: number): string {
  return p.series[index] ?? p.ink3;
}

export function rampCss(p: Palette, t: number): string {
  const word = p.ramp[Math.round(Math.min(1, Math.max(0, t)) * 255)]!;
  return `rgb(${word & 255} ${(word >> 8) & 255} ${(word >> 16) & 255})`;
}
