// SPDX-License-Identifier: Apache-2.0
// How numbers, durations and times are written on the page. Pure; every view goes through here, so that a figure looks
// the same everywhere.

export const kNarrow = '\u202f'; // narrow no-break space, between groups of thousands
export const kNbsp = '\u00a0';
export const kMinus = '\u2212';
const kEnDash = '\u2013';
export const kNone = kEnDash;

export const kMonths = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

// Decimals for a metric: two significant digits of its greatest standard deviation, and one more. Without a deviation
// its greatest value decides: a small one must not be written as 0.00.
export function decimalsFor(greatestSd: number | null, greatest = 1): number {
  if (greatestSd === null || !(greatestSd > 0) || !Number.isFinite(greatestSd)) {
    if (!(greatest > 0) || (greatest >= 0.1 && greatest < 1e6)) return 2;
    return greatest >= 1e6 ? 0 : 2 - Math.floor(Math.log10(greatest));
  }
  return Math.max(0, 2 - Math.floor(Math.log10(greatestSd)));
}

// The same from what is shown of the metric.
export function decimalsOfAll(
  all: ({stddev?: number | null; min?: number | null; max?: number | null} | null | undefined)[],
): number {
  const greatest = (values: (number | null | undefined)[]): number =>
    Math.max(0, ...values.map((v) => Math.abs(v ?? 0)));
  return decimalsFor(greatest(all.map((s) => s?.stddev)), greatest(all.flatMap((s) => [s?.min, s?.max])));
}

// Decimals of a quantile: its last digit is the greatest power of ten not above a quarter of its uncertainty, at most
// d.
export function quantileDecimals(low: number, high: number, d: number): number {
  const quarter = (high - low) / 4;
  if (!(quarter > 0)) return d;
  return Math.min(d, Math.max(0, -Math.floor(Math.log10(quarter) + 1e-12)));
}

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, kNarrow);
}

function power(value: number, digits: number): string {
  return value.toExponential(digits).replace('e+', 'e').replace(/-/g, kMinus);
}

const kDigitsMax = 15; // that a double tells apart
const kFixedMax = 6; // decimals; beyond, what is small is written as a power of ten
const kSmall = 1e-3;

// What is so small that d decimals say nothing of it: the digits it has, not a zero.
function small(value: number, d: number): string {
  const size = Math.abs(value);
  const first = Math.floor(Math.log10(size));
  if (d > kFixedMax) return power(value, Math.min(6, Math.max(0, d + first)));
  const sign = value < 0 ? kMinus : '';
  return size >= 1e-4 ? sign + String(Number(size.toPrecision(2))) : power(Number(value.toPrecision(2)), 1);
}

// A value with d decimals, fewer where a double has no digits for them; a small one with the digits it has; beyond the
// digits of a double as a power of ten. Only zero is written as zero.
export function number(value: number | null | undefined, d: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return kNone;
  const size = Math.abs(value);
  if (size >= 1e15) return power(value, 2);
  if (size > 0 && (size < 0.5 * 10 ** -d || (d > kFixedMax && size < kSmall))) return small(value, d);
  if (size === 0 && d > kFixedMax) return '0';
  const whole10 = Math.max(1, Math.floor(Math.log10(Math.max(1, size))) + 1);
  const text = size.toFixed(Math.min(d, kDigitsMax - whole10));
  const [whole, fraction] = text.split('.') as [string, string | undefined];
  const zero = Number(text) === 0;
  return (value < 0 && !zero ? kMinus : '') + grouped(whole) + (fraction ? `.${fraction}` : '');
}

export function count(value: number | null | undefined): string {
  return number(value, 0);
}

// "1 reading", "2 readings": the number in full.
export function counted(n: number, word: string): string {
  return `${count(n)} ${word}${n === 1 ? '' : 's'}`;
}

export function range(low: string, high: string): string {
  return `${low} ${kEnDash} ${high}`;
}

export function withUnit(text: string, unit: string): string {
  return unit && text !== kNone ? text + kNbsp + unit : text;
}

// A tick of an axis: as many decimals as its step needs; thousands shortened (12 k), the very large and small as powers
// of ten.
export function tick(at: number, step: number): string {
  const value = Math.abs(at) < step / 1000 ? 0 : at; // a multiple of the step may miss zero by a hair
  const beyond = Math.max(Math.abs(value), step) >= 1e15 || step < 1e-6;
  if (beyond && value === 0) return '0';
  if (beyond) {
    const digits = Math.floor(Math.log10(Math.abs(value)) + 1e-9) - Math.floor(Math.log10(step) + 1e-9);
    return power(value, Math.min(6, Math.max(0, digits)));
  }
  if (step >= 1000 && Math.abs(value) >= 1000) {
    const units: [number, string][] = [
      [1e12, 'T'],
      [1e9, 'G'],
      [1e6, 'M'],
      [1e3, 'k'],
    ];
    for (const [size, letter] of units) {
      if (step >= size / 1000 && Math.abs(value) >= size)
        return `${number(value / size, decimalsOf(step / size))}${kNbsp}${letter}`;
    }
  }
  return number(value, decimalsOf(step));
}

