// Steps uphill: the gradient of the ELBO at a q on the map, and where a step along it leads.

import { expectation, gaussianKl, latentsOf } from '../gaussian.mjs';
import { ask, stateFor } from '../evidence.mjs';
import { Stale } from '../terms.mjs';
import { gradientFrom } from './stein.mjs';

const CHUNK = 256;
const FARTHEST = 1.5; // scales of q that the mean moves in one step
const WIDEST = 0.5; // of the logarithm of a scale

/** The ELBO of a q and its gradient along u₁, u₂, σ₁, σ₂: from the nodes of a rule, above two dimensions by torch. */
export async function slope(scene, state, stale = () => false) {
  const { plane, engine, anchor, rules, manifest } = scene;
  const d = plane.dimensions;
  const rule = rules.check ?? rules.live;
  const at = plane.lift(state.u, anchor.loc);
  const z = latentsOf(plane, at, anchor.scale, state.sigma, rule);
  const values = new Float32Array(1 + rule.count);
  for (let first = 0; first < values.length; first += CHUNK) {
    if (stale()) throw new Stale();
    const k = Math.min(CHUNK, values.length - first);
    const part = await engine.evaluate({ z: z.slice(first * d, (first + k) * d), k, x: anchor.x, images: 0 });
    values.set(part.logLikelihood, first);
  }
  const elbo = expectation(rule, values).value - gaussianKl(plane, at, anchor.scale, state.sigma);
  if (d <= 2) return { elbo, gradient: gradientFrom(rule, values.subarray(1), state, d) };
  const { exact } = await ask(manifest.gradient, stateFor({ anchor, mode: 'gaussian', ...state }));
  return { elbo, gradient: exact };
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
