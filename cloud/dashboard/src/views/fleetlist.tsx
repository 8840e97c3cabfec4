// SPDX-License-Identifier: Apache-2.0
// The rows of the fleet that are seen. Their nodes are made once and used again: scrolling moves those that left one
// end to the other and writes only what differs, so that ten thousand gateways cost what thirty cost. Row height is
// fixed; nothing here asks for layout.
import {render} from 'preact';
import {count, counted, duration, kNone, width as widthText} from '../format';
import {hatchPath} from '../ui/hatch';
import {type FleetRow, type FleetState, kStateWords, visibleRows} from '../model/fleet';
import {Glyph} from '../ui/glyph';

export const kRowPx = 31;
export const kPhoneRowPx = 59;
const kSpare = 10; // rows beyond what is seen, on both sides: while they last, scrolling writes nothing
const kSpareLeast = 3;
const kLanePx = 146;
const kLaneHigh = 8;
const kMarkMin = 3; // px: a mark of any length is at least this wide
const kOutboxPx = 56;
const kOutboxTick = 0.75;
const kBehindLeast = 8;
const kBehindMost = 30 * 86400;
const kTrackPx = 46;
const kDayMs = 86_400_000;

function shareOf(seconds: number): number {
  const log = Math.log(Math.max(seconds, kBehindLeast) / kBehindLeast) / Math.log(kBehindMost / kBehindLeast);
  return Math.min(1, Math.max(0, log));
}
const widest = (row: FleetRow): string =>
  row.widest < 0 ? kNone : row.widest === 0 ? 'all time' : widthText(row.widest);

const kLane =
  `<svg class="lane" role="img" width="${kLanePx}" height="${kLaneHigh}">` +
  `<rect data-part="bar" height="${kLaneHigh}"/>` +
  '<path data-part="hatch"/><path data-part="frame"/><path data-part="gaps"/><path data-part="parked"/></svg>';
const kOutbox =
  `<span class="outbox"><svg width="${kOutboxPx}" height="12" aria-hidden="true">` +
  `<rect y="4" width="${kOutboxPx}" height="4" rx="1" class="room"/>` +
  `<rect data-part="filled" y="4" height="4" rx="1"/>` +
  `<path d="M${kOutboxPx * kOutboxTick} 0v12" class="limit"/></svg><span data-part="partials"></span></span>`;
const template = (phone: boolean): string =>
  `<td data-part="glyph"></td><th scope="row" class="name">` +
  `<button type="button" class="open" tabindex="-1" data-part="name"></button>${phone ? kLane : ''}</th>` +
  `<td class="name wide" data-part="site"><span data-part="where"></span>` +
  `<span class="quiet" data-part="with"></span></td>` +
  `<td class="wide c-devices" data-part="devices"></td><td class="wide" data-part="seen"></td>` +
  `<td class="behind" data-part="behind"><span class="track" aria-hidden="true"><i data-part="track"></i></span>` +
  `<span class="for" data-part="for"></span>${phone ? kOutbox : ''}</td>` +
  (phone ? '' : `<td class="name wide">${kLane}</td><td class="name wide">${kOutbox}</td>`) +
  `<td class="wide c-widest" data-part="widest"></td><td class="wide c-version" data-part="version"></td>`;

// One drawing of each state, to be cloned.
const glyphs = new Map<string, Node>();
function glyph(state: FleetState, r: number): Node {
  const key = `${state} ${r}`;
  let made = glyphs.get(key);
  if (!made) {
    const holder = document.createElement('div');
    render(<Glyph state={state} share={0.6} r={r} label={kStateWords[state]} />, holder);
    made = holder.firstChild!;
    glyphs.set(key, made);
  }
  return made.cloneNode(true);
}

