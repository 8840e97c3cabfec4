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

// Of n gateways some are late, silent, parked or have gaps; the others are up to date.
export function syntheticFleet(n, nowMs, seed = 1) {
  const next = random(seed);
  const gateways = [];
  const devices = [];
  for (let i = 0; i < n; i++) {
    const site = kSites[Math.floor(next() * kSites.length)];
    const name = `${site.toLowerCase()}-${kKinds[Math.floor(next() * kKinds.length)]}-${String(i).padStart(2, '0')}`;
    const kind = i % 257 === 3 ? 'parked' : i % 131 === 7 ? 'silent' : i % 57 === 5 ? 'late' : 'well';
    const away = kind === 'silent' ? 600_000 * (1 + Math.floor(next() * 400)) : 1000 + Math.floor(next() * 9000);
    const behind =
      kind === 'silent'
        ? away + 20_000
        : kind === 'late'
          ? 120_000 + Math.floor(next() * 1e8)
          : 8000 + Math.floor(next() * 14_000);
    const waiting =
      kind === 'silent' ? 2400 : kind === 'late' ? 30 + Math.floor(next() * 1800) : Math.floor(next() * 14);
    const widths =
      kind === 'late' || kind === 'silent'
        ? {10: Math.floor(waiting / 3), 60: Math.ceil((waiting * 2) / 3)}
        : {10: waiting};
    const gap = i % 32 === 9;
    gateways.push({
      gateway: name,
      state: kind === 'silent' ? 'silent' : kind === 'late' && behind > 3_750_000 ? 'late' : 'online',
      version: i % 11 === 0 ? '1.4.1' : '1.4.2',
      frontier: iso(Math.floor((nowMs - behind) / 10_000) * 10_000),
      mark: iso(nowMs - away),
      last_seen: iso(nowMs - away),
      first_seen: iso(nowMs - 38 * 86_400_000),
      devices: 2,
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
          used_bytes: kind === 'silent' ? 13_000_000 : waiting * 5000,
          waiting,
          waiting_by_width: waiting ? widths : {},
          oldest_waiting: waiting ? iso(nowMs - behind) : null,
          flight: kind === 'late' ? 64 : Math.floor(next() * 3),
          flight_bytes: 0,
          coarsened: 0,
        },
        counters: {accepted: 1_000_000, rejected: {}, overflow_readings: 0},
      },
      ...(gap
        ? {gaps: [{gateway: name, from: iso(nowMs - 8_000_000), to: iso(nowMs - 6_400_000), cause: 'stopped'}]}
        : {}),
      ...(kind === 'parked'
        ? {
            parked: 44,
            alarms: [`restored: gateway ${name} went on from an older copy of its outbox (epoch 9f3c00000000aa01)`],
          }
        : {}),
    });
    for (let k = 0; k < 2; k++)
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
