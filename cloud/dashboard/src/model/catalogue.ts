// SPDX-License-Identifier: Apache-2.0
// The lists that all views share: metrics, devices and gateways. Those of a large fleet come in pages.
import {type Device, type DevicesAnswer, type Gateway, get, type LogGap, type Metric} from '../api';

// Gateways and devices of one answer: the first is small, so that something is seen soon.
const kFirstPage = 500;
const kPage = 5000;

export interface Lists {
  metrics: Metric[];
  devices: Device[];
  gateways: Gateway[];
  logGaps: LogGap[];
  ready: boolean; // they are whole
  expected: number; // gateways, as the first page says while the others are still to come
}

// Seen is called after the first page of the first time; later the old lists stay until the new ones are whole.
export async function loadLists(lists: Lists, seen: () => void = () => {}): Promise<void> {
  const [metrics, first] = await Promise.all([
    get<{metrics: Metric[]}>('metrics'),
    get<DevicesAnswer>(`devices?limit=${lists.ready ? kPage : kFirstPage}`),
  ]);
  metrics.metrics.sort((a, b) => (a.name < b.name ? -1 : 1));
  const {devices, gateways} = first;
  let {next, completeness} = first;
  if (next && !lists.ready) {
    lists.metrics = metrics.metrics;
    lists.devices = [...devices];
    lists.gateways = [...gateways];
    lists.expected = completeness.expected ?? gateways.length;
    seen();
  }
  while (next) {
    const page: DevicesAnswer = await get<DevicesAnswer>(`devices?limit=${kPage}&cursor=${next}`);
    for (const one of page.devices) devices.push(one);
    for (const one of page.gateways) gateways.push(one);
    ({next, completeness} = page);
  }
  lists.metrics = metrics.metrics;
  lists.devices = devices.sort((a, b) => (a.device < b.device ? -1 : 1));
  lists.gateways = gateways;
  lists.logGaps = completeness.log_gaps ?? [];
  lists.ready = true;
}
