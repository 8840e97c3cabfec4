// SPDX-License-Identifier: Apache-2.0
// Runs the unit tests with Node's own runner: each is bundled to plain JavaScript first, so that Node 18 can run it.
import {spawnSync} from 'node:child_process';
import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const tests = readdirSync(here).filter((name) => name.endsWith('.test.ts'));
const out = mkdtempSync(join(tmpdir(), 'dashboard-test-'));
await build({
  entryPoints: tests.map((name) => join(here, name)),
  outdir: out,
  outExtension: {'.js': '.mjs'},
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node18',
  logLevel: 'warning',
});
const run = spawnSync(process.execPath, ['--test', ...tests.map((name) => join(out, name.replace(/\.ts$/, '.mjs')))], {
  stdio: 'inherit',
  env: {...process.env, TZ: 'UTC'},
});
rmSync(out, {recursive: true, force: true});
process.exit(run.status ?? 1);
