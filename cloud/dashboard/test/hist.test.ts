// SPDX-License-Identifier: Apache-2.0
// A strip shows all readings: those at its very top too, and says what lies beyond it.
import assert from 'node:assert/strict';
import test from 'node:test';
import {beyond, bins, spread} from '../src/model/hist';

const ones = (index: number, count: number) => ({
  scale: 0,
  zero: 0,
  positive: {offset: [index], counts: [count]},
  negative: {offset: [], counts: []},
});

test('readings that all lie at the top of the span are in its last cell', () => {
  const cells = new Float64Array(10);
  spread(bins(ones(-1, 42), 1, 1), 1, cells, 0, 10, 0, 1);
  assert.equal(cells[9], 42);
});

test('readings beyond the span are counted on the side on which they lie', () => {
  const all = bins(ones(9, 3), 900, 900);
  assert.deepEqual(beyond(all, 0, 100), {below: 0, above: 3});
  assert.deepEqual(beyond(all, 1000, 2000), {below: 3, above: 0});
  assert.deepEqual(beyond(all, 0, 1000), {below: 0, above: 0});
});
