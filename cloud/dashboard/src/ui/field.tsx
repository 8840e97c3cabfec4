// SPDX-License-Identifier: Apache-2.0
// The field: one cell a gateway, a line a site; what is well is grey, the others stand out by shape and colour. Where
// there are too many for that, the cells shrink, and at last there is one bar a site.
import {useMemo} from 'preact/hooks';
import {count} from '../format';
import type {FleetState, SiteLine} from '../model/fleet';
import {colors} from '../theme';
import {Canvas} from './canvas';

const kLinePx = 12;
const kSitesMax = 12;
const kCellsMax = 120;
const kNamePx = 96;
const kCountPx = 44;

function drawField(lines: SiteLine[], namePx: number) {
  return (ctx: CanvasRenderingContext2D, width: number): void => {
    const p = colors();
    const most = Math.max(...lines.map((line) => line.states.length));
    const room = width - namePx - kCountPx;
    const pitch = Math.min(6.4, room / most);
    const bars = pitch < 2;
    ctx.font = `11px ${p.font}`;
    ctx.textBaseline = 'middle';
    lines.forEach((line, k) => {
      const top = k * kLinePx + 2;
      ctx.fillStyle = p.ink3;
      ctx.textAlign = 'right';
      ctx.fillText(line.site.length > 14 ? `${line.site.slice(0, 13)}…` : line.site, namePx - 8, top + 4.5);
      const quiet = (): void => {
        ctx.fillStyle = p.ink3;
        ctx.globalAlpha = p.dark ? 0.42 : 0.3;
      };
      let end = namePx;
      if (bars) {
        // One bar: its length the number of gateways, from the left what needs a person.
        let x = namePx;
        for (const state of ['parked', 'silent', 'late', 'complete'] as FleetState[]) {
          const n = line.states.filter((one) => one === state).length;
          if (n === 0) continue;
          const wide = Math.max(2, (n / most) * room);
          if (state === 'complete') quiet();
          else ctx.fillStyle = state === 'parked' ? p.bad : p.warnMark;
          if (state === 'silent') {
            ctx.strokeStyle = p.warnMark;
            ctx.strokeRect(x + 0.5, top + 0.5, Math.max(1, wide - 1), 7);
          } else ctx.fillRect(x, top, wide, 8);
          ctx.globalAlpha = 1;
          x += wide;
        }
        end = x;
      } else {
        line.states.forEach((state, i) => {
          const x = namePx + i * pitch;
          const wide = Math.max(1.5, pitch * 0.78);
          if (state === 'complete') {
            quiet();
            ctx.fillRect(x, top, wide, 8);
            ctx.globalAlpha = 1;
          } else if (state === 'parked') {
            ctx.fillStyle = p.bad;
            ctx.beginPath();
            ctx.moveTo(x + wide / 2, top);
            ctx.lineTo(x + wide / 2 + 4, top + 4);
            ctx.lineTo(x + wide / 2, top + 8);
            ctx.lineTo(x + wide / 2 - 4, top + 4);
            ctx.fill();
          } else if (state === 'silent') {
            ctx.strokeStyle = p.warnMark;
            ctx.lineWidth = 1.25;
            ctx.strokeRect(x + 0.6, top + 0.6, Math.max(1, wide - 1.2), 6.8);
          } else {
            ctx.fillStyle = p.warnMark;
            ctx.fillRect(x, top, wide, 8);
          }
        });
        end = namePx + line.states.length * pitch;
      }
      ctx.fillStyle = p.ink3;
      ctx.textAlign = 'left';
      ctx.fillText(count(line.states.length), end + 8, top + 4.5);
    });
  };
}

export function Field({lines: all}: {lines: SiteLine[]}) {
  const version = useMemo(
    () => all.map((line) => `${line.site}:${line.states.map((state) => state[0]).join('')}`).join('|'),
    [all],
  );
  if (all.length === 0) return <div />;
  const lines = all.slice(0, kSitesMax);
  const rest = all.slice(kSitesMax).reduce((n, line) => n + line.states.length, 0);
  if (all.length === 1 && lines[0]!.states.length > kCellsMax) {
    // One site alone: as many lines as it takes.
    const {site, states} = lines[0]!;
    const size = Math.max(kCellsMax, Math.ceil(states.length / kSitesMax));
    lines.length = 0;
    for (let i = 0; i < states.length; i += size) lines.push({site: i ? '' : site, states: states.slice(i, i + size)});
  }
  const namePx = lines.some((line) => line.site) ? kNamePx : 2;
  const total = all.reduce((n, line) => n + line.states.length, 0);
  const late = all.reduce((n, line) => n + line.states.filter((state) => state !== 'complete').length, 0);
  return (
    <div class="field">
      <div style={{height: `${lines.length * kLinePx + 2}px`}}>
        <Canvas
          height={lines.length * kLinePx + 2}
          version={version}
          label={`${count(total)} gateways at ${count(all.length)} sites, ${count(late)} of them not up to date`}
          draw={drawField(lines, namePx)}
        />
      </div>
      {rest > 0 && (
        <p>
          and {count(rest)} at {count(all.length - kSitesMax)} more sites
        </p>
      )}
    </div>
  );
}
