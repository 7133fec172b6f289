// Gaussians on the map: q = N(m, F Fᵀ), F = A diag(s), stretched along the map's axes.
// The same formulas, in the same order, as explorer/inference/expectation/gaussian.py. Everything is
// float64; latents are narrowed to float32 only where the decoder takes them.

const LOG_2PI = Math.log(2 * Math.PI);

/** A plane through latent space: an orthonormal basis (d rows of 2), see explorer/projection/plane.py. */
export class Plane {
  exact = true; // there and back without loss

  /** @param facts { kind, range, explained } where they are known */
  constructor(basis, facts = {}) {
    this.basis = basis;
    this.dimensions = basis.length;
    Object.assign(this, facts);
  }

  /** z (d) to u (2). */
  project(z) {
    const u = [0, 0];
    for (let i = 0; i < this.dimensions; i++) {
      u[0] += z[i] * this.basis[i][0];
      u[1] += z[i] * this.basis[i][1];
    }
    return u;
  }

  /** u (2) to z (d), keeping the anchor's part that is perpendicular to the plane. */
  lift(u, anchor) {
    const at = this.project(anchor);
    const du = u[0] - at[0];
    const dv = u[1] - at[1];
    return Float64Array.from(anchor, (value, i) => value + du * this.basis[i][0] + dv * this.basis[i][1]);
  }

  /** Covariance of N(m, diag(s²)) on the map: [xx, xy, yy]. */
  covariance(scale) {
    let xx = 0, xy = 0, yy = 0;
    for (let i = 0; i < this.dimensions; i++) {
      const v = scale[i] * scale[i];
      const [a, b] = this.basis[i];
      xx += v * a * a;
      xy += v * a * b;
      yy += v * b * b;
    }
    return [xx, xy, yy];
  }

  /** Standard deviations of N(m, diag(s²)) along the map's two axes. */
  deviations(scale) {
    const [xx, , yy] = this.covariance(scale);
    return [Math.sqrt(xx), Math.sqrt(yy)];
  }
}

/** How much q is stretched along each map axis to have the deviations `sigma`. */
function factors(plane, scale, sigma) {
  return plane.deviations(scale).map((own, j) => (own > 0 ? sigma[j] / own : 1));
}

/** The stretched covariance on the map: [xx, xy, yy]. */
export function mapCovariance(plane, scale, sigma) {
  const [xx, xy, yy] = plane.covariance(scale);
  const [f, g] = factors(plane, scale, sigma);
  return [xx * f * f, xy * f * g, yy * g * g];
}

/** The scales of q along the latent axes (d), where these are the map's own: up to two dimensions. */
export function latentScale(plane, scale, sigma) {
  const stretch = factors(plane, scale, sigma);
  return Array.from(scale, (value, i) => value * plane.basis[i].reduce((by, along, j) => by * (1 + along * along * (stretch[j] - 1)), 1));
}

/** KL( q || N(0, I) ) in nats. */
export function gaussianKl(plane, mean, scale, sigma) {
  const own = plane.deviations(scale);
  let trace = 0, square = 0, logDet = 0;
  for (let i = 0; i < plane.dimensions; i++) {
    trace += scale[i] * scale[i];
    square += mean[i] * mean[i];
    logDet += Math.log(scale[i]);
  }
  for (let j = 0; j < 2; j++) {
    if (own[j] === 0) continue; // a one-dimensional space has no second axis
    trace += sigma[j] * sigma[j] - own[j] * own[j];
    logDet += Math.log(sigma[j] / own[j]);
  }
  return 0.5 * (trace + square - plane.dimensions) - logDet;
}

/** The mean, then z_k = m + F eps_k for every node of a rule: float32 ((1 + k) d). */
export function latentsOf(plane, mean, scale, sigma, rule) {
  const d = plane.dimensions;
  const [f, g] = factors(plane, scale, sigma);
  const out = new Float32Array((1 + rule.count) * d);
  out.set(mean);
  const step = new Float64Array(d);
  for (let k = 0; k < rule.count; k++) {
    let along = 0, across = 0;
    for (let i = 0; i < d; i++) {
      step[i] = scale[i] * rule.nodes[k * d + i];
      along += step[i] * plane.basis[i][0];
      across += step[i] * plane.basis[i][1];
    }
    along *= f - 1;
    across *= g - 1;
    const row = (1 + k) * d;
    for (let i = 0; i < d; i++) {
      out[row + i] = mean[i] + step[i] + along * plane.basis[i][0] + across * plane.basis[i][1];
    }
  }
  return out;
}

