// SPDX-License-Identifier: Apache-2.0
// The fleet: who is up to date, who is late or silent and by how much; thousands of gateways in a list of which only
// what is seen exists.
import {useEffect, useLayoutEffect, useRef, useState} from 'preact/hooks';
import type {App} from '../app';
import {serverNow} from '../api';
import {clock, count, counted, moment, share as shareText} from '../format';
import {type FleetRow, type FleetState, type FleetSummary, type FleetView, kFilters} from '../model/fleet';
import {Field} from '../ui/field';
import {Glyph} from '../ui/glyph';
import {Away} from './away';
import {Drawer} from './drawer';
import {NoReadings} from './empty';
import {FleetList} from './fleetlist';

const kDayMs = 86_400_000;
const kPhonePx = 700;

interface Column {
  key: string;
  name: string;
  px: number | null;
  left?: boolean;
}
const kColumns: Column[] = [
  {key: '', name: 'State', px: 46},
  {key: 'name', name: 'Gateway', px: 134, left: true},
  {key: 'site', name: 'Site', px: null, left: true},
  {key: 'devices', name: 'Devices', px: 68},
  {key: 'seen', name: 'Last seen', px: 96},
  {key: 'behind', name: 'Behind', px: 140},
  {key: '', name: 'Last 24 h', px: 158, left: true},
  {key: 'outbox', name: 'Outbox waiting + flight', px: 164, left: true},
  {key: 'widest', name: 'Widest', px: 74},
  {key: 'version', name: 'Version', px: 94},
];

// While pages are still to come nothing is said of the whole.
function Coming({read, expected}: {read: number; expected: number}) {
  return (
    <>
      <h1>{`Reading the fleet: ${count(read)} of ${counted(Math.max(read, expected), 'gateway')}`}</h1>
      <p class="lead">The others come in a moment.</p>
    </>
  );
}

function Lead({sum, now, heard}: {sum: FleetSummary; now: number; heard: boolean}) {
  const rest = (['late', 'silent', 'parked'] as FleetState[]).filter((state) => sum.counts[state] > 0);
  const words = rest.map((state) => {
    const n = sum.counts[state];
    const is = n === 1 ? 'is' : 'are';
    if (state === 'parked') return `${count(n)} ${n === 1 ? 'needs' : 'need'} a decision`;
    return `${count(n)} ${is} ${state === 'late' ? 'late and catching up' : 'silent'}`;
  });
  const are = heard ? (sum.expected === 1 ? 'is' : 'are') : sum.expected === 1 ? 'was' : 'were';
  const well = `${count(sum.counts.complete)} of ${counted(sum.expected, 'gateway')} ${are} up to date`;
  return (
    <>
      <h1>
        {sum.expected === 0 ? 'No gateway has reported yet' : heard ? well : `At ${moment(now, serverNow())}, ${well}`}
      </h1>
      {sum.expected > 0 && (
        <p class="lead">
          {words.length > 0 && `${words.join(', ')}. `}
          The newest minute is <b>{shareText(sum.share)}</b> complete
          {Number.isFinite(sum.completeTo) && (
            <>
              ; everything before <b>{moment(sum.completeTo, now, now - sum.completeTo < kDayMs)}</b> is complete
            </>
          )}
          .
        </p>
      )}
    </>
  );
}

