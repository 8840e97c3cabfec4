// SPDX-License-Identifier: Apache-2.0
// What is said of an answer's completeness, and from what.
import type {Behind, Completeness} from '../api';
import {reason} from '../format';

export type Mark =
  | 'complete'
  | 'late'
  | 'silent'
  | 'unknown'
  | 'coarse'
  | 'gap'
  | 'lost'
  | 'parked'
  | 'rejected'
  | 'overflow'
  | 'estimated';

export interface Lack {
  mark: Mark;
  title: string;
  text: string;
  from: number | null; // where to zoom to
  to: number | null;
  go?: {word: string; to: string}; // a link to where it is shown or decided
}
// With its place in the list: the newest first, Infinity before all, what has no time last.
export type PlacedLack = Lack & {at: number};

// The lane of a gateway: solid where it is all here, hatched where it exists and is not here yet, dots where nobody
// knows; what has not been yet is empty.
export interface GatewayLane {
  gateway: string;
  state: 'complete' | 'late' | 'silent' | 'unknown';
  frontier: number | null; // of one that is late
  solid: [number, number];
  hatch: [number, number] | null;
  unknown: [number, number][];
  word: string;
  gaps: [number, number][];
  lost: [number, number][];
  coarse: [number, number][];
  estimated: [number, number][];
}

export interface CoarseNote {
  gateway: string;
  from: number;
  to: number;
  width: number;
  windows: [number, number][];
  whole: boolean;
}

// What the page heard of a gateway besides the answer.
export interface HeardOf {
  frontier: number;
  since: number; // from when on it is known, or has rows in the answer; NaN: not told
}

export interface CompletenessInput {
  completeness: Completeness;
  gateways: string[]; // that contribute to the selection, by name
  heard: Map<string, HeardOf>;
  coarse: CoarseNote[];
  fromMs: number;
  toMs: number;
  nowMs: number;
  askedMs: number; // when the server gave this answer, by its clock
  hungMs: number | null; // since when it says nothing any more
  live: boolean;
}

export interface CompletenessWords {
  mark: 'complete' | 'late' | 'silent' | 'unknown';
  share: number;
  headline: string;
  explain: {text: string; strong?: boolean}[];
  lacks: Lack[];
  lanes: GatewayLane[];
}

// What lacks, lanes and headline are made from: the input, and who is behind.
export interface Judged extends CompletenessInput {
  behind: Behind[];
  names: string[]; // of all gateways that have a lane
  expected: number;
  endMs: number; // of what can have been: of the range, or now
  knownMs: number; // up to when the answer knows the log
}

export const isSilent = (state: string): boolean => state === 'silent' || state === 'offline';

// Whether the server says what it takes to call an answer complete. One that does not say up to when it knows its log
// cannot be held to it.
export const isTold = ({completeness: c}: Judged): boolean => c.complete !== undefined && c.as_of !== undefined;

export function rejectionWords(code: string): string {
  const words = reason(code);
  return words === 'nan' || words === 'not finite' ? 'not a number' : words;
}
