// SPDX-License-Identifier: Apache-2.0
// The address holds the view: parsing and printing it, in one fixed order and with the defaults left out, so that equal
// views have equal addresses.
import {type Bound, boundText, parseBound, parseStep, stepText} from './time';

// nowhere: an address that the page does not know.
export type Page = 'fleet' | 'explore' | 'now' | 'system' | 'nowhere';
export const kPages: Exclude<Page, 'nowhere'>[] = ['fleet', 'explore', 'now', 'system'];
export type Show = 'mean' | 'range' | 'percentiles';

export interface View {
  page: Page;
  metric: string; // empty: the first one there is
  devices: string[]; // empty: all
  labels: [string, string][];
  by: string; // 'none', 'device' or a label's key
  from: Bound;
  to: Bound;
  step: number; // seconds; 0: auto
  show: Show[] | null; // null: by the number of series
  y: 'fences' | 'full';
  chip: string; // Now: the metric shown; empty: all
  find: string; // Fleet and Now: part of a name
  filter: string; // Fleet: a state, or 'coarse', 'gaps'; empty: all
  sort: string; // Fleet: a column, with '-' before it: descending; empty: those that need a person first
  gateway: string; // Fleet: the one whose drawer is open
}

export const kDefaultView: View = {
  page: 'explore',
  metric: '',
  devices: [],
  labels: [],
  by: 'device',
  from: {kind: 'ago', ms: 24 * 3600 * 1000},
  to: {kind: 'now'},
  step: 0,
  show: null,
  y: 'fences',
  chip: '',
  find: '',
  filter: '',
  sort: '',
  gateway: '',
};

const kShows: Show[] = ['mean', 'range', 'percentiles'];
// As the API reads lists: \, is a comma of a name, \\ a backslash.
const list = (text: string | null): string[] =>
  ((text ?? '').match(/(?:\\[\\,]|[^,])+/g) ?? []).map((part) => part.replace(/\\([\\,])/g, '$1'));
export const listEntry = (name: string): string => name.replace(/[\\,]/g, '\\$&');

export function parseAddress(path: string, query: string): View {
  const params = new URLSearchParams(query);
  const page = path === '/' || path === '/index.html' ? 'explore' : kPages.find((one) => path === `/${one}`);
  const view: View = {...kDefaultView, page: page ?? 'nowhere'};
  if (view.page === 'system' || view.page === 'nowhere') return view;
  if (view.page !== 'explore') {
    if (view.page === 'now') view.chip = params.get('m') ?? '';
    else {
      if (/^[a-z]{1,16}$/.test(params.get('show') ?? '')) view.filter = params.get('show')!;
      if (/^-?[a-z]{1,16}$/.test(params.get('sort') ?? '')) view.sort = params.get('sort')!;
      view.gateway = params.get('g') ?? '';
    }
    view.find = params.get('q') ?? '';
    return view;
  }
  view.metric = params.get('m') ?? '';
  view.devices = list(params.get('d')).sort();
  view.labels = [...params]
    .filter(([key]) => key.startsWith('l.') && key.length > 2)
    .map(([key, value]): [string, string] => [key.slice(2), value]);
  const by = params.get('by');
  if (by && /^[a-z_][a-z0-9_]{0,31}$/.test(by)) view.by = by;
  view.from = parseBound(params.get('from') ?? '') ?? kDefaultView.from;
  view.to = parseBound(params.get('to') ?? '') ?? kDefaultView.to;
  view.step = parseStep(params.get('step') ?? '') ?? 0;
  if (params.has('show')) view.show = kShows.filter((show) => list(params.get('show')).includes(show));
  if (params.get('y') === 'full') view.y = 'full';
  return view;
}

// Commas and colons stay readable; everything else is escaped as usual.
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/%2C/g, ',').replace(/%3A/g, ':');
}

export function printAddress(view: View): string {
  const parts: string[] = [];
  const add = (key: string, value: string): void => {
    parts.push(`${escaped(key)}=${escaped(value)}`);
  };
  const whole = (): string => `/${view.page}${parts.length ? `?${parts.join('&')}` : ''}`;
  if (view.page === 'system') return whole();
  if (view.page !== 'explore') {
    if (view.page === 'now' && view.chip) add('m', view.chip);
    if (view.page === 'fleet') {
      if (view.filter) add('show', view.filter);
      if (view.sort) add('sort', view.sort);
      if (view.gateway) add('g', view.gateway);
    }
    if (view.find) add('q', view.find);
    return whole();
  }
  if (view.metric) add('m', view.metric);
  if (view.devices.length) add('d', view.devices.map(listEntry).join(','));
  for (const [key, value] of view.labels) add(`l.${key}`, value);
  if (view.by !== kDefaultView.by) add('by', view.by);
  if (boundText(view.from) !== boundText(kDefaultView.from)) add('from', boundText(view.from));
  if (view.to.kind !== 'now') add('to', boundText(view.to));
  if (view.step) add('step', stepText(view.step));
  if (view.show) add('show', view.show.join(','));
  if (view.y !== 'fences') add('y', view.y);
  return whole();
}

// What of the address decides Explore's data: a change of anything else asks for nothing.
export function exploreKey(view: View): string {
  return JSON.stringify([view.metric, view.devices, view.labels, view.by, view.from, view.to, view.step]);
}

// The query of the API that belongs to a selection.
export function selectionQuery(metric: string, devices: string[], labels: [string, string][]): string {
  const parts = [`metric=${encodeURIComponent(metric)}`];
  for (const device of devices) parts.push(`device=${encodeURIComponent(listEntry(device))}`);
  for (const [key, value] of labels) parts.push(`label.${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
  return parts.join('&');
}
