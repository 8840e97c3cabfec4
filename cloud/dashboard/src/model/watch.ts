// SPDX-License-Identifier: Apache-2.0
// What the views besides Explore have in common: they ask when they are opened, again when the stream says that
// something came (though not too often), and now and then anyway; when the server is away they keep what they had and
// try again by themselves.
import {ApiError, serverNow, type StreamEvent} from '../api';
import {Live, type LiveState} from '../live';

// What the bar says of the view that is open.
export interface Pulse {
  liveState: LiveState;
  lastWindowAt: number;
  error: ApiError | null;
  retryAt: number;
  heardMs(): number; // when the server last said anything, by this clock
  load(): Promise<void>;
}

const kRetryMs = [1000, 2000, 4000, 8000];
const kRestFactor = 15; // a large fleet is asked for more seldom: at most this part of the time is spent with it

export abstract class Watch implements Pulse {
  liveState: LiveState = 'connecting';
  lastWindowAt = 0;
  error: ApiError | null = null;
  retryAt = 0;
  loaded = false;
  active = false;

  onChange: () => void = () => {};
  onSignedOut: () => void = () => {};

  private readonly live: Live;
  private running = false;
  private again = false;
  private timer = 0;
  private failures = 0;
  private askedAt = 0;
  private tookMs = 0;

  constructor(
    private readonly gapMs: number, // between two questions that the stream gives rise to
    private readonly anywayMs: number, // without the stream
  ) {
    this.live = new Live({
      state: (state) => {
        const back = state === 'live' && this.liveState !== 'live' && this.loaded;
        if (this.liveState === state) return;
        this.liveState = state;
        if (back) this.came();
        this.onChange();
      },
      windows: (event) => {
        this.lastWindowAt = Date.now();
        if (this.onWindows(event)) this.came();
        this.onChange();
      },
      reset: () => {
        this.onReset();
        void this.load();
      },
    });
    window.setInterval(() => this.onSecond(), 1000);
  }

  // Asks for everything the view shows.
  protected abstract ask(): Promise<void>;
  protected abstract query(): string; // of the stream
  // True: what came asks for a new question.
  protected onWindows(_event: StreamEvent): boolean {
    return true;
  }
  protected onReset(): void {}

  setActive(on: boolean): void {
    if (this.active === on) return;
    this.active = on;
    if (on) {
      this.live.follow(this.query());
      void this.load();
    } else {
      this.live.stop();
      clearTimeout(this.timer);
      this.timer = 0;
      this.liveState = 'connecting';
    }
  }
  heardMs(): number {
    return this.live.heardAt;
  }
  isHeard(): boolean {
    return this.liveState !== 'quiet' && !this.error?.away;
  }
  // The moment of which the page knows: now, or when the server last spoke. What is said of gateways is said of then:
  // they do not fall silent because nobody tells of them.
  knownMs(): number {
    return this.isHeard() ? serverNow() : serverNow() - (Date.now() - this.live.heardAt);
  }
  protected follow(): void {
    if (this.active) this.live.follow(this.query());
  }

  private came(): void {
    if (!this.active || this.timer) return;
    const due = this.askedAt + Math.max(this.gapMs, kRestFactor * this.tookMs) - Date.now();
    this.timer = window.setTimeout(
      () => {
        this.timer = 0;
        void this.load();
      },
      Math.max(0, due),
    );
  }

  async load(): Promise<void> {
    if (!this.active) return;
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    this.askedAt = Date.now();
    try {
      await this.ask();
      this.loaded = true;
      this.error = null;
      this.failures = 0;
    } catch (error) {
      this.fail(error);
    }
    this.tookMs = Date.now() - this.askedAt;
    this.running = false;
    this.onChange();
    if (this.again) {
      this.again = false;
      this.came();
    }
  }

  protected fail(error: unknown): void {
    if (error instanceof DOMException) return;
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) {
      this.setActive(false);
      this.onSignedOut();
      return;
    }
    this.error = error;
    const delay = kRetryMs[Math.min(this.failures++, kRetryMs.length - 1)]!;
    this.retryAt = Date.now() + delay;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      void this.load();
    }, delay);
  }

  protected onSecond(): void {
    if (!this.active || document.hidden) return;
    if (!this.error && Date.now() - this.askedAt > Math.max(this.anywayMs, kRestFactor * this.tookMs)) void this.load();
    this.onChange(); // ages in words
  }
}
