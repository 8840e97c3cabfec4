// SPDX-License-Identifier: Apache-2.0
// A control that opens a popover. Focus goes in, Escape and a click elsewhere close it, arrows move between its items.
import type {ComponentChildren} from 'preact';
import {useEffect, useRef} from 'preact/hooks';
import type {App} from '../app';

interface Props {
  app: App;
  id: string;
  label: string; // for those who hear it
  face: ComponentChildren;
  right?: boolean;
  plain?: boolean;
  bare?: boolean; // without the caret
  children: ComponentChildren;
}

export function Menu({app, id, label, face, right, plain, bare, children}: Props) {
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const open = app.menu === id;
  useEffect(() => {
    if (!open) return undefined;
    const first = root.current?.querySelector<HTMLElement>(
      '.popover input, .popover [aria-checked="true"], .popover .item',
    );
    first?.focus();
    const outside = (event: PointerEvent): void => {
      if (!root.current?.contains(event.target as Node)) app.open(null);
    };
    addEventListener('pointerdown', outside);
    return () => {
      removeEventListener('pointerdown', outside);
      // Whoever chose with the keyboard goes on from the control.
      if (document.activeElement === document.body || root.current?.contains(document.activeElement))
        button.current?.focus();
    };
  }, [open]);
  const keys = (event: KeyboardEvent): void => {
    if (!open) return;
    if (event.key === 'Escape') {
      app.open(null);
      button.current?.focus();
      event.stopPropagation();
      return;
    }
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    const items = [...(root.current?.querySelectorAll<HTMLElement>('.popover input, .popover .item') ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    items[(at + (event.key === 'ArrowDown' ? 1 : -1) + items.length) % items.length]?.focus();
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="menu-anchor" ref={root} onKeyDown={keys}>
      <button
        type="button"
        ref={button}
        class={plain ? 'plain' : 'control'}
        aria-haspopup="true"
        aria-expanded={open}
        data-menu={id}
        onClick={() => app.open(open ? null : id)}
      >
        {face}
        {!bare && (
          <span class="caret" aria-hidden="true">
            ▾
          </span>
        )}
      </button>
      {open && (
        <div class={`popover${right ? ' right' : ''}`} role="group" aria-label={label}>
          {children}
        </div>
      )}
    </div>
  );
}

export function Item({
  chosen,
  note,
  onPick,
  children,
  multiple,
}: {
  chosen?: boolean;
  note?: string;
  onPick: () => void;
  children: ComponentChildren;
  multiple?: boolean;
}) {
  return (
    <button
      type="button"
      class="item"
      role={multiple ? 'checkbox' : 'radio'}
      aria-checked={chosen ? 'true' : 'false'}
      onClick={onPick}
    >
      {children}
      {note && <small>{note}</small>}
    </button>
  );
}
