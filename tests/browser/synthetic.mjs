// SPDX-License-Identifier: Apache-2.0
// A made-up fleet as GET /api/v1/devices would tell it: for lists of sizes that no demo has. The same for the same arguments.

export const kSites = ['Aachen', 'Brno', 'Graz', 'Leipzig', 'Lyon', 'Porto', 'Tampere', 'Turin'];
const kKinds = ['press', 'oven', 'line', 'pump', 'dock', 'hall', 'mill'];

function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}
const iso = (ms) => new Date(ms).toISOString().replace('.000Z', 'Z');

const kMinuteMs = 60_000;
const kRejected = ['not_a_number', 'future', 'no_value', 'bad_json'];

// Of n gateways some are late, silent, parked, rejected something or have gaps; the others are up to date. Up to 1 000 gateways have dozens of
// devices, more have two.
export function syntheticFleet(n, nowMs, seed = 1) {
  const next = random(seed);
  const gateways = [];
  const devices = [];
  const numbers = new Map();
  for (let i = 0; i < n; i++) {
    const site = kSites[Math.floor(next() * kSites.length)];
    const number = (numbers.get(site) ?? 0) + 1;
    numbers.set(site, number);
    const name = `${site.toLowerCase()}-${kKinds[Math.floor(next() * kKinds.length)]}-${String(number).padStart(2, '0')}`;
    const kind = i % 257 === 3 ? 'parked' : i % 131 === 7 ? 'silent' : i % 57 === 5 ? 'late' : 'well';
    const spread = next(); // from minutes to days, evenly by magnitude
    const away =
      kind === 'silent'
        ? Math.floor(20 * kMinuteMs * 10 ** (spread * 2.8))
        : 1000 + Math.floor(next() * 9000);
    const behind =
      kind === 'silent'
        ? away + 20_000
        : kind === 'late'
          ? Math.floor(2 * kMinuteMs * 10 ** (spread * 2.9))
          : 14_000 + Math.floor(next() * 8_000);
    const waiting =
      kind === 'silent' || kind === 'late'
        ? Math.min(2400, 30 + Math.floor(behind / 45_000))
        : Math.floor(next() * 14);
    const hours = behind / 3_600_000;
    const widths =
      kind === 'well' || kind === 'parked' || hours < 1
        ? {10: waiting}
        : hours < 12
          ? {10: Math.floor(waiting * 0.6), 60: Math.ceil(waiting * 0.4)}
          : {10: Math.floor(waiting * 0.33), 60: Math.floor(waiting * 0.44), 900: Math.ceil(waiting * 0.23)};
    const own = n <= 1000 ? 8 + Math.floor(next() * 38) : 2;
    const gap = i % 32 === 9;
    const refuses = i % 71 === 13;
    gateways.push({
      gateway: name,
      state: kind === 'silent' ? 'silent' : kind === 'late' && behind > 3_750_000 ? 'late' : 'online',
      version: i % 11 === 0 ? '1.4.1' : '1.4.2',
      frontier: iso(Math.floor((nowMs - behind) / 10_000) * 10_000),
      mark: iso(nowMs - away),
      last_seen: iso(nowMs - away),
      first_seen: iso(nowMs - 38 * 86_400_000),
      devices: own,
      status: {
        state: 'online',
        version: '1.4.2',
        epoch: '9f3c00000000aa01',
        time: iso(nowMs - away),
        series: 24,
        open_windows: 24,
        disk_full: false,
        outbox: {
          budget_bytes: 16777216,
          used_bytes: waiting * 5300,
          waiting,
          waiting_by_width: waiting ? widths : {},
          oldest_waiting: waiting ? iso(nowMs - behind) : null,
          flight: kind === 'late' ? 64 : kind === 'silent' ? 0 : Math.floor(next() * 3),
          flight_bytes: 0,
          coarsened: 0,
        },
        counters: {accepted: 1_000_000, rejected: {}, overflow_readings: 0},
      },
      ...(gap
        ? {
            gaps: [
              {
                gateway: name,
                from: iso(nowMs - 2_400_000 - i * 150_000),
                to: iso(nowMs - 2_400_000 - i * 150_000 + 8000 + (i % 5) * 400_000),
                cause: i % 64 === 9 ? 'stopped' : 'not_running',
              },
            ],
          }
        : {}),
      ...(refuses ? {rejected: {[kRejected[(i / 71) % kRejected.length | 0]]: 3 + Math.floor(next() * 400)}} : {}),
      ...(kind === 'parked'
        ? {
            parked: 44,
            alarms: [`${i % 2 ? 'restored' : 'cloned'}: gateway ${name} went on from an older copy of its outbox (epoch 9f3c00000000aa01)`],
          }
        : {}),
    });
    for (let k = 0; k < own; k++)
      devices.push({
        device: `${name}-zone-${k + 1}`,
        labels: {site, line: String(1 + (i % 9))},
        gateways: [name],
        metrics: ['temperature'],
        last_seen: iso(nowMs - away),
      });
  }
  return {
    devices,
    gateways,
    completeness: {share: 1, to: iso(nowMs - 20_000), expected: n, partitions: {expected: 1, answered: 1}},
  };
}

