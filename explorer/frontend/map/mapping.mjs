// Which map is shown: the one a model opens on, or another projection by its name in the address:
// "axes-3-7" (latent dimensions, from 1), "images-12-55-803" (their numbers), "umap-<name of a fit>".

import { loadCodes, loadMap } from '../core/data.mjs';
import { Curved } from '../projections/curved.mjs';
import { axesPlane, explainedBy, imagesPlane } from '../projections/linear.mjs';
import { words } from '../words/en/map.mjs';

const all = words.mapping;
const NAME = /^(axes-\d{1,6}-\d{1,6}|images-\d{1,9}-\d{1,9}-\d{1,9}|umap-[0-9a-f]{16})$/;
const OUTER = 0.0005; // of the points, on each side, that may lie outside the opening view
const LEAST = 2.5; // of the prior's scales that a plane's view holds at least
const MARGIN = 0.06;

export class Mapping {
  /**
   * @param manifest see explorer/serving/space/manifest.py
   * @param opening the plane a model opens on
   */
  constructor(manifest, opening) {
    this.manifest = manifest;
    this.opening = opening;
    this.known = new Map(); // promises of { projection, u, facts } by name
  }

  /** Every posterior mean, float32 (n d): fetched once. */
  codes() {
    this.loading ??= loadCodes(this.manifest).catch((error) => {
      this.loading = undefined; // tried again the next time
      throw error;
    });
    return this.loading;
  }

  /** A map by its name, null for the opening one, whose points u, float32 (2n), are given: { projection, u, facts }. Rejects with a sentence. */
  async find(name, points) {
    if (name === null) return { projection: this.opening, u: points, facts: null };
    if (!NAME.test(name)) throw new Error(all.unknown(name));
    if (!this.known.has(name)) {
      const finding = this.make(name);
      this.known.set(name, finding);
      finding.catch(() => this.known.delete(name));
    }
    return this.known.get(name);
  }

  async make(name) {
    const [kind, ...rest] = name.split('-');
    if (kind !== 'umap' && this.manifest.latent <= 2) throw new Error(all.space); // the posterior's grid lies along its axes
    const codes = await this.codes();
    if (kind === 'umap') {
      const { facts, u, trustworthiness, continuity, ruler } = await loadMap(this.manifest, rest[0]);
      const fitted = facts.fitted;
      const projection = new Curved('umap', codes.subarray(0, fitted * this.manifest.latent), u.subarray(0, 2 * fitted), ruler);
      projection.range = extent(u);
      projection.supervised = facts.settings.supervised;
      return { projection, u, facts: { ...facts, points: { trustworthiness, continuity } } };
    }
    const numbers = rest.map(Number);
    const plane = kind === 'axes' ? this.axes(numbers) : this.images(numbers, codes);
    plane.explained = explainedBy(plane, codes);
    const u = projected(plane, codes);
    plane.range = bulk(u);
    return { projection: plane, u, facts: null };
  }

  axes([first, second]) {
    const d = this.manifest.latent;
    if (first < 1 || second < 1 || first > d || second > d || first === second) throw new Error(all.axes(d));
    const plane = axesPlane(d, first - 1, second - 1);
    plane.names = [first, second].map(all.dimension);
    return plane;
  }

  images(numbers, codes) {
    const d = this.manifest.latent;
    if (numbers.some((index) => index >= this.manifest.count)) throw new Error(all.images(this.manifest.count));
    const plane = imagesPlane(numbers.map((index) => codes.subarray(index * d, (index + 1) * d)));
    if (!plane) throw new Error(all.line);
    plane.names = all.through(numbers);
    plane.through = numbers;
    plane.origin = codes.slice(numbers[0] * d, (numbers[0] + 1) * d);
    return plane;
  }
}

function projected({ basis, dimensions: d }, codes) {
  const n = codes.length / d;
  const u = new Float32Array(2 * n);
  for (let row = 0; row < n; row++) {
    let x = 0, y = 0;
    for (let i = 0; i < d; i++) {
      x += codes[row * d + i] * basis[i][0];
      y += codes[row * d + i] * basis[i][1];
    }
    u[2 * row] = x;
    u[2 * row + 1] = y;
  }
  return u;
}

/** [x0, x1, y0, y1] that holds all points but the outermost, and the prior's bulk. */
function bulk(u) {
  return [0, 1].flatMap((axis) => {
    const values = u.filter((_, i) => i % 2 === axis).sort();
    const at = (share) => values[Math.min(Math.floor(share * values.length), values.length - 1)];
    return margin(Math.min(at(OUTER), -LEAST), Math.max(at(1 - OUTER), LEAST));
  });
}

function extent(u) {
  return [0, 1].flatMap((axis) => {
    let [low, high] = [Infinity, -Infinity];
    for (let i = axis; i < u.length; i += 2) {
      low = Math.min(low, u[i]);
      high = Math.max(high, u[i]);
    }
    return margin(low, high);
  });
}

function margin(low, high) {
  const by = MARGIN * (high - low);
  return [low - by, high + by];
}
