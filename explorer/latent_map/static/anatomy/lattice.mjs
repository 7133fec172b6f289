// KL(q ‖ p(z|x)) and the gradient of the ELBO from values of log p(x|z) at fixed nodes.

import { logPrior } from '../gaussian.mjs';
import { Stale } from '../terms.mjs';

const NODES = { 1: 160, 2: 44 }; // along each axis
const REACH = 6.5; // scales of q
const CHUNK = 256;

/**
 * E_q[ log q(z) − log p(x, z) ] in nats, by the rectangle rule on a lattice in q's own coordinates: with
 * log p(x) added it is KL(q ‖ p(z|x)), and it shares no node with the rule that the ELBO is taken by.
 */
export async function crossTerm({ engine, plane, anchor, state, idle, stale }) {
  const d = plane.dimensions;
  const side = NODES[d];
  const count = side ** d;
  const at = plane.lift(state.u, anchor.loc);
  const step = (2 * REACH) / side;
  const sigma = Array.from({ length: d }, (_, j) => state.sigma[j]);
  const logDet = sigma.reduce((sum, value) => sum + Math.log(value), 0);
  let total = 0;
  let weight = 0;
  for (let first = 0; first < count; first += CHUNK) {
    await idle();
    if (stale()) throw new Stale();
    const k = Math.min(CHUNK, count - first);
    const z = new Float32Array(k * d);
    const square = new Float64Array(k);
    for (let n = 0; n < k; n++) {
      let rest = first + n;
      for (let j = 0; j < d; j++) {
        const eps = -REACH + ((rest % side) + 0.5) * step;
        rest = Math.floor(rest / side);
        square[n] += eps * eps;
        z[n * d + j] = at[j] + sigma[j] * eps;
      }
    }
    const { logLikelihood } = await engine.evaluate({ z, k, x: anchor.x, images: 0 });
    for (let n = 0; n < k; n++) {
      const share = Math.exp(-0.5 * square[n]);
      const logQ = -0.5 * (square[n] + d * Math.log(2 * Math.PI)) - logDet;
      total += share * (logQ - logLikelihood[n] - logPrior(z.subarray(n * d, (n + 1) * d)));
      weight += share;
    }
  }
  return total / weight;
}

/**
 * The gradient of the ELBO along u₁, u₂, σ₁, σ₂ from log p(x|z) at a rule's nodes alone: by Stein's lemma
 * E[∇f] = E[f(z) ε] / σ and E[∂f/∂σ] = E[f(z) (ε² − 1)] / σ. Up to two latent dimensions, where q = N(m, diag(σ²)).
 */
export function gradientFrom(rule, values, state, d) {
  const out = [0, 0, 0, 0];
  let mean = 0;
  for (let k = 0; k < rule.count; k++) mean += rule.weights[k] * values[k];
  for (let k = 0; k < rule.count; k++) {
    const f = rule.weights[k] * (values[k] - mean);
    for (let j = 0; j < d; j++) {
      const eps = rule.nodes[k * d + j];
      out[j] += (f * eps) / state.sigma[j];
      out[2 + j] += (f * (eps * eps - 1)) / state.sigma[j];
    }
  }
  for (let j = 0; j < d; j++) {
    out[j] -= state.u[j];
    out[2 + j] -= state.sigma[j] - 1 / state.sigma[j];
  }
  return out;
}
