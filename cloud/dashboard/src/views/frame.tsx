// SPDX-License-Identifier: Apache-2.0
// The bar: mark, views, live state, tenant, theme, keys.
import type {JSX} from 'preact';
import type {App} from '../app';
import {signOut} from '../api';
import {duration, kNbsp, moment} from '../format';
import {serverNow} from '../api';
import {kPages, type Page, printAddress} from '../address';
import {toggleTheme} from '../theme';
import {ExploreIcon, FleetIcon, Glyph, Logo, NowIcon, SystemIcon, ThemeIcon} from '../ui/glyph';
import {Item, Menu} from '../ui/menu';

const kNames: Record<Page, string> = {
  fleet: 'Fleet',
  explore: 'Explore',
  now: 'Now',
  system: 'System',
  nowhere: 'Not found',
};
const kIcons: Record<Exclude<Page, 'nowhere'>, () => JSX.Element> = {
  fleet: FleetIcon,
  explore: ExploreIcon,
  now: NowIcon,
  system: SystemIcon,
};

function LiveLine({app}: {app: App}) {
  const pulse = app.pulse();
  if (!pulse) return null;
  const state = pulse.error?.away && pulse.liveState !== 'quiet' ? 'offline' : pulse.liveState;
  if (state === 'quiet')
    return (
      <span class="live" data-live={state} role="status">
        <Glyph state="silent" r={6} />
        no answer<span class="wide"> for {duration((Date.now() - pulse.heardMs()) / 1000)}</span>
      </span>
    );
  if (state === 'connecting')
    return (
      <span class="live" data-live={state}>
        <Glyph state="unknown" r={5} />
        connecting
      </span>
    );
  if (state === 'live') {
    const last = Math.max(...[app.model, app.fleet, app.now, app.system].map((one) => one?.lastWindowAt ?? 0));
    const ago = last ? (Date.now() - last) / 1000 : null;
    const age = ago === null ? '' : ago < 10 ? `${ago.toFixed(1)}${kNbsp}s` : duration(ago);
    return (
      <span class="live" data-live={state}>
        <Glyph state="live" r={5} />
        live
        {ago !== null && <small class="wide">last window {age} ago</small>}
        {ago !== null && <small class="narrow">{age}</small>}
      </span>
    );
  }
  const frontiers = (app.model?.gateways ?? [])
    .filter((g) => g.state !== 'retired')
    .map((g) => Date.parse(g.frontier))
    .filter((t) => t > 0);
  const to = frontiers.length ? moment(Math.min(...frontiers), serverNow()) : null;
  return (
    <span class="live" data-live={state}>
      <Glyph state={state === 'offline' ? 'silent' : 'late'} share={0.6} r={6} />
      {state === 'offline' ? 'offline' : 'reconnecting'}
      {state !== 'offline' && to && <span class="wide">, complete to {to}</span>}
    </span>
  );
}

export function Bar({app}: {app: App}) {
  const follow = (event: MouseEvent, page: Page): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    app.go({page});
  };
  return (
    <header class="bar">
      <a class="brand" href="/explore" onClick={(event) => follow(event, 'explore')}>
        <Logo />
        <span class="wide-name">Tributary</span>
        <span class="narrow">{kNames[app.view.page]}</span>
      </a>
      <nav class="tabs" aria-label="Views">
        {kPages.map((page) => {
          const Icon = kIcons[page];
          return (
            <a
              key={page}
              href={printAddress({...app.view, page})}
              aria-current={app.view.page === page ? 'page' : undefined}
              onClick={(event) => follow(event, page)}
            >
              <Icon />
              {kNames[page]}
            </a>
          );
        })}
      </nav>
      <div class="bar-right">
        <LiveLine app={app} />
        <button type="button" class="plain wide" onClick={() => app.open('jump')}>
          Jump to <kbd>/</kbd>
        </button>
        <Menu
          app={app}
          id="tenant"
          label={`Tenant ${app.session?.tenant ?? ''}`}
          face={app.session?.tenant ?? ''}
          plain
          right
        >
          <a class="item" href="/docs/index.html" target="_blank" rel="noreferrer">
            Documentation
          </a>
          <Item
            onPick={() => {
              app.open(null);
              void signOut().finally(() => app.end(false));
            }}
          >
            Sign out
          </Item>
        </Menu>
        <button
          type="button"
          class="icon"
          aria-label="Change theme"
          title="Change theme (l)"
          onClick={() => toggleTheme()}
        >
          <ThemeIcon />
        </button>
        <button type="button" class="icon wide" aria-label="Keys" title="Keys (?)" onClick={() => app.open('keys')}>
          ?
        </button>
      </div>
    </header>
  );
}
