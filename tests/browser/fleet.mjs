// SPDX-License-Identifier: Apache-2.0
// Fleet and System in a real browser against a running system: what they show equals what the API answers; ten thousand gateways scroll, sort and
// are found without waiting. One line a check; exit code 1 if any fails. The variables are those of explore.mjs.
import {readFileSync} from 'node:fs';
import net from 'node:net';
import process from 'node:process';
import {
  accessible,
  api,
  base,
  begin,
  check,
  dark,
  expect,
  finish,
  kWaitMs,
  number,
  page,
  pause,
  shot,
  until,
} from './lib.mjs';
import {pageOf, syntheticFleet, syntheticSystem} from './synthetic.mjs';

const ready = process.env.TRIBUTARY_READY ? JSON.parse(readFileSync(process.env.TRIBUTARY_READY, 'utf8')) : null;
const kFrameMs = 33; // of the page's thread; the goal is 16
const kInstantMs = 50;

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

await begin();
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

// What a frame costs the page's own thread, in its processor time: other programs on this machine do not change that. The time on the clock beside.
async function scrollSortFind() {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable', {timeDomain: 'threadTicks'});
  const spent = async () =>
    (await cdp.send('Performance.getMetrics')).metrics.find((one) => one.name === 'TaskDuration').value * 1000;
  const said = [];
  const scroll = (px) =>
    page.evaluate(async (by) => {
      document.querySelector('.fleet .scroll').scrollTop += by;
      const begin = performance.now();
      await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
      return performance.now() - begin;
    }, px);
  for (const [name, px] of [
    ['a page', 620],
    ['three rows', 93],
  ]) {
    const work = [];
    const clock = [];
    for (let k = 0; k < 50; k++) {
      const before = await spent();
      clock.push(await scroll(px));
      work.push((await spent()) - before);
    }
    for (const all of [work, clock]) all.sort((a, b) => a - b);
    expect(work[25] <= kFrameMs, `scrolling by ${name} costs ${work[25].toFixed(1)} ms`);
    said.push(
      `scrolling by ${name}: work ${work[25].toFixed(1)} ms (median), ${work[49].toFixed(1)} (most); on the clock, two frames: ${clock[25].toFixed(0)} and ${clock[49].toFixed(0)}`,
    );
  }
  for (const [name, selector, act] of [
    ['find', '[data-find]', (field, k) => {
      field.value = ['porto', 'porto-oven', 'mill', ''][k];
      field.dispatchEvent(new Event('input', {bubbles: true}));
    }],
    ['sort', '.fleet thead', (head, k) => head.querySelectorAll('button')[k].click()],
  ]) {
    const work = [];
    for (let k = 0; k < 4; k++) {
      const before = await spent();
      await page.evaluate(
        async ([where, text, i]) => {
          new Function(`return ${text}`)()(document.querySelector(where), i);
          await new Promise(requestAnimationFrame);
          await new Promise(requestAnimationFrame);
        },
        [selector, act.toString(), k],
      );
      work.push((await spent()) - before);
    }
    work.sort((a, b) => a - b);
    expect(work[2] <= kInstantMs, `to ${name} costs ${work.map((ms) => ms.toFixed(1)).join(', ')} ms`);
    said.push(`${name} ${work[2].toFixed(1)} ms, at most ${work[3].toFixed(1)}`);
  }
  await cdp.detach();
  return said.join('; ');
}

await check('Fleet: 10 000 gateways, of which only what is seen exists', async () => {
  const fleet = syntheticFleet(10_000, Date.now());
  const bodies = new Map();
  let held = null; // the second page waits until the first is seen
  await page.route('**/api/v1/devices?*', async (route) => {
    const url = route.request().url();
    if (!bodies.has(url)) bodies.set(url, JSON.stringify(pageOf(fleet, url)));
    if (url.includes('cursor')) await held;
    await route.fulfill({contentType: 'application/json', body: bodies.get(url)});
  });
  let release;
  held = new Promise((resolve) => (release = resolve));
  const began = Date.now();
  await page.goto(`${base}/fleet`);
  await page.locator('tr[data-gateway]').first().waitFor({timeout: kWaitMs});
  const first = Date.now() - began;
  const some = await number(page.locator('.fleet table'), 'data-gateways');
  expect(some > 30 && some <= 1000, `${some} gateways are in the first picture`);
  const head = (await page.locator('.fleet h1').innerText()).replace(/\s/g, ' ');
  expect(head === `Reading the fleet: ${some} of 10 000 gateways`, `of a part it says: ${head}`);
  release();
  await until('all of them', async () => (await number(page.locator('.fleet table'), 'data-gateways')) === 10_000);
  const took = Date.now() - began;
  expect(/gateways are up to date/.test(await page.locator('.fleet h1').innerText()), 'nothing is said of the whole');
  const rows = await page.locator('.fleet tbody tr[data-gateway]').count();
  expect(rows <= 60, `${rows} rows exist`);
  expect((await page.locator('.fleet table').getAttribute('aria-rowcount')) === '10001', 'aria-rowcount');
  await until('the rows at its place', async () => (await page.locator('.fleet tbody tr[data-gateway]').count()) > 10);
  const said = await scrollSortFind();
  const wanted = fleet.gateways[7777].gateway;
  await page.locator('[data-find]').fill(wanted);
  await page.locator(`tr[data-gateway="${wanted}"]`).waitFor({timeout: kWaitMs});
  await page.locator('[data-find]').fill('no such gateway');
  await page.getByText('No gateway matches "no such gateway".').waitFor({timeout: kWaitMs});
  await page.getByRole('button', {name: 'Clear'}).click();
  await page.getByRole('button', {name: 'Outbox waiting + flight'}).click();
  await page.getByRole('button', {name: 'Outbox waiting + flight'}).click();
  await until('sorted', async () => (await page.locator('th[aria-sort="descending"]').count()) === 1);
  const order = await page.locator('tr[data-gateway]').evaluateAll((all) => all.map((row) => Number(row.getAttribute('aria-rowindex'))));
  expect(order.every((row, i) => i === 0 || row === order[i - 1] + 1), `rows stand in the order ${order}`);
  await page.getByRole('button', {name: 'Silent', exact: false}).first().click();
  await until('the silent ones alone', async () => (await page.locator('tr[data-state="complete"]').count()) === 0);
  await accessible('fleet of 10 000');
  await page.unroute('**/api/v1/devices?*');
  const sizes = [...bodies.values()].map((body) => (body.length / 1e6).toFixed(1));
  return `${sizes.join(' + ')} MB of JSON, the first ${some} seen after ${first} ms, all there after ${took} ms; ${rows} rows exist; ${said}`;
});