// The page of it that was asked for, with a cursor of its own.
export function pageOf(fleet, url) {
  const asked = new URL(url).searchParams;
  const limit = Number(asked.get('limit') ?? Infinity);
  const from = Number(asked.get('cursor') ?? 0);
  const upto = from + limit;
  const more = upto < Math.max(fleet.devices.length, fleet.gateways.length);
  return {
    devices: fleet.devices.slice(from, upto),
    gateways: fleet.gateways.slice(from, upto),
    ...(more ? {next: String(upto)} : {}),
    completeness: fleet.completeness,
  };
}

// A plant of that size as GET /api/v1/system would tell it, with one minute in which the way was slow and one partition that lags.
export function syntheticSystem(nowMs, beganMs = nowMs) {
  const next = random(7);
  const minute = Math.floor(nowMs / kMinuteMs) * kMinuteMs;
  const minutes = [];
  for (let ago = 59; ago >= 0; ago--) {
    const slow = ago > 20 && ago < 24 ? 14 : 0;
    const delays = [];
    for (let k = -6; k <= 6; k++) delays.push([26 + k + slow, Math.round(4000 * Math.exp((-k * k) / 9) * (0.8 + 0.4 * next()))]);
    minutes.push({start: iso(minute - ago * kMinuteMs), messages: 24_700, posts: 290, rejected: 1, delays});
  }
  return {
    time: iso(nowMs),
    merged: {readings: 18_412_907_551 + Math.floor(2.108 * (nowMs - beganMs)), since: iso(nowMs - 38 * 86_400_000)},
    delay_buckets: {least_ms: 1, per_octave: 4},
    minutes,
    log: {
      durability: 'power',
      partitions: Array.from({length: 16}, (_, partition) => ({
        partition,
        aggregator: partition % 2,
        position: 88_412_000,
        end: 88_412_000 + (partition === 11 ? 1184 : 60 + Math.floor(next() * 240)),
      })),
    },
    services: [
      ['aggregator 0', '', 212e6, 19],
      ['aggregator 1', 'the log does not answer', 208e6, 0.13],
    ].map(([service, trouble, memory_bytes, days], ordinal) => ({
      service,
      state: trouble ? 'trouble' : 'ready',
      trouble,
      partitions: Array.from({length: 8}, (_, i) => 2 * i + ordinal),
      lag: 0,
      rejected: 0,
      last_recovery: {
        kind: ordinal ? 'log_outage' : 'restart',
        ended: iso(nowMs - days * 86_400_000 + 4_000_000),
        seconds: ordinal ? 204 : 0.4,
        amounts: {records: 18_204, log_gap_offsets: 0},
      },
      version: '1.4.2',
      since: iso(nowMs - days * 86_400_000),
      memory_bytes,
      records: 0,
      partials: Math.floor(1820 * days * 86_400),
    })),
  };
}
