// SPDX-License-Identifier: Apache-2.0
// Signing in: the key is exchanged for a cookie that scripts cannot read, and is not kept here.
import {useState} from 'preact/hooks';
import type {App} from '../app';
import {ApiError, signIn} from '../api';
import {Logo} from '../ui/glyph';

export function SignIn({app}: {app: App}) {
  const [key, setKey] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<'unknown' | 'away' | null>(null);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!key.trim() || busy) return;
    setBusy(true);
    setProblem(null);
    try {
      app.start(await signIn(key.trim()));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error.status === 401 || error.status === 403 ? 'unknown' : 'away');
      setBusy(false);
    }
  };
  return (
    <main class="signin">
      <form onSubmit={(event) => void submit(event)}>
        <h1 class="brand">
          <Logo />
          Tributary
        </h1>
        {app.signedOut && (
          <p class="lead" role="status">
            <strong>Signed out.</strong> Sign in again; this view is kept.
          </p>
        )}
        <label for="key">Key</label>
        <input
          id="key"
          type="password"
          autocomplete="current-password"
          spellcheck={false}
          autofocus
          required
          value={key}
          aria-invalid={problem === 'unknown'}
          aria-describedby={problem ? 'wrong' : undefined}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={busy}>
          Sign in
        </button>
        <p class="wrong" id="wrong" role="alert">
          {problem === 'unknown' && (
            <>
              <strong>This key is not known here.</strong> Make one with: <code>tributaryctl tenant add NAME</code>
            </>
          )}
          {problem === 'away' && (
            <>
              <strong>The server does not answer.</strong> Try again in a moment.
            </>
          )}
        </p>
      </form>
    </main>
  );
}
