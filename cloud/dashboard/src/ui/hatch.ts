// SPDX-License-Identifier: Apache-2.0
// The hatch of "exists, not here yet", as lines in a box: a pattern would need an id for each use.
const kPitch = 5;

export function hatchPath(x: number, y: number, width: number, height: number): string {
  const lines: string[] = [];
  for (let k = x - height + 3; k < x + width; k += kPitch) {
    const x0 = Math.max(x, k);
    const x1 = Math.min(x + width, k + height);
    if (x1 > x0) lines.push(`M${x0} ${y + height - (x0 - k)}L${x1} ${y + height - (x1 - k)}`);
  }
  return lines.join('');
}
