// SPDX-License-Identifier: Apache-2.0
// The stream of changed windows. The browser resumes a broken connection by Last-Event-ID; where it gives up (an answer
// that is no stream), a new one is opened from the last id after a while. A server that is there says something every
// five seconds: one that says nothing for twelve hangs, though its connection may stand, and is asked anew.
import {learnServerTime, type StreamEvent} from './api';

export type LiveState = 'connecting' | 'live' | 'reconnecting' | 'offline' | 'quiet';

export interface LiveEvents {
  state(state: LiveState): void;
  windows(event: StreamEvent): void;
  reset(): void;
}

const kRetryMs = [1000, 2000, 4000, 8000];
export const kQuietMs = 12_000;

export class Live {
  heardAt = Date.now(); // by this clock: when the server last said anything, or was first asked to
  private source: EventSource | null = null;
  private lastId = '';
  private failures = 0;
  private timer = 0;
  private watchdog = 0;
  private query: string | null = null;

  constructor(private readonly events: LiveEvents) {}

  // Follows what a query of the stream selects, such as "metric=temperature": all devices, so that changing those that
  // are shown keeps the stream.
  follow(query: string): void {
    if (query === this.query && (this.source || this.timer)) return;
    this.stop();
    this.query = query;
    this.lastId = '';
    this.failures = 0;
    this.heardAt = Date.now();
    this.watchdog = window.setInterval(() => this.look(), 1000);
    this.open();
  }

  stop(): void {
    clearTimeout(this.timer);
    clearInterval(this.watchdog);
    this.timer = 0;
    this.source?.close();
    this.source = null;
    this.query = null;
  }

  // A connection on which nothing comes may be dead without either end knowing.
  private look(): void {
    if (!this.source || Date.now() - this.heardAt < kQuietMs) return;
    this.source.close();
    this.source = null;
    this.failures++;
    this.events.state('quiet');
    this.later(true);
  }
  private later(quiet: boolean): void {
    clearTimeout(this.timer);
    const delay = kRetryMs[Math.min(this.failures, kRetryMs.length) - 1]!;
    this.timer = window.setTimeout(() => this.open(quiet), delay);
  }
  private heard(state: LiveState = 'live'): void {
    this.heardAt = Date.now();
    this.failures = 0;
    this.events.state(state);
  }

  private open(quiet = false): void {
    const since = this.lastId ? `&since=${encodeURIComponent(this.lastId)}` : '';
    this.timer = 0;
    const source = new EventSource(`/api/v1/stream?${this.query}${since}`);
    this.source = source;
    if (!quiet) this.events.state(this.failures === 0 ? 'connecting' : 'reconnecting');
    const keep = (event: MessageEvent): void => {
      if (event.lastEventId) this.lastId = event.lastEventId;
    };
    source.onopen = () => this.heard();
    source.addEventListener('hello', (event) => {
      if (!this.lastId) keep(event as MessageEvent);
    });
    source.addEventListener('time', (event) => {
      learnServerTime((JSON.parse((event as MessageEvent<string>).data) as {time: string}).time);
      this.heard();
    });
    source.addEventListener('windows', (event) => {
      const message = event as MessageEvent<string>;
      keep(message);
      this.heard();
      this.events.windows(JSON.parse(message.data) as StreamEvent);
    });
    source.addEventListener('reset', (event) => {
      keep(event as MessageEvent);
      this.heard();
      this.events.reset();
    });
    source.onerror = () => {
      if (this.source !== source) return;
      this.failures++;
      this.events.state(this.failures > 3 ? 'offline' : 'reconnecting');
      if (source.readyState !== EventSource.CLOSED) return;
      this.source = null;
      this.later(false);
    };
  }
}
