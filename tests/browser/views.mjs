// SPDX-License-Identifier: Apache-2.0
// Fleet and System in a real browser against a running system, and what Explore shows of faults, exports and links. One line a check; exit
// code 1 if any fails. Beside the variables of explore.mjs:
//   TRIBUTARY_EMPTY_KEY   a key of a tenant without readings: the first words to a new user, and that they are true
import {execFile} from 'node:child_process';
import {readFileSync} from 'node:fs';
import net from 'node:net';
import {promisify} from 'node:util';
import {layFaults} from './faults.mjs';
import {
  accessible,
  api,
  base,
  browser,
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
  signIn,
  until,
} from './lib.mjs';
import {syntheticFleet} from './synthetic.mjs';

const ready = process.env.TRIBUTARY_READY ? JSON.parse(readFileSync(process.env.TRIBUTARY_READY, 'utf8')) : null;
const run = promisify(execFile);
const chart = page.locator('[data-panel="chart"]');
const settled = (where = page) =>
  until(
    'a filled chart',
    async () =>
      Number(await where.locator('[data-panel="chart"]').getAttribute('data-rows')) > 0 &&
      (await where.locator('.old').count()) === 0,
  );

// One message over MQTT 3.1.1, QoS 0, as any client would send it.
async function publish(topic, text) {
  const string = (value) => Buffer.concat([Buffer.from([value.length >> 8, value.length & 255]), Buffer.from(value)]);
  const packet = (type, body) => Buffer.concat([Buffer.from([type, body.length]), body]); // bodies are shorter than 128 bytes
  const {host, port, username, password} = ready.mqtt;
  const socket = net.connect(port, host);
  socket.write(
    packet(
      0x10,
      Buffer.concat([
        string('MQTT'),
        Buffer.from([4, 0xc2, 0, 30]),
        string('page-test'),
        string(username),
        string(password),
      ]),
    ),
  );
  await new Promise((resolve, reject) => {
    socket.once('data', (answer) =>
      answer[0] === 0x20 && answer[3] === 0 ? resolve() : reject(new Error(`CONNACK ${answer.toString('hex')}`)),
    );
    socket.once('error', reject);
  });
  await new Promise((resolve) =>
    socket.end(
      Buffer.concat([packet(0x30, Buffer.concat([string(topic), Buffer.from(text)])), Buffer.from([0xe0, 0])]),
      resolve,
    ),
  );
}

await signIn();
const devices = (await api('devices')).devices.filter((d) => d.metrics.includes(metric)).map((d) => d.device);
await check('Fleet: every gateway as the API tells it, the drawer by keyboard, the address holds it', async () => {
  await page.goto(`${base}/fleet`);
  const gateways = (await api('devices')).gateways;
  await until(
    'all rows',
    async () => (await number(page.locator('.fleet table'), 'data-gateways')) === gateways.length,
  );
  for (const g of gateways) {
    const row = page.locator(`tr[data-gateway="${g.gateway}"]`);
    expect((await row.innerText()).includes(g.version), `${g.gateway}: the version is missing`);
  }
  await page.locator('.fleet .scroll').focus();
  await page.keyboard.press('ArrowDown');
  const name = await page.locator('.drawer').getAttribute('data-drawer');
  expect(page.url().includes(`g=${name}`), `the address is ${page.url()}`);
  await page.reload();
  await page.locator(`[data-drawer="${name}"]`).waitFor({timeout: kWaitMs});
  const g = gateways.find((one) => one.gateway === name);
  expect((await page.locator('.drawer').innerText()).includes(g.status.epoch), 'the epoch of its status is missing');
  await accessible('fleet with its drawer');
  await page.keyboard.press('Escape');
  expect((await page.locator('.drawer').count()) === 0, 'Escape does not close the drawer');
});

