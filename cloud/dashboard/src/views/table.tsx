// SPDX-License-Identifier: Apache-2.0
// The compared series as a table that sorts by any column; and the chart's rows as one.
import {useState} from 'preact/hooks';
import type {App} from '../app';
import {type Quantile, serverNow, type Summary} from '../api';
import {capital, count, kNone, moment, number, quantileDecimals, width} from '../format';
import type {SeriesData} from '../model/types';
import {colors, seriesColor} from '../theme';

interface Entry {
  series: SeriesData;
  summary: Summary | undefined;
  lastSeen: number | null;
  gateways: string;
  late: boolean;
}
type Key = 'name' | 'count' | 'mean' | 'min' | 'p50' | 'p95' | 'p99' | 'max' | 'seen' | 'gateway';

const kColumns: {key: Key; name: string; width: string}[] = [
  {key: 'name', name: 'Device', width: '14.5%'},
  {key: 'count', name: 'Readings', width: '8.2%'},
  {key: 'mean', name: 'Mean ± standard deviation', width: '20.2%'},
  {key: 'min', name: 'Minimum', width: '8.5%'},
  {key: 'p50', name: 'Median', width: '6.7%'},
  {key: 'p95', name: '95th', width: '6.7%'},
  {key: 'p99', name: '99th', width: '6.6%'},
  {key: 'max', name: 'Maximum', width: '8.5%'},
  {key: 'seen', name: 'Last seen', width: '9.4%'},
  {key: 'gateway', name: 'Gateway', width: '10.7%'},
];

function quantile(q: Quantile | null | undefined, d: number): string {
  return q ? number(q.value, quantileDecimals(q.low, q.high, d)) : kNone;
}

function sortValue(entry: Entry, key: Key): number | string {
  const s = entry.summary;
  switch (key) {
    case 'name':
      return entry.series.name;
    case 'gateway':
      return entry.gateways;
    case 'seen':
      return entry.lastSeen ?? -Infinity;
    case 'count':
      return s?.count ?? -Infinity;
    case 'p50':
    case 'p95':
    case 'p99':
      return s?.[key]?.value ?? -Infinity;
    default:
      return s?.[key] ?? -Infinity;
  }
}

function DeviceRow({app, entry, d}: {app: App; entry: Entry; d: number}) {
  const {series, summary: s, lastSeen, gateways, late} = entry;
  return (
    <tr data-series={series.name} onMouseEnter={() => raise(app, series.name)} onMouseLeave={() => raise(app, null)}>
      <th scope="row">
        <i class="key" style={{background: seriesColor(colors(), series.color)}} />
        {app.model!.groupBy() === 'device' ? (
          <button type="button" title={`Show ${series.name} alone`} onClick={() => app.go({devices: [series.name]})}>
            {series.name}
          </button>
        ) : (
          series.name || 'all devices'
        )}
      </th>
      <td>{s ? count(s.count) : kNone}</td>
      <td>
        {number(s?.mean, d)}{' '}
        <span class="quiet">{s?.stddev !== null && s?.stddev !== undefined ? `± ${number(s.stddev, d)}` : ''}</span>
      </td>
      <td>{number(s?.min, d)}</td>
      <td>{quantile(s?.p50, d)}</td>
      <td>{quantile(s?.p95, d)}</td>
      <td>{quantile(s?.p99, d)}</td>
      <td>{number(s?.max, d)}</td>
      <td class={late ? 'late' : 'quiet'}>{lastSeen === null ? kNone : moment(lastSeen, serverNow())}</td>
      <td class="quiet">{gateways || kNone}</td>
    </tr>
  );
}

export function DeviceTable({app}: {app: App}) {
  const [sort, setSort] = useState<{key: Key; down: boolean}>({key: 'name', down: false});
  const model = app.model!;
  const d = model.decimals();
  const words = model.words();
  const late = new Set((words?.lanes ?? []).filter((lane) => lane.frontier !== null).map((lane) => lane.gateway));
  const entries: Entry[] = (model.answer?.series ?? []).map((series) => {
    const summary = model.parts.get(series.name);
    const last = summary?.last ? Date.parse(summary.last.time) : null;
    return {
      series,
      summary,
      lastSeen: last,
      gateways: series.gateways.join(', '),
      late: series.gateways.some((g) => late.has(g)),
    };
  });
  entries.sort((a, b) => {
    const x = sortValue(a, sort.key);
    const y = sortValue(b, sort.key);
    const order = x < y ? -1 : x > y ? 1 : a.series.name < b.series.name ? -1 : 1;
    return sort.down ? -order : order;
  });
  const by = (key: Key): void =>
    setSort({key, down: sort.key === key ? !sort.down : key !== 'name' && key !== 'gateway'});
  const first = model.groupBy() === '' ? 'Selection' : capital(model.groupBy());
  return (
    <div class="rows" tabIndex={0} role="region" aria-label="Figures of the range">
      <table>
        <caption class="hidden">Figures of {model.metric()} in the range, one row each</caption>
        <colgroup>
          {kColumns.map((column) => (
            <col key={column.key} style={{width: column.width}} />
          ))}
        </colgroup>
        <thead>
          <tr>
            {kColumns.map((column) => (
              <th
                key={column.key}
                scope="col"
                aria-sort={sort.key === column.key ? (sort.down ? 'descending' : 'ascending') : undefined}
              >
                <button type="button" onClick={() => by(column.key)}>
                  {column.key === 'name' ? first : column.name}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <DeviceRow key={entry.series.name} app={app} entry={entry} d={d} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function raise(app: App, name: string | null): void {
  if (!app.model || app.model.answer?.series.length === 1) return;
  app.model.raised = name;
  app.changed();
}

const kRowsShownMax = 400;

// The chart's rows, newest first.
export function RowTable({app}: {app: App}) {
  const model = app.model!;
  const d = model.decimals();
  const lines = (model.answer?.series ?? [])
    .flatMap((series) => Array.from({length: series.rows.length}, (_, i) => ({series, i})))
    .sort((a, b) => b.series.rows.start(b.i) - a.series.rows.start(a.i))
    .slice(0, kRowsShownMax);
  return (
    <div class="rows" tabIndex={0} role="region" aria-label="Rows of the chart">
      <table>
        <caption class="hidden">Rows of {model.metric()}, newest first</caption>
        <thead>
          <tr>
            {[
              'Start',
              'Device',
              'Width',
              'Readings',
              'Mean ± standard deviation',
              'Minimum',
              'Median',
              '95th',
              '99th',
              'Maximum',
            ].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lines.map(({series: {name, rows}, i}) => (
            <tr key={`${name} ${rows.start(i)} ${rows.end(i)}`}>
              <th scope="row">{moment(rows.start(i), serverNow())}</th>
              <td class="quiet">{name || 'all'}</td>
              <td class="quiet">{width((rows.end(i) - rows.start(i)) / 1000)}</td>
              <td>{count(rows.value('count', i))}</td>
              <td>
                {number(rows.value('mean', i), d)}{' '}
                <span class="quiet">{rows.value('sd', i) === null ? '' : `± ${number(rows.value('sd', i), d)}`}</span>
              </td>
              <td>{number(rows.value('min', i), d)}</td>
              <td>{quantile(rows.quantile('p50', i), d)}</td>
              <td>{quantile(rows.quantile('p95', i), d)}</td>
              <td>{quantile(rows.quantile('p99', i), d)}</td>
              <td>{number(rows.value('max', i), d)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
