// SPDX-License-Identifier: Apache-2.0
// What the page claims, in a real browser against a running system: it says no more than is known. One line a check;
// exit code 1 if any fails. Needs TRIBUTARY_READY beside the variables of explore.mjs.
import {readFileSync} from 'node:fs';
import process from 'node:process';
import {
  accessible,
  aggregatorPid,
  api,
  base,
  begin,
  chartOf,
  check,
  expect,
  finish,
  key,
  metric,
  page,
  pause,
  settled,
  shot,
  until,
  visitor,
} from './lib.mjs';

const ready = JSON.parse(readFileSync(process.env.TRIBUTARY_READY, 'utf8'));
const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
const headline = (where = page) => where.locator('[data-completeness] .headline').innerText();
const markOf = (where = page) => where.locator('[data-completeness]').getAttribute('data-completeness');
const lanes = (where = page) =>
  where.locator('.lanes').evaluate((svg) => ({
    solid: [...svg.querySelectorAll('[data-solid]')].map((one) => one.dataset.solid.split(' ').map(Number)),
    unknown: [...svg.querySelectorAll('[data-unknown]')].map((one) => one.dataset.unknown.split(' ').map(Number)),
    hatches: svg.querySelectorAll('[stroke="var(--warn-mark)"]').length,
  }));

async function post(readings) {
  const response = await fetch(`${ready.ingest}/api/v1/data`, {
    method: 'POST',
    headers: {'X-API-Key': key, 'Content-Type': 'application/json'},
    body: JSON.stringify(readings),
  });
  expect(response.status === 202, `post: status ${response.status} ${await response.text()}`);
}

// Closes a page that something is laid into, without waiting for what is on its way.
async function leave(where) {
  await where.unrouteAll({behavior: 'ignoreErrors'});
  await where.context().close();
}

// Lays something into each answer of a question.
async function lay(where, pattern, change) {
  await where.route(pattern, async (route) => {
    try {
      const response = await route.fetch();
      const body = await response.json();
      await route.fulfill({response, json: change(body, route.request().url()) ?? body});
    } catch (error) {
      // A question may be on its way when its page is closed.
      if (!where.isClosed()) throw error;
    }
  });
}

const devices = await begin();

