// Ways on the map: their lines, the stops they go through, and where on the chosen one the picture is.

import { h } from '../../../core/dom.mjs';

const NAMES = ['straight', 'spherical', 'geodesic', 'drawn'];

/**
 * Where on a drawn line (u, n places of the map, lifted to z) `count` places lie that are evenly spaced along z: as
 * explorer/geometry/grid_path.py resamples it.
 */
export function alongLine(u, z, count) {
  const ends = [0];
  for (let i = 1; i < z.length; i++) ends.push(ends[i - 1] + Math.hypot(...z[i].map((value, k) => value - z[i - 1][k])));
  let at = 1;
  return Array.from({ length: count }, (_, k) => {
    const far = (ends.at(-1) * k) / (count - 1);
    while (at < z.length - 1 && ends[at] < far) at += 1;
    const share = Math.min(Math.max((far - ends[at - 1]) / (ends[at] - ends[at - 1] || 1), 0), 1);
    return u[at].map((value, j) => (1 - share) * u[at - 1][j] + share * value);
  });
}

export class PathLines {
  constructor(scene) {
    this.scene = scene;
    this.homes = new WeakMap(); // of a place in latent space: [the map, where it lies there]
    const line = (name, more) => h('svg:polyline', { class: `lx-way lx-way-${name}`, ...more });
    // Each lies on one of the ground's colour, so that it is seen over points and pictures alike.
    this.lines = Object.fromEntries(NAMES.map((name) => [name, [line('casing'), line(name, { 'data-testid': `way-${name}` })]]));
    this.stops = h('svg:g');
    this.dot = h('svg:circle', { class: 'lx-way-dot', r: 5.5 });
    this.group = h('svg:g', { class: 'lx-path-lines' }, ...Object.values(this.lines).flat(), this.stops, this.dot);
  }

  /** @param shown { ways, way: the chosen one's name, stops: places in latent space, at: z of the picture }; null for none */
  place(shown) {
    const { svg } = this.scene.overlay;
    if (this.group.parentNode !== svg) svg.prepend(this.group);
    this.group.style.display = shown ? '' : 'none';
    this.scene.plot.element.parentNode.dataset.paths = Boolean(shown?.ways);
    if (!shown) return;
    for (const [name, pair] of Object.entries(this.lines)) {
      const found = shown.ways?.[name];
      const points = found?.z.map((z) => this.pixels(z).map((value) => value.toFixed(1)).join(',')).join(' ');
      for (const line of pair) {
        line.style.display = found ? '' : 'none';
        if (!found) continue;
        line.classList.toggle('lx-way-chosen', name === shown.way);
        line.setAttribute('points', points);
      }
    }
    this.stops.replaceChildren(...shown.stops.map((z, at) => {
      const [x, y] = this.pixels(z);
      return h('svg:g', { class: 'lx-stop', 'data-testid': `mark-stop-${at}`, transform: `translate(${x} ${y})` },
        h('svg:circle', { r: 9 }), h('svg:text', {}, String(at + 1)));
    }));
    this.move(shown.at);
  }

  move(z) {
    this.dot.style.display = z ? '' : 'none';
    if (!z) return;
    const [x, y] = this.pixels(z);
    this.dot.setAttribute('cx', x);
    this.dot.setAttribute('cy', y);
  }

  /** The places of a way lie where somebody drew it, and not where this map would put them again. */
  settle(places, at) {
    places.forEach((z, k) => this.homes.set(z, [this.scene.plane.shown, at[k]]));
  }

  /** Where a place in latent space is on screen; on a curved map that takes a search, so once for each map. */
  pixels(z) {
    const { plane, plot } = this.scene;
    const known = this.homes.get(z);
    const u = known?.[0] === plane.shown ? known[1] : plane.project(z);
    this.homes.set(z, [plane.shown, u]);
    return plot.toPixels(u);
  }
}
