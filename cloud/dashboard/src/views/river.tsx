// SPDX-License-Identifier: Apache-2.0
// The river: from the sources to the rows, each station with what lies there now and how that went since the page was
// opened.
import {useLayoutEffect, useRef, useState} from 'preact/hooks';
import type {App} from '../app';
import {serverNow} from '../api';
import {count, counted, day, duration, kNarrow, number} from '../format';
import {type Amounts, delaysOf, rejectedOf, type Sample} from '../model/system';

const kWideMin = 860;
const kTop = 92; // of the stream
const kBottomMax = 36;
const kCalmShare = 0.2;

function spark(samples: Sample[], key: 'open' | 'waiting' | 'flight' | 'log', width: number): string {
  if (samples.length < 2) return '';
  const first = samples[0]!.at;
  const last = samples[samples.length - 1]!.at;
  // About its middle: what hardly moves looks calm, and does not lie on an edge.
  const most = Math.max(...samples.map((s) => s[key]));
  const least = Math.min(...samples.map((s) => s[key]));
  const middle = (most + least) / 2;
  const size = Math.max(most - least, most * kCalmShare, 1);
  return samples
    .map((s, i) => {
      const y = most === 0 ? 29 : 14 - ((s[key] - middle) / size) * 18;
      return `${i ? 'L' : 'M'}${((s.at - first) / Math.max(1, last - first)) * width} ${y}`;
    })
    .join('');
}

interface Station {
  name: string;
  amount: string;
  note: string;
  key: 'open' | 'waiting' | 'flight' | 'log' | null;
}

function stations(app: App, a: Amounts): Station[] {
  const answer = app.system?.answer;
  const since = answer?.merged.since ? `since ${day(Date.parse(answer.merged.since), true)}` : '';
  const age = (serverNow() - a.oldestWaiting) / 1000;
  const oldest = Number.isFinite(age) ? `, oldest ${duration(age)}` : '';
  return [
    {name: 'Open windows', amount: count(a.open), note: 'not closed yet', key: 'open'},
    {
      name: 'Waiting',
      amount: count(a.waiting),
      note: a.waiting ? `at ${counted(a.waitingAt, 'gateway')}${oldest}` : 'partials',
      key: 'waiting',
    },
    {
      name: 'In flight',
      amount: count(a.flight),
      note: a.flight ? `at ${counted(a.flightAt, 'gateway')}` : 'partials',
      key: 'flight',
    },
    ...(a.log >= 0 ? [{name: 'Log', amount: count(a.log), note: 'records not yet merged', key: 'log' as const}] : []),
    {name: 'Merged', amount: answer ? count(answer.merged.readings) : '–', note: `readings ${since}`, key: null},
  ];
}

interface Flow {
  gateways: number;
  rejected: number;
  posts: number;
  thin: number; // px of what joins over HTTP
  perSecond: string;
  delayText: string;
}
const middle = kTop + kBottomMax / 2;
const tall = kBottomMax;

function InWords({all, rejected}: {all: Station[]; rejected: number}) {
  return (
    <ol>
      {all.map((s) => (
        <li key={s.name}>
          <span>{s.name}</span>
          <b data-station={s.name}>{s.amount}</b>
          <small>{s.note}</small>
        </li>
      ))}
      <li>
        <span>Rejected</span>
        <b>{count(rejected)}</b>
        <small>readings, reasons below</small>
      </li>
    </ol>
  );
}

// What leaves because it was refused, and what joins over HTTP.
function Sides({flow, left, joins, merged}: {flow: Flow; left: number; joins: number; merged: number}) {
  const high = kTop - 46;
  const low = kTop + flow.thin / 2;
  return (
    <>
      {flow.rejected > 0 && (
        <>
          <path
            d={`M${left + 22} ${kTop}C${left + 56} ${kTop} ${left + 48} ${kTop - 46} ${left + 98} ${kTop - 46}`}
            class="out"
          />
          <text x={left + 106} y={kTop - 46} class="strong">
            Rejected {count(flow.rejected)}
          </text>
          <text x={left + 106} y={kTop - 30}>
            since the beginning, reasons below
          </text>
        </>
      )}
      {flow.thin > 0 && (
        <>
          <path
            d={`M${joins - 100} ${high}C${joins - 50} ${high} ${joins - 60} ${low} ${joins - 10} ${low}H${merged}`}
            class="joins"
            stroke-width={flow.thin}
          />
          <text x={joins - 108} y={kTop - 50} text-anchor="end" class="strong">
            HTTP
          </text>
          <text x={joins - 108} y={kTop - 34} text-anchor="end">
            {counted(flow.posts, 'request')} in the last hour
          </text>
        </>
      )}
    </>
  );
}

