// SPDX-License-Identifier: Apache-2.0
// The stream of changed windows. The browser resumes a broken connection by Last-Event-ID; where it gives up (an answer
// that is no stream), a new one is opened from the last id after a while.
import type {StreamEvent} from './api';

export type LiveState = 'connecting' | 'live' | 'reconnecting' | 'offline';

export interface LiveEvents {
  state(state: LiveState): void;
  windows(event: StreamEvent): void;
  reset(): void;
}

const kRetryMs = [1000, 2000, 4000, 8000];

export class Live {
  private source: EventSource | null = null;
  private lastId = '';
  private failures = 0;
  private timer = 0;
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
    this.open();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    this.source?.close();
    this.source = null;
    this.query = null;
  }

  private open(): void {
    const since = this.lastId ? `&since=${encodeURIComponent(this.lastId)}` : '';
    this.timer = 0;
    const source = new EventSource(`/api/v1/stream?${this.query}${since}`);
    this.source = source;
    this.events.state(this.failures === 0 ? 'connecting' : 'reconnecting');
    const keep = (event: MessageEvent): void => {
      if (event.lastEventId) this.lastId = event.lastEventId;
    };
    source.onopen = () => {
      this.failures = 0;
      this.events.state('live');
    };
    source.addEventListener('hello', (event) => {
      if (!this.lastId) keep(event as MessageEvent);
    });
    source.addEventListener('windows', (event) => {
      const message = event as MessageEvent<string>;
      keep(message);
      this.events.windows(JSON.parse(message.data) as StreamEvent);
    });
    source.addEventListener('reset', (event) => {
      keep(event as MessageEvent);
      this.events.reset();
    });
    source.onerror = () => {
      if (this.source !== source) return;
      this.failures++;
      this.events.state(this.failures > 3 ? 'offline' : 'reconnecting');
      if (source.readyState !== EventSource.CLOSED) return;
      this.source = null;
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.open(), kRetryMs[Math.min(this.failures, kRetryMs.length) - 1]!);
    };
  }
}
