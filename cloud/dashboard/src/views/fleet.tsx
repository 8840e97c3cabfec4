// SPDX-License-Identifier: Apache-2.0
// The gateways: who is up to date, who is late or silent, and by how much.
import type {App} from '../app';
import {type Gateway, serverNow} from '../api';
import {count, counted, duration, kNone, list, moment} from '../format';
import {Glyph} from '../ui/glyph';

type State = 'parked' | 'silent' | 'late' | 'complete' | 'retired';

// Order: what needs a decision, who is silent, who is late, then the rest.
const kOrder: State[] = ['parked', 'silent', 'late', 'complete', 'retired'];
const kWords: Record<State, string> = {
  parked: 'needs a decision',
  silent: 'silent',
  late: 'late',
  complete: 'up to date',
  retired: 'retired',
};
const kWidths = ['46px', '', '74px', '96px', '150px', '26%', '96px'];
const kBehindLeast = 8;
const kBehindMost = 30 * 86400;

export function stateOf(g: Gateway): State {
  if (g.state === 'retired') return 'retired';
  if (g.parked || (g.alarms?.length ?? 0) > 0) return 'parked';
  if (g.state === 'silent' || g.state === 'offline') return 'silent';
  return g.state === 'late' ? 'late' : 'complete';
}

function behindSeconds(g: Gateway): number | null {
  const frontier = Date.parse(g.frontier);
  return Number.isFinite(frontier) && frontier > 0 ? Math.max(0, (serverNow() - frontier) / 1000) : null;
}

export function Fleet({app}: {app: App}) {
  const model = app.model!;
  const gateways = model.gateways.map((g) => ({g, state: stateOf(g), behind: behindSeconds(g)}));
  gateways.sort(
    (a, b) =>
      kOrder.indexOf(a.state) - kOrder.indexOf(b.state) ||
      (b.behind ?? 0) - (a.behind ?? 0) ||
      (a.g.gateway < b.g.gateway ? -1 : 1),
  );
  const active = gateways.filter(({state}) => state !== 'retired');
  const well = active.filter(({state}) => state === 'complete').length;
  const rest = (['late', 'silent', 'parked'] as State[])
    .map((state) => ({state, n: active.filter((one) => one.state === state).length}))
    .filter(({n}) => n > 0);
  const frontiers = active.map(({g}) => Date.parse(g.frontier)).filter((t) => Number.isFinite(t) && t > 0);
  return (
    <main class="fleet">
      <h1>
        {active.length === 0
          ? 'No gateway has reported yet'
          : `${count(well)} of ${counted(active.length, 'gateway')} ${active.length === 1 ? 'is' : 'are'} up to date`}
      </h1>
      <p class="lead">
        {rest.length > 0 &&
          `${list(rest.map(({state, n}) => `${count(n)} ${state === 'parked' ? (n === 1 ? 'needs' : 'need') : n === 1 ? 'is' : 'are'} ${state === 'parked' ? 'a decision' : kWords[state]}`))}. `}
        {frontiers.length > 0 && (
          <>
            Everything before <b>{moment(Math.min(...frontiers), serverNow())}</b> is complete.
          </>
        )}
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Gateways">
        <table data-gateways={gateways.length}>
          <caption class="hidden">Gateways, those that need a person first</caption>
          <colgroup>
            {kWidths.map((width, i) => (
              <col key={i} style={{width}} />
            ))}
          </colgroup>
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden">State</span>
              </th>
              <th scope="col" class="name">
                Gateway
              </th>
              <th scope="col">Devices</th>
              <th scope="col">Last seen</th>
              <th scope="col">Behind</th>
              <th scope="col" class="note">
                Note
              </th>
              <th scope="col">Version</th>
            </tr>
          </thead>
          <tbody>
            {gateways.map(({g, state, behind}) => {
              const off = state === 'silent' || state === 'late';
              const seen = Date.parse(g.last_seen);
              const share =
                behind === null
                  ? 0
                  : Math.min(
                      1,
                      Math.max(
                        0,
                        Math.log(Math.max(behind, kBehindLeast) / kBehindLeast) / Math.log(kBehindMost / kBehindLeast),
                      ),
                    );
              const note = [
                state === 'parked' ? 'SD card restored' : '',
                g.gaps?.length ? counted(g.gaps.length, 'gap') : '',
                g.lost?.length ? 'lost partials' : '',
              ].filter((text) => text !== '');
              return (
                <tr key={g.gateway} data-gateway={g.gateway} data-state={state}>
                  <td>
                    <Glyph state={state} share={0.6} r={5} label={kWords[state]} />
                  </td>
                  <th scope="row" class="name">
                    {g.gateway}
                  </th>
                  <td>{count(g.devices)}</td>
                  <td class={state === 'silent' ? 'warn' : undefined}>
                    {Number.isFinite(seen) && seen > 0 ? duration((serverNow() - seen) / 1000) : kNone}
                  </td>
                  <td class={off ? 'warn' : undefined}>
                    <span class="track" aria-hidden="true">
                      <i class={off ? 'late' : undefined} style={{width: `${Math.max(3, share * 46)}px`}} />
                    </span>
                    {behind === null ? kNone : duration(behind)}
                  </td>
                  <td class={`note${state === 'parked' ? ' bad' : ''}`}>{note.join(', ')}</td>
                  <td>{g.version || kNone}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </main>
  );
}
