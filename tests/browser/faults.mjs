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
      for (const [offset, n] of shifted(row.histogram[name], row.histogram.scale - scale))
        all.set(offset, (all.get(offset) ?? 0) + n);
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

// The value of rank ceil(p n) and its bucket, cut by the extremes, as the API gives it.
function quantile(histogram, count, min, max, p) {
  const power = 2 ** -histogram.scale;
  const buckets = [
    ...histogram.negative.offset
      .map((i, k) => [-(2 ** ((i + 1) * power)), -(2 ** (i * power)), histogram.negative.counts[k]])
      .reverse(),
    [0, 0, histogram.zero],
    ...histogram.positive.offset.map((i, k) => [
      2 ** (i * power),
      2 ** ((i + 1) * power),
      histogram.positive.counts[k],
    ]),
  ];
  let left = Math.ceil(p * count);
  for (const [low, high, n] of buckets) {
    left -= n;
    if (left > 0) continue;
    const cut = [Math.max(low, min), Math.min(high, max)];
    return {value: (cut[0] + cut[1]) / 2, low: cut[0], high: cut[1]};
  }
  return null;
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
    const mean = members.reduce((sum, row) => sum + row.mean * row.count, 0) / count;
    const squares = members.reduce(
      (sum, row) => sum + (row.count - 1) * (row.stddev ?? 0) ** 2 + row.count * (row.mean - mean) ** 2,
      0,
    );
    const min = Math.min(...members.map((row) => row.min));
    const max = Math.max(...members.map((row) => row.max));
    const histogram = joined(members);
    const quantiles = {};
    for (const [name, p] of [
      ['p5', 0.05],
      ['p50', 0.5],
      ['p95', 0.95],
      ['p99', 0.99],
    ])
      quantiles[name] = quantile(histogram, count, min, max, p);
    out.push({
      start: iso(slot),
      width: 900,
      count,
      mean,
      stddev: Math.sqrt(squares / (count - 1)),
      min,
      max,
      ...quantiles,
      histogram,
    });
  }
  return out.sort((a, b) => Date.parse(a.start) - Date.parse(b.start));
}

export async function layFaults(page, devices, now) {
  const [first, second, third] = devices;
  const silent = now - 13 * kMinute;
  const gap = [now - 10 * 60 * kMinute, now - 10 * 60 * kMinute + 1_600_000];
  const wide = [
    Math.floor((now - 9 * 60 * kMinute) / 900_000) * 900_000,
    Math.floor((now - 5.5 * 60 * kMinute) / 900_000) * 900_000,
  ];
  const gatewayOf = {[first]: 'attic', [second]: 'cellar', [third]: 'hall'};
  // Of the gateways that contribute, and of the range that is asked for.
  const completeness = (before, url) => {
    const query = new URL(url).searchParams;
    const asked = query.getAll('device');
    const gateways = Object.keys(gatewayOf)
      .filter((device) => asked.length === 0 || asked.includes(device))
      .map((device) => gatewayOf[device]);
    const end = query.has('to') ? Date.parse(query.get('to')) : Infinity;
    const late = gateways.includes('attic') && end > silent;
    return {
      complete: !late && end !== Infinity,
      as_of: iso(Date.now()),
      share: late ? 1 - 1 / gateways.length : 1,
      to: late ? iso(silent) : before.to,
      expected: gateways.length,
      ...(late
        ? {
            behind: [
              {gateway: 'attic', frontier: iso(silent), mark: iso(silent), last_seen: iso(silent), state: 'silent'},
            ],
          }
        : {}),
      ...(gateways.includes('cellar') && end > gap[0]
        ? {gaps: [{gateway: 'cellar', from: iso(gap[0]), to: iso(gap[1]), cause: 'not_running'}]}
        : {}),
      rejected: {not_a_number: gateways.length === 3 ? 5 : 2},
      partitions: before.partitions,
    };
  };
  const change = (pattern, edit) =>
    page.route(pattern, async (route) => {
      const response = await route.fetch();
      const json = await response.json();
      if (response.ok()) edit(json, route.request().url());
      await route.fulfill({response, json});
    });
  await change('**/api/v1/devices?*', (json) => {
    json.devices = json.devices.filter((d) => gatewayOf[d.device]);
    for (const d of json.devices) {
      d.gateways = [gatewayOf[d.device]];
      d.labels = {...d.labels, site: 'home'};
    }
    const one = json.gateways[0];
    json.gateways = Object.values(gatewayOf).map((gateway) =>
      gateway === 'attic'
        ? {...one, gateway, gaps: [], state: 'silent', frontier: iso(silent), last_seen: iso(silent)}
        : {...one, gateway, gaps: []},
    );
  });
  await change('**/api/v1/summary?*', (json, url) => {
    const asked = new URL(url).searchParams.getAll('device');
    if (asked.length === 1 && asked[0] === first && json.last) json.last = {...json.last, time: iso(silent - 2000)};
    json.completeness = completeness(json.completeness, url);
  });
  await change('**/api/v1/series?*', (json, url) => {
    for (const s of json.series) {
      if (s.group === first) s.rows = s.rows.filter((row) => Date.parse(row.start) < silent);
      if (s.group === second)
        s.rows = s.rows.filter(
          (row) => Date.parse(row.start) + row.width * 1000 <= gap[0] || Date.parse(row.start) >= gap[1],
        );
      if (s.group === third) s.rows = coarse(s.rows, wide[0], wide[1]);
    }
    json.completeness = completeness(json.completeness, url);
  });
  return async () => {
    for (const pattern of ['**/api/v1/devices?*', '**/api/v1/summary?*', '**/api/v1/series?*'])
      await page.unroute(pattern);
  };
}
