// SPDX-License-Identifier: Apache-2.0
// How figures are written: decimals, groups, signs, durations, times.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  count,
  decimalsFor,
  decimalsOfAll,
  duration,
  moment,
  number,
  quantileDecimals,
  share,
  span,
  tick,
  tickOffset,
  width,
} from '../src/format';
import {stripSpan} from '../src/model/hist';
import {valueTicks} from '../src/time';

const ms = (text: string): number => Date.parse(text);

test('decimals are two significant digits of the greatest deviation and one more, never less than none', () => {
  assert.equal(decimalsFor(2.15), 2);
  assert.equal(decimalsFor(0.59), 3);
  assert.equal(decimalsFor(15), 1);
  assert.equal(decimalsFor(1234), 0);
  assert.equal(decimalsFor(1e-12), 14);
  assert.equal(decimalsFor(null), 2);
  assert.equal(decimalsFor(0), 2);
});

test('what never varied is written by its size: neither as 0.00 nor with decimals that say nothing', () => {
  assert.equal(decimalsOfAll([{stddev: null, min: 21.5, max: 21.5}]), 2);
  assert.equal(decimalsOfAll([{stddev: 0, min: -12345678901, max: -12345678901}]), 0);
  assert.equal(decimalsOfAll([{stddev: null, min: 0, max: 0}, null]), 2);
  const d = decimalsOfAll([{stddev: 0, min: 0.0042, max: 0.0042}]);
  assert.equal(number(0.0042, d), '0.00420');
  assert.equal(number(-1e-300, decimalsOfAll([{stddev: null, min: -1e-300, max: -1e-300}])), '\u22121.00e\u2212300');
  assert.equal(decimalsOfAll([{stddev: 2.15, min: 1e9, max: 1e9}]), 2);
});

test('the last digit of a quantile is the greatest power of ten not above a quarter of its bounds', () => {
  assert.equal(quantileDecimals(21.7, 22.6, 2), 1);
  assert.equal(quantileDecimals(52.81, 52.95, 2), 2);
  assert.equal(quantileDecimals(0, 0.4, 2), 1);
  assert.equal(quantileDecimals(0, 400, 2), 0);
  assert.equal(quantileDecimals(5, 5, 3), 3);
});

test('what is not zero is not written as zero: small values have the digits they have', () => {
  assert.equal(number(0.000001, 2), '1.0e\u22126');
  assert.equal(number(-0.001, 1), '\u22120.001');
  assert.equal(number(0.00042, 1), '0.00042');
  // A metric of such size as a whole: the deviation says how many digits.
  const d = decimalsOfAll([{stddev: 1.1e-10, min: 1e-9, max: 1.2e-9}]);
  assert.equal(number(1.1e-9, d), '1.100e\u22129');
  assert.equal(number(1.1e-9, d - 1), '1.10e\u22129');
  assert.equal(number(0, d), '0');
});

test('a figure has no more digits than a double', () => {
  assert.equal(number(1e12 + 0.5, 2), '1\u202f000\u202f000\u202f000\u202f000.50');
  assert.equal(number(1e14 + 0.25, 2), '100\u202f000\u202f000\u202f000\u202f000');
});

test('an axis far from zero tells what its labels are above', () => {
  const {ticks, step} = valueTicks(1e9 + 0.12, 1e9 + 0.87, 5);
  const offset = tickOffset(ticks);
  assert.equal(offset, 1e9);
  assert.equal(tick(ticks[0]! - offset, step), '0.2');
  const low = tickOffset(valueTicks(-1e9 - 3, -1e9 - 1, 5).ticks);
  assert.ok(low <= -1e9 - 3 && low > -1e9 - 20, String(low));
  assert.equal(tickOffset(valueTicks(20, 24, 5).ticks), 0);
  assert.equal(tickOffset(valueTicks(1000, 1004, 5).ticks), 0);
});

test('counts are in full, grouped by narrow no-break spaces', () => {
  assert.equal(count(18412907551), '18\u202f412\u202f907\u202f551');
  assert.equal(count(999), '999');
  assert.equal(count(1000), '1\u202f000');
});

test('a minus is U+2212, and zero has none', () => {
  assert.equal(number(-3.456, 1), '\u22123.5');
  assert.equal(number(-0, 1), '0.0');
  assert.equal(number(-1234.5, 1), '\u22121\u202f234.5');
});

