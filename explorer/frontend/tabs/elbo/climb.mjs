// Steps uphill: the gradient of the ELBO at a q on the map, and where a step along it leads.

import { ask, stateFor } from '../../engine/evidence.mjs';
import { Stale } from '../../engine/terms.mjs';

const FARTHEST = 1.5; // scales of q that the mean moves in one step
const WIDEST = 0.5; // of the logarithm of a scale

/** The ELBO of a q and its gradient along u₁, u₂, σ₁, σ₂: by the means of a drag, above two dimensions by torch. */
export async function slope(scene, state, stale = () => false) {
  const { anchor, manifest } = scene;
  const { terms, slopes } = await scene.evaluate({ mode: 'gaussian', ...state }, stale);
  const gradient = slopes ? gradientOf(slopes, state) : (await ask(manifest.gradient, stateFor({ anchor, mode: 'gaussian', ...state }))).exact;
  return { elbo: terms.elbo, gradient };
}

/** The gradient of the ELBO along u₁, u₂, σ₁, σ₂ from that of the reconstruction (2d): less the KL's, where q = N(m, diag(σ²)). */
export function gradientOf(slopes, { u, sigma }) {
  const d = slopes.length / 2;
  const of = (j, own) => (j < d ? own(j) : 0);
  return [...[0, 1].map((j) => of(j, () => slopes[j] - u[j])), ...[0, 1].map((j) => of(j, () => slopes[d + j] - sigma[j] + 1 / sigma[j]))];
}

/** Where a step of the natural gradient leads: each coordinate in units of q's own scale. */
export function stepped({ u, sigma }, gradient, rate, [least, most]) {
  const bounded = (value, most) => Math.min(Math.max(value, -most), most);
  return {
    u: u.map((value, j) => value + sigma[j] * bounded(rate * sigma[j] * gradient[j], FARTHEST)),
    sigma: sigma.map((value, j) => {
      const wanted = value * Math.exp(bounded(rate * 0.5 * value * gradient[2 + j], WIDEST));
      return Math.min(Math.max(wanted, least), most);
    }),
  };
}

/** One step that does not fall: { state, elbo, gradient, rate }, or null where no rate helps. */
export async function stepUphill(scene, from, rate, stale) {
  for (let tries = 0; tries < 12; tries++) {
    if (stale()) throw new Stale();
    const state = stepped(from.state, from.gradient, rate, scene.manifest.sigma);
    const found = await slope(scene, state, stale);
    if (found.elbo >= from.elbo) return { state, ...found, rate: Math.min(1.5 * rate, 1) };
    rate /= 3;
  }
  return null;
}