await check('Fleet: 10 000 gateways, of which only what is seen exists', async () => {
  const fleet = syntheticFleet(10_000, Date.now());
  const body = JSON.stringify(fleet);
  await page.route('**/api/v1/devices', (route) => route.fulfill({contentType: 'application/json', body}));
  const began = Date.now();
  await page.goto(`${base}/fleet`);
  await until('all of them', async () => (await number(page.locator('.fleet table'), 'data-gateways')) === 10_000);
  const took = Date.now() - began;
  const rows = await page.locator('.fleet tbody tr[data-gateway]').count();
  expect(rows <= 60, `${rows} rows exist`);
  expect((await page.locator('.fleet table').getAttribute('aria-rowcount')) === '10001', 'aria-rowcount');
  const frames = await page.evaluate(async () => {
    const box = document.querySelector('.fleet .scroll');
    const times = [];
    let last = performance.now();
    for (let k = 0; k < 90; k++) {
      box.scrollTop += 3400;
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    times.sort((a, b) => a - b);
    return {median: times[45], most: times[89]};
  });
  await until('the rows at its place', async () => (await page.locator('.fleet tbody tr[data-gateway]').count()) > 10);
  const wanted = fleet.gateways[7777].gateway;
  const typed = Date.now();
  await page.locator('[data-find]').fill(wanted);
  await page.locator(`tr[data-gateway="${wanted}"]`).waitFor({timeout: kWaitMs});
  const found = Date.now() - typed;
  await page.locator('[data-find]').fill('no such gateway');
  await page.getByText('No gateway matches "no such gateway".').waitFor({timeout: kWaitMs});
  await page.getByRole('button', {name: 'Clear'}).click();
  await page.getByRole('button', {name: 'Outbox waiting + flight'}).click();
  await page.getByRole('button', {name: 'Outbox waiting + flight'}).click();
  await until('sorted', async () => (await page.locator('th[aria-sort="descending"]').count()) === 1);
  await page.getByRole('button', {name: 'Silent', exact: false}).first().click();
  await until('the silent ones alone', async () => (await page.locator('tr[data-state="complete"]').count()) === 0);
  await accessible('fleet of 10 000');
  await page.unroute('**/api/v1/devices');
  return `${(body.length / 1e6).toFixed(1)} MB of JSON, all there after ${took} ms; ${rows} rows exist; scrolling: ${frames.median.toFixed(1)} ms a frame (median), ${frames.most.toFixed(1)} (longest); found in ${found} ms`;
});

await check('Fleet: as in its picture, light, dark and phone', async () => {
  const fleet = syntheticFleet(512, Date.now());
  await page.route('**/api/v1/devices', (route) => route.fulfill({json: fleet}));
  const late = fleet.gateways.find((g) => g.status.outbox.flight === 64).gateway;
  await page.goto(`${base}/fleet?g=${late}`);
  await page.locator(`[data-drawer="${late}"]`).waitFor({timeout: kWaitMs});
  await pause(400);
  await shot('fleet-light.png');
  await dark(true);
  await pause(300);
  await accessible('fleet, dark');
  await shot('fleet-dark.png');
  await dark(false);
  await page.setViewportSize({width: 390, height: 844});
  await page.goto(`${base}/fleet`);
  await page.locator('tr[data-gateway]').first().waitFor({timeout: kWaitMs});
  await pause(400);
  expect((await page.evaluate(() => document.documentElement.scrollWidth)) <= 390, 'wider than the phone');
  await accessible('fleet, phone');
  await shot('fleet-phone.png');
  await page.setViewportSize({width: 1440, height: 900});
  await page.unroute('**/api/v1/devices');
});

if (ready) {
  await check('System: what is rejected is named, and its reason leads into the documentation', async () => {
    await publish('sensors/broken', '{"temperature":');
    await page.goto(`${base}/system`);
    const row = page.locator('[data-reason="bad_json"]');
    await row.waitFor({timeout: 90_000});
    const link = await row.getByRole('link').getAttribute('href');
    const docs = await (await fetch(base + link)).text();
    expect(docs.includes(`id="${link.split('#')[1]}"`), `${link} leads nowhere`);
  });
}

await check('System: amounts as the API tells them', async () => {
  await page.goto(`${base}/system`);
  await until('what is merged', async () => {
    const shown = await page.locator('main.system').getAttribute('data-merged');
    return shown === String((await api('system')).merged.readings);
  });
  expect((await page.locator('[data-station]').count()) === 5, 'not five stations');
  await page.locator('[data-service="aggregator 0"]').waitFor({timeout: kWaitMs});
  expect(/Nothing is lost\./.test(await page.locator('h1').innerText()), await page.locator('h1').innerText());
  await accessible('system, light');
  await pause(12_000);
  await shot('system-light.png');
  await dark(true);
  await pause(300);
  await accessible('system, dark');
  await shot('system-dark.png');
  await dark(false);
});

await check('the documentation page has no accessibility violation', async () => {
  await page.goto(`${base}/docs/index.html`);
  await accessible('docs');
});

await check('the API page shows every call of /openapi.json, light and dark, by keyboard', async () => {
  const paths = (await (await fetch(`${base}/openapi.json`)).json()).paths;
  const calls = Object.values(paths).flatMap((path) => Object.values(path));
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({colorScheme});
    await page.goto(`${base}/docs/api.html#last`);
    await page.locator('section').first().waitFor({timeout: kWaitMs});
    expect((await page.locator('section').count()) === calls.length, 'not every call');
    await accessible(`API page, ${colorScheme}`);
  }
  await page.emulateMedia({colorScheme: 'light'});
  const last = page.locator('section[aria-labelledby="last"]');
  expect(/at\b/.test(await last.locator('table').innerText()), 'no parameter at');
  await last.locator('summary').first().press('Enter');
  expect(/completeness: \{/.test(await last.locator('pre').nth(1).innerText()), 'no answer after Enter');
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'wider than the window');
});