class RowNode {
  readonly element = document.createElement('tr');
  private readonly parts = new Map<string, Element>();
  private readonly written = new Map<string, string>();
  constructor(private readonly phone: boolean) {
    this.element.innerHTML = template(phone);
    for (const part of this.element.querySelectorAll('[data-part]')) {
      this.parts.set(part.getAttribute('data-part')!, part);
      part.removeAttribute('data-part');
    }
    const lane = this.element.querySelector('.lane');
    if (lane) this.parts.set('lane', lane);
  }
  // Only what differs from what stands there is written.
  private text(part: string, text: string): void {
    if (this.written.get(part) === text) return;
    this.written.set(part, text);
    this.parts.get(part)!.textContent = text;
  }
  private set(part: string, name: string, value: string): void {
    const key = `${part} ${name}`;
    if (this.written.get(key) === value) return;
    this.written.set(key, value);
    (part ? this.parts.get(part)! : this.element).setAttribute(name, value);
  }

  private wide(part: string, px: number): void {
    const text = `${px.toFixed(1)}px`;
    if (this.written.get(`${part} wide`) === text) return;
    this.written.set(`${part} wide`, text);
    (this.parts.get(part) as HTMLElement).style.width = text; // not as an attribute: the page's policy forbids those
  }

  fill(row: FleetRow, index: number, now: number, selected: boolean): void {
    const off = row.state === 'silent' || row.state === 'late';
    const behind = (now - row.frontier) / 1000;
    const known = Number.isFinite(behind);
    const gaps = row.gaps.length ? counted(row.gaps.length, 'gap') : '';
    this.set('', 'data-gateway', row.name);
    this.set('', 'data-state', row.state);
    this.set('', 'aria-rowindex', String(index + 2));
    this.set('', 'class', selected ? 'selected' : '');
    if (this.written.get('glyph') !== row.state) {
      this.written.set('glyph', row.state);
      this.parts.get('glyph')!.replaceChildren(glyph(row.state, this.phone ? 6 : 5));
    }
    this.text('name', row.name);
    this.set('site', 'class', row.alarm ? 'name wide bad' : 'name wide');
    this.text('where', row.alarm || row.site || (gaps ? '' : kNone));
    this.text('with', row.alarm || !gaps ? '' : ` ${gaps}`);
    this.text('devices', count(row.devices));
    this.set('seen', 'class', row.state === 'silent' ? 'wide warn' : 'wide');
    this.text('seen', Number.isFinite(row.seen) ? duration(Math.max(0, now - row.seen) / 1000) : kNone);
    this.set('behind', 'class', off ? 'behind warn' : 'behind');
    this.set('track', 'class', off ? 'late' : '');
    this.wide('track', Math.max(kMarkMin, shareOf(known ? behind : 0) * kTrackPx));
    this.text('for', known ? duration(behind) : kNone);
    this.lane(row, off, now);
    const over = row.used > kOutboxTick;
    const filled = row.waiting + row.flight ? Math.max(2, Math.min(1, row.used) * kOutboxPx) : 0;
    this.set('filled', 'width', filled.toFixed(1));
    this.set('filled', 'class', over ? 'over' : '');
    this.set('partials', 'class', over ? 'warn' : '');
    this.text('partials', count(row.waiting) + (row.flight > 0 ? ` + ${count(row.flight)}` : ''));
    this.set('widest', 'class', `wide c-widest${row.widest > 10 || row.widest === 0 ? ' strong' : ''}`);
    this.text('widest', widest(row));
    this.text('version', row.version || kNone);
  }

  private lane(row: FleetRow, off: boolean, now: number): void {
    const from = now - kDayMs;
    const x = (ms: number): number => ((Math.min(Math.max(ms, from), now) - from) / kDayMs) * kLanePx;
    const end = off ? Math.min(Number.isNaN(row.frontier) ? 0 : x(row.frontier), kLanePx - kMarkMin) : kLanePx;
    const left = Math.round(end * 10) / 10;
    const gaps = row.gaps.filter(([a, b]) => b > from && a < now);
    this.set('bar', 'width', String(left));
    this.set('hatch', 'd', off ? hatchPath(left, 0, kLanePx - left, kLaneHigh) : '');
    this.set('frame', 'd', off ? `M${left + 0.5} .5H${kLanePx - 0.5}V${kLaneHigh - 0.5}H${left + 0.5}z` : '');
    this.set(
      'gaps',
      'd',
      gaps
        .map(([a, b]) => {
          const at = Math.min(x(a), kLanePx - kMarkMin);
          const wide = Math.max(kMarkMin, x(b) - x(a)).toFixed(1);
          return `M${at.toFixed(1)} .75h${wide}v${kLaneHigh - 1.5}h-${wide}z`;
        })
        .join(''),
    );
    this.set('parked', 'd', row.state === 'parked' ? `M${kLanePx / 2} 0l4 4l-4 4l-4 -4z` : '');
    this.set(
      'lane',
      'aria-label',
      [
        off ? 'what is missing is still to come' : 'complete',
        gaps.length ? counted(gaps.length, 'gap') : '',
        row.state === 'parked' ? 'something waits for a decision' : '',
      ]
        .filter(Boolean)
        .join(', '),
    );
  }
}

