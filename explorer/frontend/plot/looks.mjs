// How points look: their colours, sizes and how much shines through them.

import { classColour } from '../core/colours.mjs';

export const FADED = 0.08; // opacity of what is not selected

/**
 * The look of a class's points: { size, opacity: a number or float32, one each; colour, or values float32 and
 * scale { colorscale, cmin, cmax } where a column is shown }. Sizes are diameters in pixels; dark: on dark ground.
 */
export function lookOf(plot, label, dark) {
  const { column } = plot;
  const { count } = plot.manifest;
  const [size, opacity] = count > 20_000 ? [2.5, 0.5] : [count < 2_000 ? 6 : 4, 0.7];
  if (!column) return { colour: classColour(label, dark), size, opacity };
  const indices = plot.members[label];
  const look = { values: Float32Array.from(indices, (i) => column.values[i]), scale: column.scale(dark), size, opacity };
  // What is known stands out of what is not; of a selection, what is selected stands out, and one does for all.
  if (!column.unknown || plot.mask) return look;
  const by = (known, unknown) => Float32Array.from(indices, (i) => (column.unknown[i] ? unknown : known));
  const few = count < 2_000; // of many, a few are known of at first; of few, each is to be found
  return { ...look, size: by(Math.max(size, 5), few ? 5 : 3), opacity: by(0.9, few ? 0.5 : 0.12) };
}

const STEPS = 1_024;

/** The red, green and blue of '#rrggbb'. */
export function rgb(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

/** A scale's colour for a value, as a function: value -> where in `table` (uint8, 3 each) its colour stands. */
export function coloured({ colorscale, cmin, cmax }) {
  const table = new Uint8Array(3 * (STEPS + 1));
  const stops = colorscale.map(([at, colour]) => [at, rgb(colour)]);
  let below = 0;
  for (let i = 0; i <= STEPS; i++) {
    const at = i / STEPS;
    while (below < stops.length - 2 && stops[below + 1][0] <= at) below += 1;
    const [[low, from], [high, to]] = [stops[below], stops[below + 1]];
    const share = Math.min(Math.max((at - low) / (high - low || 1), 0), 1);
    table.set(from.map((value, c) => Math.round(value + share * (to[c] - value))), 3 * i);
  }
  return { table, at: (value) => 3 * Math.round(STEPS * Math.min(Math.max((value - cmin) / (cmax - cmin), 0), 1)) };
}
