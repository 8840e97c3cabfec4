// SPDX-License-Identifier: Apache-2.0
// The fleet: who is up to date, who is late or silent and by how much; thousands of gateways in a list of which only what is seen exists.
import {useEffect, useRef, useState} from 'preact/hooks';
import type {App} from '../app';
import {serverNow} from '../api';
import {clock, count, counted, duration, kNone, list, moment, share as shareText, width as widthText} from '../format';
import {type FleetRow, type FleetState, type FleetSummary, kFilters, kStateWords, visibleRows} from '../model/fleet';
import {Field} from '../ui/field';
import {Glyph} from '../ui/glyph';
import {SpanLane} from '../lanes/span';
import {Away} from './away';
import {Drawer} from './drawer';
import {NoReadings} from './empty';

const kBehindLeast = 8;
const kBehindMost = 30 * 86400;
const kTrackPx = 46;
const kDayMs = 86_400_000;
const kPhonePx = 700;
const kOutboxTick = 0.75;

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

function shareOf(seconds: number): number {
  const log = Math.log(Math.max(seconds, kBehindLeast) / kBehindLeast) / Math.log(kBehindMost / kBehindLeast);
  return Math.min(1, Math.max(0, log));
}

function Outbox({row}: {row: FleetRow}) {
  const wide = 56;
  const filled = row.waiting + row.flight ? Math.max(2, Math.min(1, row.used) * wide) : 0;
  const over = row.used > kOutboxTick;
  return (
    <span class="outbox">
      <svg width={wide} height="12" aria-hidden="true">
        <rect y="4" width={wide} height="4" rx="1" fill="var(--line)" />
        <rect y="4" width={filled} height="4" rx="1" fill={over ? 'var(--warn-mark)' : 'var(--ink2)'} />
        <path d={`M${wide * kOutboxTick} 0v12`} stroke="var(--ink)" />
      </svg>
      <span class={over ? 'warn' : undefined}>
        {count(row.waiting)}
        {row.flight > 0 && ` + ${count(row.flight)}`}
      </span>
    </span>
  );
}

const widest = (row: FleetRow): string =>
  row.widest < 0 ? kNone : row.widest === 0 ? 'all time' : widthText(row.widest);

function Row({
  app,
  row,
  index,
  now,
  phone,
  selected,
}: {
  app: App;
  row: FleetRow;
  index: number;
  now: number;
  phone: boolean;
  selected: boolean;
}) {
  const off = row.state === 'silent' || row.state === 'late';
  const behind = (now - row.frontier) / 1000;
  const known = Number.isFinite(behind);
  const gaps = row.gaps.length ? counted(row.gaps.length, 'gap') : '';
  const lane = (
    <SpanLane
      from={now - kDayMs}
      to={now}
      frontier={off ? row.frontier : null}
      gaps={row.gaps}
      parked={row.state === 'parked'}
      width={146}
      height={8}
    />
  );
  return (
    <tr
      data-gateway={row.name}
      data-state={row.state}
      aria-rowindex={index + 2}
      class={selected ? 'selected' : undefined}
      onClick={() => app.go({gateway: row.name}, true)}
    >
      <td>
        <Glyph state={row.state} share={0.6} r={phone ? 6 : 5} label={kStateWords[row.state]} />
      </td>
      <th scope="row" class="name">
        <button type="button" class="open" tabIndex={-1} onClick={() => app.go({gateway: row.name}, true)}>
          {row.name}
        </button>
        {phone && lane}
      </th>
      <td class={`name wide${row.alarm ? ' bad' : ''}`}>
        {row.alarm || row.site || (gaps ? '' : kNone)}
        {!row.alarm && gaps && <span class="quiet"> {gaps}</span>}
      </td>
      <td class="wide c-devices">{count(row.devices)}</td>
      <td class={`wide${row.state === 'silent' ? ' warn' : ''}`}>
        {Number.isFinite(row.seen) ? duration(Math.max(0, now - row.seen) / 1000) : kNone}
      </td>
      <td class={`behind${off ? ' warn' : ''}`}>
        <span class="track" aria-hidden="true">
          <i
            class={off ? 'late' : undefined}
            style={{width: `${Math.max(3, shareOf(known ? behind : 0) * kTrackPx)}px`}}
          />
        </span>
        <span class="for">{known ? duration(behind) : kNone}</span>
        {phone && <Outbox row={row} />}
      </td>
      <td class="name wide">{lane}</td>
      <td class="name wide">
        <Outbox row={row} />
      </td>
      <td class={`wide c-widest${row.widest > 10 || row.widest === 0 ? ' strong' : ''}`}>{widest(row)}</td>
      <td class="wide c-version">{row.version || kNone}</td>
    </tr>
  );
}

