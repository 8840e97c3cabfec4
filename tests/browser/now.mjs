// SPDX-License-Identifier: Apache-2.0
// Now in a real browser against a running system: its numbers are those of the API, windows come by the stream, and neither a broken network nor
// kill -9 of the aggregator loses one. The variables are those of explore.mjs. One line a check; exit code 1 if any fails.
import {readFileSync} from 'node:fs';
import net from 'node:net';
import process from 'node:process';
import {
  accessible,
  aggregatorPid,
  alsoOurs,
  api,
  base,
  begin,
  check,
  context,
  dark,
  expect,
  finish,
  key,
  kWaitMs,
  metric,
  number,
  page,
  pause,
  shot,
  until,
} from './lib.mjs';
import {layFaults} from './faults.mjs';

const ready = process.env.TRIBUTARY_READY ? JSON.parse(readFileSync(process.env.TRIBUTARY_READY, 'utf8')) : null;
const live = (where = page) => where.locator('[data-live="live"]');
const tile = (device, name = metric, where = page) => where.locator(`[data-tile="${name} ${device}"]`);

const devices = await begin();
// What the page shows of a device in the last half hour is what the API has, window by window.
async function sameAsApi(where, device) {
  return until(`the windows of ${device} as the API has them`, async () => {
    const shown = tile(device, metric, where);
    const newest = await number(shown, 'data-newest');
    const before = await number(shown, 'data-readings');
    const rows = await number(shown, 'data-rows');
    const answer = await api(
      `series?metric=${metric}&device=${encodeURIComponent(device)}&from=-29m&step=10s&stats=count`,
    );
    const theirs = answer.series[0]?.rows ?? [];
    if (theirs.length === 0 || Date.parse(theirs[theirs.length - 1].start) + 10_000 !== newest) return false;
    // The page's half hour begins a minute earlier than the API's answer asked for.
    const listed = await where.evaluate(
      async ([name, id, from]) => {
        const text = await (
          await fetch(
            `/api/v1/series?metric=${name}&device=${encodeURIComponent(id)}&from=${from}&step=10s&stats=count`,
          )
        ).json();
        return text.series[0]?.rows.length ?? 0;
      },
      [metric, device, answer.from],
    );
    return rows >= theirs.length && rows <= theirs.length + 7 && listed === theirs.length && before > 0 && rows;
  });
}

await check('Now: a tile a metric and device, with the numbers of the API', async () => {
  await page.goto(`${base}/now`);
  const expected = (await api('devices')).devices.reduce((n, d) => n + d.metrics.length, 0);
  await until('every tile', async () => (await number(page.locator('.tiles'), 'data-tiles')) === expected);
  for (const device of devices) {
    const shown = tile(device);
    await until(`${device} as the API has it`, async () => {
      const answer = await api(`summary?metric=${metric}&device=${encodeURIComponent(device)}`);
      for (const [name, value] of [
        ['all-count', answer.count],
        ['all-mean', answer.mean],
        ['all-stddev', answer.stddev],
        ['last', answer.last.value],
      ])
        if ((await shown.locator(`[data-figure="${name}"]`).getAttribute('data-value')) !== String(value)) return false;
      return true;
    });
    await sameAsApi(page, device);
  }
  return `${expected} tiles`;
});

await check('Now: no accessibility violation, light and dark', async () => {
  await accessible('light');
  await dark(true);
  await pause(300);
  await accessible('dark');
  await dark(false);
});

await check('Now: as in its picture, with a silent gateway, light, dark and phone', async () => {
  const undo = await layFaults(page, devices, Date.now());
  try {
    await page.goto(`${base}/now`);
    await page.getByText('attic is silent for 13 min').first().waitFor({timeout: kWaitMs});
    await tile(devices[0]).getByText('silent for 13 min').waitFor({timeout: kWaitMs});
    await until('drawn tiles', async () => (await number(tile(devices[2]), 'data-rows')) > 0);
    await pause(500);
    await shot('now-light.png');
    await dark(true);
    await accessible('silent, dark');
    for (const [name, width, height] of [
      ['now-dark.png', 1440, 900],
      ['now-phone.png', 390, 844],
    ]) {
      await page.setViewportSize({width, height});
      await page.reload(); // what the stream brings of the silent one is not held back
      await until('drawn tiles', async () => (await number(tile(devices[0]), 'data-rows')) > 0);
      await pause(300);
      await shot(name);
    }
  } finally {
    await undo();
    await page.setViewportSize({width: 1440, height: 900});
    await dark(false);
    await page.goto(`${base}/now`);
  }
});

