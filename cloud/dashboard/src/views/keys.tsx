// SPDX-License-Identifier: Apache-2.0
// The keys of the page: what each does, the list of them, and the switch that turns them off.
import {useEffect, useRef} from 'preact/hooks';
import type {App} from '../app';
import {toggleTheme} from '../theme';
import {kPages, type Page, type Show} from '../address';

const kSwitch = 'tributary.keys';

export function keysOn(): boolean {
  try {
    return localStorage.getItem(kSwitch) !== 'off';
  } catch {
    return true;
  }
}
function setKeys(on: boolean): void {
  try {
    localStorage.setItem(kSwitch, on ? 'on' : 'off');
  } catch {
    // Without storage the switch cannot be kept; the keys stay on.
  }
}

function moveCursor(app: App, direction: -1 | 1): void {
  const model = app.model;
  const answer = model?.answer;
  if (!model || !answer) return;
  const series = answer.series.find((s) => s.name === model.cursor?.group) ?? answer.series[0];
  if (!series || series.rows.length === 0) return;
  const rows = series.rows;
  let i = model.cursor ? rows.at((model.cursor.row[0] + model.cursor.row[1]) / 2) : -1;
  i = i < 0 ? rows.length - 1 : Math.min(rows.length - 1, Math.max(0, i + direction));
  model.cursor = {ms: rows.start(i), value: null, group: series.name, row: [rows.start(i), rows.end(i)]};
  model.hold(true);
  model.onCursor();
}

const kKeys: {keys: string[]; what: string; page?: Page; run: (app: App, key: string) => void}[] = [
  {
    keys: ['1', '2', '3', '4'],
    what: 'Fleet, Explore, Now, System',
    run: (app, key) => app.go({page: kPages[Number(key) - 1]!}),
  },
  {
    keys: ['/'],
    what: 'jump; in Fleet: find',
    run: (app) => {
      const field = document.querySelector<HTMLInputElement>('[data-find]');
      if (field) field.focus();
      else {
        app.open('jump');
        app.render(); // at once: whoever types on loses no letter
      }
    },
  },
  {keys: ['m'], what: 'metric', page: 'explore', run: (app) => app.open('metric')},
  {keys: ['d'], what: 'devices', page: 'explore', run: (app) => app.open('devices')},
  {keys: ['r'], what: 'range', page: 'explore', run: (app) => app.open('range')},
  {keys: ['s'], what: 'step', page: 'explore', run: (app) => app.open('step')},
  {
    keys: ['b'],
    what: 'split by the next one',
    page: 'explore',
    run: (app) => {
      const all = ['none', 'device', ...(app.model?.labelKeys() ?? [])];
      app.go({by: all[(all.indexOf(app.view.by) + 1) % all.length]!});
    },
  },
  {
    keys: ['ArrowLeft', 'ArrowRight'],
    what: 'row under the cursor; with Shift: move the range',
    page: 'explore',
    run: (app, key) => moveCursor(app, key === 'ArrowLeft' ? -1 : 1),
  },
  {
    keys: ['[', ']'],
    what: 'range before and after',
    page: 'explore',
    run: (app, key) => app.step(key === '[' ? -1 : 1),
  },
  {keys: ['+', '-'], what: 'zoom', page: 'explore', run: (app, key) => app.zoomBy(key === '-' ? 2 : 0.5)},
  {keys: ['0'], what: 'back', page: 'explore', run: (app) => app.back()},
  {
    keys: ['p'],
    what: 'percentiles',
    page: 'explore',
    run: (app) => {
      const shows = app.picture!.shows();
      const next: Show[] = shows.has('percentiles') ? ['mean', 'range'] : ['mean', 'range', 'percentiles'];
      const usual = app.picture!.single() === next.includes('percentiles');
      app.go({show: usual ? null : next}, true);
    },
  },
  {
    keys: ['f'],
    what: 'full scale',
    page: 'explore',
    run: (app) => app.go({y: app.view.y === 'full' ? 'fences' : 'full'}, true),
  },
  {
    keys: ['t'],
    what: 'rows as a table',
    page: 'explore',
    run: (app) => {
      app.rowsTable = !app.rowsTable;
      app.changed();
    },
  },
  {keys: ['c'], what: 'copy link', page: 'explore', run: (app) => void app.copy(app.link(), 'Link copied')},
  {keys: ['x'], what: 'export as CSV or PNG', page: 'explore', run: (app) => app.open('export')},
  {
    keys: ['j', 'k'],
    what: 'gateway after and before; also ↓ and ↑',
    page: 'fleet',
    run: (_app, key) => {
      const list = document.querySelector<HTMLElement>('.fleet .scroll');
      list?.focus();
      list?.dispatchEvent(new KeyboardEvent('keydown', {key}));
    },
  },
  {
    keys: ['e'],
    what: 'explore the chosen gateway',
    page: 'fleet',
    run: () => document.querySelector<HTMLElement>('.drawer .full')?.click(),
  },
  {keys: ['l'], what: 'theme', run: () => toggleTheme()},
  {keys: ['?'], what: 'keys', run: (app) => app.open('keys')},
  {
    keys: ['Escape'],
    what: 'close',
    run: (app) => {
      if (app.model) {
        app.model.cursor = null;
        app.model.onCursor();
      }
      if (!app.menu && app.view.page === 'fleet' && app.view.gateway) app.go({gateway: ''}, true);
      app.open(null);
    },
  },
];