await check('Explore: gaps, coarse windows and what is still to come stand where they are', async () => {
  const undo = await layFaults(page, devices, Date.now());
  await page.goto(`${base}/explore?m=${metric}`);
  await settled();
  try {
    await faultsAreDrawn();
  } finally {
    await undo();
    await page.mouse.move(5, 5);
    await dark(false);
  }
});
async function faultsAreDrawn() {
  await page.locator('svg.lanes[data-lanes="3"]').waitFor({timeout: kWaitMs});
  const words = (await page.locator('[data-completeness]').innerText()).replace(/\u00a0/g, ' ');
  for (const part of [
    'Complete to',
    'attic',
    'Silent for',
    'cellar',
    'was not running',
    'hall',
    'Came in 15 min windows',
    '5 readings rejected',
  ])
    expect(words.includes(part), `"${part}" is not said: ${words}`);
  await accessible('explore with faults');
  await shot('explore-light.png');
  await dark(true);
  await page.goto(
    `${base}/explore?m=humidity&d=${encodeURIComponent(devices[2])}&from=${new Date(Date.now() - 11 * 3_600_000).toISOString()}&to=${new Date(Date.now() - 3 * 3_600_000).toISOString()}`,
  );
  await settled();
  const box = await chart.boundingBox();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.4);
  await page.getByText('Window under the cursor').waitFor({timeout: kWaitMs});
  await pause(300);
  await accessible('explore with faults, dark');
  await shot('explore-dark.png');
}

const to = new Date(Math.floor(Date.now() / 300_000) * 300_000 - 300_000);
const from = new Date(to - 12 * 3_600_000);
await check('Explore: zoom with the mouse loads finer rows', async () => {
  await page.goto(`${base}/explore?m=${metric}&from=${from.toISOString()}&to=${to.toISOString()}`);
  await settled();
  const before = await page.locator('[data-menu="step"]').innerText();
  const box = await chart.boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.45, box.y + 60, {steps: 4});
  await page.mouse.up();
  await page.mouse.move(5, 5);
  await until('a finer step', async () => (await page.locator('[data-menu="step"]').innerText()) !== before);
  await settled();
  const after = await page.locator('[data-menu="step"]').innerText();
  await page.keyboard.press('0');
  await until('the step before', async () => (await page.locator('[data-menu="step"]').innerText()) === before);
  return `${before.replace(/\s+/g, ' ')} → ${after.replace(/\s+/g, ' ')}`;
});

