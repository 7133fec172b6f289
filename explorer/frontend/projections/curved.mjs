// A map that no plane gives, as UMAP's: back to latent space by what lies near, so approximately.
//
// It stands where a Plane stands (see ../gaussian.mjs). No axis of it is a direction in latent space, so a
// Gaussian dragged on it is the encoder's q, moved and never stretched: its basis is zero, and so are the
// deviations along it.

import { Local, nearestRows } from './local.mjs';

const ALIKE = 1e-12;

export class Curved {
  exact = false;

  /** @param codes float32 (n, d) of the fitted points; places float32 (n, 2) of them; ruler see local.mjs */
  constructor(kind, codes, places, ruler = null) {
    this.kind = kind;
    this.local = new Local(codes, places, undefined, ruler);
    this.dimensions = this.local.dimensions;
    this.basis = Array.from({ length: this.dimensions }, () => [0, 0]);
    this.homes = new WeakMap();
  }

  /** z (d) to u (2): a fitted point's own place, and others among those that are near in latent space. */
  project(z) {
    const { codes, places } = this.local;
    const { index, square } = nearestRows(codes, this.dimensions, z, 1);
    // A code that came by way of an address or of a sum is the same one but for its last digits.
    const same = ALIKE * (1 + z.reduce((sum, value) => sum + value * value, 0));
    return square[0] <= same ? [places[2 * index[0]], places[2 * index[0] + 1]] : this.local.place(z);
  }

  /** u (2) to z (d): the anchor itself where it lies on the map, and what is near elsewhere. */
  lift(u, anchor) {
    if (!this.homes.has(anchor)) this.homes.set(anchor, this.project(anchor));
    return this.local.liftFrom(u, anchor, this.homes.get(anchor));
  }

  /** Where the fitted points lie, float32 (2n). */
  get places() {
    return this.local.places;
  }

  /** How many of them a place is lifted by. */
  get neighbours() {
    return this.local.neighbours;
  }

  /** How far the neighbours' codes scatter around what they make of u: what the map does not know of z. */
  spread(u) {
    return this.local.lift(u).spread;
  }

  /** How far z (d) is from what the map makes of its place u, in units of what the neighbours scatter. */
  stray(u, z) {
    const found = this.local.lift(u);
    const by = Math.hypot(...z.map((value, i) => value - found.z[i]));
    return by > 0 ? by / Math.max(found.spread, 1e-12) : 0;
  }

  covariance() {
    return [0, 0, 0];
  }

  deviations() {
    return [0, 0];
  }
}