await check('Now: windows reach the screen by the stream, within 300 ms of their commit', async () => {
  const measured = async () => {
    const all = (await page.evaluate(() => document.documentElement.dataset.screenMs ?? '')).split(' ').filter(Boolean);
    return all.map(Number);
  };
  await page.goto(`${base}/now`);
  await live().waitFor({timeout: kWaitMs});
  // Readings by HTTP are committed at once: no need to wait for windows to close.
  for (let k = 0; ready && k < 30; k++) {
    const response = await fetch(`${ready.ingest}/api/v1/data`, {
      method: 'POST',
      headers: {'X-API-Key': key, 'Content-Type': 'application/json'},
      body: JSON.stringify({device_id: 'probe', page_probe: k}),
    });
    expect(response.ok, `the probe: status ${response.status}`);
    await pause(150);
  }
  const times = await until('events', async () => {
    const all = await measured();
    return all.length >= (ready ? 10 : 4) && all.sort((a, b) => a - b);
  }, 60_000);
  const at = (p) => times[Math.min(times.length - 1, Math.floor(p * times.length))];
  expect(at(0.5) <= 300, `median ${at(0.5)} ms`);
  return `${times.length} events: least ${Math.round(times[0])}, median ${Math.round(at(0.5))}, 95th ${Math.round(at(0.95))}, greatest ${Math.round(at(1))} ms`;
});

await check('Now: a metric alone, kept in the address', async () => {
  await page.getByRole('button', {name: 'Humidity'}).click();
  await until('the address', () => page.url().endsWith('/now?m=humidity'));
  await until(
    'its tiles alone',
    async () => (await page.locator('.tile').count()) === (await page.locator('[data-tile^="humidity "]').count()),
  );
  await page.reload();
  await page.locator('[data-tile^="humidity "]').first().waitFor({timeout: kWaitMs});
  expect((await page.locator(`[data-tile^="${metric} "]`).count()) === 0, 'other tiles are there');
});

await check('Now: a network that breaks is survived without a reload, and nothing is missing', async () => {
  const target = new URL(base);
  let open = true;
  const sockets = new Set();
  const proxy = net.createServer((client) => {
    if (!open) {
      client.destroy();
      return;
    }
    const server = net.connect(Number(target.port), target.hostname);
    sockets.add(client).add(server);
    for (const [a, b] of [
      [client, server],
      [server, client],
    ]) {
      a.on('data', (bytes) => b.write(bytes));
      a.on('close', () => b.destroy());
      a.on('error', () => b.destroy());
    }
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${proxy.address().port}`;
  alsoOurs.push(address);
  const other = await context.newPage();
  await other.goto(`${address}/now?m=${metric}`);
  await live(other).waitFor({timeout: kWaitMs});
  await sameAsApi(other, devices[0]);
  await other.evaluate(() => {
    window.sameDocument = true;
  });
  open = false;
  for (const socket of sockets) socket.destroy();
  await until(
    'words for it',
    async () => (await other.locator('[data-live="reconnecting"], [data-live="offline"]').count()) === 1,
  );
  const before = await number(tile(devices[0], metric, other), 'data-newest');
  await until(
    'windows that the page cannot see',
    async () =>
      Date.parse((await api(`kpi?metric=${metric}&device=${devices[0]}&window=10s`)).start) >= before + 10_000,
    60_000,
  );
  expect(
    (await number(tile(devices[0], metric, other), 'data-newest')) === before,
    'the page saw windows through a broken network',
  );
  expect((await other.locator('.tile').count()) > 0, 'the picture is gone');
  open = true;
  await until('live again', async () => (await live(other).count()) === 1, 60_000);
  await sameAsApi(other, devices[0]);
  expect(await other.evaluate(() => window.sameDocument === true), 'the page was loaded again');
  await other.close();
  proxy.close();
});

if (aggregatorPid() > 0) {
  await check('Now: kill -9 of the aggregator is survived without a reload, and nothing is missing', async () => {
    await page.goto(`${base}/now?m=${metric}`);
    await live().waitFor({timeout: kWaitMs});
    await sameAsApi(page, devices[0]);
    await page.evaluate(() => {
      window.sameDocument = true;
    });
    const before = await number(tile(devices[0]), 'data-newest');
    const pid = aggregatorPid();
    process.kill(pid, 'SIGKILL');
    const broke = Date.now();
    await until(
      'words for it',
      async () => (await page.locator('[data-live="reconnecting"], [data-live="offline"]').count()) === 1,
    );
    await until('another process', () => aggregatorPid() !== pid);
    await until('live again', async () => (await live().count()) === 1, 60_000);
    const back = Date.now() - broke;
    await until('a newer window', async () => (await number(tile(devices[0]), 'data-newest')) > before, 60_000);
    for (const device of devices) await sameAsApi(page, device);
    expect(await page.evaluate(() => window.sameDocument === true), 'the page was loaded again');
    expect((await page.locator('#key').count()) === 0, 'the session was lost');
    return `live again after ${(back / 1000).toFixed(1)} s`;
  });
}

await finish();
