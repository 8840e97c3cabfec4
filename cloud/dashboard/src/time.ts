// SPDX-License-Identifier: Apache-2.0
// Ranges, steps and ticks in time. Milliseconds since the epoch throughout; pure but for the local zone.

export const kSecond = 1000;
export const kMinute = 60 * kSecond;
export const kHour = 60 * kMinute;
export const kDay = 24 * kHour;

// The steps a view may have, in seconds.
export const kSteps = [10, 30, 60, 120, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400];
const kRowPixelsMin = 3;

export function autoStep(rangeMs: number, pixels: number): number {
  const rowsMax = Math.max(1, pixels / kRowPixelsMin);
  return kSteps.find((step) => rangeMs / (step * kSecond) <= rowsMax) ?? kSteps[kSteps.length - 1]!;
}

const kUnitMs: Record<string, number> = {s: kSecond, m: kMinute, h: kHour, d: kDay};

// "10s", "5m", "1h", "1d" or bare seconds → seconds; null where it is none of these.
export function parseStep(text: string): number | null {
  const match = /^(\d{1,7})([smhd]?)$/.exec(text);
  if (!match) return null;
  const seconds = (Number(match[1]) * (kUnitMs[match[2] || 's'] ?? kSecond)) / kSecond;
  return seconds > 0 ? seconds : null;
}

export function stepText(seconds: number): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    const size = kUnitMs[unit]! / kSecond;
    if (seconds % size === 0) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}

// A bound of the range as the address has it: "now", "-24h", "begin" (the first reading) or an absolute time.
export type Bound = {kind: 'now'} | {kind: 'ago'; ms: number} | {kind: 'begin'} | {kind: 'at'; ms: number};

export function parseBound(text: string): Bound | null {
  if (text === 'now') return {kind: 'now'};
  if (text === 'begin') return {kind: 'begin'};
  const ago = /^-(\d{1,6})([smhd])$/.exec(text);
  if (ago) return {kind: 'ago', ms: Number(ago[1]) * kUnitMs[ago[2]!]!};
  if (!/^\d{4}-\d\d-\d\dT/.test(text)) return null;
  const ms = Date.parse(text);
  return Number.isFinite(ms) ? {kind: 'at', ms} : null;
}

export function boundText(bound: Bound): string {
  switch (bound.kind) {
    case 'now':
      return 'now';
    case 'begin':
      return 'begin';
    case 'ago':
      return `-${stepText(bound.ms / kSecond)}`;
    case 'at':
      return isoTime(bound.ms);
  }
}

// The time a bound means now; beginMs: of the first reading.
export function resolveBound(bound: Bound, now: number, beginMs: number): number {
  switch (bound.kind) {
    case 'now':
      return now;
    case 'begin':
      return beginMs;
    case 'ago':
      return now - bound.ms;
    case 'at':
      return bound.ms;
  }
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}

export function floorTo(ms: number, stepMs: number): number {
  return Math.floor(ms / stepMs) * stepMs;
}

export function ceilTo(ms: number, stepMs: number): number {
  return Math.ceil(ms / stepMs) * stepMs;
}

const kTickSteps = [
  kSecond,
  2 * kSecond,
  5 * kSecond,
  10 * kSecond,
  15 * kSecond,
  30 * kSecond,
  kMinute,
  2 * kMinute,
  5 * kMinute,
  10 * kMinute,
  15 * kMinute,
  30 * kMinute,
  kHour,
  2 * kHour,
  3 * kHour,
  6 * kHour,
  12 * kHour,
  kDay,
  2 * kDay,
  7 * kDay,
  14 * kDay,
  28 * kDay,
  91 * kDay,
  364 * kDay,
];

// Ticks at round local times, at least gapPx apart.
export function timeTicks(fromMs: number, toMs: number, pixels: number, gapPx = 90): {ticks: number[]; stepMs: number} {
  const wanted = ((toMs - fromMs) * gapPx) / Math.max(1, pixels);
  const stepMs = kTickSteps.find((step) => step >= wanted) ?? kTickSteps[kTickSteps.length - 1]!;
  const ticks: number[] = [];
  if (stepMs < kDay) {
    // Local offsets are whole minutes: aligning to local midnight keeps 03:00 at 03:00, also where the clock changes
    // within the range.
    const start = new Date(fromMs);
    start.setHours(0, 0, 0, 0);
    for (let midnight = start.getTime(); midnight < toMs;) {
      const next = new Date(midnight);
      next.setDate(next.getDate() + 1);
      for (let t = midnight; t < next.getTime(); t += stepMs) if (t >= fromMs && t < toMs) ticks.push(t);
      midnight = next.getTime();
    }
  } else {
    const t = new Date(fromMs);
    t.setHours(0, 0, 0, 0);
    const days = Math.round(stepMs / kDay);
    while (t.getTime() < toMs) {
      const number = Math.round((t.getTime() - t.getTimezoneOffset() * kMinute) / kDay);
      if (t.getTime() >= fromMs && number % days === 0) ticks.push(t.getTime());
      t.setDate(t.getDate() + 1);
    }
  }
  return {ticks, stepMs};
}

// Round values between low and high: about as many as wanted, two more at most.
export function valueTicks(low: number, high: number, wanted = 5): {ticks: number[]; step: number} {
  const raw = (high - low) / wanted;
  if (!(raw > 0) || !Number.isFinite(raw)) return {ticks: [low], step: 1};
  const power = 10 ** Math.floor(Math.log10(raw));
  let step = power * 10;
  for (const factor of [1, 2, 5]) {
    if ((high - low) / (power * factor) <= wanted + 2) {
      step = power * factor;
      break;
    }
  }
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // So near to each other that doubles cannot tell the ticks apart.
  if (!(Math.max(Math.abs(first), Math.abs(last)) < 2 ** 52)) return {ticks: [low], step: raw};
  const ticks: number[] = [];
  for (let k = first; k <= last; k++) ticks.push(k * step);
  return {ticks, step};
}
