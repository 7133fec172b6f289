// Planes that are made in the browser: two latent dimensions, or through three codes.
// The same as `axes_plane` and `images_plane` of explorer/projection/plane.py.

import { Plane } from '../maths/gaussian.mjs';

const LEAST_ANGLE = 1e-6;

/** The plane of two latent dimensions, counted from 0. */
export function axesPlane(dimensions, first, second) {
  return new Plane(Array.from({ length: dimensions }, (_, i) => [Number(i === first), Number(i === second)]), { kind: 'axes' });
}

/** The plane through three codes (d each), the first axis from the first to the second; null where they lie on a line. */
export function imagesPlane([a, b, c]) {
  const subtract = (p, q) => Float64Array.from(p, (value, i) => value - q[i]);
  const along = subtract(b, a);
  const across = subtract(c, a);
  const size = Math.max(norm(along), norm(across));
  if (!(norm(along) > LEAST_ANGLE * size)) return null;
  scale(along, 1 / norm(along));
  // Twice: the second time for the digits that the first one lost.
  for (let turn = 0; turn < 2; turn++) {
    const share = dot(along, across);
    along.forEach((value, i) => { across[i] -= share * value; });
  }
  if (!(norm(across) > LEAST_ANGLE * size)) return null;
  scale(across, 1 / norm(across));
  return new Plane(Array.from(along, (value, i) => [value, across[i]]), { kind: 'images' });
}

/** The share of the variance of codes, float32 (n, d), that lies in a plane, 0 to 1. */
export function explainedBy({ basis, dimensions: d }, codes) {
  const n = codes.length / d;
  const mean = new Float64Array(d);
  for (let row = 0; row < n; row++) for (let i = 0; i < d; i++) mean[i] += codes[row * d + i];
  for (let i = 0; i < d; i++) mean[i] /= n; // at the end: sums of float32 are exact, and constant codes have no variance
  let within = 0, all = 0;
  for (let row = 0; row < n; row++) {
    let x = 0, y = 0;
    for (let i = 0; i < d; i++) {
      const by = codes[row * d + i] - mean[i];
      x += by * basis[i][0];
      y += by * basis[i][1];
      all += by * by;
    }
    within += x * x + y * y;
  }
  return all > 0 ? Math.min(within / all, 1) : 0;
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const norm = (a) => Math.sqrt(dot(a, a));
function scale(a, by) {
  a.forEach((value, i) => { a[i] = by * value; });
}
