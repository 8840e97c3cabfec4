// SPDX-License-Identifier: Apache-2.0
// What decides a picture, without one: buckets, the heat map's shares, steps, ticks, fences, labels moved apart.
import assert from 'node:assert/strict';
import test from 'node:test';
import {moveApart} from '../src/chart/gutter';
import {scaleOf, SteadySpan} from '../src/model/scale';
import {bins, spread} from '../src/model/hist';
import {heatGrid, rampPosition} from '../src/heat/heat';
import {Rows} from '../src/model/rows';
import {autoStep, kHour, timeTicks, valueTicks} from '../src/time';

const near = (a: number, b: number): void =>
  assert.ok(Math.abs(a - b) < 1e-9 * Math.max(1, Math.abs(b)), `${a} is not ${b}`);

test('buckets ascend from the negative ones to the positive ones and are cut by minimum and maximum', () => {
  const b = bins(
    {scale: 0, zero: 3, positive: {offset: [0, 1], counts: [1, 2]}, negative: {offset: [0, 2], counts: [4, 5]}},
    -7,
    3,
  );
  assert.deepEqual([...b.low], [-7, -2, 0, 1, 2]);
  assert.deepEqual([...b.high], [-4, -1, 0, 2, 3]);
  assert.deepEqual([...b.count], [5, 4, 3, 1, 2]);
  assert.equal(b.total, 15);
});

test('spreading keeps the count where the cells cover the bins', () => {
  const b = bins(
    {scale: 1, zero: 1, positive: {offset: [-3, 0, 5], counts: [10, 20, 30]}, negative: {offset: [1], counts: [7]}},
    -1.9,
    7.5,
  );
  for (const size of [1, 7, 100, 999]) {
    const cells = new Float64Array(size);
    spread(b, 1, cells, 0, size, -2, 8);
    near(
      cells.reduce((x, y) => x + y, 0),
      68,
    );
  }
});

test('a wide row gives each column its share of time, and the shares of a column add up to one', () => {
  const rows = new Rows();
  const histogram = {
    scale: 4,
    zero: 0,
    positive: {offset: [32, 33], counts: [6, 2]},
    negative: {offset: [], counts: []},
  };
  rows.put({start: 0, width: 30, count: 8, mean: 4, stddev: 1, min: 4, max: 4.3, histogram});
  const grid = heatGrid([rows], 0, 40_000, 10_000, {low: 3, high: 5}, 20);
  for (let column = 0; column < 3; column++)
    near(
      grid.share.slice(column * 20, column * 20 + 20).reduce((x, y) => x + y, 0),
      1,
    );
  near(
    grid.share.slice(60).reduce((x, y) => x + y, 0),
    0,
  );
});

test('the ramp ends at the whole column and begins at half a percent', () => {
  assert.equal(rampPosition(1), 1);
  assert.ok(rampPosition(0.005) < 0.01);
});

test('the automatic step is the least that gives rows of 3 px', () => {
  assert.equal(autoStep(24 * kHour, 944), 300);
  assert.equal(autoStep(8 * kHour, 944), 120);
  assert.equal(autoStep(kHour, 944), 30);
  assert.equal(autoStep(15 * 60_000, 944), 10);
  assert.equal(autoStep(400 * 24 * kHour, 300), 86400);
});

test('ticks are round and inside', () => {
  const {ticks} = timeTicks(Date.parse('2026-11-20T00:10:00Z'), Date.parse('2026-11-21T00:10:00Z'), 944);
  assert.ok(ticks.length >= 6 && ticks.length <= 12);
  assert.ok(ticks.every((t) => t % kHour === 0));
  const values = valueTicks(18.1, 27.4);
  assert.deepEqual(values.ticks, [20, 22, 24, 26]);
  assert.ok(valueTicks(0, 1e-9).ticks.length >= 3);
});

test('one bad reading does not stretch the scale, and does with the full one', () => {
  const rows = new Rows();
  const q = (value: number) => ({value, low: value, high: value});
  for (let k = 0; k < 10; k++)
    rows.put({
      start: k * 10_000,
      width: 10,
      count: 100,
      mean: 20,
      stddev: 1,
      min: k === 5 ? -1000 : 19,
      max: 21,
      p5: q(19.2),
      p50: q(20),
      p95: q(20.8),
      p99: q(21),
    });
  assert.ok(scaleOf([rows], false)!.low > 15);
  assert.ok(scaleOf([rows], true)!.low < -1000);
  assert.equal(scaleOf([new Rows()], false), null);
});

test('nor in a row of so few readings that its 5th percentile is the bad one; a row that lies elsewhere does', () => {
  const q = (value: number) => ({value, low: value, high: value});
  const build = (odd: {min: number; p50: number; mean: number}): Rows => {
    const rows = new Rows();
    for (let k = 0; k < 40; k++) {
      const min = k === 7 ? odd.min : 19;
      const [p50, mean] = k === 7 ? [odd.p50, odd.mean] : [20, 20];
      rows.put({
        start: k * 10_000,
        width: 10,
        count: 12,
        mean,
        stddev: 1,
        min,
        max: 21,
        p5: q(min),
        p50: q(p50),
        p95: q(21),
        p99: q(21),
      });
    }
    return rows;
  };
  assert.ok(scaleOf([build({min: -100, p50: 20, mean: 19.5})], false)!.low > 10);
  assert.ok(scaleOf([build({min: -100, p50: -99, mean: -90})], false)!.low < -99);
});

test('a live scale grows at once and shrinks after half a minute', () => {
  const steady = new SteadySpan();
  steady.next({low: 0, high: 10}, 'a', 0);
  assert.deepEqual(steady.next({low: -5, high: 10}, 'a', 1000), {low: -5, high: 10});
  assert.deepEqual(steady.next({low: 0, high: 5}, 'a', 2000), {low: -5, high: 10});
  assert.deepEqual(steady.next({low: 0, high: 5}, 'a', 31_000), {low: -5, high: 10});
  assert.deepEqual(steady.next({low: 0, high: 5}, 'a', 33_000), {low: 0, high: 5});
  assert.deepEqual(steady.next({low: 7, high: 8}, 'b', 33_001), {low: 7, high: 8});
});

test('labels move apart to their pitch, keep their order and stay inside', () => {
  assert.deepEqual(moveApart([10, 50, 90], 15, 0, 100), [10, 50, 90]);
  assert.deepEqual(moveApart([50, 50], 20, 0, 100), [40, 60]);
  assert.deepEqual(moveApart([98, 99, 100], 15, 0, 100), [70, 85, 100]);
  const moved = moveApart([1, 2, 3, 60, 61], 15, 0, 100);
  for (let i = 1; i < moved.length; i++) assert.ok(moved[i]! - moved[i - 1]! >= 15 - 1e-9);
});
