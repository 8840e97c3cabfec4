// SPDX-License-Identifier: Apache-2.0
// Now: large live numbers, what they were in the last half hour, and where they stand in all there ever was.
import {listEntry} from '../address';
import type {App} from '../app';
import {type Gateway, serverNow, type Summary} from '../api';
import {
  count,
  counted,
  decimalsOfAll,
  duration,
  kNbsp,
  list,
  metricName,
  moment,
  number,
  tick,
  withUnit,
} from '../format';
import {stateOf} from '../model/fleet';
import {kTilesMore, type Tile} from '../model/now';
import {colors, seriesColor} from '../theme';
import {Canvas} from '../ui/canvas';
import {Figure} from '../ui/figure';
import {Glyph} from '../ui/glyph';
import {type StripSpan, stripSpan} from '../model/hist';
import {drawStrip, farWords} from '../ui/strip';
import {Away} from './away';
import {NoReadings} from './empty';
import {drawSpark} from './spark';

interface Lateness {
  state: 'silent' | 'late';
  words: string;
  frontier: number;
}

// A device is as late as the latest of its gateways.
function lateness(tile: Tile, gateways: Map<string, Gateway>, now: number): Lateness | null {
  let worst: Lateness | null = null;
  for (const name of tile.gateways) {
    const g = gateways.get(name);
    if (!g) continue;
    const state = stateOf(g, now);
    if (state !== 'silent' && state !== 'late') continue;
    const frontier = Date.parse(g.frontier);
    if (worst && worst.frontier <= frontier) continue;
    const words =
      state === 'silent'
        ? `silent for ${duration((now - Date.parse(g.last_seen)) / 1000)}`
        : `${duration((now - frontier) / 1000)} behind`;
    worst = {state, words, frontier};
  }
  return worst;
}

function TileHead({app, tile, late}: {app: App; tile: Tile; late: Lateness | null}) {
  const {last} = tile;
  return (
    <h2>
      <i class="key" style={{background: seriesColor(colors(), tile.color)}} />
      <a
        href={`/explore?m=${encodeURIComponent(tile.metric)}&d=${encodeURIComponent(listEntry(tile.device))}&from=-1h`}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          app.go({
            page: 'explore',
            metric: tile.metric,
            devices: [tile.device],
            labels: [],
            from: {kind: 'ago', ms: 3_600_000},
            to: {kind: 'now'},
            step: 0,
          });
        }}
      >
        {tile.device}
      </a>
      <span class="metric">{tile.metric.replace(/_/g, ' ')}</span>
      <span class={`age${late ? ' warn' : ''}`}>
        <Glyph state={late?.state ?? 'complete'} share={0.6} r={5} label={late ? '' : 'up to date'} />
        {late ? late.words : last ? `${duration((serverNow() - last.ms) / 1000)} ago` : ''}
      </span>
    </h2>
  );
}

const spokenStrip = (tile: Tile, far: string): string =>
  `Distribution of ${tile.device} ${tile.metric} since the beginning${far && `; ${far}`}`;

function Since({app, tile, d, span}: {app: App; tile: Tile; d: number; span: StripSpan | null}) {
  const {allTime: all, last} = tile;
  return (
    <>
      {all && span && (
        <>
          <Canvas
            height={30}
            version={`${all.count} ${span.low} ${span.high} ${last?.value ?? ''}`}
            label={spokenStrip(tile, farWords(all, span))}
            draw={drawStrip(all, span, last?.value ?? null, 10)}
          />
          <div class="ends" aria-hidden="true">
            <span>{tick(span.low, span.step)}</span>
            <span>{withUnit(tick(span.high, span.step), tile.unit)}</span>
          </div>
        </>
      )}
      <div class="since">
        <span>
          since the beginning{' '}
          <b>
            <Figure app={app} name="all-mean" value={all?.mean}>
              {number(all?.mean, d)}
            </Figure>
            {typeof all?.stddev === 'number' && (
              <>
                {' '}
                ±{' '}
                <Figure app={app} name="all-stddev" value={all.stddev}>
                  {number(all.stddev, d)}
                </Figure>
              </>
            )}
          </b>
        </span>
        <span>
          <Figure app={app} name="all-count" value={all?.count}>
            {count(all?.count)}
          </Figure>{' '}
          {all?.count === 1 ? 'reading' : 'readings'}
        </span>
      </div>
    </>
  );
}

