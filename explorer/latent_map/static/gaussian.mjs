// Gaussians on the map: q = N(m, F Fᵀ), F = A diag(s), stretched along the map's axes.
// The same formulas, in the same order, as explorer/inference/gaussian.py. Everything is
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

/** Weighted sum over a rule's nodes, and its standard error where the rule has replicates. */
export function expectation(rule, values, offset = 1) {
  let total = 0;
  for (let k = 0; k < rule.count; k++) total += rule.weights[k] * values[offset + k];
  if (rule.replicates < 2) return { value: total, standardError: null };
  const block = rule.count / rule.replicates;
  const means = [];
  for (let r = 0; r < rule.replicates; r++) {
    let sum = 0;
    for (let k = r * block; k < (r + 1) * block; k++) sum += values[offset + k];
    means.push(sum / block);
  }
  const centre = means.reduce((a, b) => a + b) / means.length;
  const variance = means.reduce((a, b) => a + (b - centre) ** 2, 0) / (means.length - 1);
  return { value: total, standardError: Math.sqrt(variance / means.length) };
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
