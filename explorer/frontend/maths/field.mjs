// log p(x|z) of an image all over latent space of one or two dimensions, and its mean under a q.
//
// The nodes lie on a lattice and on rings of coarser lattices around it, see explorer/inference/quadrature/field.py. A mean under
// q = N(m, diag(s²)) is the sum that explorer/inference/quadrature/field.py explains: each level fades into the next one. A node's weight
// is a product over the axes, of
//
//   q(z_i) h       where s is no narrower than the step h: the rectangle rule,
//   E_q[l_i(z)]    below: l_i are the Lagrange polynomials of the nodes around m.

const REACH = 7; // scales of q
const LEAST = 1; // steps that the widest scale of q has at least
const [FADE, FADE_REACH] = [0.75, 4]; // of the next level's steps; of those, either side
const [SURE, SURE_RING] = [1, 1.1]; // steps that the narrowest scale has at least, for numbers at rest
const NEGLIGIBLE = 1e-4; // of q's mass, where a level may be too coarse
const NODES = 6; // of an interpolation
const COARSE = 4; // of the one it is compared with
const WHOLE = 0.01; // as far from 1 may the weights' sum be, before nodes are missing
// Against a fine grid, on mnist-2d and fashion-mnist-2d: all nodes together are 2/3 s / h times as good as half of them, up to
// 5 times and no less; interpolation is off by up to three times what a coarser one changes.
const [FINER, FINEST, INTERPOLATED] = [2 / 3, 5, 3];
const FLOOR = 1e-3; // nats
const LOG_2PI = Math.log(2 * Math.PI);

// Gauss–Hermite, exact up to the seventh degree: what interpolation wants.
const HERMITE = [-1, 1].flatMap((sign) => [-1, 1].map((branch) => (
  { at: sign * Math.sqrt(3 + branch * Math.sqrt(6)), weight: (3 - branch * Math.sqrt(6)) / 12 })));

export class Field {
  /** @param facts { levels: [{ origin, step, sides, hole }], error }; values float32, nats, level after level */
  constructor({ levels, error }, values) {
    let end = 0;
    this.levels = [];
    for (const level of levels) {
      const count = level.sides.reduce((a, b) => a * b);
      const within = this.levels.at(-1);
      this.levels.push({ ...level, within, values: values.subarray(end, end + count) });
      if (within) within.around = level.step;
      end += count;
    }
    this.step = levels[0].step;
    this.rounding = error;
    this.bytes = values.byteLength;
  }

  /**
   * E_q[log p(x|z)] of q = N(mean, diag(scale²)), both arrays (d), nats: { value, error, slopes, sure }, or null where q
   * lies between the nodes along every axis, or reaches beyond them. `slopes`: its derivatives in the mean and in the scale
   * (2d), by Stein's lemma. `error`: from half the difference between the two colours of a chessboard, whose steps are √2
   * as long, from what a coarser interpolation changes, and from the rounding of each value. `sure`: nothing was
   * interpolated, and no level is too coarse for q.
   */
  expectation(mean, scale) {
    const widest = Math.max(...scale);
    if (!(widest >= LEAST * this.step) || !scale.every((value) => value > 0)) return null;
    const narrowest = Math.min(...scale);
    let sure = narrowest >= SURE * this.step;
    const sums = { weight: [0, 0], value: [0, 0], square: 0, coarse: 0, slopes: [0, 0, 0, 0], moments: [0, 0, 0, 0] };
    let before = 0;
    for (const level of this.levels) {
      const [a, b = POINT] = scale.map((value, j) => axis(mean[j], value, level, j));
      add(level, a, b, sums);
      const mass = sums.weight[0] + sums.weight[1];
      sure &&= mass - before <= NEGLIGIBLE || !level.within || narrowest >= SURE_RING * level.step;
      before = mass;
    }
    if (!(Math.abs(before - 1) < WHOLE)) return null;
    const value = (sums.value[0] + sums.value[1]) / before;
    const wide = scale.filter((s) => s >= this.step);
    const chess = wide.length ? (sums.value[0] / sums.weight[0] - sums.value[1] / sums.weight[1]) / 2 : 0;
    const finer = Math.min(Math.max((FINER * Math.min(...wide)) / this.step, 1), FINEST);
    const error = Math.hypot(chess / finer, INTERPOLATED * (sums.coarse / before - value), 2 * this.rounding * Math.sqrt(sums.square) / before,
      FLOOR + 1e-7 * Math.abs(value));
    if (!Number.isFinite(value) || !Number.isFinite(error)) return null; // beyond what float32 holds
    // Less the mean, whose product with what the weights' own moments are off by would be large.
    const slopes = [0, 1].flatMap((power) => scale.map((s, j) => (sums.slopes[2 * j + power] - value * sums.moments[2 * j + power]) / (before * s)));
    return { value, error, slopes, sure };
  }
}

