// SPDX-License-Identifier: Apache-2.0
// The page's state above the views: who is signed in, the address, which menu is open. Views get it as a property;
// there is no global.
import {type Session, serverNow} from './api';
import {parseAddress, printAddress, type View} from './address';
import {isoTime, kHour, kMinute} from './time';
import {ExploreModel} from './model/explore';
import {FleetModel} from './model/fleet';
import {NowModel} from './model/now';
import {SystemModel} from './model/system';
import type {Pulse} from './model/watch';
import {Picture} from './model/picture';
import {onFrame} from './frame';

const kRangeMin = 10_000;
export const kRanges: {ms: number; text: string}[] = [
  {ms: 15 * kMinute, text: 'Last 15 min'},
  {ms: kHour, text: 'Last 1 h'},
  {ms: 6 * kHour, text: 'Last 6 h'},
  {ms: 24 * kHour, text: 'Last 24 h'},
  {ms: 7 * 24 * kHour, text: 'Last 7 d'},
];

export class App {
  session: Session | null = null;
  signedOut = false; // a session ended: the view is kept
  view: View = parseAddress(location.pathname, location.search);
  model: ExploreModel | null = null; // holds the catalogue too: metrics, devices, gateways
  fleet: FleetModel | null = null;
  now: NowModel | null = null;
  system: SystemModel | null = null;
  screenMs: number[] = []; // from commit to drawn, the newest last
  picture: Picture | null = null;
  menu: string | null = null;
  rowsTable = false;
  note: string | null = null;
  private noteTimer = 0;
  render: () => void = () => {};

  constructor() {
    addEventListener('popstate', () => {
      this.view = parseAddress(location.pathname, location.search);
      this.menu = null;
      this.show();
    });
  }

  changed = (): void => onFrame(this.render);

  start(session: Session): void {
    this.session = session;
    this.signedOut = false;
    const model = new ExploreModel(session, this.view, Math.max(200, Math.min(1400, window.innerWidth) - 496));
    this.model = model;
    this.picture = new Picture(model);
    this.fleet = new FleetModel(model);
    this.now = new NowModel(model);
    this.system = new SystemModel(model);
    for (const one of [model, this.fleet, this.now, this.system]) {
      one.onChange = this.changed;
      one.onSignedOut = () => this.end(true);
    }
    this.now.onShown = (committedMs) => this.measure(committedMs);
    this.show();
  }

  // Brings the view of the address to life, and lets the others rest.
  private show(): void {
    const {page} = this.view;
    this.model?.setActive(page === 'explore');
    this.fleet?.setActive(page === 'fleet');
    this.system?.setActive(page === 'system');
    this.now?.setView(this.view);
    this.now?.setActive(page === 'now');
    this.model?.setView(this.view);
    this.changed();
  }

  pulse(): Pulse | null {
    switch (this.view.page) {
      case 'fleet':
        return this.fleet;
      case 'now':
        return this.now;
      case 'system':
        return this.system;
      case 'explore':
        return this.model;
      case 'nowhere':
        return null;
    }
  }

  // How long a window took from its commit until the frame after the one that drew it.
  private measure(committedMs: number): void {
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        this.screenMs.push(serverNow() - committedMs);
        if (this.screenMs.length > 500) this.screenMs.shift();
        document.documentElement.dataset.screenMs = this.screenMs.join(' ');
      }),
    );
  }

  end(unexpected: boolean): void {
    this.model?.setActive(false);
    for (const one of [this.fleet, this.now, this.system]) one?.setActive(false);
    this.model = null;
    this.fleet = this.now = this.system = null;
    this.picture = null;
    this.session = null;
    this.signedOut = unexpected;
    this.changed();
  }

  // A push makes an entry that Back undoes; a replacement refines the present one.
  go(change: Partial<View>, replace = false, zoom = false): void {
    this.view = {...this.view, ...change};
    const address = printAddress(this.view);
    if (replace) history.replaceState(history.state, '', address);
    else history.pushState({zoom}, '', address);
    this.show();
  }

  // Goes to an address of this page, and there to the heading that it names.
  visit(address: string): void {
    const url = new URL(address, location.origin);
    this.view = parseAddress(url.pathname, url.search);
    history.pushState({}, '', printAddress(this.view));
    this.show();
    if (url.hash) this.reach(url.hash.slice(1));
  }
  private reach(id: string): void {
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        const place = document.getElementById(id);
        if (!place) return;
        place.tabIndex = -1;
        place.focus();
        place.scrollIntoView({block: 'nearest'});
      }),
    );
  }

  // A link within the page, unless a new tab is wanted.
  follow(event: MouseEvent): void {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    this.visit((event.currentTarget as HTMLAnchorElement).getAttribute('href')!);
  }

  open(menu: string | null): void {
    this.menu = menu;
    this.model?.hold(menu !== null);
    this.changed();
  }

  say(text: string): void {
    this.note = text;
    clearTimeout(this.noteTimer);
    this.noteTimer = window.setTimeout(() => {
      this.note = null;
      this.changed();
    }, 2000);
    this.changed();
  }

  async copy(text: string, said: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.say(said);
    } catch {
      // Without a secure origin there is no clipboard: a text field still has one.
      const field = document.createElement('textarea');
      field.value = text;
      document.body.append(field);
      field.select();
      this.say(document.execCommand('copy') ? said : 'The browser does not let this page copy.');
      field.remove();
    }
  }

  // ---- ranges

  setRange(fromMs: number, toMs: number, zoom = false, replace = false): void {
    let from = Math.round(fromMs / 1000) * 1000;
    let to = Math.round(toMs / 1000) * 1000;
    if (to - from < kRangeMin) {
      from -= kRangeMin / 2;
      to = from + kRangeMin;
    }
    this.go({from: {kind: 'at', ms: from}, to: {kind: 'at', ms: to}}, replace, zoom);
  }

  step(direction: -1 | 1): void {
    const answer = this.model?.answer;
    if (!answer || (direction > 0 && answer.live)) return;
    const length = answer.to - answer.from;
    const to = answer.to + direction * length;
    const preset = kRanges.find((range) => Math.abs(range.ms - length) <= answer.step * 1000);
    if (direction > 0 && to >= serverNow() && preset) this.go({from: {kind: 'ago', ms: preset.ms}, to: {kind: 'now'}});
    else this.setRange(answer.from + direction * length, to);
  }

  zoomBy(factor: number): void {
    const answer = this.model?.answer;
    if (!answer) return;
    const at = this.model?.cursor?.ms ?? (answer.from + answer.to) / 2;
    this.setRange(at - (at - answer.from) * factor, at + (answer.to - at) * factor, true);
  }

  pan(share: number): void {
    const answer = this.model?.answer;
    if (!answer) return;
    const shift = (answer.to - answer.from) * share;
    this.setRange(answer.from + shift, answer.to + shift);
  }

  back(): void {
    const state = history.state as {zoom?: boolean} | null;
    if (state?.zoom) history.back();
  }

  // Absolute times, so that the link shows the same to whoever opens it.
  link(): string {
    const answer = this.model?.answer;
    const view: View = {...this.view, metric: this.model?.metric() ?? this.view.metric};
    if (answer) {
      view.from = {kind: 'at', ms: Date.parse(isoTime(answer.from))};
      view.to = {kind: 'at', ms: answer.to};
    }
    return location.origin + printAddress(view);
  }
}
