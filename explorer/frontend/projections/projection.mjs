// What the map shows latent space by: one object that all of the map holds on to, while what it maps by may change.
//
// A projection is { kind, dimensions, basis, exact, project(z), lift(u, from), covariance(scale), deviations(scale) },
// as a Plane is, with the range [x0, x1, y0, y1] in view at first and the share of the variance it holds.

export class Projection {
  /** @param opening what a model's map opens on */
  constructor(opening) {
    this.opening = opening;
    this.inner = opening;
    this.dimensions = opening.dimensions;
  }

  use(inner) {
    this.inner = inner;
  }

  get kind() { return this.inner.kind; }
  get basis() { return this.inner.basis; }
  get exact() { return this.inner.exact; }
  get range() { return this.inner.range; }
  get explained() { return this.inner.explained; }
  /** Which map this is at the moment, to be compared with what it was. */
  get shown() { return this.inner; }
  /** What the axes are called, where the map says so; the numbers of the images that a plane goes through. */
  get names() { return this.inner.names; }
  get through() { return this.inner.through; }
  /** What a plane lies around, latents (d), where that is not the origin. */
  get origin() { return this.inner.origin; }
  /** Of a curved map, see curved.mjs. */
  get places() { return this.inner.places; }
  get neighbours() { return this.inner.neighbours; }
  get supervised() { return this.inner.supervised; }

  spread(u) {
    return this.inner.spread(u);
  }

  stray(u, z) {
    return this.inner.stray(u, z);
  }

  project(z) {
    return this.inner.project(z);
  }

  lift(u, from) {
    return this.inner.lift(u, from);
  }

  covariance(scale) {
    return this.inner.covariance(scale);
  }

  deviations(scale) {
    return this.inner.deviations(scale);
  }

  /** What the server is told of a place on the map; `base` is where a lift starts that does not start at the anchor. */
  told(u, sigma, anchor, base) {
    const { inner, opening } = this;
    if (inner === opening && !base) return { u, sigma };
    const from = base ?? anchor;
    const z = Array.from(inner.lift(u, from));
    return inner.exact ? { z, basis: inner.basis, sigma } : { z };
  }
}
