// SPDX-License-Identifier: Apache-2.0
// The Explore view: the answer in figures, the chart, its completeness, the distribution over time, the table, and the
// rail beside them.
import {useEffect, useLayoutEffect, useRef} from 'preact/hooks';
import type {App} from '../app';
import {attachPointer, type Gestures} from '../chart/pointer';
import {ChartPanel} from '../chart/panel';
import type {Panel} from '../chart/base';
import {HeatPanel} from '../heat/panel';
import {Lanes} from '../lanes/lanes';
import {onFrame} from '../frame';
import {capital, count, counted, number, range, clockExact, withUnit} from '../format';
import {colors, onTheme, seriesColor} from '../theme';
import {Rail} from '../rail/rail';
import {AnswerLine} from './answer';
import {Away} from './away';
import {Controls} from './controls';
import {DeviceTable, RowTable} from './table';
import {NoReadings, RangeMessage} from './empty';

const kSpeakEveryMs = 500;

function Legend({app}: {app: App}) {
  const picture = app.picture!;
  const p = colors();
  const shows = picture.shows();
  const single = picture.single();
  const color = single ? seriesColor(p, app.model?.answer?.series[0]?.color ?? 0) : 'var(--ink)';
  return (
    <div class="legend" aria-hidden="true">
      {shows.has('mean') && (
        <span>
          <svg width="20" height="8">
            <path d="M0 4h20" stroke={color} stroke-width="2" />
          </svg>
          mean
        </span>
      )}
      {shows.has('percentiles') && (
        <span>
          <svg width="20" height="8">
            <path d="M0 4h20" stroke="var(--ink2)" stroke-dasharray="2 2" />
          </svg>
          median
        </span>
      )}
      {shows.has('percentiles') && (
        <span>
          <svg width="20" height="10">
            <path d="M0 1h20v8H0z" fill="var(--ink)" fill-opacity="0.16" />
            <path d="M0 5h20" stroke="var(--ink2)" />
          </svg>
          95th, 99th with bounds
        </span>
      )}
      {shows.has('range') && (
        <span>
          <svg width="20" height="12">
            <path d="M0 2h20v9H0z" fill={color} fill-opacity={single ? p.band * 2 : p.band} />
            <path d="M10 0v2" stroke={color} stroke-opacity="0.5" />
          </svg>
          min–max
        </span>
      )}
      {!single && (
        <span>
          <svg width="10" height="8">
            <path d="M1 1h8L5 7z" fill="var(--ink2)" />
          </svg>
          beyond the scale
        </span>
      )}
    </div>
  );
}

function HeatLegend() {
  const p = colors();
  return (
    <div class="legend" aria-hidden="true">
      <span>
        <svg width="7" height="12">
          <path d="M3.5 1v10M1.5 1h4M1.5 11h4" stroke="var(--ink)" fill="none" />
          <circle cx="3.5" cy="6" r="2" fill="var(--ink)" />
        </svg>
        mean ± sd
      </span>
      <span>
        0.5 % <i class="ramp" style={{background: p.rampCss}} /> 100 %
      </span>
    </div>
  );
}

// What is read out while the cursor moves: at most one message in half a second.
function Readout({app}: {app: App}) {
  const ref = useRef<HTMLParagraphElement>(null);
  const timer = useRef(0);
  const cursor = app.model?.cursor ?? null;
  useEffect(() => {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      const model = app.model;
      const now = model?.cursor;
      const series = model?.answer?.series.find((s) => s.name === now?.group);
      if (!ref.current || !model || !now || !series) return;
      const i = series.rows.at((now.row[0] + now.row[1]) / 2);
      if (i < 0) return;
      const mean = withUnit(number(series.rows.value('mean', i), model.decimals()), model.unit());
      const time = range(clockExact(now.row[0]), clockExact(now.row[1]));
      const readings = counted(series.rows.value('count', i) ?? 0, 'reading');
      ref.current.textContent = `${series.name} ${time}: mean ${mean}, ${readings}`;
    }, kSpeakEveryMs);
  }, [cursor?.row[0], cursor?.group]);
  return <p ref={ref} class="hidden" aria-live="polite" />;
}

// What pointer and wheel mean here: reading moves the cursor, dragging chooses a range.
function gesturesOf(app: App, panels: {current: Panel[]}, cursorChanged: () => void): Gestures {
  const model = app.model!;
  const picture = app.picture!;
  return {
    read: (ms: number, value: number | null) => {
      model.hold(true);
      const next = picture.snap(ms, value);
      const before = model.cursor;
      model.cursor = next;
      if (before?.row[0] !== next?.row[0] || before?.row[1] !== next?.row[1] || before?.group !== next?.group)
        cursorChanged();
    },
    leave: () => {
      if (!model.cursor) return;
      model.cursor = null;
      model.hold(app.menu !== null);
      cursorChanged();
    },
    picking: (from: number | null, to: number | null) => {
      for (const panel of panels.current) panel.pick(from, to);
    },
    zoom: (from: number, to: number, done: boolean) => {
      if (done) {
        model.cursor = null;
        model.hold(false);
        app.setRange(from, to, true);
      } else if (model.answer) {
        // The rows that are here move at once; the answer for the new range follows on release.
        model.answer.from = from;
        model.answer.to = to;
        model.changed();
      }
    },
    back: () => app.back(),
  };
}