function TileView({
  app,
  tile,
  d,
  span,
  late,
}: {
  app: App;
  tile: Tile;
  d: number;
  span: StripSpan | null;
  late: Lateness | null;
}) {
  const now = serverNow();
  const {last} = tile;
  const to = Math.ceil(now / 10_000) * 10_000;
  let readings = 0;
  for (let i = 0; i < tile.rows.length; i++) readings += tile.rows.column('count')[i]!;
  const spoken = `${tile.device} ${tile.metric}, last 30 min`;
  return (
    <li
      class="tile"
      data-tile={`${tile.metric} ${tile.device}`}
      data-rows={tile.rows.length}
      data-readings={readings}
      data-newest={tile.rows.length ? tile.rows.end(tile.rows.length - 1) : 0}
    >
      <TileHead app={app} tile={tile} late={late} />
      <div class="big">
        <span class={`value${late ? ' old-value' : ''}`}>
          <Figure app={app} name="last" value={last?.value}>
            {number(last?.value, Math.max(0, d - 1))}
          </Figure>
          {tile.unit && (
            <small>
              {kNbsp}
              {tile.unit}
            </small>
          )}
        </span>
        <Canvas
          height={52}
          version={`${tile.version} ${to} ${late?.frontier ?? ''}`}
          label={spoken}
          draw={drawSpark(tile, to, late?.frontier ?? null)}
        />
      </div>
      <Since app={app} tile={tile} d={d} span={span} />
    </li>
  );
}

function Completeness({app}: {app: App}) {
  const now = app.now!.knownMs();
  const heard = app.now!.isHeard();
  const gateways = (app.model?.gateways ?? []).filter((g) => g.state !== 'retired');
  const off = gateways
    .map((g) => ({g, state: stateOf(g, now)}))
    .filter(({state}) => state === 'silent' || state === 'late');
  const well = gateways.length - off.length;
  const words = off
    .slice(0, 2)
    .map(({g, state}) =>
      state === 'silent'
        ? `${g.gateway} is silent for ${duration((now - Date.parse(g.last_seen)) / 1000)}`
        : `${g.gateway} is ${duration((now - Date.parse(g.frontier)) / 1000)} behind`,
    );
  return (
    <p class="now-line" data-now-line>
      <Glyph
        state={!heard ? 'unknown' : off.length ? 'late' : 'complete'}
        share={gateways.length ? well / gateways.length : 1}
        r={6}
      />
      {!heard && `At ${moment(now, serverNow())}, `}
      {count(well)} of {counted(gateways.length, 'gateway')} up to date.
      {words.length > 0 &&
        ` ${list(words)}${off.length > words.length ? `, ${counted(off.length - words.length, 'other')} too` : ''}.`}
      {off.length > words.length && (
        <a href="/fleet?show=behind" onClick={(event) => app.follow(event)}>
          Which
        </a>
      )}
    </p>
  );
}

function Filters({app}: {app: App}) {
  const model = app.now!;
  const catalogue = app.model!;
  const begin = catalogue.firstMetric();
  const chips = [
    {name: '', text: 'All'},
    ...[...catalogue.metrics]
      .sort((a, b) => Number(b.name === begin) - Number(a.name === begin))
      .map((m) => ({name: m.name, text: metricName(m.name)})),
  ];
  return (
    <div class="filters" role="group" aria-label="Metric">
      {chips.map((chip) => (
        <button
          type="button"
          key={chip.name}
          class="chip"
          aria-pressed={app.view.chip === chip.name}
          onClick={() => app.go({chip: chip.name}, true)}
        >
          {chip.text}
        </button>
      ))}
      {(model.found > kTilesMore || app.view.find !== '') && (
        <input
          class="control find"
          type="search"
          aria-label="Device"
          placeholder="Device"
          value={app.view.find}
          onInput={(event) => app.go({find: event.currentTarget.value}, true)}
        />
      )}
    </div>
  );
}

export function Now({app}: {app: App}) {
  const model = app.now!;
  const catalogue = app.model!;
  if (catalogue.ready && catalogue.metrics.length === 0)
    return (
      <main class="picture">
        <h1 class="hidden">Now</h1>
        <NoReadings app={app} />
      </main>
    );
  const now = model.knownMs();
  const gateways = new Map(catalogue.gateways.map((g) => [g.gateway, g]));
  // One range and one number of decimals for all tiles of a metric.
  const metrics = new Map<string, {d: number; span: ReturnType<typeof stripSpan>}>();
  for (const metric of new Set(model.tiles.map((tile) => tile.metric))) {
    const all = model.tiles
      .filter((tile) => tile.metric === metric)
      .flatMap((tile): Summary[] => (tile.allTime ? [tile.allTime] : []));
    metrics.set(metric, {d: decimalsOfAll(all), span: stripSpan(all)});
  }
  return (
    <main class="now">
      <h1 class="hidden">Now</h1>
      <Away app={app} />
      <Filters app={app} />
      <Completeness app={app} />
      <ul class="tiles" data-tiles={model.tiles.length}>
        {model.tiles.map((tile) => (
          <TileView
            key={tile.key}
            app={app}
            tile={tile}
            d={metrics.get(tile.metric)!.d}
            span={metrics.get(tile.metric)!.span}
            late={lateness(tile, gateways, now)}
          />
        ))}
      </ul>
      {model.loaded && model.found === 0 && (
        <p class="message">
          No device matches "{app.view.find}".{' '}
          <button type="button" class="link" onClick={() => app.go({find: ''}, true)}>
            Clear
          </button>
        </p>
      )}
      {model.found > model.tiles.length && (
        <p class="more">
          {count(model.tiles.length)} of {count(model.found)} are shown.{' '}
          <button type="button" class="link" onClick={() => model.more()}>
            Show more
          </button>
        </p>
      )}
    </main>
  );
}
