// p(z|x) found in this browser, by decoding a few lattices that close in on where the mass lies.
//
// For a drawn image, while it is drawn; and in a plane through a larger latent space, where what is
// shown is the posterior within the plane: p(u | the other coordinates of where it is lifted from, x).

import { logPrior } from '../maths/gaussian.mjs';
import { Stale } from './terms.mjs';

const DEPTH = 14; // nats below the highest bin that still count
const CHUNK = 256;
const SHARES = [0.5, 0.95];

/**
 * { value, grid }: the log of the integral over the map, nats, and its grid as in evidence.mjs.
 * @param {number[]} range [x0, x1, y0, y1] to begin from
 * @param {number} side bins along each axis of each lattice
 */
export async function browserPosterior({ engine, plane, anchor, from = anchor.loc, range, side, idle, stale }) {
  const flat = plane.dimensions === 1;
  const at = plane.project(from);
  const own = plane.deviations(anchor.scale).map((value) => value || 1);
  const look = (box) => lattice({ engine, plane, anchor, from, box, side, flat, idle, stale });
  // The encoder's own neighbourhood first: a narrow peak would fall between the nodes of a wide lattice.
  const near = [0, 1].flatMap((j) => [at[j] - 8 * own[j], at[j] + 8 * own[j]]);
  let best = await look(flat ? [...near.slice(0, 2), ...range.slice(2)] : near);
  const wide = await look(range);
  if (wide.value > best.value) best = wide;
  for (let round = 0; round < 6; round++) {
    const box = around(best, flat);
    if (!box) break;
    best = await look(box);
  }
  const total = best.mass.reduce((a, b) => a + b, 0);
  const mass = Float32Array.from(best.mass, (value) => value / total);
  const { low, bins, sides } = best;
  return { value: best.value, grid: { low, bin: bins[0], bins, sides, mass, levels: levels(mass), shares: SHARES } };
}

async function lattice({ engine, plane, anchor, from, box, side, flat, idle, stale }) {
  const sides = flat ? [side * 8, 1] : [side, side];
  const bins = [(box[1] - box[0]) / sides[0], (box[3] - box[2]) / sides[1]];
  const count = sides[0] * sides[1];
  const d = plane.dimensions;
  const log = new Float64Array(count);
  for (let first = 0; first < count; first += CHUNK) {
    await idle?.();
    if (stale()) throw new Stale();
    const k = Math.min(CHUNK, count - first);
    const z = new Float32Array(k * d);
    for (let n = 0; n < k; n++) {
      const i = Math.floor((first + n) / sides[1]);
      const j = (first + n) % sides[1];
      z.set(plane.lift([box[0] + (i + 0.5) * bins[0], box[2] + (j + 0.5) * bins[1]], from), n * d);
    }
    const { logLikelihood } = await engine.evaluate({ z, k, x: anchor.x, images: 0 });
    for (let n = 0; n < k; n++) log[first + n] = logLikelihood[n] + logPrior(z.subarray(n * d, (n + 1) * d));
  }
  const top = log.reduce((a, b) => Math.max(a, b), -Infinity);
  const mass = log.map((value) => Math.exp(value - top));
  const area = flat ? bins[0] : bins[0] * bins[1];
  return { value: top + Math.log(mass.reduce((a, b) => a + b, 0) * area), log, top, mass, low: [box[0], box[2]], bins, sides, box };
}

/** The box that the next lattice covers: the bins that count and a margin; null where this one fits already. */
function around({ log, top, sides: [columns, rows], low, bins, box }, flat) {
  let [i0, i1, j0, j1] = [columns, -1, rows, -1];
  log.forEach((value, n) => {
    if (value < top - DEPTH) return;
    const i = Math.floor(n / rows);
    const j = n % rows;
    [i0, i1, j0, j1] = [Math.min(i0, i), Math.max(i1, i), Math.min(j0, j), Math.max(j1, j)];
  });
  const touches = i0 === 0 || i1 === columns - 1 || (!flat && (j0 === 0 || j1 === rows - 1));
  const wide = i1 - i0 > 0.55 * columns;
  const tall = flat || j1 - j0 > 0.55 * rows;
  if (!touches && wide && tall) return null;
  const margin = (from, to) => Math.max(2, 0.25 * (to - from + 1));
  const [mi, mj] = [margin(i0, i1), margin(j0, j1)];
  return [
    low[0] + (i0 - mi) * bins[0], low[0] + (i1 + 1 + mi) * bins[0],
    ...(flat ? box.slice(2) : [low[1] + (j0 - mj) * bins[1], low[1] + (j1 + 1 + mj) * bins[1]]),
  ];
}

/** The least mass a bin of each credible region has. */
function levels(mass) {
  const ordered = Float32Array.from(mass).sort().reverse();
  return SHARES.map((share) => {
    let held = 0;
    for (const value of ordered) {
      held += value;
      if (held >= share) return value;
    }
    return ordered.at(-1);
  });
}
