// SPDX-License-Identifier: Apache-2.0
// What is said when the server does not answer, or refuses: what is seen stays, and how old it is.
import type {App} from '../app';
import {serverNow} from '../api';
import {count, moment} from '../format';

export function Away({app}: {app: App}) {
  const pulse = app.pulse();
  const error = pulse?.error;
  if (!pulse || !error) return null;
  const frontiers = (app.model?.gateways ?? [])
    .filter((g) => g.state !== 'retired')
    .map((g) => Date.parse(g.frontier))
    .filter((t) => t > 0);
  return (
    <div class="banner" role="status">
      <span>
        <strong>{error.away ? 'The server does not answer.' : `${error.message}.`}</strong>{' '}
        {error.away
          ? frontiers.length > 0 && `What you see is complete to ${moment(Math.min(...frontiers), serverNow())}. `
          : `${error.detail} `}
        Trying again in {count(Math.max(0, Math.ceil((pulse.retryAt - Date.now()) / 1000)))} s.{' '}
        <button type="button" class="link" onClick={() => void pulse.load()}>
          Try now
        </button>
      </span>
    </div>
  );
}
