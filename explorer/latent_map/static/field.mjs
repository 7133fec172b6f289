// log p(x|z) of an image all over latent space of one or two dimensions, and its mean under a q.
//
// The nodes lie on a lattice and on rings of coarser lattices around it whose cells tile with it, see
// explorer/inference/field.py. A mean under q = N(m, diag(s²)) is a sum over them, axis by axis, with the weights
//
//   q(z_i) h       where s is no narrower than the step h: the rectangle rule,
//   E_q[l_i(z)]    below: l_i are the Lagrange polynomials of the nodes around m.

const REACH = 7; // scales of q
const LEAST = 0.7; // steps that the widest scale of q has at least
const NODES = 6; // of an interpolation
const COARSE = 4; // of the one it is compared with
const FINER = 6;
const FLOOR = 0.002; // nats
const WHOLE = 0.01; // as far from 1 may the weights' sum be, before nodes are missing
const LOG_2PI = Math.log(2 * Math.PI);

// Gauss–Hermite, exact up to the seventh degree: what interpolation wants.
const HERMITE = [-1, 1].flatMap((sign) => [-1, 1].map((branch) => (
  { at: sign * Math.sqrt(3 + branch * Math.sqrt(6)), weight: (3 - branch * Math.sqrt(6)) / 12 })));

export class Field {
  /** @param facts { levels: [{ origin, step, sides, hole }], error }; values float32, nats, level after level, NaN in holes */
  constructor({ levels, error }, values) {
    let end = 0;
    this.levels = levels.map((level) => {
      const count = level.sides.reduce((a, b) => a * b);
      end += count;
      return { ...level, values: values.subarray(end - count, end) };
    });
    this.step = levels[0].step;
    this.error = error;
    this.bytes = values.byteLength;
  }

  /** Whether its nodes are too few for a q of these scales, which lies between them: then q's own nodes are decoded. */
  misses(scale) {
    return scale.every((value) => !(value >= LEAST * this.step));
  }

  /**
   * E_q[log p(x|z)] of q = N(mean, diag(scale²)), both arrays (d), nats: { value, error, slopes }, or null where q lies between the nodes
   * or reaches beyond them. `slopes`: its derivatives in the mean and in the scale (2d), by Stein's lemma. `error`: from
   * half the difference between the two colours of a chessboard, whose steps are √2 as long: all nodes together are as
   * many times better as a scale of q has steps, or more (measured; FINER at most is claimed); and from what a coarser
   * interpolation changes.
   */
  expectation(mean, scale) {
    if (this.misses(scale) || !scale.every((value) => value > 0)) return null;
    const d = scale.length;
    const sums = { weight: [0, 0], value: [0, 0], coarse: 0, slopes: [0, 0, 0, 0] };
    const moments = [0, 0, 0, 0]; // of the weights themselves, exactly zero of q
    for (const level of this.levels) {
      const [a, b = POINT] = scale.map((value, j) => axis(mean[j], value, level.origin[j], level.step, level.sides[j]));
      add(level, a, b, sums, moments);
    }
    const weight = sums.weight[0] + sums.weight[1];
    if (!(Math.abs(weight - 1) < WHOLE)) return null;
    const value = (sums.value[0] + sums.value[1]) / weight;
    const chess = (sums.value[0] / sums.weight[0] - sums.value[1] / sums.weight[1]) / 2;
    const steps = Math.min(...scale.filter((s) => s >= LEAST * this.step)) / this.step;
    const error = Math.hypot(chess / Math.min(Math.max(steps, 1), FINER), sums.coarse / weight - value, FLOOR);
    if (!Number.isFinite(value) || !Number.isFinite(error)) return null; // nodes of one colour alone, or beyond what float32 holds
    const slopes = [0, 1].flatMap((power) => scale.map((s, j) => (sums.slopes[2 * j + power] - value * moments[2 * j + power]) / (weight * s)));
    return { value, error, slopes };
  }
}

// The axis that a one-dimensional space does not have.
const POINT = { first: 0, weights: [1], along: [0], across: [0], coarse: [1], parity: 0 };

/** Weights of the nodes along an axis; `along` and `across`: the same times ε and ε² − 1; parity 0 where nodes are interpolated. */
function axis(mean, scale, origin, step, side) {
  const at = (mean - origin) / step;
  if (scale < step) {
    const first = Math.floor(at) - NODES / 2 + 1;
    if (!(first >= 0 && first + NODES <= side)) return { ...POINT, weights: [] };
    return { ...interpolated(at - first, scale / step), first, parity: 0 };
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
  return { first, weights, along, across, coarse: weights, parity: 1 };
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
function add({ sides, hole, values }, a, b, sums, moments) {
  const columns = sides[1] ?? 1;
  const [rows, gap] = hole ?? [[0, 0], [0, 0]];
  for (let i = 0; i < a.weights.length; i++) {
    const row = a.first + i;
    const inHole = row >= rows[0] && row < rows[1];
    if (inHole && !gap) continue;
    // By the colours of the columns.
    const weight = [0, 0], value = [0, 0];
    let coarse = 0, along = 0, across = 0, momentAlong = 0, momentAcross = 0;
    for (let j = 0; j < b.weights.length; j++) {
      const column = b.first + j;
      if (inHole && column >= gap[0] && column < gap[1]) {
        j = gap[1] - b.first - 1;
        continue;
      }
      const f = values[row * columns + column];
      const colour = (column & 1) * b.parity;
      weight[colour] += b.weights[j];
      value[colour] += b.weights[j] * f;
      coarse += b.coarse[j] * f;
      along += b.along[j] * f;
      across += b.across[j] * f;
      momentAlong += b.along[j];
      momentAcross += b.across[j];
    }
    const own = (row & 1) * a.parity;
    for (const colour of [0, 1]) {
      sums.weight[own ^ colour] += a.weights[i] * weight[colour];
      sums.value[own ^ colour] += a.weights[i] * value[colour];
    }
    sums.coarse += a.coarse[i] * coarse;
    const all = value[0] + value[1], mass = weight[0] + weight[1];
    const products = [[a.along[i] * all, a.along[i] * mass], [a.across[i] * all, a.across[i] * mass],
      [a.weights[i] * along, a.weights[i] * momentAlong], [a.weights[i] * across, a.weights[i] * momentAcross]];
    products.forEach(([slope, moment], k) => {
      sums.slopes[k] += slope;
      moments[k] += moment;
    });
  }
}
