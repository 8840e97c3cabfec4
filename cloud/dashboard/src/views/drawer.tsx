// SPDX-License-Identifier: Apache-2.0
// One gateway: what happens now and when it ends, seven days of its lane, its outbox by width, facts, devices.
import {useEffect, useRef, useState} from 'preact/hooks';
import type {App} from '../app';
import {type Device, get, type SeriesAnswer} from '../api';
import {selectionQuery} from '../address';
import {
  capital,
  count,
  counted,
  day,
  duration,
  kNbsp,
  kNone,
  moment,
  reason,
  share,
  width as widthText,
} from '../format';
import {SpanLane} from '../lanes/span';
import type {FleetRow} from '../model/fleet';
import {coarseSpans, Rows} from '../model/rows';
import {Glyph} from '../ui/glyph';

const kWeekMs = 7 * 86_400_000;
const kLanePx = 296;
const kDevicesShown = 5;
const kStepS = 60; // windows wider than this are seen as coarse
const kShades = [1, 0.66, 0.42, 0.3, 0.22];
const kByNumber = new Intl.Collator('en', {numeric: true}); // zone-2 before zone-10
const kDayTicks = [7, 5, 3, 1]; // days ago

// Coarse windows of the week, as the rows of one of its devices have them.
function useCoarse(app: App, gateway: string): [number, number][] {
  const [spans, setSpans] = useState<[number, number][]>([]);
  useEffect(() => {
    setSpans([]);
    const device = app.model?.devices.find((d) => d.gateways.length === 1 && d.gateways[0] === gateway);
    const metric = device?.metrics[0];
    if (!device || !metric) return undefined;
    const control = new AbortController();
    get<SeriesAnswer>(
      `series?${selectionQuery(metric, [device.device], [])}&from=-7d&step=${kStepS}s&stats=count`,
      control.signal,
    )
      .then((answer) => {
        const rows = new Rows();
        for (const row of answer.series[0]?.rows ?? [])
          rows.put({...row, stddev: null, mean: null, min: null, max: null});
        setSpans(coarseSpans(rows, kStepS * 1000).map((span) => [span.from, span.to]));
      })
      .catch(() => {
        // The lane says less then; the page says elsewhere that the server is away.
      });
    return () => control.abort();
  }, [gateway]);
  return spans;
}

function now1(row: FleetRow, now: number): string {
  const behind = duration((now - row.frontier) / 1000);
  const left = row.waiting + row.flight;
  switch (row.state) {
    case 'parked':
      return (
        `${row.alarm || 'Something'}: ${counted(row.gateway.parked ?? 0, 'partial')} wait for a decision. ` +
        'What it measures now is merged as ever.'
      );
    case 'silent':
      return `Silent for ${duration((now - row.seen) / 1000)}. What it measures waits there and comes when it is back.`;
    case 'late':
      return (
        `${capital(behind)} behind. Live windows go first, the backlog between: ` +
        `${counted(left, 'partial')} ${left === 1 ? 'is' : 'are'} still to come.`
      );
    case 'retired':
      return 'Retired: nothing is expected of it.';
    case 'complete':
      return `Up to date: everything before ${moment(row.frontier, now)} is here.`;
  }
}

function mib(bytes: number): string {
  return (bytes / 1048576).toFixed(bytes < 10 * 1048576 ? 1 : 0);
}

function OutboxPart({row}: {row: FleetRow}) {
  const outbox = row.gateway.status?.outbox;
  if (!outbox?.budget_bytes) return <p class="quiet">It has not said how full its outbox is.</p>;
  const widths = Object.entries(outbox.waiting_by_width ?? {})
    .map(([key, n]): [number, number] => [Number(key), n])
    .sort((a, b) => (a[0] || Infinity) - (b[0] || Infinity));
  const parts = [
    {name: 'in flight', n: outbox.flight ?? 0, unit: true, fill: 'var(--ink)', alpha: 1},
    ...widths.map(([w, n], i) => ({
      name: `waiting, ${w === 0 ? 'all time' : `${widthText(w)} wide`}`,
      n,
      unit: false,
      fill: 'var(--ink3)',
      alpha: kShades[Math.min(i, kShades.length - 1)]!,
    })),
  ];
  const total = parts.reduce((sum, part) => sum + part.n, 0);
  const used = Math.min(1, (outbox.used_bytes ?? 0) / outbox.budget_bytes) * kLanePx;
  let x = 0;
  return (
    <>
      <h3>
        Outbox, {mib(outbox.used_bytes ?? 0)} of {mib(outbox.budget_bytes)}
        {kNbsp}MiB
      </h3>
      <svg
        width={kLanePx}
        height="16"
        role="img"
        aria-label={`${share((outbox.used_bytes ?? 0) / outbox.budget_bytes)} of the outbox is used`}
      >
        <rect y="2" width={kLanePx} height="11" rx="1" fill="var(--line)" />
        {parts.map((part) => {
          const wide = total ? (part.n / total) * used : 0;
          const at = x;
          x += wide;
          return wide > 0 ? (
            <rect
              key={part.name}
              x={at}
              y="2"
              width={Math.max(1, wide - 1)}
              height="11"
              fill={part.fill}
              fill-opacity={part.alpha}
            />
          ) : null;
        })}
        <path d={`M${kLanePx * 0.75} 0v16`} stroke="var(--ink)" />
      </svg>
      <p class="tick">75 %: older windows merge</p>
      <dl class="parts">
        {parts.map((part) => (
          <>
            <dt key={part.name}>
              <i style={{background: part.fill, opacity: part.alpha}} />
              {part.name}
            </dt>
            <dd>{part.unit ? counted(part.n, 'partial') : count(part.n)}</dd>
          </>
        ))}
      </dl>
    </>
  );
}

