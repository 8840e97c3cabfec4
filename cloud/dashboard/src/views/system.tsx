// SPDX-License-Identifier: Apache-2.0
// Where readings are, between the sensor and this screen: what lies at each station, how long the way takes, and what
// never arrives.
import {listEntry} from '../address';
import type {App} from '../app';
import {type LogGap, serverNow, type SystemAnswer} from '../api';
import {capital, count, counted, day, duration, kNbsp, kNone, moment, number, reason} from '../format';
import {
  type Amounts,
  amountsOf,
  delayHeat,
  delaysOf,
  kHeatLeastMs,
  kHeatOctaves,
  lagsOf,
  recoveryText,
  rejectedOf,
  type Trouble,
  troublesOf,
} from '../model/system';
import {rampPosition} from '../heat/heat';
import {colors, rampCss} from '../theme';
import {Canvas} from '../ui/canvas';
import {Glyph} from '../ui/glyph';
import {River} from './river';
import {Away} from './away';
import {NoReadings} from './empty';

const kListMax = 6;
const kGoalMs = 300; // of the 95th percentile

function headline(a: Amounts, logGaps: LogGap[]): string {
  const onTheWay = a.waiting + a.flight + Math.max(0, a.log);
  const records = logGaps.reduce((n, gap) => n + gap.to - gap.from, 0);
  const log = records ? `${counted(records, 'record')} of the log ${records === 1 ? 'is' : 'are'} missing. ` : '';
  const lost = a.lost
    ? `${counted(a.lost, 'partial')} ${a.lost === 1 ? 'is' : 'are'} lost.`
    : log
      ? ''
      : 'Nothing is lost.';
  const open = a.open ? `${counted(a.open, 'window')} ${a.open === 1 ? 'is' : 'are'} open` : '';
  const sent = onTheWay
    ? `${counted(onTheWay, 'partial')} ${onTheWay === 1 ? 'is' : 'are'} on ${onTheWay === 1 ? 'its' : 'their'} way`
    : open
      ? 'nothing else is on its way'
      : 'Nothing is on its way';
  const way = [open, sent].filter(Boolean).join(', ');
  return `${log}${lost} ${way}${a.parked ? `, ${count(a.parked)} wait for a decision` : ''}.`;
}

// The two sums are of different moments and of different ways: what gateways say is as old as their last status, and
// what came over HTTP no gateway accepted.
function balance(a: Amounts, answer: SystemAnswer): string {
  const posts = answer.minutes.some((minute) => minute.posts > 0);
  const age = Number.isFinite(a.toldAt) ? ` up to ${duration((Date.parse(answer.time) - a.toldAt) / 1000)} ago` : '';
  const more = answer.merged.readings > a.accepted ? `, with what came since${posts ? ' and over HTTP' : ''}` : '';
  const merged = `merged ${count(answer.merged.readings)}${more}`;
  return `accepted at gateways ${count(a.accepted)}, as they said${age}; ${merged}`;
}

const ms = (value: number | null): string =>
  value === null ? '–' : value >= 1000 ? `${(value / 1000).toFixed(1)}${kNbsp}s` : `${Math.round(value)}${kNbsp}ms`;

function drawDelays(answer: SystemAnswer | null, now: number) {
  return (ctx: CanvasRenderingContext2D, width: number, height: number): void => {
    if (!answer) return;
    const p = colors();
    const left = 56;
    const bottom = 18;
    const heat = delayHeat(answer, now);
    const cellW = (width - left) / heat.columns;
    const cellH = (height - bottom) / heat.rows;
    for (let c = 0; c < heat.columns; c++)
      for (let r = 0; r < heat.rows; r++) {
        const share = heat.share[c * heat.rows + r]!;
        if (share <= 0) continue;
        ctx.fillStyle = rampCss(p, rampPosition(share));
        ctx.fillRect(left + c * cellW, height - bottom - (r + 1) * cellH, cellW + 0.5, cellH + 0.5);
      }
    ctx.font = `11px ${p.font}`;
    ctx.fillStyle = p.ink3;
    ctx.textAlign = 'right';
    for (const [value, text] of [
      [10, '10 ms'],
      [100, '100 ms'],
      [1000, '1 s'],
    ] as [number, string][]) {
      const y = height - bottom - (Math.log2(value / kHeatLeastMs) / kHeatOctaves) * (height - bottom);
      ctx.fillText(text, left - 8, Math.min(height - bottom, y + 4));
    }
    ctx.textAlign = 'left';
    ctx.fillText('1 h ago', left, height - 4);
    ctx.textAlign = 'right';
    ctx.fillText('now', width, height - 4);
  };
}