await check('Explore: a copied link shows the same to another', async () => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto(
    `${base}/explore?m=${metric}&d=${devices.slice(0, 2).map(encodeURIComponent).join(',')}&from=-6h&show=mean,percentiles`,
  );
  await settled();
  const count = await page.locator('[data-answer] [data-figure="count"]').getAttribute('data-value');
  await page.getByRole('button', {name: 'Copy link'}).click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const other = await (await browser.newContext({timezoneId: 'UTC'})).newPage();
  await other.context().request.post(`${base}/api/v1/session`, {data: {api_key: key}});
  await other.goto(link);
  await settled(other);
  const theirs = await other.locator('[data-answer] [data-figure="count"]').getAttribute('data-value');
  const answer = await api(
    `summary?metric=${metric}&${devices
      .slice(0, 2)
      .map((d) => `device=${encodeURIComponent(d)}`)
      .join(
        '&',
      )}&from=${new URL(link).searchParams.get('from')}&to=${new URL(link).searchParams.get('to')}&stats=count`,
  );
  expect(theirs === String(answer.count), `the link shows ${theirs}, the API has ${answer.count}`);
  expect(Math.abs(Number(theirs) - Number(count)) <= 200, `${count} here, ${theirs} there`);
  await other.context().close();
});

await check('Explore: CSV is the answer of the API, PNG is the picture', async () => {
  await page.goto(`${base}/explore?m=${metric}&from=${from.toISOString()}&to=${to.toISOString()}`);
  await settled();
  const save = async (name) => {
    await page.locator('[data-menu="export"]').click();
    const [file] = await Promise.all([page.waitForEvent('download'), page.locator(`[data-export="${name}"]`).click()]);
    return readFileSync(await file.path());
  };
  const csv = (await save('csv')).toString();
  const lines = csv.trim().split('\n');
  expect(lines[0].startsWith('group,start,width,count,mean'), lines[0]);
  const rows = await number(chart, 'data-rows');
  expect(lines.length === rows + 1, `${lines.length - 1} lines, ${rows} rows`);
  const png = await save('png');
  expect(png.subarray(1, 4).toString() === 'PNG' && png.length > 20_000, `${png.length} bytes`);
  return `${rows} rows, ${Math.round(png.length / 1000)} kB of PNG, ${png.readUInt32BE(16)} × ${png.readUInt32BE(20)}`;
});

await check('the keyboard reaches every view and every device', async () => {
  for (const [digit, name] of [
    ['1', 'fleet'],
    ['2', 'explore'],
    ['3', 'now'],
    ['4', 'system'],
  ]) {
    await page.keyboard.press(digit);
    await until(name, () => new URL(page.url()).pathname === `/${name}`);
  }
  await page.keyboard.press('/');
  await page.keyboard.type(devices[1]);
  await page.getByRole('option', {name: devices[1]}).first().waitFor({timeout: kWaitMs});
  await accessible('jump');
  await page.keyboard.press('Enter');
  await until('Explore of it', () => page.url().includes('/explore') && page.url().includes(`d=${devices[1]}`));
  await until('the dialog closed', async () => (await page.locator('dialog[open]').count()) === 0);
  await page.keyboard.press('?');
  await page.getByRole('heading', {name: 'Keys'}).waitFor({timeout: kWaitMs});
  await accessible('keys');
  await page.keyboard.press('Escape');
});

await check('every view fits a phone and 320 px', async () => {
  await dark(true);
  for (const view of ['now', 'system', 'explore', 'fleet']) {
    await page.setViewportSize({width: 390, height: 844});
    await page.goto(`${base}/${view}`);
    await pause(1500);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide <= 390, `${view} is ${wide} px wide`);
    await accessible(`${view}, phone`);
    if (view !== 'fleet') await shot(`${view}-phone.png`);
    await page.setViewportSize({width: 320, height: 640});
    await pause(300);
    const narrow = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(narrow <= 320, `${view} at 320 px is ${narrow} px wide`);
  }
  await page.setViewportSize({width: 1440, height: 900});
  await dark(false);
});