// The two panels and what they listen to, for as long as the model lives.
function usePanels(
  app: App,
  chartRef: {current: HTMLDivElement | null},
  heatRef: {current: HTMLDivElement | null},
): void {
  const panels = useRef<Panel[]>([]);
  const model = app.model!;
  const picture = app.picture!;

  useLayoutEffect(() => {
    const chart = new ChartPanel(chartRef.current!, picture, true);
    const heat = new HeatPanel(heatRef.current!, picture, false);
    panels.current = [chart, heat];
    const cursorChanged = (): void => {
      onFrame(chart.drawCursor);
      onFrame(heat.drawCursor);
      app.changed();
    };
    model.onCursor = cursorChanged;
    const gestures = gesturesOf(app, panels, cursorChanged);
    const detach = [chart, heat].map((panel) => attachPointer(panel, picture, gestures));
    const offTheme = onTheme(() => {
      for (const panel of panels.current) onFrame(() => panel.retheme());
      app.changed();
    });
    const visible = (): void => {
      if (!document.hidden) for (const panel of panels.current) onFrame(panel.draw);
    };
    document.addEventListener('visibilitychange', visible);
    return () => {
      offTheme();
      document.removeEventListener('visibilitychange', visible);
      for (const off of detach) off();
      for (const panel of panels.current) panel.destroy();
      model.onCursor = () => {};
    };
  }, [model]);

  // Only a change of the data, of what is shown or of the raised series draws it anew.
  useEffect(() => {
    for (const panel of panels.current) onFrame(panel.draw);
  }, [model.revision, model.raised, app.view.show, app.view.y]);
}

function ChartHead({app, title}: {app: App; title: string}) {
  const model = app.model!;
  const {answer} = model;
  const p = colors();
  return (
    <>
      <div class="head">
        <h2>{title}</h2>
        {model.waiting > 0 && (
          <span class="sub" role="status">
            {counted(model.waiting, 'new window')}
          </span>
        )}
        {model.loading && Date.now() - model.loadingSince > 400 && answer && (
          <span class="sub">Loading {count(Math.round((answer.to - answer.from) / answer.step / 1000))} rows</span>
        )}
        <Legend app={app} />
      </div>
      {!app.picture!.single() && (
        <div class="chips" aria-hidden="true">
          {(answer?.series ?? []).slice(0, 8).map((s) => (
            <span key={s.name}>
              <i style={{background: seriesColor(p, s.color)}} />
              {s.name}
            </span>
          ))}
        </div>
      )}
    </>
  );
}

function Panels({app}: {app: App}) {
  const chartRef = useRef<HTMLDivElement>(null);
  const heatRef = useRef<HTMLDivElement>(null);
  const model = app.model!;
  const picture = app.picture!;
  usePanels(app, chartRef, heatRef);
  const answer = model.answer;
  const words = model.words();
  const single = picture.single();
  const shows = picture.shows();
  const by = model.groupBy();
  const title = single
    ? shows.has('percentiles')
      ? 'Mean, percentiles and range'
      : 'Mean and range'
    : `Mean and range by ${by}`;
  return (
    <>
      <ChartHead app={app} title={title} />
      <div
        ref={chartRef}
        class={`panel chart${model.loading && answer ? ' old' : ''}`}
        role="group"
        tabIndex={0}
        aria-label={picture.sentence(title)}
        data-panel="chart"
        data-offset={picture.offset() || undefined}
        data-rows={answer?.series.reduce((sum, s) => sum + s.rows.length, 0) ?? 0}
        data-newest={Math.max(
          0,
          ...(answer?.series ?? []).map((s) => (s.rows.length ? s.rows.end(s.rows.length - 1) : 0)),
        )}
      />
      {words && answer && <Lanes words={words} from={answer.from} to={answer.to} plotWidth={model.plotWidth} />}
      <div class="head">
        <h2>Distribution over time</h2>
        <span class="sub wide">share of the readings in each column</span>
        <HeatLegend />
      </div>
      <div
        ref={heatRef}
        class={`panel heat${model.loading && answer ? ' old' : ''}`}
        role="group"
        tabIndex={0}
        aria-label={picture.sentence('Distribution over time')}
        data-panel="heat"
      />
      <Readout app={app} />
    </>
  );
}

export function Explore({app}: {app: App}) {
  const model = app.model!;
  const error = model.error;
  if (model.ready && model.metrics.length === 0) {
    return (
      <main class="picture">
        <h1 class="hidden">Explore</h1>
        <NoReadings app={app} />
      </main>
    );
  }
  return (
    <>
      {model.ready ? <Controls app={app} /> : <div class="controls" />}
      {error?.away && <Away app={app} />}
      <div class="explore">
        <main class="picture">
          <h1 class="hidden">{capital(model.metric() || 'Explore')}</h1>
          <AnswerLine app={app} />
          <RangeMessage app={app} />
          <Panels app={app} />
          {app.rowsTable ? <RowTable app={app} /> : (model.answer?.series.length ?? 2) > 1 && <DeviceTable app={app} />}
        </main>
        <Rail app={app} />
      </div>
    </>
  );
}
