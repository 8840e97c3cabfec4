// SPDX-License-Identifier: Apache-2.0
// What an answer lacks is said in the exact words, newest first, and never better than it is.
import assert from 'node:assert/strict';
import test from 'node:test';
import {describe} from '../src/words/describe';
import type {CompletenessInput} from '../src/words/types';

const ms = (text: string): number => Date.parse(text);
const plain = (text: string): string => text.replace(/\u00a0/g, ' ');
const base: CompletenessInput = {
  completeness: {share: 1, to: '2026-11-21T00:04:30Z', expected: 3},
  gateways: ['attic', 'cellar', 'hall'],
  frontiers: new Map(['cellar', 'hall'].map((name) => [name, ms('2026-11-21T00:04:30Z')])),
  coarse: [],
  fromMs: ms('2026-11-20T00:05:00Z'),
  toMs: ms('2026-11-21T00:05:00Z'),
  nowMs: ms('2026-11-21T00:04:35Z'),
  live: true,
};
const attic = {
  gateway: 'attic',
  frontier: '2026-11-20T23:51:20Z',
  mark: '2026-11-20T23:51:22Z',
  last_seen: '2026-11-20T23:51:22Z',
  state: 'silent',
};

test('a live answer that lacks nothing is complete to the least frontier', () => {
  const words = describe(base);
  assert.equal(words.mark, 'complete');
  assert.equal(words.headline, 'Complete to 00:04:30');
  assert.deepEqual(words.lacks, []);
});

test('a silent gateway is named, with how long and what happens to what it holds', () => {
  const words = describe({
    ...base,
    completeness: {...base.completeness, share: 2 / 3, to: attic.frontier, behind: [attic]},
  });
  assert.equal(words.headline, 'Complete to 23:51:20');
  assert.equal(words.mark, 'late');
  assert.equal(
    plain(words.explain.map((part) => part.text).join('')),
    '2 of 3 gateways have passed 00:04:30. attic is 13 min behind; what it holds will appear here by itself.',
  );
  assert.equal(words.lacks[0]!.title, 'attic, 23:51:20 until now');
  assert.equal(plain(words.lacks[0]!.text), 'Silent for 13 min. What it measures waits there.');
  assert.equal(words.lanes.find((lane) => lane.gateway === 'attic')!.word, 'silent');
});

test('a live gateway some seconds behind another is not late', () => {
  const words = describe({
    ...base,
    completeness: {
      ...base.completeness,
      to: '2026-11-21T00:04:20Z',
      behind: [{...attic, state: 'online', frontier: '2026-11-21T00:04:20Z'}],
    },
  });
  assert.equal(words.mark, 'complete');
  assert.equal(words.headline, 'Complete to 00:04:20');
});

test('of a fixed range even an online gateway counts as behind until it has passed the end', () => {
  const words = describe({
    ...base,
    live: false,
    completeness: {...base.completeness, behind: [{...attic, state: 'online', frontier: '2026-11-21T00:04:20Z'}]},
  });
  assert.equal(words.mark, 'late');
});

test('gap, coarse windows and rejected readings are listed newest first', () => {
  const words = describe({
    ...base,
    coarse: [
      {
        gateway: 'hall',
        from: ms('2026-11-20T13:00:00Z'),
        to: ms('2026-11-20T16:30:00Z'),
        width: 900_000,
        windows: [],
        whole: false,
      },
    ],
    completeness: {
      ...base.completeness,
      behind: [attic],
      rejected: {not_a_number: 5},
      gaps: [{gateway: 'cellar', from: '2026-11-20T06:41:40Z', to: '2026-11-20T07:08:20Z', cause: 'not running'}],
    },
  });
  assert.deepEqual(
    words.lacks.map((lack) => lack.mark),
    ['silent', 'coarse', 'gap', 'rejected'],
  );
  assert.equal(words.lacks[1]!.title, 'hall, 13:00 \u2013 16:30');
  assert.equal(
    plain(words.lacks[1]!.text),
    'Came in 15 min windows after an uplink outage. Counts, means and extremes are exact; only detail in time is gone.',
  );
  assert.equal(words.lacks[2]!.title, 'cellar, 06:41:40 \u2013 07:08:20');
  assert.equal(words.lacks[2]!.text, 'Gap: the gateway was not running. Nothing from this time was accepted.');
  assert.equal(words.lacks[3]!.title, '5 readings rejected');
  assert.equal(words.lacks[3]!.text, 'Not a number. Counted, not merged.');
});

test('with many gateways the headline is a share that is never rounded up', () => {
  const gateways = Array.from({length: 2000}, (_, i) => `g${i}`);
  const words = describe({
    ...base,
    gateways,
    completeness: {...base.completeness, expected: 2000, behind: [{...attic, gateway: 'g7'}]},
  });
  assert.equal(plain(words.headline), '99.9 % complete');
});

test('lost partials are counted', () => {
  const words = describe({
    ...base,
    completeness: {...base.completeness, lost: [{gateway: 'hall', seqs: '12-49', cause: 'log_hole'}]},
  });
  assert.equal(words.lacks[0]!.text, 'Lost at gateway, 38 partials. Log hole.');
});

test('times that are estimates are said, and stand in the lane', () => {
  const words = describe({
    ...base,
    completeness: {
      ...base.completeness,
      estimated: [{gateway: 'hall', from: '2026-11-20T13:00:00Z', to: '2026-11-20T13:12:00Z'}],
    },
  });
  assert.equal(words.lacks[0]!.mark, 'estimated');
  assert.match(words.lacks[0]!.text, /^Times are estimates/);
  assert.deepEqual(words.lanes.find((lane) => lane.gateway === 'hall')!.estimated, [
    [ms('2026-11-20T13:00:00Z'), ms('2026-11-20T13:12:00Z')],
  ]);
  assert.equal(words.headline, 'Complete to 00:04:30');
});

test('of many gateways behind the furthest are named, and a link leads to the others', () => {
  const behind = Array.from({length: 40}, (_, i) => ({
    ...attic,
    gateway: `g${String(i).padStart(2, '0')}`,
    frontier: new Date(ms('2026-11-20T20:00:00Z') + i * 60_000).toISOString(),
  }));
  const words = describe({...base, completeness: {...base.completeness, expected: 50, behind}});
  const lines = words.lacks.filter((lack) => lack.mark === 'silent' || lack.mark === 'late');
  assert.equal(lines.length, 6);
  assert.deepEqual(lines.find((lack) => lack.go)!.go, {word: 'Which', to: '/fleet?show=behind'});
  assert.match(plain(lines.find((lack) => lack.go)!.title), /^35 more gateways behind$/);
  assert.ok(lines.some((lack) => lack.title.startsWith('g00,')));
  assert.ok(!lines.some((lack) => lack.title.startsWith('g39,')));
});

test('the partition that did not answer is named', () => {
  const words = describe({
    ...base,
    completeness: {...base.completeness, partitions: {expected: 16, answered: 15, missing: [11]}},
  });
  assert.equal(words.lacks[0]!.title, 'Partition 11 did not answer');
  assert.equal(words.lacks[0]!.go!.word, 'Which');
});