await check('the first picture of every view, from an address typed in', async () => {
  const said = [];
  for (const [view, seen] of [
    ['explore', '[data-panel="chart"]:not([data-rows="0"])'],
    ['now', '.tile:not([data-rows="0"])'],
    ['fleet', 'tr[data-gateway]'],
    ['system', 'main.system:not([data-merged=""])'],
  ]) {
    const times = [];
    for (let k = 0; k < 5; k++) {
      const other = await context.newPage();
      await other.addInitScript((selector) => {
        const look = () => {
          if (document.querySelector(selector)) requestAnimationFrame(() => (window.firstPicture = performance.now()));
          else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      }, seen);
      await other.goto(`${base}/${view}`);
      times.push(await until('the picture', () => other.evaluate(() => window.firstPicture)));
      await other.close();
    }
    times.sort((a, b) => a - b);
    said.push(`${view} ${Math.round(times[2])} ms`);
    // The goal is 300 ms; other programs may share this machine.
    expect(times[0] <= 1000, `${view}: ${times.map(Math.round).join(', ')} ms`);
  }
  return said.join(', ');
});

await check(
  "a person's first minute: sign in, the warmest device of the last hour, its distribution, the link",
  async () => {
    const fresh = await browser.newContext({viewport: {width: 1440, height: 900}, timezoneId: 'UTC'});
    await fresh.grantPermissions(['clipboard-read', 'clipboard-write']);
    const other = await fresh.newPage();
    let clicks = 0;
    const click = async (locator) => {
      clicks++;
      await locator.click();
    };
    await other.goto(`${base}/`);
    await other.getByLabel('Key').fill(key);
    await click(other.getByRole('button', {name: 'Sign in'}));
    await settled(other);
    await click(other.locator('[data-menu="range"]'));
    await click(other.getByRole('radio', {name: 'Last 1 h'}));
    await until('the last hour', () => other.url().includes('from=-1h'));
    await settled(other);
    await click(other.getByRole('button', {name: 'Maximum'}));
    const first = other.locator('tr[data-series]').first();
    const warmest = await first.getAttribute('data-series');
    await click(first.getByRole('button'));
    await until('it alone', () => other.url().includes(`d=${warmest}`));
    await settled(other);
    await click(other.getByRole('button', {name: 'Copy link'}));
    const link = await other.evaluate(() => navigator.clipboard.readText());
    expect(link.includes(`d=${warmest}`), link);
    const all = await Promise.all(
      devices.map(async (d) => [(await api(`summary?metric=${metric}&device=${d}&from=-1h&stats=max`)).max, d]),
    );
    all.sort((a, b) => b[0] - a[0]);
    expect(
      all.filter(([max]) => max === all[0][0]).some(([, d]) => d === warmest),
      `${warmest} is not the warmest: ${JSON.stringify(all)}`,
    );
    await fresh.close();
    return `${warmest}, ${clicks} clicks`;
  },
);

if (process.env.TRIBUTARY_EMPTY_KEY) {
  await check('without a reading the page shows the command that sends one, and it is true', async () => {
    const fresh = await browser.newContext({viewport: {width: 1440, height: 900}, timezoneId: 'UTC'});
    await fresh.request.post(`${base}/api/v1/session`, {data: {api_key: process.env.TRIBUTARY_EMPTY_KEY}});
    const other = await fresh.newPage();
    for (const view of ['fleet', 'now', 'system', 'explore']) {
      await other.goto(`${base}/${view}`);
      await other.getByText('No readings yet').waitFor({timeout: kWaitMs});
    }
    const mqtt = await other.locator('pre').innerText();
    if (ready) expect(mqtt.includes(`-p ${ready.mqtt.port} -u ${ready.mqtt.username}`), mqtt);
    if (process.env.TRIBUTARY_SHOTS) await other.screenshot({path: `${process.env.TRIBUTARY_SHOTS}/empty-light.png`});
    await other.getByRole('button', {name: 'HTTP'}).click();
    const command = await other.locator('pre').innerText();
    const began = Date.now();
    await run('bash', ['-c', command], {env: {...process.env, TRIBUTARY_KEY: process.env.TRIBUTARY_EMPTY_KEY}});
    await settled(other);
    const took = Date.now() - began;
    await fresh.close();
    return `${took} ms from the command to the chart`;
  });
}

await finish();
