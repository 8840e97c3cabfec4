// SPDX-License-Identifier: Apache-2.0
// Jump: to a view, metric, device or gateway by a part of its name.
import {useLayoutEffect, useRef, useState} from 'preact/hooks';
import type {App} from '../app';
import {kPages, type View} from '../address';
import {capital} from '../format';

const kShown = 10;

interface Place {
  name: string;
  what: string;
  go: Partial<View>;
}

export function places(app: App, find: string): Place[] {
  const model = app.model;
  if (!model) return [];
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  const out: Place[] = [];
  const add = (name: string, what: string, go: () => Partial<View>): void => {
    if (out.length >= kShown) return;
    const text = `${name} ${what}`.toLowerCase();
    if (words.every((word) => text.includes(word))) out.push({name, what, go: go()});
  };
  for (const page of kPages) add(capital(page), 'view', () => ({page}));
  for (const m of model.metrics) add(m.name, 'metric', () => ({page: 'explore', metric: m.name, devices: []}));
  for (const d of model.devices)
    add(d.device, 'device', () => {
      const metric = model.metric();
      return {
        page: 'explore',
        devices: [d.device],
        labels: [],
        metric: d.metrics.includes(metric) ? metric : (d.metrics[0] ?? ''),
      };
    });
  for (const g of model.gateways)
    add(g.gateway, 'gateway', () => ({page: 'fleet', gateway: g.gateway, find: '', filter: ''}));
  return out;
}

export function Jump({app}: {app: App}) {
  const ref = useRef<HTMLDialogElement>(null);
  const [find, setFind] = useState('');
  const [at, setAt] = useState(0);
  const open = app.menu === 'jump';
  useLayoutEffect(() => {
    if (open && !ref.current?.open) {
      setFind('');
      setAt(0);
      ref.current?.showModal();
    }
    if (!open && ref.current?.open) {
      ref.current.close();
      // Focus does not stay in what is no longer seen: the keys of the page work at once.
      const focused = document.activeElement;
      if (focused instanceof HTMLElement && ref.current.contains(focused)) focused.blur();
    }
  }, [open]);
  const found = open ? places(app, find) : [];
  const pick = (place: Place | undefined): void => {
    if (!place) return;
    app.open(null);
    app.go(place.go);
  };
  const keys = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown') setAt((n) => Math.min(found.length - 1, n + 1));
    else if (event.key === 'ArrowUp') setAt((n) => Math.max(0, n - 1));
    else if (event.key === 'Enter') pick(found[at]);
    else return;
    event.preventDefault();
  };
  return (
    <dialog ref={ref} class="jump" aria-label="Jump to" onClose={() => app.menu === 'jump' && app.open(null)}>
      <input
        class="control"
        type="search"
        role="combobox"
        aria-expanded="true"
        aria-controls="jump-list"
        aria-activedescendant={found[at] ? `jump-${at}` : undefined}
        aria-label="View, metric, device or gateway"
        placeholder="View, metric, device or gateway"
        value={find}
        onInput={(event) => {
          setFind(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={keys}
      />
      <ul id="jump-list" role="listbox" aria-label="Places">
        {found.map((place, i) => (
          <li
            key={`${place.what} ${place.name}`}
            id={`jump-${i}`}
            role="option"
            aria-selected={i === at}
            onClick={() => pick(place)}
          >
            {place.name} <small>{place.what}</small>
          </li>
        ))}
      </ul>
      {open && found.length === 0 && <p class="note">Nothing is called "{find}".</p>}
    </dialog>
  );
}
