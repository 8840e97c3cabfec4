// SPDX-License-Identifier: Apache-2.0
// The page in a real browser against a running system: what it shows equals what the API answers, it moves by itself, asks nobody else, and is
// usable without a mouse or eyes. One line a check; exit code 1 if any fails.
//   TRIBUTARY_URL, TRIBUTARY_KEY    where it runs and the key to sign in with
//   TRIBUTARY_METRIC                a metric with live readings of several devices (default: temperature)
//   TRIBUTARY_SHOTS                 folder for screenshots of every view (default: none are written)
//   TRIBUTARY_READY                 the demo's ready file, or
//   TRIBUTARY_AGGREGATOR_PID        if given, that process is killed: the page must live on when it is started again
//   CHROMIUM                        the browser (default: /usr/bin/chromium)
import {
  accessible,
  aggregatorPid,
  api,
  base,
  chartOf,
  check,
  expect,
  finish,
  key,
  kWaitMs,
  metric,
  page,
  pause,
  settled,
  until,
} from './lib.mjs';

const chart = chartOf();
const figure = (name) => page.locator(`[data-answer] [data-figure="${name}"]`);
// How many pixels of a panel are not of its most frequent colour.
const ink = (panel) =>
  page.evaluate((selector) => {
    const canvas = document.querySelector(`${selector} canvas`);
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let drawn = 0;
    for (let k = 3; k < data.length; k += 4) if (data[k] > 0) drawn++;
    return drawn;
  }, `[data-panel="${panel}"]`);
// History may still be on its way in: wait until only the live pace is left.
await until(
  'readings at a live pace',
  async () => {
    const before = (await api(`summary?metric=${metric}&stats=count`)).count;
    await pause(2500);
    const after = (await api(`summary?metric=${metric}&stats=count`)).count;
    return after > 0 && after - before < 100;
  },
  120_000,
);

await check('a wrong key is refused in words that say how to get a right one', async () => {
  await page.goto(`${base}/explore?m=${metric}`);
  await page.getByLabel('Key').fill('not a key');
  await page.getByRole('button', {name: 'Sign in'}).click();
  await page.getByText('This key is not known here.').waitFor({timeout: kWaitMs});
  await page.getByText('tributaryctl tenant add NAME').waitFor({timeout: kWaitMs});
  await accessible('sign in');
});

await check('the right key leads to a filled chart', async () => {
  await page.getByLabel('Key').fill(key);
  const begin = Date.now();
  await page.getByRole('button', {name: 'Sign in'}).click();
  await settled();
  const took = Date.now() - begin;
  await until('drawing', async () => (await ink('chart')) > 2000 && (await ink('heat')) > 2000);
  expect(new URL(page.url()).search.includes(`m=${metric}`), `the view was not kept: ${page.url()}`);
  return `${took} ms, ${await chart.getAttribute('data-rows')} rows`;
});

const now = Math.floor(Date.now() / 300_000) * 300_000;
const from = new Date(now - 12 * 3_600_000).toISOString().replace('.000Z', 'Z');
const to = new Date(now - 300_000).toISOString().replace('.000Z', 'Z');
await check('the answer line shows the numbers of the API, to the last digit', async () => {
  await page.goto(`${base}/explore?m=${metric}&from=${from}&to=${to}`);
  await settled();
  const answer = await api(`summary?metric=${metric}&from=${from}&to=${to}`);
  expect(answer.count > 0, 'no readings in the range that is compared');
  for (const name of ['count', 'mean', 'stddev', 'min', 'max', 'p50', 'p95', 'p99']) {
    const expected = String(name.startsWith('p') ? answer[name].value : answer[name]);
    const shown = await figure(name).getAttribute('data-value');
    expect(shown === expected, `${name}: found ${shown}, expected ${expected}`);
  }
  const text = (await figure('count').innerText()).replace(/\D/g, '');
  expect(text === String(answer.count), `the text of the count: found ${text}, expected ${answer.count}`);
  return `${answer.count} readings, mean ${answer.mean}`;
});

await check('the table shows each device as the API does', async () => {
  const series = await api(`series?metric=${metric}&by=device&from=${from}&to=${to}&step=3600`);
  for (const {group} of series.series) {
    const expected = (await api(`summary?metric=${metric}&device=${encodeURIComponent(group)}&from=${from}&to=${to}`))
      .count;
    const row = page.locator(`tr[data-series="${group}"] td`).first();
    const shown = await until(
      `the row of ${group}`,
      async () => (await row.innerText()).replace(/\D/g, '') === String(expected),
    );
    expect(shown, `${group}: not ${expected}`);
  }
  return series.series.map((s) => s.group).join(', ');
});

await check('the numbers since the beginning are those of the API, while they grow', async () => {
  await page.goto(`${base}/explore?m=${metric}`);
  await settled();
  const devices = (await api('devices')).devices.filter((d) => d.metrics.includes(metric)).map((d) => d.device);
  for (const device of devices) {
    const strip = page.locator(`[data-strip="${device}"]`);
    await until(`${device} as the API has it`, async () => {
      const answer = await api(`summary?metric=${metric}&device=${encodeURIComponent(device)}`);
      const shown = await Promise.all(
        ['all-count', 'all-mean', 'all-stddev'].map((name) =>
          strip.locator(`[data-figure="${name}"]`).getAttribute('data-value'),
        ),
      );
      return (
        shown[0] === String(answer.count) && shown[1] === String(answer.mean) && shown[2] === String(answer.stddev)
      );
    });
  }
});