export function startKeys(app: App): void {
  addEventListener('keydown', (event) => {
    const target = event.target as HTMLElement;
    if (
      !app.model ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) ||
      target.closest('.popover, dialog')
    )
      return;
    if (!keysOn() && event.key !== '?' && event.key !== 'Escape' && !event.key.startsWith('Arrow')) return;
    if (event.shiftKey && event.key.startsWith('Arrow') && app.view.page === 'explore') {
      if (event.key === 'ArrowLeft') app.pan(-0.25);
      if (event.key === 'ArrowRight') app.pan(0.25);
      return;
    }
    const entry = kKeys.find((one) =>
      one.keys.includes(event.key === '−' || event.key === '_' ? '-' : event.key === '=' ? '+' : event.key),
    );
    if (!entry || (entry.page && entry.page !== app.view.page)) return;
    // A table that scrolls sideways needs its arrows.
    if (event.key.startsWith('Arrow') && target.closest('.rows, .scroll')) return;
    event.preventDefault();
    entry.run(app, event.key === '=' ? '+' : event.key);
  });
}

const kNames: Record<string, string> = {ArrowLeft: '←', ArrowRight: '→', Escape: 'Esc', '-': '−'};

export function Keys({app}: {app: App}) {
  const ref = useRef<HTMLDialogElement>(null);
  const open = app.menu === 'keys';
  useEffect(() => {
    if (open && !ref.current?.open) ref.current?.showModal();
    if (!open && ref.current?.open) ref.current.close();
  }, [open]);
  return (
    <dialog ref={ref} aria-labelledby="keys-title" onClose={() => app.menu === 'keys' && app.open(null)}>
      <h2 id="keys-title">Keys</h2>
      <dl>
        {kKeys.map(({keys, what}) => (
          <>
            <dt>
              {keys.map((key) => (
                <>
                  <kbd>{kNames[key] ?? key}</kbd>{' '}
                </>
              ))}
            </dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
      <p style={{marginTop: '12px'}}>
        <label>
          <input type="checkbox" checked={keysOn()} onChange={(event) => setKeys(event.currentTarget.checked)} /> Keys
          are on
        </label>
      </p>
      <p style={{marginTop: '12px'}}>
        <button type="button" class="control" onClick={() => app.open(null)}>
          Close
        </button>
      </p>
    </dialog>
  );
}
