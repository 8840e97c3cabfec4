// SPDX-License-Identifier: Apache-2.0
// What an answer lacks is said in the exact words, newest first, and never better than it is.
import assert from 'node:assert/strict';
import test from 'node:test';
import {describe} from '../src/words/describe';
import type {CompletenessInput} from '../src/words/types';

const ms = (text: string): number => Date.parse(text);
const plain = (text: string): string => text.replace(/\u00a0/g, ' ');
const base: CompletenessInput = {
  completeness: {complete: false, as_of: '2026-11-21T00:04:34Z', share: 1, to: '2026-11-21T00:04:30Z', expected: 3},
  gateways: ['attic', 'cellar', 'hall'],
  heard: new Map(
    ['attic', 'cellar', 'hall'].map((name) => [
      name,
      {frontier: ms('2026-11-21T00:04:30Z'), since: ms('2026-11-01T00:00:00Z')},
    ]),
  ),
  coarse: [],
  fromMs: ms('2026-11-20T00:05:00Z'),
  toMs: ms('2026-11-21T00:05:00Z'),
  nowMs: ms('2026-11-21T00:04:35Z'),
  askedMs: ms('2026-11-21T00:04:34Z'),
  hungMs: null,
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
  // The others are as far as they said themselves, whoever is behind.
  assert.equal(words.lanes.find((lane) => lane.gateway === 'hall')!.solid[1], ms('2026-11-21T00:04:30Z'));
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

const past = {
  ...base,
  live: false,
  fromMs: ms('2026-11-20T22:00:00Z'),
  toMs: ms('2026-11-21T00:00:00Z'),
  completeness: {...base.completeness, complete: true, to: '2026-11-21T00:00:00Z'},
};
const said = (words: {explain: {text: string}[]}): string => plain(words.explain.map((part) => part.text).join(''));

test('of a range that ended even an online gateway counts as behind until it has passed the end', () => {
  const words = describe({
    ...past,
    completeness: {
      ...past.completeness,
      complete: false,
      behind: [{...attic, state: 'online', frontier: '2026-11-20T23:59:20Z'}],
    },
  });
  assert.equal(words.mark, 'late');
  assert.equal(words.headline, 'Complete to 23:59:20');
});

test('a range that ends in the time to come is no alarm: nobody is late for what has not been', () => {
  const words = describe({
    ...base,
    live: false,
    completeness: {
      ...base.completeness,
      share: 0,
      to: '2026-11-21T00:04:20Z',
      behind: ['attic', 'cellar', 'hall'].map((gateway) => ({
        ...attic,
        gateway,
        state: 'online',
        frontier: '2026-11-21T00:04:20Z',
      })),
    },
  });
  assert.equal(words.mark, 'complete');
  assert.equal(words.headline, 'Complete to 00:04:20');
  assert.deepEqual(words.lacks, []);
  assert.match(said(words), /^All 3 gateways have passed 00:04:20\. .*ends at 00:05:00, which is still to come\.$/);
  for (const lane of words.lanes) {
    assert.equal(lane.hatch, null);
    assert.equal(lane.solid[1], ms('2026-11-21T00:04:20Z'));
  }
});

test('what the server calls complete is complete, and nothing else is', () => {
  assert.equal(describe(past).headline, 'Complete');
  assert.equal(describe(past).mark, 'complete');
  const words = describe({...past, completeness: {...past.completeness, complete: false}});
  assert.equal(words.mark, 'unknown');
  assert.equal(words.headline, 'Not known to be complete');
});

test('what a server does not tell is not known: then the picture is here, not complete', () => {
  const words = describe({...base, completeness: {share: 1, to: '2026-11-21T00:04:30Z', expected: 3}});
  assert.equal(words.mark, 'unknown');
  assert.equal(words.headline, 'Here to 00:04:30');
  assert.match(said(words), /does not say up to when it knows all that was sent/);
});

test('an answer is complete no further than its log is read', () => {
  const words = describe({
    ...past,
    completeness: {...past.completeness, complete: false, as_of: '2026-11-20T23:40:00Z'},
  });
  assert.equal(words.mark, 'unknown');
  assert.match(said(words), /Its log is read up to 23:40:00/);
  for (const lane of words.lanes) assert.equal(lane.solid[1], ms('2026-11-20T23:40:00Z'));
});

test('a gateway that might hold something is named, and keeps the disc from being full', () => {
  const words = describe({
    ...past,
    completeness: {
      ...past.completeness,
      complete: false,
      to: '2026-11-20T23:10:00Z',
      possible: {count: 1, gateways: ['gw2']},
    },
  });
  assert.equal(words.mark, 'late');
  assert.equal(words.headline, 'Complete to 23:10:00');
  assert.equal(words.lacks[0]!.title, 'Possibly gw2');
  const many = describe({
    ...past,
    completeness: {...past.completeness, complete: false, possible: {count: 40, gateways: ['a', 'b']}},
  });
  assert.equal(plain(many.lacks[0]!.title), 'Possibly 40 other gateways');
});

test('rows that lie across a bound are named with their count; what was really answered is said', () => {
  const words = describe({
    ...past,
    completeness: {
      ...past.completeness,
      complete: false,
      answered: {from: '2026-11-20T22:00:00Z', to: '2026-11-20T23:50:00Z'},
      straddling: [
        {start: '2026-11-20T23:00:00Z', width: 3600, count: 180},
        {start: '1970-01-01T00:00:00Z', width: 0, count: 1},
      ],
    },
  });
  assert.equal(words.mark, 'unknown');
  assert.equal(words.headline, 'Lacks what is named below');
  assert.equal(plain(words.lacks[0]!.title), 'A window of 1 h, 23:00 \u2013 00:00');
  assert.match(plain(words.lacks[0]!.text), /^180 readings/);
  assert.equal(words.lacks[1]!.title, 'Merged into all time');
  assert.match(said(words), /Answered for 22:00 \u2013 23:50\./);
});

test('time before a gateway was known is not known', () => {
  const since = ms('2026-11-20T23:00:00Z');
  const heard = new Map(base.gateways.map((name) => [name, {frontier: ms('2026-11-21T00:04:30Z'), since}]));
  const words = describe({...past, heard, completeness: {...past.completeness, complete: false}});
  assert.deepEqual(words.lanes[0]!.unknown, [[past.fromMs, since]]);
  assert.equal(words.lanes[0]!.solid[0], since);
  assert.match(said(words), /Nobody was known before 23:00:00\./);
});

test('nobody expected is nothing known, not completeness', () => {
  const words = describe({
    ...past,
    gateways: [],
    completeness: {complete: false, as_of: '2026-11-21T00:04:34Z', share: null, to: '', expected: 0},
  });
  assert.equal(words.headline, 'Not known');
  assert.equal(words.mark, 'unknown');
});

test('when the server hangs the lanes stop where it last spoke, and nothing is called complete', () => {
  const hungMs = ms('2026-11-21T00:04:34Z');
  const words = describe({...base, nowMs: ms('2026-11-21T00:04:58Z'), hungMs});
  assert.equal(words.mark, 'unknown');
  assert.match(said(words), /says nothing since 00:04:34/);
  for (const lane of words.lanes) {
    assert.ok(lane.solid[1] <= hungMs);
    assert.deepEqual(lane.unknown, [[hungMs, ms('2026-11-21T00:04:58Z')]]);
    assert.equal(lane.word, 'not known');
  }
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
