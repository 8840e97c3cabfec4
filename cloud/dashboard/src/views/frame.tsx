// SPDX-License-Identifier: Apache-2.0
// The bar: mark, views, live state, tenant, theme, keys.
import type {App} from '../app';
import {signOut} from '../api';
import {duration, kNbsp, moment} from '../format';
import {serverNow} from '../api';
import {printAddress, type Page} from '../address';
import {toggleTheme} from '../theme';
import {ExploreIcon, FleetIcon, Glyph, Logo, ThemeIcon} from '../ui/glyph';
import {Item, Menu} from '../ui/menu';

const kPages: {page: Page; name: string}[] = [
  {page: 'fleet', name: 'Fleet'},
  {page: 'explore', name: 'Explore'},
];

function LiveLine({app}: {app: App}) {
  const model = app.model;
  if (!model) return null;
  const words = model.words();
  const state = model.error?.away ? 'offline' : model.liveState;
  if (state === 'live' || state === 'connecting') {
    const ago = model.lastWindowAt ? (Date.now() - model.lastWindowAt) / 1000 : null;
    return (
      <span class="live" data-live={state}>
        <Glyph state="live" r={5} />
        live
        {ago !== null && (
          <small class="wide">last window {ago < 10 ? `${ago.toFixed(1)}${kNbsp}s` : duration(ago)} ago</small>
        )}
      </span>
    );
  }
  const to =
    words && model.answer
      ? moment(Math.min(Date.parse(model.total?.completeness.to ?? ''), serverNow()), serverNow())
      : null;
  return (
    <span class="live" data-live={state}>
      <Glyph state={state === 'offline' ? 'silent' : 'late'} share={0.6} r={6} />
      {state === 'offline' ? 'offline' : `reconnecting${to ? `, complete to ${to}` : ''}`}
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
        Tributary
      </a>
      <nav class="tabs" aria-label="Views">
        {kPages.map(({page, name}) => (
          <a
            key={page}
            href={printAddress({...app.view, page})}
            aria-current={app.view.page === page ? 'page' : undefined}
            onClick={(event) => follow(event, page)}
          >
            {page === 'fleet' ? <FleetIcon /> : <ExploreIcon />}
            {name}
          </a>
        ))}
      </nav>
      <div class="bar-right">
        <LiveLine app={app} />
        <Menu
          app={app}
          id="tenant"
          label={`Tenant ${app.session?.tenant ?? ''}`}
          face={app.session?.tenant ?? ''}
          plain
          right
        >
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
