// SPDX-License-Identifier: Apache-2.0
// Rows in typed arrays: replaced by (start, width), filled in where they belong, found by time.
import assert from 'node:assert/strict';
import test from 'node:test';
import {coarseSpans, isPlateau, Rows} from '../src/model/rows';

const row = (start: number, width: number, mean: number) => ({
  start,
  width,
  count: 2,
  mean,
  stddev: 0,
  min: mean,
  max: mean,
});
const means = (rows: Rows): number[] => Array.from({length: rows.length}, (_, i) => rows.value('mean', i)!);

// A small generator, so that a failure can be run again from its seed.
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test('rows come out ascending whatever the order they came in, and the last of equal start and width wins', () => {
  const seed = 7;
  console.log(`seed ${seed}`);
  const next = random(seed);
  const rows = new Rows();
  const model = new Map<string, [number, number, number]>();
  for (let k = 0; k < 2000; k++) {
    const width = next() < 0.2 ? 60 : 10;
    const start = Math.floor(next() * 300) * width * 1000;
    rows.put(row(start, width, k));
    model.set(`${start} ${width}`, [start, width, k]);
  }
  const expected = [...model.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  assert.equal(rows.length, expected.length);
  assert.deepEqual(
    means(rows),
    expected.map(([, , mean]) => mean),
  );
});

test('removing takes exactly the rows that start in the range', () => {
  const rows = new Rows();
  for (let k = 0; k < 10; k++) rows.put(row(k * 10_000, 10, k));
  rows.remove(30_000, 60_000);
  assert.deepEqual(means(rows), [0, 1, 2, 6, 7, 8, 9]);
  rows.remove(-Infinity, 70_000);
  assert.deepEqual(means(rows), [7, 8, 9]);
});

test('a time finds the row that covers it, and the nearest where none does', () => {
  const rows = new Rows();
  rows.put(row(0, 10, 1));
  rows.put(row(10_000, 900, 2));
  rows.put(row(2_000_000, 10, 3));
  assert.equal(rows.at(9_999), 0);
  assert.equal(rows.at(500_000), 1);
  assert.equal(rows.at(950_000), -1);
  assert.equal(rows.nearest(1_900_000), 2);
  assert.equal(rows.nearest(-5), 0);
  assert.equal(new Rows().nearest(0), -1);
});

test('rows wider than the step are coarse spans, apart where they are apart', () => {
  const rows = new Rows();
  rows.put(row(0, 10, 0));
  rows.put(row(900_000, 900, 0));
  rows.put(row(1_800_000, 900, 0));
  rows.put(row(9_000_000, 900, 0));
  const spans = coarseSpans(rows, 10_000);
  assert.deepEqual(
    spans.map((s) => [s.from, s.to, s.windows.length]),
    [
      [900_000, 2_700_000, 2],
      [9_000_000, 9_900_000, 1],
    ],
  );
});

test('a row is a plateau if wider than the step or at least 6 px wide', () => {
  assert.equal(isPlateau(900_000, 300_000, 1e-6), true);
  assert.equal(isPlateau(300_000, 300_000, 6 / 300_000), true);
  assert.equal(isPlateau(300_000, 300_000, 3 / 300_000), false);
});

test('rows that overlap in time come apart into layers that do not, and none is lost', () => {
  const rows = new Rows();
  for (let k = 0; k < 90; k++) rows.put(row(k * 10_000, 10, k));
  assert.equal(rows.layers(10_000).length, 1);
  rows.put(row(0, 900, 1000));
  const layers = rows.layers(10_000);
  assert.deepEqual(
    layers.map((layer) => layer.length),
    [1, 90],
  );
  for (const layer of layers) for (let i = 1; i < layer.length; i++) assert.ok(layer.start(i) >= layer.end(i - 1));
});
