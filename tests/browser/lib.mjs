// SPDX-License-Identifier: Apache-2.0
// What the browser tests share: the browser, one line a check, waiting for a condition, the API beside the page, axe-core, screenshots.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import process from 'node:process';

const dashboard = createRequire(new URL('../../cloud/dashboard/package.json', import.meta.url));
const {chromium} = dashboard('playwright-core');
const axe = readFileSync(dashboard.resolve('axe-core/axe.min.js'), 'utf8');

export const base = process.env.TRIBUTARY_URL?.replace(/\/$/, '');
export const key = process.env.TRIBUTARY_KEY;
export const metric = process.env.TRIBUTARY_METRIC ?? 'temperature';
if (!base || !key) {
  console.error('TRIBUTARY_URL and TRIBUTARY_KEY are needed');
  process.exit(2);
}
export const kWaitMs = 30_000;

let passed = 0;
let failed = 0;
export async function check(name, body) {
  try {
    const note = await body();
    passed++;
    console.log(`ok ${name}${note ? ` (${note})` : ''}`);
  } catch (error) {
    failed++;
    console.log(
      `FAIL ${name}: ${String(error.message ?? error)
        .split('\n')
        .slice(0, 6)
        .join(' | ')}`,
    );
  }
}
export function expect(condition, text) {
  if (!condition) throw new Error(text);
}
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export async function until(what, ask, ms = kWaitMs) {
  const end = Date.now() + ms;
  let last = null;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error.message;
    }
    if (Date.now() > end) throw new Error(`${what} did not come within ${ms / 1000} s; last: ${JSON.stringify(last)}`);
    await pause(150);
  }
}
export async function api(path) {
  const response = await fetch(`${base}/api/v1/${path}`, {headers: {'X-API-Key': key}});
  if (!response.ok) throw new Error(`${path}: status ${response.status}`);
  return response.json();
}

export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
export const context = await browser.newContext({
  viewport: {width: 1440, height: 900},
  colorScheme: 'light',
  timezoneId: 'UTC',
});
export const page = await context.newPage();
export const alsoOurs = []; // other addresses of the same server
export const foreign = [];
export const errors = [];
for (const watched of [page]) {
  watched.on('request', (request) => {
    const url = request.url();
    if (
      ![base, ...alsoOurs].some((own) => url.startsWith(`${own}/`)) &&
      !url.startsWith('data:') &&
      !url.startsWith('blob:')
    )
      foreign.push(url);
  });
  watched.on('pageerror', (error) => errors.push(error.message));
  watched.on('console', (message) => {
    // A refused key, and a server that is away on purpose, are told by the browser itself.
    if (message.type() === 'error' && !/Failed to load resource|net::ERR_/.test(message.text()))
      errors.push(message.text());
  });
}

export async function violations() {
  await page.evaluate(`if (!window.axe) { ${axe} }`);
  const found = await page.evaluate(() => window.axe.run());
  return found.violations.map(
    (v) =>
      `${v.id}: ${v.nodes
        .map((node) => node.target.join(' '))
        .slice(0, 3)
        .join(', ')}`,
  );
}
export async function accessible(what) {
  const found = await violations();
  expect(found.length === 0, `${what}: ${found.join('; ')}`);
}
export async function shot(name) {
  if (process.env.TRIBUTARY_SHOTS) await page.screenshot({path: join(process.env.TRIBUTARY_SHOTS, name)});
}

// An attribute of an element, as a number.
export const number = async (locator, name) => Number(await locator.getAttribute(name));
// Chooses the theme by its button.
export const dark = async (on) => {
  if (((await page.evaluate(() => document.documentElement.dataset.theme)) === 'dark') !== on)
    await page.getByRole('button', {name: 'Change theme'}).click();
};

// The aggregator's process: from TRIBUTARY_READY, which is written again after each restart, or TRIBUTARY_AGGREGATOR_PID; 0: not known.
export function aggregatorPid() {
  if (process.env.TRIBUTARY_READY) return JSON.parse(readFileSync(process.env.TRIBUTARY_READY, 'utf8')).pids.aggregator;
  return Number(process.env.TRIBUTARY_AGGREGATOR_PID ?? 0);
}

async function signIn(where, apiKey) {
  const response = await where.request.post(`${base}/api/v1/session`, {data: {api_key: apiKey}});
  if (!response.ok()) throw new Error(`sign in: status ${response.status()}`);
}
// How most checks begin: signed in without the form; the devices that have the metric, by name.
export async function begin() {
  await signIn(context, key);
  return (await api('devices')).devices
    .filter((d) => d.metrics.includes(metric))
    .map((d) => d.device)
    .sort();
}
// A page of somebody else, in a browser of their own; apiKey null: not signed in yet.
export async function visitor(apiKey) {
  const fresh = await browser.newContext({viewport: {width: 1440, height: 900}, timezoneId: 'UTC'});
  if (apiKey) await signIn(fresh, apiKey);
  return fresh.newPage();
}

// Explore's chart, and that it is drawn from an answer.
export const chartOf = (where = page) => where.locator('[data-panel="chart"]');
export const settled = (where = page) =>
  until(
    'a filled chart',
    async () =>
      Number(await chartOf(where).getAttribute('data-rows')) > 0 && (await where.locator('.old').count()) === 0,
  );

export async function finish() {
  await check('the page asked nobody but its own server', () => expect(foreign.length === 0, foreign.join(', ')));
  await check('no error in the console', () => expect(errors.length === 0, [...new Set(errors)].slice(0, 5).join('; ')));
  await browser.close();
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
