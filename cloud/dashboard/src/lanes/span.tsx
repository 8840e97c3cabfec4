// SPDX-License-Identifier: Apache-2.0
// The lane of one gateway in a given width: complete, coarse, still to come, gaps, and whether something is parked.
import {Hatch} from '../ui/glyph';

const kWidthMin = 3;

interface Props {
  from: number;
  to: number;
  frontier: number | null; // null: complete to the end
  gaps: [number, number][];
  coarse?: [number, number][];
  parked: boolean;
  width: number;
  height: number;
}

export function SpanLane({from, to, frontier, gaps, coarse = [], parked, width, height}: Props) {
  const x = (ms: number): number => ((Math.min(Math.max(ms, from), to) - from) / (to - from)) * width;
  const end = frontier === null || Number.isNaN(frontier) ? width : Math.min(x(frontier), width - kWidthMin);
  const seen = gaps.filter(([a, b]) => b > from && a < to);
  const cells = coarse.filter(([a, b]) => b > from && a < to);
  const words = [
    frontier === null ? 'complete' : 'what is missing is still to come',
    seen.length ? `${seen.length} ${seen.length === 1 ? 'gap' : 'gaps'}` : '',
    cells.length ? 'with coarse windows' : '',
    parked ? 'something waits for a decision' : '',
  ].filter(Boolean);
  return (
    <svg class="lane" width={width} height={height} role="img" aria-label={words.join(', ')}>
      <rect width={Math.max(0, end)} height={height} fill="var(--ink3)" fill-opacity="0.42" />
      {cells.map(([a, b]) => (
        <g key={a}>
          <rect x={x(a)} width={Math.max(kWidthMin, x(b) - x(a))} height={height} fill="var(--panel)" />
          <rect
            x={x(a) + 0.5}
            y={0.5}
            width={Math.max(kWidthMin, x(b) - x(a))}
            height={height - 1}
            fill="var(--ink3)"
            fill-opacity="0.18"
            stroke="var(--ink3)"
          />
        </g>
      ))}
      {end < width && <Hatch x={end} y={0} width={width - end} height={height} />}
      {seen.map(([a, b]) => (
        <rect
          key={`gap ${a}`}
          x={Math.min(x(a), width - kWidthMin)}
          y={0.75}
          width={Math.max(kWidthMin, x(b) - x(a))}
          height={height - 1.5}
          fill="var(--panel)"
          stroke="var(--bad)"
          stroke-width="1.5"
        />
      ))}
      {parked && <path d={`M${width / 2} ${height / 2 - 4}l4 4l-4 4l-4 -4z`} fill="var(--bad)" />}
    </svg>
  );
}
