// SPDX-License-Identifier: Apache-2.0
// Where readings are: amounts add up over the fleet, delays are of the rank they say, what is wrong stands first.
import assert from 'node:assert/strict';
import test from 'node:test';
import {amountsOf, delayHeat, delaysOf, lagsOf, recoveryText, rejectedOf, troublesOf} from '../src/model/system';
import type {Gateway, SystemAnswer} from '../src/api';
import {syntheticFleet} from '../../../tests/browser/synthetic.mjs';

const kNow = Date.parse('2026-11-21T00:04:35Z');
const answer: SystemAnswer = {
  time: '2026-11-21T00:04:35Z',
  merged: {readings: 12, since: null},
  delay_buckets: {least_ms: 1, per_octave: 4},
  minutes: [
    {
      start: '2026-11-21T00:03:00Z',
      messages: 10,
      posts: 0,
      rejected: 0,
      delays: [
        [16, 9],
        [40, 1],
      ],
    }, // 16 ms, 1,024 ms
    {start: '2026-11-20T23:04:00Z', messages: 10, posts: 0, rejected: 0, delays: [[28, 10]]}, // 128 ms, an hour ago
  ],
  log: {
    durability: 'power',
    partitions: [
      {partition: 0, position: 5, end: 9},
      {partition: 1, position: 3, end: 3},
    ],
  },
};
const gateway = (name: string, change: Partial<Gateway>): Gateway => ({
  gateway: name,
  state: 'online',
  version: '1',
  frontier: '',
  mark: '',
  last_seen: '',
  devices: 1,
  ...change,
});

test('amounts are the sum over the gateways that are not retired', () => {
  const gateways = [
    gateway('a', {
      status: {
        open_windows: 4,
        time: '2026-11-20T12:00:30Z',
        outbox: {waiting: 3, flight: 2, oldest_waiting: '2026-11-20T12:00:00Z'},
        counters: {accepted: 100},
      },
    }),
    gateway('b', {
      status: {outbox: {waiting: 5, flight: 0, oldest_waiting: '2026-11-19T12:00:00Z'}},
      parked: 7,
      lost: [
        {gateway: 'b', seqs: '3-5', cause: 'x'},
        {gateway: 'b', seqs: '9', cause: 'x'},
      ],
    }),
    gateway('c', {state: 'retired', status: {outbox: {waiting: 1000}}}),
    gateway('d', {status: null}),
  ];
  const a = amountsOf(gateways, answer);
  assert.deepEqual(a, {
    open: 4,
    waiting: 8,
    waitingAt: 2,
    oldestWaiting: Date.parse('2026-11-19T12:00:00Z'),
    flight: 2,
    flightAt: 1,
    log: 4,
    parked: 7,
    lost: 4,
    accepted: 100,
    toldAt: Date.parse('2026-11-20T12:00:30Z'),
  });
  assert.equal(amountsOf(gateways, {...answer, log: undefined} as unknown as SystemAnswer).log, -1);
  assert.equal(amountsOf(syntheticFleet(1000, kNow).gateways, null).accepted, 1_000_000_000);
});

test('a partition whose aggregator does not answer has no lag, and is not one without', () => {
  const log = {...answer.log!, missing: [2, 4]};
  assert.deepEqual(lagsOf(log), [
    {partition: 0, lag: 4},
    {partition: 1, lag: 0},
    {partition: 2, lag: null},
    {partition: 4, lag: null},
  ]);
});

test('the last recovery says what was found, where there was one', () => {
  const service = {service: 'aggregator 0', state: 'ready', trouble: '', partitions: [0]};
  assert.equal(recoveryText(service), null);
  const last_recovery = {kind: 'log_outage', ended: '2026-11-21T00:00:00Z', seconds: 204, amounts: {records: 18204}};
  const found = recoveryText({...service, last_recovery})!;
  assert.equal(found.text, 'log outage');
  assert.equal(found.title.replace(/\s/g, ' '), '3 min 24 s, 18 204 records');
  const quick = recoveryText({...service, last_recovery: {...last_recovery, seconds: 0.4}})!;
  assert.equal(quick.title.replace(/\s/g, ' '), '400 ms, 18 204 records');
});

test('a quantile is the upper edge of the bucket of its rank', () => {
  const d = delaysOf(answer);
  assert.equal(d.count, 20);
  assert.equal(d.quantile(0.45), 2 ** (17 / 4));
  assert.equal(d.quantile(0.5), 2 ** (29 / 4));
  assert.equal(d.quantile(0.99), 2 ** (41 / 4));
  assert.equal(delaysOf(null).quantile(0.5), null);
});

test('the heat map of delays has a column a minute, whose shares add up to one', () => {
  const heat = delayHeat(answer, kNow);
  const column = (c: number): number[] => [...heat.share.slice(c * heat.rows, (c + 1) * heat.rows)];
  assert.deepEqual(
    column(58)
      .map((s) => Math.round(s * 10) / 10)
      .filter((s) => s > 0),
    [0.9, 0.1],
  );
  assert.equal(
    column(59).reduce((a, b) => a + b, 0),
    0,
  );
  assert.equal([...heat.share].filter((s) => s > 0).length, 2, 'what is older than the hour is left out');
});

test('rejections are added up by reason over the fleet, the most first', () => {
  const all = rejectedOf([
    gateway('a', {rejected: {not_a_number: 2, future: 5}}),
    gateway('b', {rejected: {not_a_number: 9, bad_json: 0}}),
  ]);
  assert.deepEqual(all, [
    {reason: 'not_a_number', count: 11, at: ['a', 'b']},
    {reason: 'future', count: 5, at: ['a']},
  ]);
});

test('what waits for a decision stands before losses, losses before gaps, gaps newest first', () => {
  const gap = (from: string, to: string) => ({gateway: 'a', from, to, cause: 'stopped'});
  const all = troublesOf([
    gateway('a', {
      gaps: [gap('2026-11-19T00:00:00Z', '2026-11-19T00:01:00Z'), gap('2026-11-20T00:00:00Z', '2026-11-20T00:01:00Z')],
    }),
    gateway('b', {lost: [{gateway: 'b', seqs: '3', cause: 'x'}]}),
    gateway('c', {parked: 1}),
  ]);
  assert.deepEqual(
    all.map((one) => one.kind),
    ['parked', 'lost', 'gap', 'gap'],
  );
  assert.ok(all[2]!.from > all[3]!.from);
  const log = troublesOf([], [{partition: 3, from: 5, to: 9, cause: 'trimmed'}]);
  assert.deepEqual([log[0]!.kind, log[0]!.text, log[0]!.where], ['lost', 'records 5 to 8', 'log, partition 3']);
});
