// From a state on the map to its terms, by way of an engine. No drawing here.

import { ask, stateFor } from './evidence.mjs';
import { expectation, gaussianKl, latentScale, latentsOf, logNormal, logPrior, slopesOf } from '../maths/gaussian.mjs';

/**
 * Terms of q = N(m, F Fᵀ) or of a point z for the anchor, in nats, with the expected image; of q in at most two dimensions
 * also `slopes`, see slopesOf() in gaussian.mjs, and `error`, of the reconstruction, where it is known.
 * @param means { rule, coarser, field, strict }: an average over q is taken over the field's nodes where there is one and it
 *   has enough of them for this q, where `strict` without interpolating; else the rule's are decoded, and those of a
 *   coarser one for the error, where there is one
 * @param stale says that nobody wants the terms any more: then Stale is thrown
 */
export async function evaluate(engine, plane, anchor, state, means, stale = () => false) {
  if (stale()) throw new Stale();
  const at = plane.lift(state.u, state.base ?? anchor.loc);
  if (state.mode === 'point') {
    const z = Float32Array.from(at);
    const { mean, logLikelihood } = await engine.evaluate({ z, k: 1, x: anchor.x, images: 1 });
    const [likelihood, prior, posterior] = [logLikelihood[0], logPrior(z), logNormal(z, anchor.loc, anchor.scale)];
    return {
      mean,
      error: null,
      terms: {
        'log-likelihood': likelihood,
        'log-prior': prior,
        'log-posterior': posterior,
        'log-weight': likelihood + prior - posterior,
      },
    };
  }
  const kl = gaussianKl(plane, at, anchor.scale, state.sigma);
  const { mean, value, error, slopes } = await reconstructed(engine, plane, anchor, at, state.sigma, means, stale);
  return { mean, error, slopes, terms: { reconstruction: value, kl, elbo: value - kl } };
}

async function reconstructed(engine, plane, anchor, at, sigma, { rule, coarser, field, strict }, stale) {
  const scale = plane.dimensions <= 2 ? latentScale(plane, anchor.scale, sigma) : null;
  const summed = scale && field?.expectation(at, scale);
  if (summed && (summed.sure || !strict)) {
    const { mean } = await engine.evaluate({ z: Float32Array.from(at), k: 1, x: anchor.x, images: 1 });
    return { mean, ...summed };
  }
  const nodes = coarser ? joined(rule, coarser) : rule;
  const z = latentsOf(plane, at, anchor.scale, sigma, nodes);
  const { mean, logLikelihood } = await inChunks(engine, z, 1 + nodes.count, anchor.x, stale);
  const values = logLikelihood.subarray(1, 1 + rule.count);
  const { value, standardError } = expectation(rule, values);
  const error = coarser ? Math.abs(value - expectation(coarser, logLikelihood.subarray(1 + rule.count)).value) : standardError;
  return { mean, value, error, slopes: scale && slopesOf(rule, values, scale) };
}

/** The nodes of both rules, to be decoded at once. */
function joined(rule, coarser) {
  const nodes = new Float64Array(rule.nodes.length + coarser.nodes.length);
  nodes.set(rule.nodes);
  nodes.set(coarser.nodes, rule.nodes.length);
  return { count: rule.count + coarser.count, nodes };
}

/** Thrown when a newer state has replaced the one under way. */
export class Stale extends Error {}

// So that a drag that begins in the midst of a fine rule waits a few milliseconds, not all of it.
const CHUNK = 256;

async function inChunks(engine, z, k, x, stale) {
  const d = z.length / k;
  const logLikelihood = new Float32Array(k);
  let mean;
  for (let first = 0; first < k; first += CHUNK) {
    if (stale()) throw new Stale();
    const count = Math.min(CHUNK, k - first);
    const part = await engine.evaluate({ z: z.slice(first * d, (first + count) * d), k: count, x, images: first ? 0 : 1 });
    logLikelihood.set(part.logLikelihood, first);
    mean ??= part.mean;
  }
  return { mean, logLikelihood };
}

// The server's names for the same terms.
const NAMES = {
  reconstruction: 'reconstruction', kl: 'kl', elbo: 'elbo',
  'log-likelihood': 'log_likelihood', 'log-prior': 'log_prior',
  'log-posterior': 'log_posterior', 'log-weight': 'log_weight',
};

/** The largest difference between two sets of terms, in nats. */
export function largestDifference(terms, torch) {
  return Math.max(...Object.keys(terms).map((name) => Math.abs(terms[name] - torch[NAMES[name]])));
}

// float32 keeps some seven digits of a sum over pixels: where log p(x|z) runs into the thousands of
// nats, as for large colour images, its last digits are not there to agree.
const TOLERANCE = 1e-3; // nats
const PART = 1e-6; // of the terms' size, and no less than of one nat a pixel

/** How far apart the same terms may lie in two float32 computations, in nats. */
export function tolerance(terms, pixels) {
  return Math.max(TOLERANCE, PART * Math.max(pixels, ...Object.values(terms).map(Math.abs)));
}

/** Torch's terms for the same state, from the server. */
export async function askTorch(manifest, plane, state, signal) {
  return ask(manifest.terms, stateFor(state, plane.told(state.u, state.sigma, state.anchor.loc, state.base)), signal);
}
