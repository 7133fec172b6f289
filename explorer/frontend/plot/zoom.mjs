// What part of the map is worth a close look: where q, the encoder's q and the posterior lie.

import { mapCovariance } from '../maths/gaussian.mjs';

const WIDE = 4.5; // scales of a q on either side
const NEAR = 1.5; // on a map where no scale has a length
const DEEP = 1e-4; // a bin with less than this of the highest's mass may lie outside

/** [x0, x1, y0, y1] around the anchor's posterior, its encoder's q and the q on screen. */
export function zoomRange(plane, anchor, state) {
  const boxes = [];
  const add = ([x, y], [xx, , yy]) => {
    const [a, b] = plane.exact ? [WIDE * Math.sqrt(xx), WIDE * Math.sqrt(yy || xx)] : [NEAR, NEAR];
    boxes.push([x - a, x + a, y - b, y + b]);
  };
  add(plane.project(anchor.loc), plane.covariance(anchor.scale));
  add(state.u, mapCovariance(plane, anchor.scale, state.sigma));
  const grid = plane.exact ? anchor.evidence?.grid ?? anchor.slice : null;
  if (grid) boxes.push(held(grid, plane.dimensions === 1 ? boxes[0] : null));
  const [x0, x1, y0, y1] = [0, 1, 2, 3].map((i) => Math[i % 2 ? 'max' : 'min'](...boxes.map((box) => box[i])));
  const margin = 0.08 * Math.max(x1 - x0, y1 - y0);
  return [x0 - margin, x1 + margin, y0 - margin, y1 + margin];
}

/** The view that shows [x0, x1, y0, y1] in so many pixels: its axes share a scale, so the wider side decides. */
export function fitted([x0, x1, y0, y1], across, up) {
  const scale = Math.max((x1 - x0) / across, (y1 - y0) / up);
  const range = (low, high, length) => [-1, 1].map((side) => (low + high) / 2 + (side * scale * length) / 2);
  return [...range(x0, x1, across), ...range(y0, y1, up)];
}

function held({ low, bin, bins = [bin, bin], sides, mass }, across) {
  const [columns, rows = 1] = sides;
  const most = mass.reduce((a, b) => Math.max(a, b), 0);
  let [i0, i1, j0, j1] = [columns, 0, rows, 0];
  mass.forEach((value, n) => {
    if (value < DEEP * most) return;
    const [i, j] = [Math.floor(n / rows), n % rows];
    [i0, i1, j0, j1] = [Math.min(i0, i), Math.max(i1, i + 1), Math.min(j0, j), Math.max(j1, j + 1)];
  });
  const x = [low[0] + i0 * bins[0], low[0] + i1 * bins[0]];
  return [...x, ...(across ? across.slice(2) : [low[1] + j0 * bins[1], low[1] + j1 * bins[1]])];
}