// Rows are one stop of the keyboard: arrows choose, Enter opens what it says about it.
function onKeys(app: App, shown: FleetRow[], reveal: (i: number) => void, event: KeyboardEvent): void {
  const down = event.key === 'ArrowDown' || event.key === 'j';
  const up = event.key === 'ArrowUp' || event.key === 'k';
  const chosen = shown.findIndex((row) => row.name === app.view.gateway);
  if (down || up) {
    const next = shown[Math.min(shown.length - 1, Math.max(0, chosen < 0 ? 0 : chosen + (down ? 1 : -1)))];
    if (!next) return;
    app.go({gateway: next.name}, true);
    reveal(shown.indexOf(next));
  } else if (event.key === 'Enter') {
    document.querySelector<HTMLElement>('.drawer h2')?.focus();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

function useResize(): void {
  const [, moved] = useState(0);
  useEffect(() => {
    const changed = (): void => moved((n) => n + 1);
    addEventListener('resize', changed);
    return () => removeEventListener('resize', changed);
  }, []);
}

// The rows that are seen, in nodes of their own; made anew when the page turns into that of a phone or back.
function useRows(shown: FleetRow[], gateway: string, now: number, scroll: HTMLElement | null) {
  const phone = window.innerWidth < kPhonePx;
  const body = useRef<HTMLTableSectionElement>(null);
  const rows = useRef<FleetList | null>(null);
  useLayoutEffect(() => {
    if (!scroll || !body.current) return undefined;
    const made = new FleetList(scroll, body.current, phone);
    rows.current = made;
    return () => {
      made.destroy();
      rows.current = null;
    };
  }, [phone, scroll]);
  useLayoutEffect(() => rows.current?.update(shown, gateway, now));
  return {body, rows};
}

function Filters({app, whole, toTop}: {app: App; whole: FleetView; toTop: () => void}) {
  const {find, filter} = app.view;
  const pressed = (key: string): boolean =>
    filter === key || (filter === 'behind' && (key === 'late' || key === 'silent'));
  const chips = [
    {key: '', name: 'All', n: whole.rows.length, glyph: null as FleetState | null},
    ...kFilters
      .filter((one) => one.key !== 'behind')
      .map((one) => ({
        key: one.key,
        name: one.name,
        n: whole.counts.get(one.key) ?? 0,
        glyph: one.key === 'coarse' || one.key === 'gaps' ? null : (one.key as FleetState),
      })),
  ];
  return (
    <div class="filters">
      <div class="chips-row" role="group" aria-label="Which gateways">
        {chips.map((chip) => (
          <button
            type="button"
            key={chip.key}
            class="chip"
            aria-pressed={pressed(chip.key)}
            disabled={chip.key !== '' && chip.n === 0 && filter !== chip.key}
            onClick={() => {
              app.go({filter: chip.key}, true);
              toTop();
            }}
          >
            {chip.glyph && <Glyph state={chip.glyph} share={0.6} r={5} />}
            {chip.name} <b>{count(chip.n)}</b>
          </button>
        ))}
      </div>
      <span class="finder">
        <input
          class="control find"
          type="search"
          aria-label="Name, site or label"
          placeholder="Name, site or label"
          data-find
          value={find}
          onInput={(event) => {
            app.go({find: event.currentTarget.value}, true);
            toTop();
          }}
        />
        {!find && <kbd aria-hidden="true">/</kbd>}
      </span>
    </div>
  );
}

function Head({app}: {app: App}) {
  const {sort} = app.view;
  const by = (key: string): void => {
    app.go({sort: sort === key ? `-${key}` : sort === `-${key}` ? '' : key}, true);
  };
  const classOf = ({left, key}: (typeof kColumns)[number], i: number): string =>
    [left && 'name', i > 1 && key !== 'behind' && 'wide', `c-${key}`, sort === '' && key === 'behind' && 'by-default']
      .filter(Boolean)
      .join(' ');
  return (
    <thead>
      <tr aria-rowindex={1}>
        {kColumns.map((column, i) => {
          const own = column.key !== '' && (sort === column.key || sort === `-${column.key}`);
          return (
            <th
              key={column.name}
              scope="col"
              class={classOf(column, i)}
              aria-sort={own ? (sort.startsWith('-') ? 'descending' : 'ascending') : undefined}
            >
              {i === 0 ? (
                <span class="hidden">{column.name}</span>
              ) : column.key ? (
                <button type="button" onClick={() => by(column.key)}>
                  {column.name}
                  {own && <span aria-hidden="true">{sort.startsWith('-') ? ' ▴' : ' ▾'}</span>}
                  {sort === '' && column.key === 'behind' && <span aria-hidden="true"> ▾</span>}
                </button>
              ) : (
                column.name
              )}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

const gatewayAt = (target: EventTarget | null): string =>
  (target as HTMLElement).closest('tr')?.getAttribute('data-gateway') ?? '';

function NoneFits({app}: {app: App}) {
  return (
    <p class="none" role="status">
      {app.view.find ? `No gateway matches "${app.view.find}".` : 'No gateway is in this state.'}{' '}
      <button type="button" class="link" onClick={() => app.go({find: '', filter: ''}, true)}>
        Clear
      </button>
    </p>
  );
}

export function Fleet({app}: {app: App}) {
  const model = app.fleet!;
  const catalogue = app.model!;
  const [scroll, setScroll] = useState<HTMLDivElement | null>(null);
  const now = model.knownMs();
  const whole = model.view(now);
  const {rows: all, sum} = whole;
  const {find, filter, sort, gateway} = app.view;
  const shown = model.selected(whole, find, filter, sort);
  const selected = all.find((row) => row.name === gateway) ?? null;

  useResize();
  const {body, rows} = useRows(shown, gateway, now, scroll);
  const toTop = (): void => {
    if (scroll) scroll.scrollTop = 0;
  };
  if (model.loaded && all.length === 0 && catalogue.metrics.length === 0)
    return (
      <main class="picture">
        <h1 class="hidden">Fleet</h1>
        <NoReadings app={app} />
      </main>
    );
  return (
    <div class={`fleet-page${selected ? ' with-drawer' : ''}`}>
      <main class={`fleet${model.error ? ' stale' : ''}`}>
        <Away app={app} />
        <div class="fleet-top">
          <div>
            {catalogue.ready || all.length === 0 ? (
              <Lead sum={sum} now={now} heard={model.isHeard()} />
            ) : (
              <Coming read={all.length} expected={catalogue.expected} />
            )}
          </div>
          <Field lines={whole.lines} />
        </div>
        <Filters app={app} whole={whole} toTop={toTop} />
        <div
          class="scroll"
          ref={setScroll}
          tabIndex={0}
          role="region"
          aria-label="Gateways"
          onScroll={() => model.scrolled()}
          onKeyDown={(event) => onKeys(app, shown, (i) => rows.current?.reveal(i), event)}
        >
          <table data-gateways={shown.length} aria-rowcount={shown.length + 1}>
            <caption class="hidden">Gateways</caption>
            <colgroup>
              {kColumns.map((column) => (
                <col key={column.name} style={column.px ? {width: `${column.px}px`} : {}} />
              ))}
            </colgroup>
            <Head app={app} />
            <tbody
              ref={body}
              onClick={(event) => {
                const name = gatewayAt(event.target);
                if (name) app.go({gateway: name}, true);
              }}
            />
          </table>
          {model.loaded && shown.length === 0 && <NoneFits app={app} />}
        </div>
      </main>
      {selected && <Drawer app={app} row={selected} since={clock(now)} />}
    </div>
  );
}