await check('completeness stands beside the answer', async () => {
  const words = (await page.locator('[data-completeness] .headline').innerText()).trim();
  // Complete is only what a server calls so that says up to when it knows its log.
  const {completeness} = await api(`summary?metric=${metric}&from=-24h&stats=count`);
  const told = completeness.complete !== undefined && completeness.as_of !== undefined;
  expect((told ? /^Complete|% complete$/ : /^Here to/).test(words), `found "${words}"`);
  expect((await page.locator('svg.lanes').count()) === 1, 'no lanes');
  return words;
});

await check('no accessibility violation in the light theme', () => accessible('light'));

await check('a new window appears by itself', async () => {
  await page.goto(`${base}/explore?m=${metric}&from=-15m`);
  await settled();
  await page.evaluate(() => {
    window.sameDocument = true;
  });
  const newest = Number(await chart.getAttribute('data-newest'));
  const count = Number(await figure('count').getAttribute('data-value'));
  const later = await until(
    'a newer window',
    async () =>
      Number(await chart.getAttribute('data-newest')) > newest && Number(await chart.getAttribute('data-newest')),
    60_000,
  );
  await until('a new count', async () => Number(await figure('count').getAttribute('data-value')) !== count, 60_000);
  expect(await page.evaluate(() => window.sameDocument === true), 'the page was loaded again');
  expect((await page.locator('[data-live="live"]').count()) === 1, 'the live state is not live');
  return `${(later - newest) / 1000} s newer`;
});

await check('the address holds the view, and Back undoes', async () => {
  await page.locator('[data-menu="range"]').click();
  await page.getByRole('radio', {name: 'Last 6 h'}).click();
  await until('the address', () => page.url().includes('from=-6h'));
  await settled();
  await page.goBack();
  await until('the address before', () => page.url().includes('from=-15m'));
  await settled();
});

await check('the keyboard reads the rows', async () => {
  await chart.focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await page.getByText('Window under the cursor').waitFor({timeout: kWaitMs});
  await until('the spoken read-out', async () =>
    /mean .+ reading/.test(await page.locator('[aria-live="polite"].hidden').first().innerText()),
  );
  await page.keyboard.press('Escape');
});

await check('dragging in the chart zooms', async () => {
  const box = await chart.boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60, {steps: 4});
  await page.mouse.up();
  await until('absolute bounds in the address', () => /from=\d{4}-.*to=\d{4}-/.test(page.url()));
  await page.mouse.move(5, 5);
  await settled();
});

await check('the dark theme has no accessibility violation, with one device and the cursor in the chart', async () => {
  const devices = (await api('devices')).devices.filter((d) => d.metrics.includes(metric)).map((d) => d.device);
  const other = (await api('metrics')).metrics.some((m) => m.name === 'humidity') ? 'humidity' : metric;
  await page.goto(
    `${base}/explore?m=${other}&d=${encodeURIComponent(devices[devices.length - 1])}&from=${new Date(now - 8 * 3_600_000).toISOString().replace('.000Z', 'Z')}&to=${new Date(now).toISOString().replace('.000Z', 'Z')}`,
  );
  await settled();
  await page.getByRole('button', {name: 'Change theme'}).click();
  expect((await page.evaluate(() => document.documentElement.dataset.theme)) === 'dark', 'not dark');
  const box = await chart.boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + box.height * 0.4);
  await page.getByText('Window under the cursor').waitFor({timeout: kWaitMs});
  await pause(300);
  await accessible('dark');
});

await check('the fleet lists every gateway', async () => {
  await page.mouse.move(5, 5);
  await page.getByRole('link', {name: 'Fleet'}).click();
  const gateways = (await api('devices')).gateways.map((g) => g.gateway);
  for (const gateway of gateways) await page.locator(`tr[data-gateway="${gateway}"]`).waitFor({timeout: kWaitMs});
  await accessible('fleet, dark');
  await page.getByRole('button', {name: 'Change theme'}).click();
  await accessible('fleet, light');
  return gateways.join(', ');
});

await check('it fits a phone', async () => {
  await page.setViewportSize({width: 390, height: 844});
  await page.goto(`${base}/explore?m=${metric}`);
  await settled();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide <= 390, `the page is ${wide} px wide`);
  await pause(500);
  await accessible('phone');
  await page.setViewportSize({width: 320, height: 640});
  await pause(300);
  const narrow = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(narrow <= 320, `at 320 px the page is ${narrow} px wide`);
});

const pid = aggregatorPid();
if (pid > 0) {
  await check('a restart of the server is survived without loading the page again', async () => {
    await page.setViewportSize({width: 1440, height: 900});
    await page.goto(`${base}/explore?m=${metric}&from=-15m`);
    await settled();
    await page.evaluate(() => {
      window.sameDocument = true;
    });
    const newest = Number(await chart.getAttribute('data-newest'));
    process.kill(pid, 'SIGKILL');
    await until(
      'a newer window after the restart',
      async () => Number(await chart.getAttribute('data-newest')) > newest + 10_000,
      90_000,
    );
    expect(await page.evaluate(() => window.sameDocument === true), 'the page was loaded again');
    await until('the live state', async () => (await page.locator('[data-live="live"]').count()) === 1);
    expect((await page.locator('#key').count()) === 0, 'the session was lost');
  });
}

await finish();
