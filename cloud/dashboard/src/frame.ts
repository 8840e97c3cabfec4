// SPDX-License-Identifier: Apache-2.0
// One requestAnimationFrame for the whole page: changes are collected, each task runs once a frame, readers of layout
// before writers.

type Task = () => void;
const reads = new Set<Task>();
const writes = new Set<Task>();
let asked = false;

function run(): void {
  asked = false;
  for (const queue of [reads, writes]) {
    const tasks = [...queue];
    queue.clear();
    for (const task of tasks) task();
  }
}

function ask(): void {
  if (asked) return;
  asked = true;
  requestAnimationFrame(run);
}

export function onRead(task: Task): void {
  reads.add(task);
  ask();
}

export function onFrame(task: Task): void {
  writes.add(task);
  ask();
}
