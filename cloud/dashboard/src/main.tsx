// SPDX-License-Identifier: Apache-2.0
// The page's table of contents: theme, session, view.
import './theme.css';
import './page.css';
import {render} from 'preact';
import {App} from './app';
import {ApiError, session} from './api';
import {capital} from './format';
import {startTheme} from './theme';
import {Bar} from './views/frame';
import {Explore} from './views/explore';
import {Fleet} from './views/fleet';
import {Jump} from './views/jump';
import {Keys, startKeys} from './views/keys';
import {Nowhere} from './views/nowhere';
import {Now} from './views/now';
import {SignIn} from './views/signin';
import {System} from './views/system';

const kRetryMs = 2000;

function Root({app, away, known}: {app: App; away: boolean; known: boolean}) {
  if (app.model) {
    return (
      <>
        <Bar app={app} />
        {app.view.page === 'fleet' && <Fleet app={app} />}
        {app.view.page === 'explore' && <Explore app={app} />}
        {app.view.page === 'now' && <Now app={app} />}
        {app.view.page === 'system' && <System app={app} />}
        {app.view.page === 'nowhere' && <Nowhere app={app} />}
        <Jump app={app} />
        <Keys app={app} />
        {app.note && (
          <div class="toast" role="status">
            {app.note}
          </div>
        )}
      </>
    );
  }
  if (away)
    return (
      <main class="signin">
        <p role="status">
          <strong>The server does not answer.</strong> Trying again.
        </p>
      </main>
    );
  return known ? <SignIn app={app} /> : null;
}

function titleOf(app: App): string {
  if (app.view.page === 'nowhere') return 'Not found';
  return app.view.page === 'explore' ? app.model?.metric() || 'Explore' : capital(app.view.page);
}

startTheme();
const app = new App();
const element = document.getElementById('app')!;
let away = false;
let known = false;
app.render = () => {
  document.title = app.model ? `${titleOf(app)} · Tributary` : 'Tributary';
  render(<Root app={app} away={away} known={known} />, element);
};

async function begin(): Promise<void> {
  try {
    const found = await session();
    away = false;
    known = true;
    app.start(found);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    away = error.away;
    known = !error.away;
    if (away) window.setTimeout(() => void begin(), kRetryMs);
  }
  app.changed();
}

startKeys(app);
void begin();
