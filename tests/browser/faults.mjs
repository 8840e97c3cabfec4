// SPDX-License-Identifier: Apache-2.0
// Lays three faults into the real answers of Explore, as in the picture that the page is drawn after: the first device's gateway is silent since
// some minutes, the second's was not running for a while, the third's sent 15 min windows for some hours.
const kMinute = 60_000;
const iso = (ms) => new Date(ms).toISOString().replace('.000Z', 'Z');

function shifted(buckets, by) {
  const out = new Map();
  buckets.offset.forEach((offset, i) => out.set(offset >> by, (out.get(offset >> by) ?? 0) + buckets.counts[i]));
  return out;
}
function joined(rows) {
  const scale = Math.min(...rows.map((row) => row.histogram.scale));
  const side = (name) => {
    const all = new Map();
    for (const row of rows)
      for (const [offset, n] of shifted(row.histogram[name], row.histogram.scale - scale)) all.set(offset, (all.get(offset) ?? 0) + n);
    const offsets = [...all.keys()].sort((a, b) => a - b);
    return {offset: offsets, counts: offsets.map((offset) => all.get(offset))};
  };
  return {
    scale,
    zero: rows.reduce((n, row) => n + row.histogram.zero, 0),
    positive: side('positive'),
    negative: side('negative'),
  };
}

// Rows of the span as rows of 15 min.
function coarse(rows, from, to) {
  const out = [];
  const slots = new Map();
  for (const row of rows) {
    const start = Date.parse(row.start);
    if (start < from || start >= to) out.push(row);
    else {
      const slot = Math.floor(start / (15 * kMinute)) * 15 * kMinute;
      if (!slots.has(slot)) slots.set(slot, []);
      slots.get(slot).push(row);
    }
  }
  for (const [slot, members] of slots) {
    const count = members.reduce((n, row) => n + row.count, 0);
    out.push({
      ...members[0],
      start: iso(slot),
      width: 900,
      count,
      mean: members.reduce((sum, row) => sum + row.mean * row.count, 0) / count,
      min: Math.min(...members.map((row) => row.min)),
      max: Math.max(...members.map((row) => row.max)),
      histogram: joined(members),
    });
  }
  return out.sort((a, b) => Date.parse(a.start) - Date.parse(b.start));
}

export async function layFaults(page, devices, now) {
  const [first, second, third] = devices;
  const silent = now - 13 * kMinute;
  const gap = [now - 10 * 60 * kMinute, now - 10 * 60 * kMinute + 1_600_000];
  const wide = [Math.floor((now - 9 * 60 * kMinute) / 900_000) * 900_000, Math.floor((now - 5.5 * 60 * kMinute) / 900_000) * 900_000];
  const gatewayOf = {[first]: 'attic', [second]: 'cellar', [third]: 'hall'};
  const completeness = (before) => ({
    ...before,
    share: 2 / 3,
    to: iso(silent),
    expected: 3,
    behind: [{gateway: 'attic', frontier: iso(silent), mark: iso(silent), last_seen: iso(silent), state: 'silent'}],
    gaps: [{gateway: 'cellar', from: iso(gap[0]), to: iso(gap[1]), cause: 'not_running'}],
    rejected: {not_a_number: 5},
  });
  const change = (pattern, edit) =>
    page.route(pattern, async (route) => {
      const response = await route.fetch();
      const json = await response.json();
      if (response.ok()) edit(json);
      await route.fulfill({response, json});
    });
  await change('**/api/v1/devices', (json) => {
    json.devices = json.devices.filter((d) => gatewayOf[d.device]);
    for (const d of json.devices) d.gateways = [gatewayOf[d.device]];
    const one = json.gateways[0];
    json.gateways = Object.values(gatewayOf).map((gateway) =>
      gateway === 'attic'
        ? {...one, gateway, gaps: [], state: 'silent', frontier: iso(silent), last_seen: iso(silent)}
        : {...one, gateway, gaps: []},
    );
  });
  await change('**/api/v1/summary?*', (json) => {
    json.completeness = completeness(json.completeness);
  });
  await change('**/api/v1/series?*', (json) => {
    for (const s of json.series) {
      if (s.group === first) s.rows = s.rows.filter((row) => Date.parse(row.start) < silent);
      if (s.group === second)
        s.rows = s.rows.filter((row) => Date.parse(row.start) + row.width * 1000 <= gap[0] || Date.parse(row.start) >= gap[1]);
      if (s.group === third) s.rows = coarse(s.rows, wide[0], wide[1]);
    }
    json.completeness = completeness(json.completeness);
  });
  return async () => {
    for (const pattern of ['**/api/v1/devices', '**/api/v1/summary?*', '**/api/v1/series?*']) await page.unroute(pattern);
  };
}
