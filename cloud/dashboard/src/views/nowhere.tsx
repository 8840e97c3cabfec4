// SPDX-License-Identifier: Apache-2.0
// An address that is none of this page's: says so, and leads to what there is.
import type {App} from '../app';
import {kPages} from '../address';
import {capital} from '../format';

export function Nowhere({app}: {app: App}) {
  return (
    <main class="picture">
      <section class="message" data-nowhere>
        <h1>There is nothing at {location.pathname}</h1>
        <p>
          This page has:{' '}
          {kPages.map((page, i) => (
            <span key={page}>
              {i > 0 && ', '}
              <a href={`/${page}`} onClick={(event) => app.follow(event)}>
                {capital(page)}
              </a>
            </span>
          ))}
          . The interface for programs is described in the <a href="/docs/index.html">documentation</a>.
        </p>
      </section>
    </main>
  );
}
