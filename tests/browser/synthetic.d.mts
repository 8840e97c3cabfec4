// SPDX-License-Identifier: Apache-2.0
import type {DevicesAnswer, SystemAnswer} from '../../cloud/dashboard/src/api';
export const kSites: string[];
export function syntheticFleet(n: number, nowMs: number, seed?: number): DevicesAnswer;
export function pageOf(fleet: DevicesAnswer, url: string): DevicesAnswer;
export function syntheticSystem(nowMs: number, beganMs?: number): SystemAnswer;
