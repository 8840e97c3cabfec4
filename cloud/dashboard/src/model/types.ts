// SPDX-License-Identifier: Apache-2.0
// What the panels draw: the rows of the compared series, the range they belong to, the row under the cursor.
import type {CoarseNote} from '../words/types';
import {coarseSpans, type Rows} from './rows';

export interface SeriesData {
  name: string;
  rows: Rows;
  color: number; // place among the compared ones, by name; kept while it stays selected
  gateways: string[];
}

export interface Answer {
  metric: string;
  unit: string;
  from: number;
  to: number;
  step: number; // seconds
  live: boolean;
  series: SeriesData[];
}

export interface Cursor {
  ms: number;
  value: number | null;
  group: string | null;
  row: [number, number];
}

// Where rows are wider than the step, by gateway, each span once.
export function coarseNotes(answer: Answer): CoarseNote[] {
  const notes: CoarseNote[] = [];
  for (const s of answer.series) {
    for (const found of coarseSpans(s.rows, answer.step * 1000)) {
      const whole = found.windows.length >= 0.9 * s.rows.length;
      const gateway = s.gateways.length === 1 ? s.gateways[0]! : '';
      if (!notes.some((n) => n.gateway === gateway && n.from === found.from && n.to === found.to))
        notes.push({gateway, ...found, width: found.width, whole});
    }
  }
  return notes;
}