function Lead({sum}: {sum: FleetSummary}) {
  const rest = (['late', 'silent', 'parked'] as FleetState[]).filter((state) => sum.counts[state] > 0);
  const words = rest.map((state) => {
    const n = sum.counts[state];
    const is = n === 1 ? 'is' : 'are';
    if (state === 'parked') return `${count(n)} ${n === 1 ? 'needs' : 'need'} a decision`;
    return `${count(n)} ${is} ${state === 'late' ? 'late and catching up' : 'silent'}`;
  });
  const now = serverNow();
  return (
    <>
      <h1>
        {sum.expected === 0
          ? 'No gateway has reported yet'
          : `${count(sum.counts.complete)} of ${counted(sum.expected, 'gateway')} ${sum.expected === 1 ? 'is' : 'are'} up to date`}
      </h1>
      {sum.expected > 0 && (
        <p class="lead">
          {words.length > 0 && `${list(words)}. `}
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

export function Fleet({app}: {app: App}) {
  const model = app.fleet!;
  const catalogue = app.model!;
  const scroll = useRef<HTMLDivElement>(null);
  const [, moved] = useState(0);
  const now = serverNow();
  const whole = model.view(now);
  const {rows: all, sum} = whole;
  const {find, filter, sort, gateway} = app.view;
  const shown = model.selected(whole, find, filter, sort);
  const phone = window.innerWidth < kPhonePx;
  const rowPx = phone ? 59 : 31;
  const view = scroll.current;
  const {first, last} = visibleRows(
    shown.length,
    rowPx,
    view?.scrollTop ?? 0,
    view?.clientHeight ?? window.innerHeight,
  );
  const selected = all.find((row) => row.name === gateway) ?? null;

  useEffect(() => {
    const changed = (): void => moved((n) => n + 1);
    addEventListener('resize', changed);
    changed();
    return () => removeEventListener('resize', changed);
  }, []);
  // The list has what is left of the page; its top is known once it stands.
  useEffect(() => {
    const element = scroll.current;
    if (!element) return;
    const top = element.getBoundingClientRect().top + window.scrollY;
    const height = `${Math.max(rowPx * 5, window.innerHeight - top - (phone ? 60 : 0))}px`;
    if (element.style.height !== height) {
      element.style.height = height;
      moved((n) => n + 1);
    }
  });

  // Rows are one stop of the keyboard: arrows choose, Enter opens what it says about it.
  const keys = (event: KeyboardEvent): void => {
    const down = event.key === 'ArrowDown' || event.key === 'j';
    const up = event.key === 'ArrowUp' || event.key === 'k';
    const at = shown.findIndex((row) => row.name === gateway);
    if (down || up) {
      const next = shown[Math.min(shown.length - 1, Math.max(0, at < 0 ? 0 : at + (down ? 1 : -1)))];
      if (!next) return;
      app.go({gateway: next.name}, true);
      const top = shown.indexOf(next) * rowPx;
      const box = scroll.current!;
      if (top < box.scrollTop) box.scrollTop = top;
      else if (top + 2 * rowPx > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * rowPx - box.clientHeight;
    } else if (event.key === 'Enter') {
      document.querySelector<HTMLElement>('.drawer h2')?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  if (model.loaded && all.length === 0 && catalogue.metrics.length === 0)
    return (
      <main class="picture">
        <h1 class="hidden">Fleet</h1>
        <NoReadings app={app} />
      </main>
    );
  const by = (key: string): void => {
    app.go({sort: sort === key ? `-${key}` : sort === `-${key}` ? '' : key}, true);
  };
  const chips = [
    {key: '', name: 'All', n: all.length, glyph: null as FleetState | null},
    ...kFilters.map((one) => ({
      key: one.key,
      name: one.name,
      n: whole.counts.get(one.key) ?? 0,
      glyph: one.key === 'coarse' || one.key === 'gaps' ? null : (one.key as FleetState),
    })),
  ];
  return (
    <div class={`fleet-page${selected ? ' with-drawer' : ''}`}>
      <main class={`fleet${model.error ? ' stale' : ''}`}>
        <Away app={app} />
        <div class="fleet-top">
          <div>
            <Lead sum={sum} />
          </div>
          <Field lines={whole.lines} />
        </div>
        <div class="filters">
          <div class="chips-row" role="group" aria-label="Which gateways">
            {chips.map((chip) => (
              <button
                type="button"
                key={chip.key}
                class="chip"
                aria-pressed={filter === chip.key}
                disabled={chip.key !== '' && chip.n === 0 && filter !== chip.key}
                onClick={() => {
                  app.go({filter: chip.key}, true);
                  if (scroll.current) scroll.current.scrollTop = 0;
                }}
              >
                {chip.glyph && <Glyph state={chip.glyph} share={0.6} r={5} />}
                {chip.name} <b>{count(chip.n)}</b>
              </button>
            ))}
          </div>
          <input
            class="control find"
            type="search"
            aria-label="Name, site or label"
            placeholder="Name, site or label"
            data-find
            value={find}
            onInput={(event) => {
              app.go({find: event.currentTarget.value}, true);
              if (scroll.current) scroll.current.scrollTop = 0;
            }}
          />
        </div>
        <div
          class="scroll"
          ref={scroll}
          tabIndex={0}
          role="region"
          aria-label="Gateways"
          onScroll={(event) => {
            const box = event.currentTarget;
            const next = visibleRows(shown.length, rowPx, box.scrollTop, box.clientHeight);
            if (next.first !== first || next.last !== last) moved((n) => n + 1);
          }}
          onKeyDown={keys}
        >
          <table data-gateways={shown.length} aria-rowcount={shown.length + 1}>
            <caption class="hidden">Gateways</caption>
            <colgroup>
              {kColumns.map((column) => (
                <col key={column.name} style={column.px ? {width: `${column.px}px`} : {}} />
              ))}
            </colgroup>
            <thead>
              <tr aria-rowindex={1}>
                {kColumns.map((column, i) => {
                  const own = column.key !== '' && (sort === column.key || sort === `-${column.key}`);
                  return (
                    <th
                      key={column.name}
                      scope="col"
                      class={`${column.left ? 'name' : ''}${i > 1 && column.key !== 'behind' ? ' wide' : ''} c-${column.key}`}
                      aria-sort={own ? (sort.startsWith('-') ? 'descending' : 'ascending') : undefined}
                    >
                      {i === 0 ? (
                        <span class="hidden">{column.name}</span>
                      ) : column.key ? (
                        <button type="button" onClick={() => by(column.key)}>
                          {column.name}
                          {own && <span aria-hidden="true">{sort.startsWith('-') ? ' ▴' : ' ▾'}</span>}
                        </button>
                      ) : (
                        column.name
                      )}
                    </th>
                  );
                })}
              </tr>
            </thead>
            <tbody>
              {first > 0 && <tr aria-hidden="true" class="space" style={{height: `${first * rowPx}px`}} />}
              {shown.slice(first, last).map((row, i) => (
                <Row
                  key={row.name}
                  app={app}
                  row={row}
                  index={first + i}
                  now={now}
                  phone={phone}
                  selected={row.name === gateway}
                />
              ))}
              {last < shown.length && (
                <tr aria-hidden="true" class="space" style={{height: `${(shown.length - last) * rowPx}px`}} />
              )}
            </tbody>
          </table>
          {model.loaded && shown.length === 0 && (
            <p class="none" role="status">
              {find ? `No gateway matches "${find}".` : 'No gateway is in this state.'}{' '}
              <button type="button" class="link" onClick={() => app.go({find: '', filter: ''}, true)}>
                Clear
              </button>
            </p>
          )}
        </div>
      </main>
      {selected && <Drawer app={app} row={selected} since={clock(now)} />}
    </div>
  );
}
