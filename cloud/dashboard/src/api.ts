// SPDX-License-Identifier: Apache-2.0
// The HTTP interface as the page uses it: types of the answers, and calls that fail in named ways.

export interface Quantile {
  value: number;
  low: number;
  high: number;
}
export interface Moment {
  time: string;
  value: number;
}
export interface Buckets {
  offset: number[];
  counts: number[];
}
export interface Histogram {
  scale: number;
  zero: number;
  positive: Buckets;
  negative: Buckets;
}

export interface Summary {
  count: number;
  mean: number | null;
  stddev: number | null;
  min: number | null;
  max: number | null;
  first?: Moment | null;
  last?: Moment | null;
  p5?: Quantile | null;
  p50?: Quantile | null;
  p95?: Quantile | null;
  p99?: Quantile | null;
  histogram?: Histogram | null;
  overflow?: string[];
}

export interface Row extends Summary {
  start: string;
  width: number;
}

export interface Behind {
  gateway: string;
  frontier: string;
  mark: string;
  last_seen: string;
  state: string;
}
export interface Gap {
  gateway: string;
  from: string;
  to: string;
  cause: string;
}
export interface Lost {
  gateway: string;
  seqs: string;
  epoch?: string;
  cause: string;
}
export interface LogGap {
  partition: number;
  from: number;
  to: number;
  cause: string;
}

export interface Completeness {
  complete?: boolean; // what is absent is not known
  as_of?: string;
  answered?: {from: string; to: string}; // where the range that was answered is another than the one asked for
  possible?: {count: number; gateways?: string[]};
  straddling?: {start: string; width: number; count: number}[];
  share: number | null;
  to: string;
  expected?: number;
  behind?: Behind[];
  gaps?: Gap[];
  estimated?: {gateway: string; from: string; to: string}[]; // dated without a set clock
  lost?: Lost[];
  rejected?: Record<string, number>;
  parked?: number;
  overflow?: string[];
  log_gaps?: LogGap[];
  partitions?: {expected: number; answered: number; missing?: number[]};
}

