// SPDX-License-Identifier: Apache-2.0
// A figure that copies itself: Enter or a click puts the number on the clipboard exactly as the API gave it.
import type {ComponentChildren} from 'preact';
import type {App} from '../app';

export function Figure({
  app,
  name,
  value,
  children,
}: {
  app: App;
  name: string;
  value: number | null | undefined;
  children: ComponentChildren;
}) {
  if (value === null || value === undefined) {
    return (
      <span
        data-figure={name}
        title={value === null ? 'This does not exist for these readings.' : 'Not here yet.'}
        tabIndex={0}
      >
        {children}
      </span>
    );
  }
  return (
    <button
      type="button"
      class="copyable"
      data-figure={name}
      data-value={String(value)}
      title={`Copy ${value}`}
      onClick={() => void app.copy(String(value), `Copied ${value}`)}
    >
      {children}
    </button>
  );
}
