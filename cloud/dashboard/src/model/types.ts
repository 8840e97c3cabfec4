// SPDX-License-Identifier: Apache-2.0
// What the panels draw: the rows of the compared series, the range they belong to, the row under the cursor.
import type {Rows} from '../rows';

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