const STEP = 0.03, SHARE = 0.5, REACH = 6, FINER = 6, COARSER = 0.5; // as in explorer/inference/expectation/uniform.py
const BALL = [1, 2, Math.PI]; // of radius 1, by dimension

/** Nodes in q's own coordinates, as uniform_rule() of explorer/inference/expectation/uniform.py; null where they would be more than `most`. */
export function uniformRule(scale, most, { coarser = false } = {}) {
  const d = scale.length;
  let steps = scale.map((value) => Math.min(SHARE, STEP / value));
  const expected = () => (BALL[d] * REACH ** d) / steps.reduce((a, b) => a * b);
  const many = expected() > most;
  if (many && !coarser) return null;
  for (let turn = 0; turn < d; turn++) { // once more where a step has become as long as it may be
    const longer = Math.max(expected() / most, 1) ** (1 / Math.max(steps.filter((step) => step < SHARE).length, 1));
    steps = steps.map((step) => Math.min(SHARE, step * longer));
  }
  const colours = [[], []], weights = [[], []];
  const [rows, columns] = [0, 1].map((j) => (j < d ? Math.ceil(REACH / steps[j]) : 0.5)); // half a node either side: one in all
  for (let i = -rows; i < rows; i++) {
    for (let j = -Math.floor(columns); j < columns; j++) {
      const node = [(i + 0.5) * steps[0], (j + 0.5) * (steps[1] ?? 0)].slice(0, d);
      const square = node.reduce((sum, value) => sum + value * value, 0);
      if (!(square < REACH * REACH)) continue;
      const colour = (i + j) & 1;
      colours[colour].push(...node);
      weights[colour].push(Math.exp(-0.5 * square));
    }
  }
  const all = weights.flat();
  const total = all.reduce((a, b) => a + b);
  return {
    count: all.length, replicates: 2, finer: many ? COARSER : Math.min(Math.max(1 / Math.max(...steps), 1), FINER),
    nodes: Float64Array.from(colours.flat()), weights: Float64Array.from(all, (weight) => weight / total),
  };
}

/** Weighted sum of the values at a rule's nodes, and its standard error where the rule has replicates. */
export function expectation(rule, values) {
  let total = 0;
  for (let k = 0; k < rule.count; k++) total += rule.weights[k] * values[k];
  if (rule.replicates < 2) return { value: total, standardError: null };
  const block = rule.count / rule.replicates;
  const means = [];
  for (let r = 0; r < rule.replicates; r++) {
    let sum = 0, weight = 0;
    for (let k = r * block; k < (r + 1) * block; k++) {
      sum += rule.weights[k] * values[k];
      weight += rule.weights[k];
    }
    means.push(sum / weight);
  }
  const centre = means.reduce((a, b) => a + b) / means.length;
  const variance = means.reduce((a, b) => a + (b - centre) ** 2, 0) / (means.length - 1);
  return { value: total, standardError: Math.sqrt(variance / means.length) / (rule.finer ?? 1) };
}

/** Derivatives of E_q[f(z)] in the mean and the scale of q = N(m, diag(s²)), (2d), from f at a rule's nodes: Stein's lemma. */
export function slopesOf(rule, values, scale) {
  const d = scale.length;
  const slopes = Array.from({ length: 2 * d }, () => 0);
  const { value } = expectation(rule, values);
  for (let k = 0; k < rule.count; k++) {
    const f = rule.weights[k] * (values[k] - value);
    for (let j = 0; j < d; j++) {
      const eps = rule.nodes[k * d + j];
      slopes[j] += (f * eps) / scale[j];
      slopes[d + j] += (f * (eps * eps - 1)) / scale[j];
    }
  }
  return slopes;
}

/** log N(z; 0, I). */
export function logPrior(z) {
  let sum = 0;
  for (const value of z) sum += value * value + LOG_2PI;
  return -0.5 * sum;
}

/** log N(z; m, diag(s²)). */
export function logNormal(z, mean, scale) {
  let sum = 0;
  for (let i = 0; i < z.length; i++) {
    const t = (z[i] - mean[i]) / scale[i];
    sum += t * t + LOG_2PI + 2 * Math.log(scale[i]);
  }
  return -0.5 * sum;
}
