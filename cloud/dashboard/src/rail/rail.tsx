// SPDX-License-Identifier: Apache-2.0
// The rail: how complete this answer is and what it lacks, the window under the cursor, and the figures since the
// beginning.
import {useState} from 'preact/hooks';
import type {App} from '../app';
import {serverNow, type Summary} from '../api';
import {clock, count, day, kNbsp, number, tick, withUnit, zone} from '../format';
import {colors, seriesColor} from '../theme';
import {Canvas} from '../ui/canvas';
import {Figure} from '../ui/figure';
import {Glyph, LaneMark} from '../ui/glyph';
import {type StripSpan as Span, stripSpan} from '../model/hist';
import type {SeriesData} from '../model/types';
import {drawStrip, farWords} from '../ui/strip';
import {WindowPart} from './window';

const kStripsShown = 12;
const kLacksShown = 12;

function ThisAnswer({app}: {app: App}) {
  const [whole, setWhole] = useState(false);
  const words = app.model?.words();
  if (!words) return null;
  return (
    <section aria-labelledby="this-answer" data-completeness={words.mark}>
      <h2 class="small" id="this-answer">
        This answer
      </h2>
      <p class="headline">
        <Glyph state={words.mark} share={words.share} r={8} />
        {words.headline}
      </p>
      <p class="explain">{words.explain.map((part, i) => (part.strong ? <b key={i}>{part.text}</b> : part.text))}</p>
      <ul class="lacks">
        {words.lacks.slice(0, whole ? undefined : kLacksShown).map((lack) => {
          const inner = (
            <>
              <LaneMark mark={lack.mark} />
              <span>
                <strong>{lack.title}</strong>
                {lack.text}
              </span>
            </>
          );
          const {from, to} = lack;
          return (
            <li key={`${lack.mark} ${lack.title}`}>
              {from !== null && to !== null && to > from ? (
                <button
                  type="button"
                  class="lack"
                  title="Zoom to it"
                  onClick={() => app.setRange(from - (to - from) / 2, to + (to - from) / 2, true)}
                >
                  {inner}
                </button>
              ) : (
                <div class="lack">{inner}</div>
              )}
              {lack.go && (
                <a
                  class="lack-go"
                  href={lack.go.to}
                  aria-label={`${lack.go.word}: ${lack.title}`}
                  onClick={(event) => app.follow(event)}
                >
                  {lack.go.word}
                </a>
              )}
            </li>
          );
        })}
      </ul>
      {words.lacks.length > kLacksShown && (
        <button type="button" class="link" onClick={() => setWhole(!whole)}>
          {whole ? 'Show fewer' : `Show ${count(words.lacks.length - kLacksShown)} more`}
        </button>
      )}
    </section>
  );
}

// All readings of one series.
function StripOf({app, series: s, summary, span}: {app: App; series: SeriesData; summary: Summary; span: Span | null}) {
  const model = app.model!;
  const d = model.decimals();
  const unit = model.unit();
  const p = colors();
  const name = s.name || 'all devices';
  const far = span ? farWords(summary, span) : '';
  return (
    <li class={`strip${model.raised === s.name ? ' raised' : ''}`} data-strip={s.name}>
      <div class="top">
        <span class="name" style={{'--key': seriesColor(p, s.color)}} title={name}>
          {name}
        </span>
        <span class="value">
          <Figure app={app} name="all-mean" value={summary.mean}>
            {number(summary.mean, d)}
          </Figure>
          {summary.stddev !== null && (
            <span>
              {' '}
              ±{' '}
              <Figure app={app} name="all-stddev" value={summary.stddev}>
                {number(summary.stddev, d)}
              </Figure>
            </span>
          )}
        </span>
      </div>
      {span && (
        <Canvas
          height={22}
          version={`${s.name} ${summary.count} ${span.low} ${span.high} ${summary.last?.time ?? ''}`}
          label={`Distribution of ${name} since the beginning${far && `; ${far}`}`}
          draw={drawStrip(summary, span)}
        />
      )}
      <div class="under">
        <span>
          <Figure app={app} name="all-count" value={summary.count}>
            {count(summary.count)}
          </Figure>{' '}
          {summary.count === 1 ? 'reading' : 'readings'}
        </span>
        <span>
          {number(summary.min, d)} to {withUnit(number(summary.max, d), unit)}
        </span>
      </div>
    </li>
  );
}

function SinceTheBeginning({app}: {app: App}) {
  const model = app.model!;
  const [whole, setWhole] = useState(false);
  const series = (model.answer?.series ?? []).filter((s) => model.allTime.get(s.name)?.count);
  if (series.length === 0) return null;
  const unit = model.unit();
  const all = series.map((s) => model.allTime.get(s.name)!);
  const span = stripSpan(all);
  const firsts = all.flatMap((s) => (s.first ? [Date.parse(s.first.time)] : []));
  const first = firsts.length ? Math.min(...firsts) : null;
  return (
    <section aria-labelledby="since">
      <h2 class="small" id="since">
        Since the beginning
      </h2>
      <ul>
        {series.slice(0, whole ? series.length : kStripsShown).map((s, i) => (
          <StripOf key={s.name} app={app} series={s} summary={all[i]!} span={span} />
        ))}
      </ul>
      {series.length > kStripsShown && (
        <button type="button" class="link" onClick={() => setWhole(!whole)}>
          {whole ? 'Show fewer' : `Show ${count(series.length - kStripsShown)} more`}
        </button>
      )}
      <p class="foot">
        {first !== null && `First reading ${day(first, true)} ${clock(first, true)} ${zone(serverNow())}. `}
        {span &&
          `Strips run from ${tick(span.low, span.step)} to ${tick(span.high, span.step)}${unit ? kNbsp + unit : ''}.`}
      </p>
    </section>
  );
}

export function Rail({app}: {app: App}) {
  const model = app.model!;
  const single = model.answer?.series.length === 1;
  return (
    <aside class={`rail${model.loading && model.answer ? ' old' : ''}`} aria-label="About this answer">
      <ThisAnswer app={app} />
      {(single || model.cursor) && <WindowPart app={app} />}
      {(single || !model.cursor) && <SinceTheBeginning app={app} />}
    </aside>
  );
}
