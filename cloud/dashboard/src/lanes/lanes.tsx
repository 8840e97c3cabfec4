// SPDX-License-Identifier: Apache-2.0
// How complete the answer is, on the time axis of the chart: one lane a gateway, from five on one for all.
import type {CompletenessWords, GatewayLane} from '../words/types';
import {insets} from '../chart/plot';
import {share} from '../format';
import {Glyph, Hatch} from '../ui/glyph';

const kPitch = 15;
const kHeight = 7;
const kWidthMin = 3;
const kHatchMin = 8;
const kLanesMax = 4;
const kLabelLettersMax = 15;

// A long name gives way to the word.
function label(gateway: string, word: string): string {
  const room = Math.max(4, kLabelLettersMax - word.length);
  return `${gateway.length > room ? `${gateway.slice(0, room - 1)}…` : gateway} ${word}`;
}

interface Props {
  words: CompletenessWords;
  from: number;
  to: number;
  plotWidth: number;
}

// At least as wide as can be seen for what it is.
function HatchOf({from, to, y, right}: {from: number; to: number; y: number; right: number}) {
  const wide = Math.max(kHatchMin, to - from);
  return <Hatch x={Math.min(from, right - wide)} y={y} width={wide} height={kHeight} />;
}

function SolidOf({span: [from, to], x, y}: {span: [number, number]; x: (ms: number) => number; y: number}) {
  return (
    <rect
      x={x(from)}
      y={y}
      width={Math.max(0, x(to) - x(from))}
      height={kHeight}
      fill="var(--ink3)"
      fill-opacity="0.42"
      data-solid={`${from} ${to}`}
    />
  );
}

// Nobody knows what was then: dots.
function UnknownOf({from, to, x, y}: {from: number; to: number; x: (ms: number) => number; y: number}) {
  return (
    <path
      d={`M${x(from)} ${y + kHeight / 2}H${Math.max(x(to), x(from) + kWidthMin)}`}
      stroke="var(--ink3)"
      stroke-width="1.5"
      stroke-dasharray="1.5 3"
      data-unknown={`${from} ${to}`}
    />
  );
}

function Lane({lane, y, x, right}: {lane: GatewayLane; y: number; x: (ms: number) => number; right: number}) {
  const box = (from: number, to: number): {at: number; size: number} => {
    const at = x(from);
    return {at, size: Math.max(kWidthMin, x(to) - at)};
  };
  return (
    <g>
      <SolidOf span={lane.solid} x={x} y={y} />
      {lane.unknown.map(([from, to]) => (
        <UnknownOf key={from} from={from} to={to} x={x} y={y} />
      ))}
      {lane.coarse.map(([from, to]) => {
        const {at, size} = box(from, to);
        return (
          <g key={from}>
            <rect x={at} y={y} width={size} height={kHeight} fill="var(--panel)" />
            <rect
              x={at + 0.5}
              y={y + 0.5}
              width={size}
              height={kHeight - 1}
              fill="var(--ink3)"
              fill-opacity="0.18"
              stroke="var(--ink3)"
            />
          </g>
        );
      })}
      {lane.estimated.map(([from, to]) => {
        const {at, size} = box(from, to);
        return (
          <g key={from}>
            <rect x={at} y={y} width={size} height={kHeight} fill="var(--panel)" />
            <rect
              x={at + 0.5}
              y={y + 0.5}
              width={Math.max(kWidthMin, size - 1)}
              height={kHeight - 1}
              fill="none"
              stroke="var(--ink2)"
              stroke-dasharray="2 2"
            />
          </g>
        );
      })}
      {lane.gaps.map(([from, to]) => {
        const {at, size} = box(from, to);
        return (
          <rect
            key={from}
            x={at}
            y={y + 0.75}
            width={size}
            height={kHeight - 1.5}
            fill="var(--panel)"
            stroke="var(--bad)"
            stroke-width="1.5"
          />
        );
      })}
      {lane.hatch && <HatchOf from={x(lane.hatch[0])} to={x(lane.hatch[1])} y={y} right={right} />}
    </g>
  );
}

// Of more than four: from below, the share of the gateways whose frontier lies beyond; the gaps above it, for a gap of
// one hardly lowers it.
function Together({words, from, to, plotWidth}: Props) {
  const {x, right, left, phone} = axis(from, to, plotWidth);
  const {lanes} = words;
  const gaps = lanes.flatMap((lane) => lane.gaps).filter(([a, b]) => b > from && a < to);
  const below = gaps.length ? kHeight + 3 : 0;
  const ends = lanes.map((lane) => lane.solid[1]).sort((a, b) => a - b);
  const steps = ends.map((end, i): {from: number; to: number; share: number} => ({
    from: i ? ends[i - 1]! : from,
    to: end,
    share: (lanes.length - i) / lanes.length,
  }));
  const sentence = `Completeness: ${share(words.share)} of ${lanes.length} gateways`;
  return (
    <svg class="lanes" height={32 + below} role="img" aria-label={sentence}>
      <rect x={left} y={below + 0.5} width={plotWidth} height={23} fill="none" stroke="var(--line2)" />
      {gaps.map(([a, b], i) => (
        <rect
          key={i}
          x={Math.min(x(a), right - kWidthMin)}
          y={0.75}
          width={Math.max(kWidthMin, x(b) - x(a))}
          height={kHeight - 1.5}
          fill="var(--panel)"
          stroke="var(--bad)"
          stroke-width="1.5"
        />
      ))}
      {steps
        .filter((step) => step.to > step.from)
        .map((step) => (
          <rect
            key={step.from}
            x={x(step.from)}
            y={below + 24 * (1 - step.share)}
            width={x(step.to) - x(step.from)}
            height={24 * step.share}
            fill="var(--ink3)"
            fill-opacity="0.42"
          />
        ))}
      {!phone && (
        <text x={right + 10} y={below + 16}>
          {words.headline}
        </text>
      )}
    </svg>
  );
}

function axis(from: number, to: number, plotWidth: number) {
  const inset = insets(window.innerWidth);
  return {
    left: inset.left,
    right: inset.left + plotWidth,
    phone: inset.right < 50,
    x: (ms: number): number => inset.left + ((Math.min(Math.max(ms, from), to) - from) / (to - from)) * plotWidth,
  };
}

export function Lanes(props: Props) {
  const {words, from, to, plotWidth} = props;
  const {lanes} = words;
  if (lanes.length === 0) return null;
  if (lanes.length > kLanesMax) return <Together {...props} />;
  const {x, right, phone} = axis(from, to, plotWidth);
  const sentence = `Completeness: ${lanes.map((lane) => `${lane.gateway} ${lane.word}`).join(', ')}`;
  return (
    <svg class="lanes" height={kPitch * lanes.length + 8} role="img" aria-label={sentence} data-lanes={lanes.length}>
      {lanes.map((lane, i) => (
        <g key={lane.gateway}>
          <Lane lane={lane} y={kPitch * i + 4} x={x} right={right} />
          {!phone && (
            <g>
              <g transform={`translate(${right + 9} ${kPitch * i + 2})`}>
                <Glyph state={lane.state} share={0.6} r={4.5} />
              </g>
              <text x={right + 25} y={kPitch * i + 11}>
                <title>
                  {lane.gateway} {lane.word}
                </title>
                {label(lane.gateway, lane.word)}
              </text>
            </g>
          )}
        </g>
      ))}
    </svg>
  );
}