await check(
  'a server that hangs is said to hang, the lanes stop where it last spoke, and it is found again',
  async () => {
    await page.goto(`${base}/explore?m=${metric}&from=-15m`);
    await settled();
    await until('a live stream', async () => (await page.locator('[data-live="live"]').count()) === 1);
    const other = await visitor(key);
    await other.goto(`${base}/fleet`);
    await until('a live fleet', async () => (await other.locator('[data-live="live"]').count()) === 1);
    const pid = aggregatorPid();
    process.kill(pid, 'SIGSTOP');
    const stopped = Date.now();
    const notes = [];
    try {
      for (const [name, where] of [
        ['explore', page],
        ['fleet', other],
      ]) {
        await until(
          `${name}: no answer`,
          async () => (await where.locator('[data-live="quiet"]').count()) === 1,
          20_000,
        );
        const said = (await where.locator('[data-live]').innerText()).replace(/\s+/g, ' ');
        expect(/^no answer for \d+ s$/.test(said), said);
        notes.push(`${name} after ${Math.round((Date.now() - stopped) / 1000)} s`);
      }
      expect((await markOf()) === 'unknown', `the answer is called ${await markOf()}`);
      const drawn = await lanes();
      for (const [, to] of drawn.solid) expect(to <= stopped + 6000, `a lane is solid to ${iso(to)}`);
      expect(drawn.unknown.length > 0, 'no lane says that it is not known');
      await shot('hangs-light.png');
      await page.getByRole('button', {name: 'Range before'}).click();
      await until(
        'the end of a question without an answer',
        async () => (await page.locator('.banner').innerText()).includes('does not answer'),
        30_000,
      );
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    const began = Date.now();
    await until('it lives again', async () => (await page.locator('[data-live="live"]').count()) === 1, 30_000);
    await settled();
    await leave(other);
    return `${notes.join(', ')}; again ${((Date.now() - began) / 1000).toFixed(1)} s after it went on`;
  },
);

await check('time that has not been is no lateness: a copied link shows no alarm', async () => {
  const now = Date.now();
  const from = iso(now - 2_400_000);
  await page.goto(`${base}/explore?m=${metric}&from=${from}&to=${iso(now + 1_200_000)}`);
  await settled();
  expect(['complete', 'unknown'].includes(await markOf()), `the answer is called ${await markOf()}`);
  const words = await page.locator('.explain').innerText();
  expect(!/^0 of/.test(words) && /still to come/.test(words), words);
  const drawn = await lanes();
  expect(drawn.hatches === 0, 'the time to come is hatched');
  for (const [, to] of drawn.solid) expect(to <= Date.now(), `a lane is solid to ${iso(to)}, which is still to come`);
  await accessible('a range that has not ended');
  await shot('future-light.png');
  return `${await headline()}: ${words}`;
});

await check('time before anybody was known is drawn as unknown', async () => {
  const all = await api(`summary?metric=${metric}&stats=first,count`);
  const first = Date.parse(all.first.time);
  await page.goto(`${base}/explore?m=${metric}&from=${iso(first - 6 * 3_600_000)}&to=${iso(first + 6 * 3_600_000)}`);
  await settled();
  const drawn = await lanes();
  expect(drawn.unknown.length === drawn.solid.length, JSON.stringify(drawn));
  for (const [from] of drawn.solid) expect(from > first - 1_200_000, `a lane is solid from ${iso(from)}`);
  expect((await markOf()) !== 'complete', 'it is called complete');
  await shot('before-light.png');
});

const told = (c, more) => ({...c, complete: false, as_of: iso(Date.now()), ...more});
for (const [name, more, mark, words] of [
  ['complete', {complete: true}, 'complete', /^Complete$/],
  ['a gateway that may hold something', {possible: {count: 1, gateways: ['gw2']}}, 'late', /Possibly gw2/],
  [
    'a row across a bound',
    {straddling: [{start: iso(Math.floor(Date.now() / 86_400_000) * 86_400_000), width: 86_400, count: 180}]},
    'unknown',
    /180 readings of it may lie on both sides/,
  ],
  ['what is not told', {complete: undefined, as_of: undefined}, 'unknown', /^Here to|does not say up to when/],
])
  await check(`the words follow what the server knows: ${name}`, async () => {
    const other = await visitor(key);
    await lay(other, /\/api\/v1\/summary/, (body) => ({
      ...body,
      completeness: told({...body.completeness, behind: []}, more),
    }));
    const to = Date.now() - 600_000;
    await other.goto(`${base}/explore?m=${metric}&from=${iso(to - 3_600_000)}&to=${iso(to)}`);
    await settled(other);
    const text = await other.locator('[data-completeness]').innerText();
    expect((await markOf(other)) === mark, `${await markOf(other)}: ${text}`);
    expect(words.test((await headline(other)).trim()) || words.test(text), text);
    await leave(other);
  });

const stamp = Math.floor(Date.now() / 1000) - 900;
await check('small values have their digits, far ones an offset, and no figure is cut', async () => {
  const readings = [];
  for (let i = 0; i < 60; i++) {
    const timestamp = stamp + i * 10;
    readings.push({device_id: 'leak-1', timestamp, leak_rate: 1.1e-9 + (i % 7) * 1e-11});
    readings.push({device_id: 'far-1', timestamp, far_count: 1e9 + (i % 10) / 10});
    readings.push({device_id: 'huge-1', timestamp, huge: 1e12 + i * 1234.5});
    readings.push({device_id: 'wide-1', timestamp, wide: i === 3 ? 1e-6 : i});
  }
  await post(readings);
  await until('the readings', async () => (await api('summary?metric=wide&stats=count')).count >= 60);
  for (const name of ['leak_rate', 'far_count', 'huge', 'wide'])
    for (const width of [1440, 390]) {
      await page.setViewportSize({width, height: 900});
      await page.goto(`${base}/explore?m=${name}&from=-1h`);
      await settled();
      const wrong = await page.locator('[data-figure]').evaluateAll((all) =>
        all.flatMap((one) => {
          const text = one.innerText;
          const value = Number(one.dataset.value ?? 0);
          const zero =
            value !== 0 && /^[−0.]+$/.test(text) ? [`${one.dataset.figure} ${value} is written ${text}`] : [];
          // Cut: out of the nearest box that hides what is beyond it and cannot be scrolled.
          let box = one.parentElement;
          while (box && getComputedStyle(box).overflowX !== 'hidden') box = box.parentElement;
          const [a, b] = [one.getBoundingClientRect(), (box ?? document.documentElement).getBoundingClientRect()];
          const scrolls =
            one.closest('.rows, .answer') && getComputedStyle(one.closest('.rows, .answer')).overflowX === 'auto';
          return a.width && a.right > b.right + 1 && !scrolls
            ? [...zero, `${one.dataset.figure} ${text} is cut`]
            : zero;
        }),
      );
      expect(wrong.length === 0, `${name} at ${width}: ${[...new Set(wrong)].join('; ')}`);
      if (width === 1440) await shot(`${name}-light.png`);
      if (name === 'far_count')
        expect(Number(await chartOf().getAttribute('data-offset')) === 1e9, 'the axis has no offset');
    }
  await page.setViewportSize({width: 1440, height: 900});
});

await check('a strip shows readings that all lie at the top of the span', async () => {
  const readings = [];
  for (let i = 0; i < 60; i++) {
    readings.push({device_id: 'lamp-on', timestamp: stamp + i * 10, lamp: 1});
    readings.push({device_id: 'lamp-off', timestamp: stamp + i * 10, lamp: i % 3 ? 0 : 1});
  }
  await post(readings);
  await until('the readings', async () => (await api('summary?metric=lamp&stats=count')).count >= 120);
  await page.goto(`${base}/explore?m=lamp&from=-1h`);
  await settled();
  const strip = page.locator('[data-strip="lamp-on"] canvas');
  await strip.waitFor();
  const painted = await until('the strip', () =>
    strip.evaluate((canvas) => {
      const y = Math.round((7 * canvas.height) / 22);
      const line = canvas.getContext('2d').getImageData(0, y, canvas.width, 1).data;
      return [...line].filter((_, i) => i % 4 === 3 && line[i] > 0).length;
    }),
  );
  return `${painted} px`;
});

await check("System's words: open windows are on their way, a percentile beyond its goal is marked", async () => {
  const other = await visitor(key);
  await lay(other, /\/api\/v1\/devices/, (body) => {
    for (const g of body.gateways)
      g.status = {
        ...g.status,
        open_windows: 23,
        outbox: {...g.status?.outbox, waiting: 0, flight: 0, oldest_waiting: null},
      };
  });
  await lay(other, /\/api\/v1\/system/, (body) => {
    const slow = Math.ceil(Math.log2(861 / body.delay_buckets.least_ms) * body.delay_buckets.per_octave) - 1;
    for (const minute of body.minutes) minute.delays = [[slow, 100]];
    if (body.log) for (const p of body.log.partitions) p.position = p.end;
    body.services = undefined;
  });
  await other.goto(`${base}/system`);
  const title = await until('its words', async () => {
    const text = await other.locator('h1').innerText();
    return text.includes('lost') && text;
  });
  expect(/23 windows are open, nothing else is on its way/.test(title), title);
  const p95 = (await other.locator('.figures div', {hasText: '95th'}).first().innerText()).replace(/\s+/g, ' ');
  expect(/beyond its goal/.test(p95), p95);
  const sums = await other.locator('.system-head p').innerText();
  expect(/as they said up to .* ago; merged/.test(sums), sums);
  await leave(other);
  return `${title} ${sums}`;
});

await check('a device that nobody knows is said to be unknown, and shows no readings of another', async () => {
  await page.goto(`${base}/explore?m=${metric}&d=${devices[0]}x&from=-1h`);
  const box = page.locator(`[data-no-device="${devices[0]}x"]`);
  await box.waitFor();
  const text = await page.locator('main').innerText();
  expect(!/The last one came/.test(text), text);
  await box.getByRole('button', {name: `Show ${devices[0]}`}).click();
  await settled();
});

await check('an address that is none is told by the page itself', async () => {
  const response = await page.goto(`${base}/fleeet`);
  expect(response.status() === 404, `status ${response.status()}`);
  await page.locator('[data-nowhere]').waitFor();
  await accessible('an unknown address');
  await shot('nowhere-light.png');
  await page.locator('[data-nowhere]').getByRole('link', {name: 'Fleet'}).click();
  await until('the fleet', () => page.url().endsWith('/fleet'));
  const problem = await fetch(`${base}/fleeet`);
  expect(/problem\+json/.test(problem.headers.get('content-type')), 'a program gets a page');
});

await check(
  'the first commands are those of this tenant, ask for their secrets, and promise what is true',
  async () => {
    const other = await visitor(key);
    await lay(other, /\/api\/v1\/metrics/, () => ({metrics: []}));
    await other.goto(`${base}/explore`);
    const box = other.locator('[data-empty]');
    await box.waitFor();
    const mqtt = await box.locator('pre').innerText();
    expect(mqtt.includes(`-p ${ready.mqtt.port} -u ${ready.mqtt.username} `), mqtt);
    expect(/^read -rsp/.test(mqtt), `no question for the password: ${mqtt}`);
    const text = await box.innerText();
    expect(/about 12 s later/.test(text) && !/within a second|Zigbee/.test(text), text);
    await leave(other);
  },
);

await check('"Complete to" goes on while rows do, however long the figures of the devices take', async () => {
  const other = await visitor(key);
  await other.route(/\/api\/v1\/summary\?.*device=/, async (route) => {
    await pause(9000);
    await route.continue().catch(() => {});
  });
  await other.goto(`${base}/explore?m=${metric}&from=-15m`);
  await settled(other);
  const seen = [];
  for (let i = 0; i < 30; i++) {
    await pause(1500);
    const [text, newest] = await Promise.all([headline(other), chartOf(other).getAttribute('data-newest')]);
    const at = /(\d\d):(\d\d):(\d\d)/.exec(text);
    if (!at) continue;
    const day = Math.floor(Number(newest) / 86_400_000) * 86_400_000;
    seen.push((Number(newest) - day) / 1000 - (Number(at[1]) * 3600 + Number(at[2]) * 60 + Number(at[3])));
  }
  const most = Math.max(...seen);
  expect(seen.length > 10 && most <= 21, `it stays ${most} s behind the rows: ${seen.join(' ')}`);
  await leave(other);
  return `at most ${most} s behind the newest row`;
});

await finish();