test('what does not exist is a dash', () => {
  assert.equal(number(null, 2), '\u2013');
  assert.equal(number(NaN, 2), '\u2013');
});

test('durations have two units at most', () => {
  assert.equal(duration(21).replace(/\u00a0/g, ' '), '21 s');
  assert.equal(duration(13 * 60 + 5).replace(/\u00a0/g, ' '), '13 min');
  assert.equal(duration(26 * 60 + 40, true).replace(/\u00a0/g, ' '), '26 min 40 s');
  assert.equal(duration(5 * 3600 + 26 * 60 + 7).replace(/\u00a0/g, ' '), '5 h 26 min');
  assert.equal(duration(9 * 86400 + 2 * 3600 + 59).replace(/\u00a0/g, ' '), '9 d 2 h');
  assert.equal(duration(0).replace(/\u00a0/g, ' '), '0 s');
  assert.equal(width(900).replace(/\u00a0/g, ' '), '15 min');
});

test('a share is never rounded up to 100', () => {
  assert.equal(share(0.99999), '99.9\u00a0%');
  assert.equal(share(1), '100\u00a0%');
  assert.equal(share(0.971), '97.1\u00a0%');
});

test('only axes shorten thousands', () => {
  assert.equal(tick(12000, 2000), '12\u00a0k');
  assert.equal(tick(26, 2), '26');
  assert.equal(tick(0.3, 0.1), '0.3');
  assert.equal(tick(12500, 2500), '12.5\u00a0k');
  assert.equal(tick(50, 25), '50');
  assert.equal(tick(2.5, 2.5), '2.5');
});

test('the ticks of an axis differ in what is written, however large, small or near the values are', () => {
  for (const [low, high] of [
    [0, 1],
    [-0.3, 0.4],
    [21.2, 21.9],
    [-12.4e9, -12.3e9],
    [0.99e300, 1.01e300],
    [1e-300, 1.1e-300],
    [-2e-11, 2e-11],
    [-1e15, 1e15],
    [101325, 101326],
    [0, 1.7e308],
  ] as const) {
    const {ticks, step} = valueTicks(low, high);
    const texts = ticks.map((value) => tick(value, step));
    assert.ok(texts.length >= 3, `${low} to ${high}: ${texts.join(', ')}`);
    assert.equal(new Set(texts).size, texts.length, `${low} to ${high}: ${texts.join(', ')}`);
    for (const text of texts) assert.ok(!text.includes('-') && text.length <= 14, text);
  }
  // Doubles that are neighbours: an answer, not a loop without end.
  assert.ok(valueTicks(1e15, 1e15 + 0.125).ticks.length < 20);
  assert.ok(valueTicks(1e300, 1e300 * (1 + 2 ** -52)).ticks.length < 20);
});

test('a strip has a span for values that a double can hardly move from', () => {
  for (const value of [0, 21.5, 1e300, -1e300, 1.7e308]) {
    const flat = {
      count: 2,
      min: value,
      max: value,
      p5: {value, low: value, high: value},
      p95: {value, low: value, high: value},
    };
    const found = stripSpan([flat as never])!;
    assert.ok(found && Number.isFinite(found.low) && Number.isFinite(found.high) && found.high > found.low, `${value}`);
  }
});

test('a time of day stands alone within a day before the reference, with its date elsewhere', () => {
  const now = ms('2026-11-21T00:04:30Z');
  assert.equal(moment(ms('2026-11-20T23:51:20Z'), now), '23:51:20');
  assert.equal(moment(ms('2026-11-19T16:57:40Z'), now), '19 Nov 16:57:40');
  assert.equal(span(ms('2026-11-20T13:00:00Z'), ms('2026-11-20T16:30:00Z'), now), '13:00 \u2013 16:30');
  assert.equal(span(ms('2026-11-20T00:04:00Z'), ms('2026-11-21T00:04:00Z'), now), '20 Nov 00:04 \u2013 21 Nov 00:04');
  assert.equal(span(ms('2026-11-20T06:41:40Z'), ms('2026-11-20T07:08:20Z'), now), '06:41:40 \u2013 07:08:20');
});
