// SPDX-License-Identifier: Apache-2.0
// What Explore shows of faults, labels, exports and links, and what holds for every view, in a real browser against a running system. One line a
// check; exit code 1 if any fails. Beside the variables of explore.mjs:
//   TRIBUTARY_EMPTY_KEY   a key of a tenant without readings: the first words to a new user, and that they are true
import {execFile} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {promisify} from 'node:util';
import {layFaults} from './faults.mjs';
import {
  accessible,
  api,
  base,
  begin,
  chartOf,
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
  settled,
  shot,
  until,
  visitor,
} from './lib.mjs';

const ready = process.env.TRIBUTARY_READY ? JSON.parse(readFileSync(process.env.TRIBUTARY_READY, 'utf8')) : null;
const run = promisify(execFile);
const chart = chartOf();

const devices = await begin();
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
  await pause(300);
  await shot('explore-light.png');
  await page.getByRole('link', {name: 'Show: 5 readings rejected'}).click();
  await until('the place', () => page.evaluate(() => document.activeElement?.id === 'rejected'));
  expect(new URL(page.url()).pathname === '/system', page.url());
  await page.goBack();
  await settled();
  await dark(true);
  const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  await page.goto(
    `${base}/explore?m=humidity&d=${encodeURIComponent(devices[2])}&from=${new Date(hour - 11 * 3_600_000).toISOString()}&to=${new Date(hour - 3 * 3_600_000).toISOString()}`,
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
  const other = await visitor(key);
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
  const buckets = (await save('csv-heat')).toString().trim().split('\n').slice(1);
  const total = buckets.reduce((sum, line) => sum + Number(line.split(',').pop()), 0);
  const count = await number(page.locator('[data-answer] [data-figure="count"]'), 'data-value');
  expect(total === count, `the buckets hold ${total} readings, the range ${count}`);
  const tall = {};
  for (const name of ['png', 'png-chart', 'png-heat']) {
    const png = await save(name);
    expect(png.subarray(1, 4).toString() === 'PNG' && png.length > 8_000, `${name}: ${png.length} bytes`);
    tall[name] = png.readUInt32BE(20);
  }
  expect(tall.png > Math.max(tall['png-chart'], tall['png-heat']), JSON.stringify(tall));
  // The same without a mouse.
  await chart.focus();
  await page.keyboard.press('x');
  await page.locator('[data-export="csv"]').waitFor();
  await until('the first item', () => page.evaluate(() => document.activeElement?.dataset.export === 'csv'));
  await accessible('export menu');
  for (let k = 0; k < 3; k++) await page.keyboard.press('ArrowDown');
  const [file] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Enter')]);
  expect(file.suggestedFilename() === `${metric}-chart.png`, file.suggestedFilename());
  return `${rows} rows, ${buckets.length} buckets, three pictures`;
});

await check('Explore: split by a label and one value alone, as the API has them', async () => {
  await page.goto(`${base}/explore?m=${metric}&from=${from.toISOString()}&to=${to.toISOString()}`);
  await settled();
  await page.locator('.segments').getByRole('button', {name: 'site', exact: true}).click();
  await until('the address', () => page.url().includes('by=site'));
  await settled();
  const range = `from=${from.toISOString()}&to=${to.toISOString()}`;
  const groups = (await api(`series?metric=${metric}&by=site&${range}&step=3600`)).series.map((one) => one.group);
  expect(groups.length > 0, 'the demo has no site');
  for (const site of groups) {
    await page.locator('[data-menu="label"]').click();
    await page.getByRole('radio', {name: site}).click();
    await until('the address', () => page.url().includes(`l.site=${encodeURIComponent(site)}`));
    const wanted = (await api(`summary?metric=${metric}&label.site=${encodeURIComponent(site)}&${range}&stats=count`)).count;
    await until(`the count of ${site}`, async () => {
      await settled();
      return (await number(page.locator('[data-answer] [data-figure="count"]'), 'data-value')) === wanted;
    });
    await page.getByRole('button', {name: `Remove label site ${site}`}).click();
  }
  await accessible('split by site');
  return groups.join(', ');
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
    if (view === 'explore') await shot('explore-phone.png');
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
    const other = await visitor(null);
    await other.context().grantPermissions(['clipboard-read', 'clipboard-write']);
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
    // So few devices stand in the table all at once: the eye finds the greatest maximum. Of many, a click on Maximum brings it to the top.
    const rows = other.locator('tr[data-series]');
    if ((await rows.count()) > 6) await click(other.getByRole('button', {name: 'Maximum'}));
    // The figures of each device come after the rows.
    const seen = await until('the maximum of each device', async () => {
      const all = await rows.evaluateAll((every) =>
        every.map((row) => [Number(row.cells[7].innerText), row.dataset.series]),
      );
      return all.every(([max]) => Number.isFinite(max)) && all;
    });
    const warmest = seen.sort((a, b) => b[0] - a[0])[0][1];
    await click(other.locator(`tr[data-series="${warmest}"]`).getByRole('button'));
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
    await other.context().close();
    return `${warmest}, ${clicks} clicks`;
  },
);