export interface RangeSummary extends Summary {
  metric: string;
  unit: string;
  from: string | null;
  to: string | null;
  completeness: Completeness;
}
export interface SeriesAnswer {
  metric: string;
  unit: string;
  from: string;
  to: string;
  step: number;
  series: {group: string; rows: Row[]}[];
  completeness: Completeness;
}
export interface Metric {
  name: string;
  unit: string;
  kind: string;
  last_seen: string;
  series: number;
}
export interface Device {
  device: string;
  labels: Record<string, string>;
  gateways: string[];
  metrics: string[];
  last_seen: string;
}
// The gateway's own words, see edge/STATUS.md: anything may be missing.
export interface GatewayStatus {
  state?: string;
  epoch?: string;
  time?: string;
  series?: number;
  open_windows?: number;
  disk_full?: boolean;
  outbox?: {
    budget_bytes?: number;
    used_bytes?: number;
    waiting?: number;
    waiting_by_width?: Record<string, number>;
    oldest_waiting?: string | null;
    flight?: number;
    flight_bytes?: number;
    coarsened?: number;
  };
  counters?: {accepted?: number; rejected?: Record<string, number>; overflow_readings?: number};
}
export interface Gateway {
  gateway: string;
  state: string;
  version: string;
  frontier: string;
  mark: string;
  last_seen: string;
  first_seen?: string;
  devices: number;
  status?: GatewayStatus | null;
  gaps?: Gap[];
  lost?: Lost[];
  parked?: number;
  rejected?: Record<string, number>;
  alarms?: string[];
}
export interface DevicesAnswer {
  devices: Device[];
  gateways: Gateway[];
  next?: string; // there is another page
  completeness: Completeness;
}
export interface StreamRow extends Summary {
  metric: string;
  device?: string;
  labels?: Record<string, string>;
  start: string;
  width: number;
}
export interface StreamEvent {
  revision: number;
  committed: string;
  rows: StreamRow[];
}
export interface SystemMinute {
  start: string;
  messages: number;
  posts: number;
  rejected: number;
  delays: [number, number][];
}
// What is known of an aggregator that does not tell its part is its name and its partitions.
export interface Service {
  service: string;
  state: string; // "ready", "trouble", "away", "unknown"
  trouble: string;
  partitions: number[];
  version?: string;
  since?: string;
  memory_bytes?: number;
  records?: number;
  partials?: number;
  rejected?: number;
  lag?: number;
  last_recovery?: {kind: string; ended: string; seconds: number; amounts: Record<string, number>};
}
export interface SystemAnswer {
  time: string;
  merged: {readings: number; since: string | null};
  delay_buckets: {least_ms: number; per_octave: number};
  minutes: SystemMinute[];
  partitions?: {expected: number; answered: number; missing?: number[]}; // only while some did not answer
  log?: {
    durability: string;
    partitions: {partition: number; aggregator?: number; position: number; end: number}[];
    missing?: number[];
  };
  services?: Service[];
}
// Where readings can be sent to; a server that does not say so leaves it out.
export interface Session {
  tenant: string;
  mqtt?: {host?: string; port?: number; username?: string};
  ingest?: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    title: string,
    readonly detail: string,
    readonly found: number | null,
    readonly limit: number | null,
    readonly suggestion: string | null,
  ) {
    super(title);
  }
  // The server did not answer at all, or a gateway before it said so.
  get away(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

// How far the server's clock is ahead of this one. The Date header has whole seconds: less than two apart is taken for
// equal.
let clockAheadMs = 0;
export function serverNow(): number {
  return Date.now() + clockAheadMs;
}
function learnClock(header: string | null): void {
  const ms = header ? Date.parse(header) + 500 : NaN;
  if (!Number.isFinite(ms)) return;
  const ahead = ms - Date.now();
  if (Math.abs(ahead - clockAheadMs) > 2000) clockAheadMs = Math.abs(ahead) < 2000 ? 0 : ahead;
}

// A time that the server told exactly, by the stream: how far its clock is ahead may be known better by it.
export function learnServerTime(text: string): void {
  const ahead = Date.parse(text) - Date.now();
  if (Number.isFinite(ahead) && Math.abs(ahead - clockAheadMs) > 2000)
    clockAheadMs = Math.abs(ahead) < 2000 ? 0 : ahead;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number'
    ? value
    : typeof value === 'string' && value !== '' && Number.isFinite(Number(value))
      ? Number(value)
      : null;
}

async function problem(response: Response): Promise<ApiError> {
  let body: Record<string, unknown> = {};
  try {
    body = (await response.json()) as Record<string, unknown>;
  } catch {
    // A proxy's page is no problem document; the status says enough.
  }
  const text = (key: string): string => (typeof body[key] === 'string' ? (body[key] as string) : '');
  return new ApiError(
    response.status,
    text('title') || response.statusText || `status ${response.status}`,
    text('detail'),
    numberOf(body.found),
    numberOf(body.limit) ?? numberOf(body.expected),
    body.suggestion === undefined ? null : String(body.suggestion),
  );
}

// A server that hangs takes a question and never answers: after so long it counts as away.
const kAnswerMs = 20_000;

const noAnswer = (): ApiError => new ApiError(0, 'no answer', '', null, null, null);

// The answer's body, read to its end within the time that a question has. outer: ends the question before.
async function call<T>(path: string, init: RequestInit, outer?: AbortSignal): Promise<T> {
  const control = new AbortController();
  const give = (): void => control.abort();
  const timer = window.setTimeout(give, kAnswerMs);
  outer?.addEventListener('abort', give);
  try {
    if (outer?.aborted) give();
    const response = await fetch(`/api/v1/${path}`, {credentials: 'same-origin', ...init, signal: control.signal});
    learnClock(response.headers.get('date'));
    if (!response.ok) throw await problem(response);
    return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
  } catch (error) {
    // Aborted by a newer question: nobody waits for this one any more.
    if (outer?.aborted) throw new DOMException('a newer question', 'AbortError');
    if (error instanceof ApiError) throw error;
    throw noAnswer();
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', give);
  }
}

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return call<T>(path, {}, signal);
}

export async function signIn(key: string): Promise<Session> {
  return call<Session>('session', {
    method: 'POST',
    headers: {'Content-Type': 'application/json'},
    body: JSON.stringify({api_key: key}),
  });
}

export function session(): Promise<Session> {
  return get<Session>('session');
}

export async function signOut(): Promise<void> {
  await call<undefined>('session', {method: 'DELETE'});
}