interface StationProps {
  station: Station;
  x: number;
  pitch: number;
  on: string; // on the water behind it
  samples: Sample[];
}
function StationOf({station: s, x, pitch, on, samples}: StationProps) {
  return (
    <g>
      <path d={`M${x} ${kTop - 8}v${tall + 20}`} stroke="var(--ink)" />
      <text x={x + 8} y={kTop + tall + 18}>
        {s.name}
      </text>
      <text x={x + 8} y={kTop + tall + 42} class="amount" data-station={s.name}>
        {s.amount}
      </text>
      <text x={x + 8} y={kTop + tall + 60}>
        {s.note}
      </text>
      {s.key && (
        <g transform={`translate(${x + 8} ${kTop + tall + 72})`}>
          <path d={spark(samples, s.key, Math.min(118, pitch - 40))} class="spark" />
          <path d={`M0 29.5h${Math.min(118, pitch - 40)}`} stroke="var(--line2)" />
        </g>
      )}
      {on && (
        <text x={x + pitch / 2} y={middle + 4} text-anchor="middle" class="on">
          {on}
        </text>
      )}
    </g>
  );
}

const onWater = (s: Station, i: number, flow: Flow): string =>
  i === 0 ? flow.perSecond : s.name === 'In flight' ? flow.delayText : '';

function Water({all, width, flow, samples}: {all: Station[]; width: number; flow: Flow; samples: Sample[]}) {
  const left = 270;
  const right = width - 40;
  const pitch = (right - left - 60) / all.length;
  const at = (i: number): number => Math.round(left + 60 + i * pitch) + 0.5; // a line of one pixel
  const merged = at(all.length - 1);
  const joins = all.some((s) => s.name === 'Log') ? at(all.length - 2) : merged;
  return (
    <>
      <path
        d={
          `M128 ${middle - 40}C220 ${middle - 40} 200 ${kTop} ${left} ${kTop}` +
          `V${kTop + tall}C200 ${kTop + tall} 220 ${middle - 20} 128 ${middle - 20}Z`
        }
        class="water"
      />
      <rect x={left - 0.5} y={kTop} width={merged - left + 0.5} height={tall} class="water" />
      <rect x={merged} y={kTop} width={right - merged} height={tall} class="sea" />
      <text x="118" y={middle - 31} text-anchor="end" class="strong">
        Gateways
      </text>
      <text x="118" y={middle - 15} text-anchor="end">
        {counted(flow.gateways, 'gateway')}
      </text>
      <Sides flow={flow} left={left} joins={joins} merged={merged} />
      <text x={merged + 8} y={kTop - 14}>
        exact sum, nothing twice
      </text>
      {all.map((s, i) => (
        <StationOf key={s.name} station={s} x={at(i)} pitch={pitch} on={onWater(s, i, flow)} samples={samples} />
      ))}
      <path d={`M${at(0)} 254.5H${joins - 24}M${joins} 254.5H${right}`} stroke="var(--line2)" />
      <text x={(at(0) + joins) / 2} y="258" text-anchor="middle" class="where">
        {`at ${counted(flow.gateways, 'gateway')}`}
      </text>
      <text x={(joins + right) / 2} y="258" text-anchor="middle" class="where">
        at the server
      </text>
    </>
  );
}

export function River({app, amounts}: {app: App; amounts: Amounts}) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = box.current!;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, []);
  const model = app.system!;
  const all = stations(app, amounts);
  const rate = model.rate();
  const minutes = model.answer?.minutes ?? [];
  const posts = minutes.reduce((sum, m) => sum + m.posts, 0);
  const messages = minutes.reduce((sum, m) => sum + m.messages, 0);
  const rejected = rejectedOf(app.model!.gateways).reduce((sum, one) => sum + one.count, 0);
  const delay = delaysOf(model.answer).quantile(0.5);
  const gateways = app.model!.gateways.filter((g) => g.state !== 'retired').length;
  const flow: Flow = {
    gateways,
    rejected,
    posts,
    thin: posts ? Math.max(2, Math.sqrt(posts / Math.max(1, posts + messages)) * 12) : 0,
    perSecond: rate === null ? '' : `${number(rate, rate < 10 ? 1 : 0)}${kNarrow}readings/s`,
    delayText:
      delay === null
        ? ''
        : `median ${delay >= 1000 ? `${(delay / 1000).toFixed(1)} s` : `${Math.round(delay)} ms`} to the rows`,
  };
  const told = all.map((s) => `${s.name} ${s.amount} ${s.note}`).join('; ');
  const sentence = `From ${counted(gateways, 'gateway')} to the rows: ${told}`;
  if (width > 0 && width < kWideMin)
    return (
      <div ref={box} class="river in-words">
        <InWords all={all} rejected={rejected} />
      </div>
    );
  return (
    <div ref={box} class="river">
      {width > 0 && (
        <svg width={width} height="270" role="img" aria-label={sentence}>
          <Water all={all} width={width} flow={flow} samples={model.samples} />
        </svg>
      )}
    </div>
  );
}