if (process.env.TRIBUTARY_EMPTY_KEY) {
  await check('without a reading the page shows the command that sends one, and it is true', async () => {
    const other = await visitor(process.env.TRIBUTARY_EMPTY_KEY);
    for (const view of ['fleet', 'now', 'system', 'explore']) {
      await other.goto(`${base}/${view}`);
      await other.getByText('No readings yet').waitFor({timeout: kWaitMs});
    }
    // Another tenant's gateway listens at the broker: only what can arrive is offered.
    const text = await other.locator('[data-empty]').innerText();
    expect(!/mosquitto_pub|Zigbee/.test(text), text);
    if (process.env.TRIBUTARY_SHOTS) await other.screenshot({path: `${process.env.TRIBUTARY_SHOTS}/empty-light.png`});
    const command = await other.locator('pre').innerText();
    const began = Date.now();
    // As a person does: pasted, and the key typed when it is asked for.
    const shell = run('bash', ['-c', command]);
    shell.child.stdin.end(`${process.env.TRIBUTARY_EMPTY_KEY}\n`);
    await shell;
    await settled(other);
    const took = Date.now() - began;
    await other.context().close();
    return `${took} ms from the command to the chart`;
  });
}

// Last: it leaves a metric behind.
if (ready) {
  await check('Explore: forty devices with long and odd names, values of every size', async () => {
    const odd = ['Küche "a/b", left', 'back\\slash', "d'or & <b>"];
    const names = Array.from({length: 40}, (_, i) => odd[i] ?? `sensor-with-a-rather-long-name-in-hall-${i}`);
    const values = {odd_size: (i) => i, odd_large: () => -1.5e300, odd_small: () => 2e-300};
    const body = names.map((name, i) => ({
      device_id: name,
      ...Object.fromEntries(Object.entries(values).map(([metric, value]) => [metric, value(i)])),
    }));
    const sent = await fetch(`${ready.ingest}/api/v1/data`, {
      method: 'POST',
      headers: {'X-API-Key': key},
      body: JSON.stringify(body),
    });
    expect(sent.status === 202, `status ${sent.status}`);
    await until('the devices', async () => (await api('devices')).devices.filter((d) => names.includes(d.device)).length === 40);
    await page.goto(`${base}/explore?m=odd_size&from=-1h`);
    await settled();
    await until('the table', async () => (await page.locator('tr[data-series]').count()) === 40);
    const heat = await page.locator('[data-panel="heat"]').boundingBox();
    expect(heat.y + heat.height <= 900, `the heat map ends at ${heat.y + heat.height} px of 900`);
    const name = page.locator('tr[data-series="sensor-with-a-rather-long-name-in-hall-39"] button');
    expect((await name.boundingBox()).width > 80, `a name has ${(await name.boundingBox()).width} px`);
    expect((await page.locator('[data-strip]').count()) < 40, 'a strip for each');
    await page.getByRole('button', {name: /^Show \d+ more$/}).click();
    await until('the others', async () => (await page.locator('[data-strip]').count()) === 40);
    await accessible('forty devices');
    for (const [i, device] of odd.entries()) {
      await page.locator(`tr[data-series=${JSON.stringify(device)}] button`).click();
      const alone = async () =>
        (await page.locator('[data-strip]').count()) === 1 &&
        (await page.locator('[data-strip]').getAttribute('data-strip')) === device;
      await until(`${device} alone`, alone);
      await settled();
      const mean = await number(page.locator('[data-answer] [data-figure="mean"]'), 'data-value');
      expect(mean === i, `${device}: ${mean}`);
      await page.reload();
      await settled();
      await until(`${device} after a reload`, alone);
      await page.goto(`${base}/explore?m=odd_size&from=-1h`);
      await settled();
    }
    for (const [metric, text] of [
      ['odd_large', '−1.50e300'],
      ['odd_small', '2.00e−300'],
    ]) {
      await page.goto(`${base}/explore?m=${metric}&from=-1h&by=none`);
      await settled();
      const shown = await page.locator('[data-answer] [data-figure="mean"]').innerText();
      expect(shown === text, `${metric}: ${shown}`);
    }
    await page.goto(`${base}/explore?m=no_such_metric`);
    await page.getByRole('button', {name: `Show ${metric}`}).click();
    await settled();
    expect(new URL(page.url()).searchParams.get('m') === metric, page.url());
  });
}

await finish();
