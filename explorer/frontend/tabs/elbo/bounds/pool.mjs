// Weighted draws of one q, and the bounds on log p(x) that they give: see ladder.mjs.
//
//   IWAE-k = E[ log (1/k) sum_i w_i ],   w = p(x|z) p(z) / q(z),   z ~ q      (Burda, Grosse & Salakhutdinov 2016)
//
// All bounds come from one pool cut into disjoint groups of k consecutive draws, as in explorer/inference/evidence/ladder.py,
// so that within the pool they never fall from one k to the next.

import { latentsOf } from '../../../maths/gaussian.mjs';
import { Normals } from './random.mjs';

export const KS = [1, 5, 50, 500, 5000];
const CHUNK = 256; // a drag that begins in the midst waits for no more
const SIZE = { browser: 40_000, server: 10_000 }; // a server decodes for everybody

/** log (sum of exp), and the effective sample size, of the weights in [from, to). */
function summed(logWeights, from, to) {
  let top = -Infinity;
  for (let i = from; i < to; i++) top = Math.max(top, logWeights[i]);
  if (!Number.isFinite(top)) return { log: top, effective: 0 };
  let sum = 0, square = 0;
  for (let i = from; i < to; i++) {
    const weight = Math.exp(logWeights[i] - top);
    sum += weight;
    square += weight * weight;
  }
  return { log: top + Math.log(sum), effective: (sum * sum) / square };
}

/** One bound as its groups come in: their mean, and its standard error (null where none can be known). */
class Rung {
  groups = 0;
  value = NaN;
  effective = 0; // mean over the groups
  squares = 0;

  constructor(k) {
    this.k = k;
  }

  add({ log, effective }) {
    const bound = log - Math.log(this.k);
    this.groups += 1;
    this.effective += (effective - this.effective) / this.groups;
    if (this.groups === 1) this.value = 0;
    if (!Number.isFinite(bound) || !Number.isFinite(this.value)) {
      this.value = -Infinity; // a group without any weight: the bound says nothing
      return;
    }
    const off = bound - this.value;
    this.value += off / this.groups;
    this.squares += off * (bound - this.value);
  }

  get error() {
    const spread = Math.sqrt(this.squares / (this.groups - 1) / this.groups);
    return this.groups > 1 && Number.isFinite(this.value) ? spread : null;
  }
}

/** The q whose ladder is shown: the one on screen, or the encoder's while a point is dragged. */
export function shownGaussian({ plane, anchor, state }) {
  const point = state.mode === 'point';
  const u = point ? plane.project(anchor.loc) : [...state.u];
  // A one-dimensional space has no second axis: any scale along it will do, but zero is none.
  const sigma = point ? plane.deviations(anchor.scale).map((own) => own || 1) : [...state.sigma];
  return { anchor, u, sigma, point };
}

/** log |det F| of q = N(m, F Fᵀ): the encoder's scales, each stretched along the map's axes. */
function logDeterminant(plane, scale, sigma) {
  const own = plane.deviations(scale);
  const stretch = own.reduce((sum, value, j) => sum + (value > 0 ? Math.log(sigma[j] / value) : 0), 0);
  return scale.reduce((sum, value) => sum + Math.log(value), stretch);
}

/** The pool of one q, drawn little by little. */
export class Pool {
  constructor(scene, q) {
    const size = SIZE[scene.engine.kind] ?? SIZE.server;
    Object.assign(this, { scene, q, size });
    // Another image has other draws, so that chance does not tilt all ladders alike; another q of it the same ones.
    this.normals = new Normals(Number.isInteger(q.anchor.index) ? q.anchor.index + 1 : 0);
    this.logWeights = new Float64Array(size);
    this.drawn = 0;
    this.rungs = KS.map((k) => new Rung(k));
    this.logDeterminant = logDeterminant(scene.plane, q.anchor.scale, q.sigma);
  }

  get done() {
    return this.drawn >= this.size;
  }

  async draw() {
    const { plane, engine } = this.scene;
    const { anchor, u, sigma } = this.q;
    const d = plane.dimensions;
    const count = Math.min(CHUNK, this.size - this.drawn);
    const nodes = this.normals.fill(new Float64Array(count * d));
    const z = latentsOf(plane, plane.lift(u, anchor.loc), anchor.scale, sigma, { count, nodes }).slice(d); // not the mean
    const { logLikelihood } = await engine.evaluate({ z, k: count, x: anchor.x, images: 0 });
    for (let k = 0; k < count; k++) {
      // log p(z) − log q(z), whose 2π cancel.
      let ratio = this.logDeterminant;
      for (let i = k * d; i < (k + 1) * d; i++) ratio += 0.5 * (nodes[i] * nodes[i] - z[i] * z[i]);
      const weight = logLikelihood[k] + ratio;
      this.logWeights[this.drawn + k] = Number.isNaN(weight) ? -Infinity : weight; // an overflow keeps a bound a bound
    }
    this.drawn += count;
    for (const rung of this.rungs) {
      for (let end = (rung.groups + 1) * rung.k; end <= this.drawn; end += rung.k) rung.add(summed(this.logWeights, end - rung.k, end));
    }
  }

  is({ anchor, u, sigma, point }) {
    const same = (a, b) => a.every((value, i) => value === b[i]);
    return this.q.anchor === anchor && this.q.point === point && same(this.q.u, u) && same(this.q.sigma, sigma);
  }
}
