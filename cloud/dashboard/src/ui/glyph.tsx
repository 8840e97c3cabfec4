// SPDX-License-Identifier: Apache-2.0
// The marks of completeness, the same in every view, and the few icons of the frame.
import type {Mark} from '../words/types';
import {hatchPath} from './hatch';

type State = 'complete' | 'late' | 'silent' | 'unknown' | 'parked' | 'rejected' | 'live' | 'retired';

// A disc, a ring with a wedge as large as the share, an empty ring, a dashed one, a diamond, a cross.
export function Glyph({state, share = 0, r = 5, label}: {state: State; share?: number; r?: number; label?: string}) {
  const size = 2 * r + 2;
  const c = size / 2;
  const inner = r - 2.6;
  const angle = 2 * Math.PI * Math.min(0.999, Math.max(0, share));
  const end = `${c + inner * Math.sin(angle)} ${c - inner * Math.cos(angle)}`;
  const wedge = `M${c} ${c}L${c} ${c - inner}A${inner} ${inner} 0 ${angle > Math.PI ? 1 : 0} 1 ${end}Z`;
  return (
    <svg
      width={size}
      height={size}
      viewBox={`0 0 ${size} ${size}`}
      role={label ? 'img' : undefined}
      aria-label={label}
      aria-hidden={label ? undefined : 'true'}
    >
      {state === 'complete' && <circle cx={c} cy={c} r={r - 0.5} fill="var(--ink2)" />}
      {state === 'live' && <circle cx={c} cy={c} r={r - 0.5} fill="var(--acc)" />}
      {(state === 'late' || state === 'silent') && (
        <circle cx={c} cy={c} r={r - 1} fill="none" stroke="var(--warn-mark)" stroke-width={r > 6 ? 2 : 1.7} />
      )}
      {state === 'late' && <path d={wedge} fill="var(--warn-mark)" />}
      {state === 'retired' && <circle cx={c} cy={c} r={r - 1} fill="none" stroke="var(--ink3)" stroke-width="1.5" />}
      {state === 'unknown' && (
        <circle cx={c} cy={c} r={r - 1} fill="none" stroke="var(--ink2)" stroke-width="1.5" stroke-dasharray="2.2 2" />
      )}
      {state === 'parked' && <path d={`M${c} 0L${size} ${c}L${c} ${size}L0 ${c}Z`} fill="var(--bad)" />}
      {state === 'rejected' && (
        <path
          d={`M${c - r + 1} ${c - r + 1}l${2 * r - 2} ${2 * r - 2}m0 ${2 - 2 * r}l${2 - 2 * r} ${2 * r - 2}`}
          stroke="var(--ink2)"
          stroke-width="1.5"
          fill="none"
        />
      )}
    </svg>
  );
}

export function Hatch({x, y, width, height}: {x: number; y: number; width: number; height: number}) {
  return (
    <g fill="none" stroke="var(--warn-mark)">
      <path d={hatchPath(x, y, width, height)} stroke-width="1.3" />
      <rect x={x + 0.5} y={y + 0.5} width={Math.max(2, width - 1)} height={height - 1} />
    </g>
  );
}

export function LaneMark({mark}: {mark: Mark}) {
  return (
    <svg width="22" height="9" viewBox="0 0 22 9" aria-hidden="true">
      {(mark === 'late' || mark === 'silent') && <Hatch x={0} y={1} width={22} height={7} />}
      {mark === 'coarse' &&
        [0, 7, 14].map((x) => (
          <rect
            key={x}
            x={x + 0.5}
            y="1.5"
            width="7"
            height="6"
            fill="var(--ink3)"
            fill-opacity="0.18"
            stroke="var(--ink3)"
          />
        ))}
      {mark === 'gap' && (
        <rect x="0.75" y="1.25" width="20.5" height="6.5" fill="none" stroke="var(--bad)" stroke-width="1.5" />
      )}
      {mark === 'lost' && (
        <path d="M.75 1.25h20.5v6.5H.75zM8 2l6 5m0-5l-6 5" fill="none" stroke="var(--bad)" stroke-width="1.5" />
      )}
      {mark === 'parked' && <path d="M11 0l4.5 4.5L11 9 6.5 4.500z" fill="var(--bad)" />}
      {mark === 'rejected' && <path d="M7 .5l8 8m0-8l-8 8" stroke="var(--ink2)" stroke-width="1.4" fill="none" />}
      {mark === 'overflow' && <path d="M0 4.500h22" stroke="var(--ink3)" stroke-width="1.5" stroke-dasharray="6 3" />}
      {mark === 'estimated' && <path d="M.5 1.500h21v6h-21z" fill="none" stroke="var(--ink2)" stroke-dasharray="2 2" />}
      {mark === 'unknown' && <path d="M0 4.500h22" stroke="var(--ink3)" stroke-width="1.5" stroke-dasharray="1.5 3" />}
      {mark === 'complete' && <rect y="1" width="22" height="7" fill="var(--ink3)" fill-opacity="0.42" />}
    </svg>
  );
}

export function Logo() {
  return (
    <svg
      width="21"
      height="16"
      viewBox="0 0 21 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      aria-hidden="true"
    >
      <path d="M1 2c6 0 6 6 11 6M1 14c6 0 6-6 11-6M3 8h17" />
    </svg>
  );
}

export function ThemeIcon() {
  return (
    <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
      <circle cx="7" cy="7" r="5.75" fill="none" stroke="currentColor" stroke-width="1.5" />
      <path d="M7 1.500a5.5 5.5 0 0 1 0 11z" fill="currentColor" />
    </svg>
  );
}

export function FleetIcon() {
  return (
    <svg
      width="18"
      height="18"
      viewBox="0 0 18 18"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      aria-hidden="true"
    >
      <path d="M2.5 2.500h5v5h-5zM10.5 2.500h5v5h-5zM2.5 10.500h5v5h-5zM10.5 10.500h5v5h-5z" />
    </svg>
  );
}

export function ExploreIcon() {
  return (
    <svg
      width="18"
      height="18"
      viewBox="0 0 18 18"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      aria-hidden="true"
    >
      <path d="M2 16h14M2 11c4 0 3-7 6.5-7S12 9 16 5" />
    </svg>
  );
}

export function NowIcon() {
  return (
    <svg
      width="18"
      height="18"
      viewBox="0 0 18 18"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      aria-hidden="true"
    >
      <circle cx="9" cy="9" r="2" fill="currentColor" />
      <path d="M5 4.500a6 6 0 0 0 0 9M13 4.500a6 6 0 0 1 0 9" />
    </svg>
  );
}

export function SystemIcon() {
  return (
    <svg
      width="18"
      height="18"
      viewBox="0 0 21 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      aria-hidden="true"
    >
      <path d="M1 2c6 0 6 6 11 6M1 14c6 0 6-6 11-6M3 8h17" />
    </svg>
  );
}