function factsOf(row: FleetRow, now: number): [string, string][] {
  const g = row.gateway;
  const rejected = Object.entries(g.rejected ?? {}).filter(([, n]) => n > 0);
  return [
    ['Complete to', Number.isFinite(row.frontier) ? moment(row.frontier, now) : kNone],
    ['Accepted to', Number.isFinite(row.mark) ? moment(row.mark, now) : kNone],
    ['Lost', g.lost?.length ? g.lost.map((one) => `${one.seqs}, ${reason(one.cause)}`).join('; ') : 'none'],
    [
      'Rejected',
      rejected.length ? rejected.map(([code, n]) => `${counted(n, 'reading')}, ${reason(code)}`).join('; ') : 'none',
    ],
    [
      'Gaps',
      row.gaps.length
        ? row.gaps
            .slice(-3)
            .map(([a, b]) => `${moment(a, now)}, ${duration((b - a) / 1000, true)}`)
            .join('; ')
        : 'none',
    ],
    ['Epoch', g.status?.epoch ? g.status.epoch : kNone],
    ['First seen', g.first_seen ? moment(Date.parse(g.first_seen), now) : kNone],
    ['Version', row.version || kNone],
    ['Labels', row.labels || 'none'],
  ];
}

function LanePart({app, row, now}: {app: App; row: FleetRow; now: number}) {
  const coarse = useCoarse(app, row.name);
  const off = row.state === 'silent' || row.state === 'late';
  return (
    <>
      <h3>Completeness, last 7 days</h3>
      <SpanLane
        from={now - kWeekMs}
        to={now}
        frontier={off ? row.frontier : null}
        gaps={row.gaps}
        coarse={coarse}
        parked={row.state === 'parked'}
        width={kLanePx}
        height={9}
      />
      <p class="days" aria-hidden="true">
        {kDayTicks.map((ago, i) => {
          const date = day(now - ago * 86_400_000);
          return (
            <span key={ago} style={{left: `${((7 - ago) / 7) * 100}%`}}>
              {i === 0 || i === kDayTicks.length - 1 ? date : date.split(' ')[0]}
            </span>
          );
        })}
      </p>
    </>
  );
}

function DevicesPart({devices, now}: {devices: Device[]; now: number}) {
  const inOrder = [...devices].sort((a, b) => kByNumber.compare(a.device, b.device));
  return (
    <>
      <h3>{counted(devices.length, 'device')}</h3>
      <ul class="devices">
        {inOrder.slice(0, kDevicesShown).map((d) => {
          const age = (now - Date.parse(d.last_seen)) / 1000;
          return (
            <li key={d.device}>
              {d.device}
              <span class={age > 3600 ? 'warn' : undefined}>{Number.isFinite(age) ? duration(age) : kNone}</span>
            </li>
          );
        })}
      </ul>
      {devices.length > kDevicesShown && <p class="quiet">and {count(devices.length - kDevicesShown)} more</p>}
    </>
  );
}

export function Drawer({app, row}: {app: App; row: FleetRow; since: string}) {
  const now = app.fleet!.knownMs();
  const g = row.gateway;
  const title = useRef<HTMLHeadingElement>(null);
  const devices = (app.model?.devices ?? []).filter((d) => d.gateways.includes(row.name));
  const explore = (): void =>
    app.go({
      page: 'explore',
      metric: devices[0]?.metrics.includes('temperature') ? 'temperature' : (devices[0]?.metrics[0] ?? ''),
      devices: devices.map((d) => d.device).slice(0, 50),
      labels: [],
      from: {kind: 'ago', ms: 86_400_000},
      to: {kind: 'now'},
      step: 0,
    });
  const facts = factsOf(row, now);
  return (
    <aside class="drawer" aria-label={`Gateway ${row.name}`} data-drawer={row.name}>
      <div class="drawer-head">
        <Glyph state={row.state} share={0.6} r={8} />
        <h2 ref={title} tabIndex={-1}>
          {row.name}
        </h2>
        <button type="button" class="icon" aria-label="Close" onClick={() => app.go({gateway: ''}, true)}>
          ×
        </button>
      </div>
      <p class="quiet">{now1(row, now)}</p>
      <LanePart app={app} row={row} now={now} />
      <OutboxPart row={row} />
      <dl class="facts">
        {facts.map(([name, text]) => (
          <>
            <dt key={name}>{name}</dt>
            <dd>{text}</dd>
          </>
        ))}
      </dl>
      {(g.alarms ?? []).map((alarm) => (
        <p key={alarm} class="bad">
          {alarm}. <a href="/docs/index.html#parked">What to do</a>
        </p>
      ))}
      <DevicesPart devices={devices} now={now} />
      {devices.length > 0 && (
        <button type="button" class="control full" onClick={explore}>
          Explore its devices
        </button>
      )}
    </aside>
  );
}