export class FleetList {
  private shown: FleetRow[] = [];
  private selected = '';
  private now = 0;
  private readonly rowPx: number;
  private nodes: RowNode[] = []; // in the order of the rows that they show
  private first = 0;
  private readonly above = document.createElement('tr');
  private readonly below = document.createElement('tr');
  private heightPx = 0;
  private readonly observer = new ResizeObserver(([entry]) => {
    this.heightPx = entry!.contentRect.height;
    this.draw(true);
  });

  constructor(
    private readonly scroll: HTMLElement,
    private readonly body: HTMLElement,
    private readonly phone: boolean,
  ) {
    this.rowPx = phone ? kPhoneRowPx : kRowPx;
    for (const space of [this.above, this.below]) {
      space.className = 'space';
      space.setAttribute('aria-hidden', 'true');
    }
    body.replaceChildren(this.above, this.below);
    scroll.addEventListener('scroll', this.onScroll, {passive: true});
    this.observer.observe(scroll);
  }
  destroy(): void {
    this.observer.disconnect();
    this.scroll.removeEventListener('scroll', this.onScroll);
    this.body.replaceChildren();
  }

  private readonly onScroll = (): void => this.draw(false);

  update(shown: FleetRow[], selected: string, now: number): void {
    this.shown = shown;
    this.selected = selected;
    this.now = now;
    if (this.heightPx) this.draw(true);
  }
  // Brings row i into sight.
  reveal(i: number): void {
    const top = i * this.rowPx;
    const room = this.heightPx - this.rowPx; // the head takes about a row
    if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
    else if (top + this.rowPx > this.scroll.scrollTop + room) this.scroll.scrollTop = top + this.rowPx - room;
  }

  // Nodes of rows that stay are kept where they are; all: write those too.
  private draw(all: boolean): void {
    const top = this.scroll.scrollTop;
    const total = this.shown.length;
    const need = visibleRows(total, this.rowPx, top, this.heightPx, kSpareLeast);
    if (!all && this.first <= need.first && this.first + this.nodes.length >= need.last) return;
    const {first, last} = visibleRows(total, this.rowPx, top, this.heightPx, kSpare);
    const size = last - first;
    const shift = Math.max(-this.nodes.length, Math.min(this.nodes.length, first - this.first));
    if (shift > 0 && shift < this.nodes.length) {
      const moved = this.nodes.splice(0, shift);
      for (const node of moved) this.body.insertBefore(node.element, this.below);
      this.nodes.push(...moved);
    } else if (shift < 0 && -shift < this.nodes.length) {
      const moved = this.nodes.splice(this.nodes.length + shift);
      const before = this.nodes[0]!.element;
      for (const node of moved) this.body.insertBefore(node.element, before);
      this.nodes.unshift(...moved);
    }
    while (this.nodes.length > size) this.nodes.pop()!.element.remove();
    while (this.nodes.length < size) {
      const node = new RowNode(this.phone);
      this.body.insertBefore(node.element, this.below);
      this.nodes.push(node);
    }
    this.first = first;
    this.nodes.forEach((node, i) => {
      const row = this.shown[first + i]!;
      node.fill(row, first + i, this.now, row.name === this.selected);
    });
    this.height(this.above, first);
    this.height(this.below, total - last);
  }
  private height(space: HTMLElement, rows: number): void {
    const text = `${rows * this.rowPx}px`;
    if (space.style.height !== text) space.style.height = text;
    if (space.hidden !== (rows === 0)) space.hidden = rows === 0;
  }
}
