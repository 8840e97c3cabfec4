// SPDX-License-Identifier: Apache-2.0
// How figures are written: decimals, groups, signs, durations, times.
import assert from 'node:assert/strict';
import test from 'node:test';
import {count, decimalsFor, duration, moment, number, quantileDecimals, share, span, tick, width} from '../src/format';

const ms = (text: string): number => Date.parse(text);

test('decimals are two significant digits of the greatest deviation and one more, within 0 and 6', () => {
  assert.equal(decimalsFor(2.15), 2);
  assert.equal(decimalsFor(0.59), 3);
  assert.equal(decimalsFor(15), 1);
  assert.equal(decimalsFor(1234), 0);
  assert.equal(decimalsFor(1e-12), 6);
  assert.equal(decimalsFor(null), 2);
  assert.equal(decimalsFor(0), 2);
});

test('the last digit of a quantile is the greatest power of ten not above a quarter of its bounds', () => {
  assert.equal(quantileDecimals(21.7, 22.6, 2), 1);
  assert.equal(quantileDecimals(52.81, 52.95, 2), 2);
  assert.equal(quantileDecimals(0, 0.4, 2), 1);
  assert.equal(quantileDecimals(0, 400, 2), 0);
  assert.equal(quantileDecimals(5, 5, 3), 3);
});

test('counts are in full, grouped by narrow no-break spaces', () => {
  assert.equal(count(18412907551), '18\u202f412\u202f907\u202f551');
  assert.equal(count(999), '999');
  assert.equal(count(1000), '1\u202f000');
});

test('a minus is U+2212, and a rounded zero has none', () => {
  assert.equal(number(-3.456, 1), '\u22123.5');
  assert.equal(number(-0.001, 1), '0.0');
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
});

test('a time of day stands alone within a day before the reference, with its date elsewhere', () => {
  const now = ms('2026-11-21T00:04:30Z');
  assert.equal(moment(ms('2026-11-20T23:51:20Z'), now), '23:51:20');
  assert.equal(moment(ms('2026-11-19T16:57:40Z'), now), '19 Nov 16:57:40');
  assert.equal(span(ms('2026-11-20T13:00:00Z'), ms('2026-11-20T16:30:00Z'), now), '13:00 \u2013 16:30');
  assert.equal(span(ms('2026-11-20T06:41:40Z'), ms('2026-11-20T07:08:20Z'), now), '06:41:40 \u2013 07:08:20');
});
