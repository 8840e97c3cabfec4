// SPDX-License-Identifier: Apache-2.0
// The fleet in rows: one state a gateway, the order a person needs, every gateway found and counted, fast at 10 000.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  fleetRows,
  kFilters,
  kSortKeys,
  selectRows,
  siteLines,
  stateOf,
  summarize,
  visibleRows,
} from '../src/model/fleet';
import type {Gateway} from '../src/api';
import {syntheticFleet} from '../../../tests/browser/synthetic.mjs';

const kNow = Date.parse('2026-11-21T00:04:35Z');
const gateway = (change: Partial<Gateway>): Gateway => ({
  gateway: 'attic',
  state: 'online',
  version: '1',
  frontier: '2026-11-21T00:04:20Z',
  mark: '2026-11-21T00:04:30Z',
  last_seen: '2026-11-21T00:04:30Z',
  devices: 1,
  ...change,
});

test('what needs a person goes before being silent, silent before late, and retired before all', () => {
  assert.equal(stateOf(gateway({}), kNow), 'complete');
  assert.equal(stateOf(gateway({frontier: '2026-11-21T00:03:00Z'}), kNow), 'late');
  assert.equal(stateOf(gateway({state: 'late'}), kNow), 'late');
  assert.equal(stateOf(gateway({state: 'offline'}), kNow), 'silent');
  assert.equal(stateOf(gateway({state: 'silent', parked: 3}), kNow), 'parked');
  assert.equal(stateOf(gateway({state: 'silent', alarms: ['cloned: x']}), kNow), 'parked');
  assert.equal(stateOf(gateway({state: 'retired', parked: 3}), kNow), 'retired');
});

test('a status of which everything is missing makes a row all the same', () => {
  for (const status of [null, {}, {outbox: {}}, {outbox: {waiting_by_width: {'0': 3, '60': 1}, waiting: 4}}]) {
    const row = fleetRows([gateway({status})], [], kNow)[0]!;
    assert.equal(row.flight, 0);
    assert.equal(row.widest, status?.outbox && 'waiting' in status.outbox ? 0 : -1);
  }
});

test('alarms are said in words, and labels and sites come from the devices', () => {
  const rows = fleetRows(
    [gateway({alarms: ['restored: gateway attic went on']}), gateway({gateway: 'hall'})],
    [
      {device: 'a', labels: {site: 'Brno', line: '7', unit: 'C'}, gateways: ['hall'], metrics: [], last_seen: ''},
      {device: 'b', labels: {site: 'Brno', line: '8'}, gateways: ['hall'], metrics: [], last_seen: ''},
    ],
    kNow,
  );
  assert.equal(rows[0]!.alarm, 'SD card restored');
  assert.equal(rows[1]!.site, 'Brno');
  assert.equal(rows[1]!.labels, 'site=Brno  line=7+8');
  assert.deepEqual(
    selectRows(rows, 'LINE=7', '', '').map((row) => row.name),
    ['hall'],
  );
});

test('at first those stand that need a person, then the furthest behind', () => {
  const rows = fleetRows(
    [
      gateway({gateway: 'well'}),
      gateway({gateway: 'late', frontier: '2026-11-20T22:00:00Z'}),
      gateway({gateway: 'later', frontier: '2026-11-20T12:00:00Z'}),
      gateway({gateway: 'silent', state: 'silent', frontier: '2026-11-20T23:00:00Z'}),
      gateway({gateway: 'parked', parked: 1}),
      gateway({gateway: 'gone', state: 'retired', frontier: '2020-01-01T00:00:00Z'}),
    ],
    [],
    kNow,
  );
  assert.deepEqual(
    selectRows(rows, '', '', '').map((row) => row.name),
    ['parked', 'silent', 'later', 'late', 'well', 'gone'],
  );
  const sum = summarize(rows, kNow);
  assert.equal(sum.expected, 5);
  assert.deepEqual(sum.counts, {parked: 1, silent: 1, late: 2, complete: 1, retired: 1});
  assert.equal(sum.completeTo, Date.parse('2026-11-20T12:00:00Z'));
  assert.equal(sum.share, 2 / 5); // the parked one is up to date with what it measures
});

test('every column sorts both ways, the unknown last, and equals by name', () => {
  const rows = fleetRows(syntheticFleet(300, kNow).gateways, [], kNow);
  rows[17]!.frontier = NaN;
  for (const key of kSortKeys) {
    const up = selectRows(rows, '', '', key);
    const down = selectRows(rows, '', '', `-${key}`);
    assert.equal(new Set(up).size, 300);
    assert.equal(new Set(down).size, 300);
    assert.deepEqual(selectRows([...rows].reverse(), '', '', key), up, `${key} depends on the order before`);
  }
  assert.ok(Number.isNaN(selectRows(rows, '', '', 'behind')[299]!.frontier));
});

test('10 000 gateways: each is found, counted once, sorted and filtered within 8 ms', () => {
  const fleet = syntheticFleet(10_000, kNow);
  const began = performance.now();
  const rows = fleetRows(fleet.gateways, fleet.devices, kNow);
  const made = performance.now() - began;
  assert.equal(rows.length, 10_000);
  const sum = summarize(rows, kNow);
  assert.equal(
    Object.values(sum.counts).reduce((a, b) => a + b, 0),
    10_000,
  );
  for (const i of [0, 1, 4999, 9999])
    assert.ok(selectRows(rows, fleet.gateways[i]!.gateway, '', '').some((row) => row.gateway === fleet.gateways[i]));
  assert.equal(
    kFilters.slice(0, 4).reduce((n, one) => n + selectRows(rows, '', one.key, '').length, 0),
    10_000,
  );
  const times: number[] = [];
  for (let k = 0; k < 40; k++) {
    const start = performance.now();
    selectRows(rows, k % 2 ? 'porto oven' : '', '', ['', 'name', '-behind', 'outbox'][k % 4]!);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  console.log(
    `# rows of 10 000 made in ${made.toFixed(1)} ms; ` +
      `sorted and filtered in ${times[20]!.toFixed(1)} ms (median), ${times[39]!.toFixed(1)} ms (longest)`,
  );
  // The goal is 8 ms; other programs may share this machine.
  assert.ok(times[20]! < 24, `${times[20]} ms`);
});

test('of a list only what is seen exists, wherever it is scrolled to', () => {
  for (const scroll of [0, 1, 31 * 5000, 31 * 10_000]) {
    const {first, last} = visibleRows(10_000, 31, scroll, 600);
    assert.ok(last - first <= 40, `${last - first} rows`);
    assert.ok(first * 31 <= scroll);
    assert.ok(last === 10_000 || last * 31 >= scroll + 600);
  }
  assert.deepEqual(visibleRows(3, 31, 0, 600), {first: 0, last: 3});
  assert.deepEqual(visibleRows(0, 31, 500, 600), {first: 0, last: 0});
});

test('the field has every gateway that is not retired, at its site', () => {
  const fleet = syntheticFleet(500, kNow);
  const lines = siteLines(fleetRows(fleet.gateways, fleet.devices, kNow));
  assert.equal(lines.length, 8);
  assert.equal(
    lines.reduce((n, line) => n + line.states.length, 0),
    500,
  );
});