function DelayPart({app}: {app: App}) {
  const model = app.system!;
  const answer = model.answer;
  const delays = delaysOf(answer);
  const slow = (delays.quantile(0.95) ?? 0) > kGoalMs;
  const screen = [...app.screenMs].sort((a, b) => a - b);
  return (
    <section class="delay" aria-labelledby="delay">
      <h2 id="delay">From the gateway to the rows, last hour</h2>
      <dl class="figures">
        {(
          [
            ['median', 0.5],
            ['95th', 0.95],
            ['99th', 0.99],
          ] as [string, number][]
        ).map(([name, p]) => (
          <div key={name} data-delay={name}>
            <dt>{name}</dt>
            <dd class={p === 0.95 && slow ? 'warn' : undefined}>
              {ms(delays.quantile(p))}
              {p === 0.95 && slow && <small>beyond its goal</small>}
            </dd>
          </div>
        ))}
        <div>
          <dt>rows to this screen</dt>
          <dd>{screen.length ? ms(screen[Math.floor(screen.length / 2)]!) : '–'}</dd>
        </div>
        <div>
          <dt>goal, 95th</dt>
          <dd class="quiet">{ms(kGoalMs)}</dd>
        </div>
      </dl>
      <Canvas
        height={128}
        version={`${answer?.time.slice(0, 16) ?? ''} ${delays.count}`}
        label={
          `Delay from gateway to rows over the last hour: median ${ms(delays.quantile(0.5))}, ` +
          `95th percentile ${ms(delays.quantile(0.95))}`
        }
        draw={drawDelays(answer, serverNow())}
      />
      {screen.length === 0 && (
        <p class="note">
          How long rows take to this screen is measured while <a href="/now">Now</a> is open.
        </p>
      )}
    </section>
  );
}