// What all ticks of an axis have in common, where they differ only in digits that would not fit beside it: the labels
// then tell what is above it. 0: nothing.
export function tickOffset(ticks: number[]): number {
  const low = Math.min(...ticks);
  const high = Math.max(...ticks);
  const reach = high - low;
  if (!(reach > 0) || Math.max(Math.abs(low), Math.abs(high)) < 1e4 * reach) return 0;
  const unit = 10 ** Math.ceil(Math.log10(reach));
  return Math.floor(low / unit) * unit;
}

// Those that tell steps apart.
function decimalsOf(step: number): number {
  const first = Math.floor(Math.log10(step) + 1e-9);
  // 2.5 and 0.25 have one more than their size says.
  const more = Math.abs(step / 10 ** first - Math.round(step / 10 ** first)) > 1e-6 ? 1 : 0;
  return Math.min(9, Math.max(0, more - first));
}

const kUnits: [number, string][] = [
  [86400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
];

// At most two units, rounded down: 21 s, 13 min, 5 h 26 min, 9 d 2 h. Seconds beside minutes only where they are not
// zero and asked for.
export function duration(seconds: number, exact = false): string {
  const whole = Math.max(0, Math.floor(seconds));
  for (let i = 0; i < kUnits.length; i++) {
    const [size, name] = kUnits[i]!;
    if (whole < size && size > 1) continue;
    const head = Math.floor(whole / size);
    const next = kUnits[i + 1];
    const rest = next ? Math.floor((whole % size) / next[0]) : 0;
    const second = next && rest > 0 && (exact || next[0] > 1) ? ` ${rest}${kNbsp}${next[1]}` : '';
    return `${head}${kNbsp}${name}${second}`;
  }
  return `0${kNbsp}s`;
}

// A width or a step: 10 s, 5 min, 1 h; never two units where one says it.
export function width(seconds: number): string {
  for (const [size, name] of kUnits)
    if (seconds >= size && seconds % size === 0) return `${seconds / size}${kNbsp}${name}`;
  return `${seconds}${kNbsp}s`;
}

const two = (n: number): string => String(n).padStart(2, '0');

// Local time of day; seconds only where asked for.
export function clock(ms: number, seconds = false): string {
  const t = new Date(ms);
  return `${two(t.getHours())}:${two(t.getMinutes())}${seconds ? `:${two(t.getSeconds())}` : ''}`;
}

// Seconds where they matter: where the time is not on a whole minute.
export function clockExact(ms: number): string {
  return clock(ms, Math.floor(ms / 1000) % 60 !== 0);
}

export function day(ms: number, year = false): string {
  const t = new Date(ms);
  return `${t.getDate()} ${kMonths[t.getMonth()]}${year ? ` ${t.getFullYear()}` : ''}`;
}

export function sameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

// A time of day is unambiguous on the day of the reference and within the 24 hours before it.
function near(ms: number, referenceMs: number): boolean {
  return sameDay(ms, referenceMs) || (ms <= referenceMs && referenceMs - ms < 86_400_000);
}

// "23:51:20" near the reference, "19 Nov 16:57:40" elsewhere.
export function moment(ms: number, referenceMs: number, seconds = true): string {
  const time = seconds ? clock(ms, true) : clockExact(ms);
  return near(ms, referenceMs) ? time : `${day(ms)} ${time}`;
}

export function span(fromMs: number, toMs: number, referenceMs: number): string {
  // From a day on, times alone would say "20:15 – 20:15".
  if (toMs - fromMs >= 86_400_000)
    return range(`${day(fromMs)} ${clockExact(fromMs)}`, `${day(toMs)} ${clockExact(toMs)}`);
  const from = `${near(fromMs, referenceMs) ? '' : `${day(fromMs)} `}${clockExact(fromMs)}`;
  const to = `${sameDay(fromMs, toMs) || near(fromMs, referenceMs) ? '' : `${day(toMs)} `}${clockExact(toMs)}`;
  return range(from, to);
}

// The zone's short name, "UTC" or "CET".
export function zone(ms: number): string {
  const parts = new Intl.DateTimeFormat('en-GB', {timeZoneName: 'short'}).formatToParts(ms);
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? 'UTC';
}

// Share as a percentage with one decimal, never rounded up to 100.
export function share(value: number): string {
  const percent = Math.floor(value * 1000) / 10;
  return `${percent.toFixed(percent === 100 || percent === 0 ? 0 : 1)}${kNbsp}%`;
}

// "not_a_number" → "not a number".
export function reason(code: string): string {
  return code.replace(/[_-]+/g, ' ');
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// The name of a metric where it stands as a word of its own: "Memory available", "CO".
export function metricName(name: string): string {
  return /^[a-z]{1,3}$/i.test(name) ? name.toUpperCase() : capital(name.replace(/_/g, ' '));
}

export function list(names: string[]): string {
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
}
