// SPDX-License-Identifier: Apache-2.0
// A small canvas that draws itself, in CSS pixels, when its version, the theme or the page's width changes.
import {colors} from '../theme';
import {useLayoutEffect, useRef} from 'preact/hooks';

const kPixelRatioMax = 3;

interface Props {
  height: number;
  version: string;
  label: string;
  draw: (ctx: CanvasRenderingContext2D, width: number, height: number) => void;
}

export function Canvas({height, version, label, draw}: Props) {
  const ref = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const canvas = ref.current;
    const ctx = canvas?.getContext('2d');
    if (!canvas || !ctx) return;
    const width = canvas.clientWidth || 260;
    const dpr = Math.min(kPixelRatioMax, window.devicePixelRatio || 1);
    canvas.width = Math.round(width * dpr);
    canvas.height = Math.round(height * dpr);
    ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
    ctx.clearRect(0, 0, width, height);
    draw(ctx, width, height);
  }, [version, height, colors(), window.innerWidth]);
  return <canvas ref={ref} role="img" aria-label={label} />;
}