function Rejected({app}: {app: App}) {
  const rejected = rejectedOf(app.model!.gateways);
  const most = rejected[0]?.count ?? 1;
  return (
    <section aria-labelledby="rejected">
      <h2 id="rejected">Rejected since the beginning</h2>
      {rejected.length === 0 ? (
        <p class="quiet">No reading was rejected.</p>
      ) : (
        <table>
          <caption class="hidden">Rejected readings by reason</caption>
          <thead>
            <tr>
              <th scope="col">Reason</th>
              <th scope="col" class="num">
                Readings
              </th>
              <th scope="col">
                <span class="hidden">Share</span>
              </th>
              <th scope="col">At</th>
              <th scope="col">
                <span class="hidden">What it means</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {rejected.map((one) => (
              <tr key={one.reason} data-reason={one.reason}>
                <th scope="row">{reason(one.reason)}</th>
                <td class="num strong">{count(one.count)}</td>
                <td>
                  <svg width="64" height="6" aria-hidden="true">
                    <rect
                      y="1"
                      width={Math.max(1, (one.count / most) * 64)}
                      height="4"
                      rx="1"
                      fill="var(--ink3)"
                      fill-opacity="0.6"
                    />
                  </svg>
                </td>
                <td class="quiet some" title={one.at.slice(0, 20).join(', ')}>
                  {one.at[0]}
                  {one.at.length > 1 && ` and ${count(one.at.length - 1)} more`}
                </td>
                <td class="end">
                  <a href={`/docs/index.html#${one.reason}`} aria-label={`Meaning of ${reason(one.reason)}`}>
                    Meaning
                  </a>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function TroubleRow({app, one, now}: {app: App; one: Trouble; now: number}) {
  return (
    <tr data-trouble={one.kind}>
      <th scope="row" class={one.kind === 'gap' ? undefined : 'bad'}>
        {one.kind !== 'gap' && <Glyph state={one.kind === 'parked' ? 'parked' : 'rejected'} r={4} />}{' '}
        {one.kind === 'parked' && `parked, ${counted(Number(one.cause), 'partial')}`}
        {one.kind === 'lost' && `lost, ${one.text}, ${reason(one.cause)}`}
        {one.kind === 'gap' && `gap, ${duration((one.to - one.from) / 1000, true)}, ${reason(one.cause)}`}
      </th>
      <td>{one.where}</td>
      <td class="num quiet">{Number.isFinite(one.from) ? moment(one.from, now, false) : ''}</td>
      <td class="end">
        {one.kind === 'gap' ? (
          <a
            href={gapLink(app, one.where, one.from, one.to)}
            aria-label={`Show the gap of ${one.where}`}
            onClick={(event) => app.follow(event)}
          >
            Show
          </a>
        ) : (
          <a
            href={`/docs/index.html#${one.kind}`}
            aria-label={`${one.kind === 'parked' ? 'Decide' : 'Meaning'}: ${one.where}`}
          >
            {one.kind === 'parked' ? 'Decide' : 'Meaning'}
          </a>
        )}
      </td>
    </tr>
  );
}

function Troubles({app}: {app: App}) {
  const all = troublesOf(app.model!.gateways, app.model!.logGaps);
  const now = serverNow();
  const lost = all.some((one) => one.kind === 'lost');
  return (
    <section aria-labelledby="troubles">
      <h2 id="troubles">Lost, parked and gaps</h2>
      <table>
        <caption class="hidden">What is lost, waits for a decision, or was never accepted</caption>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">Where</th>
            <th scope="col" class="num">
              Since
            </th>
            <th scope="col">
              <span class="hidden">What to do</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {all.slice(0, kListMax).map((one, i) => (
            <TroubleRow key={i} app={app} one={one} now={now} />
          ))}
          {!lost && (
            <tr data-trouble="none">
              <th scope="row">lost</th>
              <td class="quiet">none</td>
              <td />
              <td />
            </tr>
          )}
        </tbody>
      </table>
      {all.length > kListMax && (
        <p class="note">
          and {count(all.length - kListMax)} more.{' '}
          <a href="/fleet?show=gaps" onClick={(event) => app.follow(event)}>
            Which
          </a>
        </p>
      )}
    </section>
  );
}

function gapLink(app: App, gateway: string, from: number, to: number): string {
  const devices = (app.model?.devices ?? []).filter((d) => d.gateways.includes(gateway));
  const half = Math.max(30_000, (to - from) / 2);
  const iso = (t: number): string => new Date(Math.round(t / 1000) * 1000).toISOString().replace('.000Z', 'Z');
  const metric = devices[0]?.metrics.includes('temperature') ? 'temperature' : (devices[0]?.metrics[0] ?? '');
  return `/explore?m=${encodeURIComponent(metric)}&d=${devices
    .slice(0, 20)
    .map((d) => encodeURIComponent(listEntry(d.device)))
    .join(',')}&from=${iso(from - half)}&to=${iso(Math.min(serverNow(), to + half))}`;
}

function LogPart({app}: {app: App}) {
  const log = app.system?.answer?.log;
  if (!log) return null;
  const lags = lagsOf(log);
  const most = Math.max(1, ...lags.map((one) => one.lag ?? 0));
  const sum = lags.reduce((n, one) => n + (one.lag ?? 0), 0);
  const unsaid = log.missing?.length ?? 0;
  const partitions = counted(lags.length - unsaid, 'partition');
  const unknown = unsaid ? `; of ${counted(unsaid, 'partition')} it is not known` : '';
  return (
    <section aria-labelledby="log">
      <h2 id="log">Log, records not yet merged</h2>
      <svg
        class="bars"
        height="78"
        role="img"
        aria-label={`${count(sum)} records in ${partitions} are not yet merged${unknown}`}
      >
        {lags.map(({partition, lag}, i) => {
          const wide = Math.min(24, 400 / lags.length);
          const label = (
            <text x={i * wide + wide * 0.4} y="73" text-anchor="middle">
              {partition}
            </text>
          );
          // Nobody says how far it is: an empty box, as for a gap.
          if (lag === null)
            return (
              <g key={partition} data-unsaid={partition}>
                <rect x={i * wide + 0.75} y="38" width={Math.max(2, wide * 0.8 - 1.5)} height="20" class="unsaid" />
                {label}
              </g>
            );
          const tall = Math.max(1, (lag / most) * (lag > 10 ? 56 : 20));
          const late = lag === most && lag > 1000;
          return (
            <g key={partition}>
              <rect
                x={i * wide}
                y={58 - tall}
                width={wide * 0.8}
                height={tall}
                rx="1"
                fill={late ? 'var(--warn-mark)' : 'var(--ink3)'}
                fill-opacity={late ? 1 : 0.55}
              />
              {label}
            </g>
          );
        })}
        <path d={`M0 58.5h${lags.length * Math.min(24, 400 / lags.length)}`} stroke="var(--line2)" />
      </svg>
      <p class="note">
        {counted(lags.length, 'partition')}, {sum ? `${counted(sum, 'record')} behind` : 'nothing behind'}
        {unsaid > 0 && `, ${count(unsaid)} not known`}.
        {log.durability && (
          <>
            {' '}
            Durability <b>{log.durability}</b>.
          </>
        )}
      </p>
    </section>
  );
}

function Services({app}: {app: App}) {
  const services = app.system?.answer?.services;
  if (!services) return null;
  const now = serverNow();
  return (
    <section class="services" aria-labelledby="services">
      <h2 id="services">Services</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Services, as a table">
        <table>
          <caption class="hidden">Services</caption>
          <thead>
            <tr>
              <th scope="col">Service</th>
              <th scope="col">State</th>
              <th scope="col" class="num">
                Version
              </th>
              <th scope="col" class="num">
                Up
              </th>
              <th scope="col" class="num">
                Memory
              </th>
              <th scope="col" class="num">
                Merged since then
              </th>
              <th scope="col">Last recovery</th>
            </tr>
          </thead>
          <tbody>
            {services.map((s) => {
              const told = s.since !== undefined;
              const recovery = recoveryText(s);
              return (
                <tr key={s.service} data-service={s.service} data-state={s.state}>
                  <th scope="row">{s.service}</th>
                  <td class={s.trouble ? 'warn' : undefined}>
                    <Glyph state={!told ? 'silent' : s.trouble ? 'late' : 'complete'} share={0.5} r={5} />{' '}
                    {s.trouble || s.state}
                  </td>
                  <td class="num">{s.version ?? kNone}</td>
                  <td class="num">{told ? duration(Math.max(0, now - Date.parse(s.since!)) / 1000) : kNone}</td>
                  <td class="num">{told ? `${number((s.memory_bytes ?? 0) / 1e6, 0)}${kNbsp}MB` : kNone}</td>
                  <td class="num">{told ? counted(s.partials ?? 0, 'partial') : kNone}</td>
                  <td title={recovery?.title}>
                    {recovery
                      ? `${recovery.text}, ${moment(Date.parse(s.last_recovery!.ended), now)}`
                      : told
                        ? 'none'
                        : kNone}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

// The amounts at the server are then those of the others.
function Missing({answer}: {answer: SystemAnswer | null}) {
  const missing = answer?.partitions?.missing;
  if (!missing?.length) return null;
  const names = answer?.services?.filter((s) => s.state === 'away' || s.state === 'unknown').map((s) => s.service);
  const what = names?.length === 1 ? 'does not tell what it has.' : 'do not tell what they have.';
  const which = missing.length === 1 ? `Partition ${missing[0]}` : counted(missing.length, 'partition');
  return (
    <div class="banner" role="status" data-missing={missing.join(' ')}>
      <span>
        <strong>{names?.length ? `${capital(names.join(' and '))} ${what}` : `${which} did not answer.`}</strong> What
        is merged and in the log is that of {count(answer!.partitions!.answered)} of{' '}
        {counted(answer!.partitions!.expected, 'partition')}.
      </span>
    </div>
  );
}

export function System({app}: {app: App}) {
  const model = app.system!;
  const catalogue = app.model!;
  const answer = model.answer;
  if (model.loaded && catalogue.metrics.length === 0 && catalogue.gateways.length === 0)
    return (
      <main class="picture">
        <h1 class="hidden">System</h1>
        <NoReadings app={app} />
      </main>
    );
  const amounts = amountsOf(catalogue.gateways, answer);
  return (
    <main class="system" data-merged={answer?.merged.readings ?? ''}>
      <Away app={app} />
      <Missing answer={answer} />
      <div class="system-head">
        <h1>{model.loaded ? headline(amounts, catalogue.logGaps) : 'Where readings are'}</h1>
        {answer && <p>{balance(amounts, answer)}</p>}
      </div>
      <River app={app} amounts={amounts} />
      <div class="system-grid">
        <DelayPart app={app} />
        <Rejected app={app} />
        <Troubles app={app} />
        <LogPart app={app} />
        <Services app={app} />
      </div>
      {answer && !answer.services && (
        <p class="note">The log and the services are shown to the keys of operators only.</p>
      )}
      {answer?.merged.since && <p class="hidden">Merged since {capital(day(Date.parse(answer.merged.since), true))}</p>}
    </main>
  );
}
