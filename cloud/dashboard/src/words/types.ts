// SPDX-License-Identifier: Apache-2.0
// What is said of an answer's completeness, and from what.
import type {Behind, Completeness} from '../api';
import {reason} from '../format';

export type Mark =
  'complete' | 'late' | 'silent' | 'coarse' | 'gap' | 'lost' | 'parked' | 'rejected' | 'overflow' | 'estimated';

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

export interface GatewayLane {
  gateway: string;
  state: 'complete' | 'late' | 'silent';
  frontier: number | null; // null: complete
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

export interface CompletenessInput {
  completeness: Completeness;
  gateways: string[]; // that contribute to the selection, by name
  frontiers: Map<string, number>; // as last heard of each
  coarse: CoarseNote[];
  fromMs: number;
  toMs: number;
  nowMs: number;
  live: boolean;
}

export interface CompletenessWords {
  mark: 'complete' | 'late' | 'silent';
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
}

export const isSilent = (state: string): boolean => state === 'silent' || state === 'offline';

export function rejectionWords(code: string): string {
  const words = reason(code);
  return words === 'nan' || words === 'not finite' ? 'not a number' : words;
}