// A plant as in the pictures, in the place of the real one: a demo has one gateway.
async function withPlant(body) {
  const began = Date.now();
  const plant = syntheticFleet(512, began, 2);
  await page.route('**/api/v1/devices?*', (route) => {
    for (const g of plant.gateways) if (g.state === 'online') g.status.outbox.waiting = Math.floor(Math.random() * 12);
    return route.fulfill({json: pageOf(plant, route.request().url())});
  });
  await page.route('**/api/v1/system', (route) => route.fulfill({json: syntheticSystem(Date.now(), began)}));
  try {
    await body(plant);
  } finally {
    await page.unroute('**/api/v1/devices?*');
    await page.unroute('**/api/v1/system');
    await page.setViewportSize({width: 1440, height: 900});
    await dark(false);
  }
}

await check('Fleet: as in its picture, light, dark and phone', () =>
  withPlant(async (plant) => {
    const late = plant.gateways
      .filter((g) => g.status.outbox.flight === 64)
      .sort((a, b) => (a.frontier < b.frontier ? -1 : 1))[0].gateway;
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
  }),
);

await check('Now: "Which" leads to the gateways that are behind', () =>
  withPlant(async (plant) => {
    await page.goto(`${base}/now`);
    await page.getByRole('link', {name: 'Which'}).click();
    await until('the address', () => page.url().endsWith('/fleet?show=behind'));
    const behind = (state) => state === 'late' || state === 'silent';
    await page.locator('tr[data-gateway]').first().waitFor({timeout: kWaitMs});
    const states = await page.locator('tr[data-gateway]').evaluateAll((all) => all.map((row) => row.dataset.state));
    expect(states.length > 5 && states.every(behind), states.join());
    expect(plant.gateways.length > states.length, 'all are shown');
    return `${states.length} gateways`;
  }),
);

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
});

await check('System: an aggregator that does not answer is named, and what is missing is not drawn as well', async () => {
  const whole = syntheticSystem(Date.now());
  const missing = whole.services[1].partitions;
  await page.route('**/api/v1/system', (route) =>
    route.fulfill({
      json: {
        ...whole,
        partitions: {expected: 16, answered: 8, missing},
        log: {...whole.log, partitions: whole.log.partitions.filter((p) => !missing.includes(p.partition)), missing},
        services: [
          whole.services[0],
          {service: 'aggregator 1', state: 'away', trouble: 'does not answer (timeout)', partitions: missing},
        ],
      },
    }),
  );
  await page.goto(`${base}/system`);
  await page.locator('[data-service="aggregator 1"][data-state="away"]').getByText('does not answer (timeout)').waitFor({timeout: kWaitMs});
  const banner = (await page.locator('[data-missing]').innerText()).replace(/\s+/g, ' ');
  expect(banner === 'Aggregator 1 does not tell what it has. What is merged and in the log is that of 8 of 16 partitions.', banner);
  expect((await page.locator('[data-unsaid]').count()) === 8, 'not every missing partition is drawn as one');
  expect(/restart, /.test(await page.locator('[data-service="aggregator 0"]').innerText()), 'the last recovery is missing');
  await accessible('system with one away');
  await page.unroute('**/api/v1/system');
});

await check('System: as in its picture, light, dark and phone', () =>
  withPlant(async () => {
    await page.goto(`${base}/system`);
    // How many readings a second come is known after ten seconds.
    await page.getByText('readings/s').waitFor({timeout: kWaitMs});
    await accessible('system of a plant');
    await shot('system-light.png');
    await dark(true);
    await pause(300);
    await accessible('system, dark');
    await shot('system-dark.png');
    await page.setViewportSize({width: 390, height: 844});
    await pause(500);
    expect((await page.evaluate(() => document.documentElement.scrollWidth)) <= 390, 'wider than the phone');
    await accessible('system, phone');
    await shot('system-phone.png');
  }),
);

await finish();