/** A level's part along an axis: 1 well within it, 0 at its border; the product over the axes is its part. */
function part(at, { origin, step, sides, around }, j) {
  if (!around) return 1;
  const low = origin[j] - step / 2;
  return normal(Math.min(at - low, low + step * sides[j] - at) / (FADE * around) - FADE_REACH);
}

/** The normal distribution function (Marsaglia 2004). */
function normal(x) {
  if (Math.abs(x) > 8) return Number(x > 0);
  let [sum, term] = [x, x];
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + sum * Math.exp(-0.5 * (x * x + LOG_2PI));
}

// The axis that a one-dimensional space does not have.
const POINT = { first: 0, weights: [1], along: [0], across: [0], coarse: [1], own: [1], inner: [1], parity: 0 };

/** Weights of the nodes along an axis; `along` and `across`: the same times ε and ε² − 1; parity 0 where nodes are interpolated. */
function axis(mean, scale, level, j) {
  const { step } = level;
  const [origin, side] = [level.origin[j], level.sides[j]];
  const at = (mean - origin) / step;
  const faded = (weights) => {
    const places = Array.from(weights.weights, (_, i) => origin + (weights.first + i) * step);
    return { ...weights, own: places.map((z) => part(z, level, j)), inner: places.map((z) => (level.within ? part(z, level.within, j) : 0)) };
  };
  if (scale < step) {
    const first = Math.floor(at) - NODES / 2 + 1;
    if (!(first >= 0 && first + NODES <= side)) return { ...POINT, weights: [] };
    return faded({ ...interpolated(at - first, scale / step), first, parity: 0 });
  }
  const reach = (REACH * scale) / step;
  const first = Math.max(Math.ceil(at - reach), 0);
  const count = Math.max(Math.min(Math.floor(at + reach), side - 1) - first + 1, 0);
  const weights = new Float64Array(count), along = new Float64Array(count), across = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const eps = ((first + i - at) * step) / scale;
    const weight = (step / scale) * Math.exp(-0.5 * (eps * eps + LOG_2PI));
    weights[i] = weight;
    along[i] = weight * eps;
    across[i] = weight * (eps * eps - 1);
  }
  return faded({ first, weights, along, across, coarse: weights, parity: 1 });
}

/** The mean of the nodes' Lagrange polynomials, node 0 at 0, 1 at 1, … under a Gaussian of `scale` at `at`. */
function interpolated(at, scale) {
  const out = { weights: [], along: [], across: [], coarse: [] };
  const inner = (NODES - COARSE) / 2;
  for (let i = 0; i < NODES; i++) {
    const sum = (factor, first, count) => {
      if (i < first || i >= first + count) return 0;
      let total = 0;
      for (const { at: eps, weight } of HERMITE) {
        let value = weight * factor(eps);
        for (let j = first; j < first + count; j++) if (j !== i) value *= (at + scale * eps - j) / (i - j);
        total += value;
      }
      return total;
    };
    out.weights.push(sum(() => 1, 0, NODES));
    out.along.push(sum((eps) => eps, 0, NODES));
    out.across.push(sum((eps) => eps * eps - 1, 0, NODES));
    out.coarse.push(sum(() => 1, inner, COARSE));
  }
  return out;
}

/** Adds a level's nodes to the sums. */
function add({ sides, values }, a, b, sums) {
  const columns = sides[1] ?? 1;
  for (let i = 0; i < a.weights.length; i++) {
    const row = a.first + i;
    // By the colours of the columns.
    const weight = [0, 0], value = [0, 0];
    let square = 0, coarse = 0, along = 0, across = 0, momentAlong = 0, momentAcross = 0;
    for (let j = 0; j < b.weights.length; j++) {
      const column = b.first + j;
      const share = a.own[i] * b.own[j] * (1 - a.inner[i] * b.inner[j]);
      if (share < 1e-12) continue;
      const f = share * values[row * columns + column];
      const colour = (column & 1) * b.parity;
      weight[colour] += share * b.weights[j];
      value[colour] += b.weights[j] * f;
      square += (share * b.weights[j]) ** 2;
      coarse += b.coarse[j] * f;
      along += b.along[j] * f;
      across += b.across[j] * f;
      momentAlong += share * b.along[j];
      momentAcross += share * b.across[j];
    }
    const own = (row & 1) * a.parity;
    for (const colour of [0, 1]) {
      sums.weight[own ^ colour] += a.weights[i] * weight[colour];
      sums.value[own ^ colour] += a.weights[i] * value[colour];
    }
    sums.square += a.weights[i] ** 2 * square;
    sums.coarse += a.coarse[i] * coarse;
    const all = value[0] + value[1], mass = weight[0] + weight[1];
    const slopes = [a.along[i] * all, a.across[i] * all, a.weights[i] * along, a.weights[i] * across];
    const moments = [a.along[i] * mass, a.across[i] * mass, a.weights[i] * momentAlong, a.weights[i] * momentAcross];
    for (let k = 0; k < 4; k++) {
      sums.slopes[k] += slopes[k];
      sums.moments[k] += moments[k];
    }
  }
}
