// How far what is on screen is to be trusted: distance to the data, and the round trip by way of latent space.

import { nearestRows } from '../../../projections/local.mjs';
import { breather } from '../breather.mjs';

const DOUBTED = 0.5; // from here on a place is rather not believed
const WARY = 0.1; // less doubt than this is none

const PROBES = 1_000; // codes whose own nearest neighbour tells what is usual
const FEW = 200; // places that tell how dense a map is
// Of the distances of codes to the nearest other one: up to the first share of them all is well, and from the second one
// on a place is rather not believed than believed.
const [WELL, RARE] = [0.95, 0.99];

export class Trust {
  /**
   * @param codes float32 (n d)
   * @param apart the sorted distances of some of them to the nearest other one
   * @param heeded which coordinates of a z these are; null: all
   */
  constructor(codes, d, apart, heeded = null) {
    this.codes = codes;
    this.d = d;
    this.heeded = heeded;
    this.typical = quantile(apart, 0.5);
    const [well, rare] = [quantile(apart, WELL), quantile(apart, RARE)];
    this.far = [well, Math.max(2 * rare - well, 1.05 * well)]; // half a doubt at `rare`
  }

  /** In small pieces, see breather.mjs. */
  static async of(codes, d, idle, heeded = null) {
    const kept = heeded ? columns(codes, d, heeded) : codes;
    const size = heeded?.length ?? d;
    return new Trust(kept, size, await distances(kept, size, { probes: PROBES, idle }), heeded);
  }

  /** Takes the measure of a curved map, see emptiness(). */
  async know(plane) {
    if (this.knows(plane)) return;
    spacing.set(plane.places, quantile(await distances(plane.places, 2, { probes: FEW, rank: plane.neighbours }), 0.5));
  }

  /** Whether the measure of a map was taken. */
  knows(plane) {
    return plane.exact || spacing.has(plane.places);
  }

  /** Distance of z (d) to the nearest code; in units of what is usual between neighbours; and the doubt that gives, 0 to 1. */
  nearest(z) {
    const at = this.heeded ? this.heeded.map((i) => z[i]) : z;
    const { square } = nearestRows(this.codes, this.d, at, 1);
    const distance = Math.sqrt(square[0]);
    if (!(this.typical > 0)) return { distance, times: distance > 0 ? Infinity : 0, far: Number(distance > 0) };
    return { distance, times: distance / this.typical, far: share(distance, this.far) };
  }
}

/**
 * The trust in what is made of a scene's codes; made once. Of those that maps are fitted to, the test images' where they
 * are enough: images that are shown beside them change nothing in what the decoder can be trusted with. And of the coordinates that the encoder uses: of the others the
 * decoder has seen all of the prior, wherever the means of q lie.
 */
export function trustOf(scene) {
  const { latent, fitCount, active } = scene.manifest;
  const used = active.flatMap((used, i) => (used ? [i] : []));
  const heeded = used.length && used.length < latent ? used : null;
  scene.trusting ??= scene.mapping.codes().then((codes) => Trust.of(codes.subarray(0, fitCount * latent), latent, scene.idle, heeded)).catch((error) => {
    scene.trusting = undefined; // tried again the next time
    throw error;
  });
  return scene.trusting;
}

/** Distances of some points (n, d) to the `rank`-th nearest other one, sorted; doubles say nothing of how dense the rest is. */
async function distances(points, d, { probes, rank = 1, idle }) {
  const n = points.length / d;
  if (n < 2) return [];
  const found = [];
  const breathe = breather(idle);
  for (let probe = 0; probe < Math.min(probes, n); probe++) {
    await breathe();
    const row = Math.floor((probe * n) / Math.min(probes, n));
    const { square } = nearestRows(points, d, points.subarray(row * d, (row + 1) * d), Math.min(rank + 1, n));
    found.push(Math.sqrt(square.at(-1)));
  }
  return found.filter((distance) => distance > 0).sort((a, b) => a - b);
}

/** Some coordinates of points (n, d), float32. */
function columns(points, d, which) {
  const found = new Float32Array((points.length / d) * which.length);
  for (let start = 0, at = 0; start < points.length; start += d) for (const i of which) found[at++] = points[start + i];
  return found;
}

/** Of sorted numbers; 0 where there are none. */
function quantile(sorted, at) {
  return sorted[Math.min(Math.floor(at * sorted.length), sorted.length - 1)] ?? 0;
}

/** How far a value is between two others, 0 to 1. */
function share(value, [low, high]) {
  return Math.min(Math.max((value - low) / (high - low), 0), 1);
}

/** How far the lifted z would be put from u on a curved map; 0 where the way back is exact. */
export function roundTrip(plane, u, z) {
  if (plane.exact) return 0;
  const [x, y] = plane.project(z); // a fitted point's own place, where z is one
  return Math.hypot(x - u[0], y - u[1]);
}

const spacing = new WeakMap(); // the radius of a usual neighbourhood, by a map's places

/** How far the nearest place of a curved map is from u, in radii of a usual neighbourhood; 0 on a plane. */
export function emptiness(plane, u) {
  if (plane.exact || !spacing.has(plane.places)) return 0;
  const { square } = nearestRows(plane.places, 2, u, 1);
  return Math.sqrt(square[0]) / (spacing.get(plane.places) || 1);
}

const TRIP = [0.4, 1.6]; // map units, of about twenty across
const EMPTY = [1, 2.5]; // radii of a neighbourhood
const STRAY = [2, 3]; // times what the neighbours' codes scatter

/**
 * 0 where a place can be believed, 1 where not: z far from data, the map empty around it, contradicting itself, or making
 * another z of the place.
 */
export function doubts(far, trip, empty, stray = 0) {
  return { far, empty: share(empty, EMPTY), elsewhere: share(trip, TRIP), stray: share(stray, STRAY) };
}

/** In one word: 'near' where it can be believed, 'wary', or 'doubted'. */
export const verdictOf = (doubt) => (doubt > DOUBTED ? 'doubted' : doubt > WARY ? 'wary' : 'near');

/**
 * What is said of a place, in words and by hatching alike: { distance, times, trip, most, doubt, verdict }.
 * @param u its place on the map; z its place in latent space; `doubt`, 0 to 1, is the largest of all doubts and `most` its name
 */
export function judge(trust, plane, u, z) {
  const { distance, times, far } = trust.nearest(z);
  const trip = roundTrip(plane, u, z);
  const all = doubts(far, trip, emptiness(plane, u), plane.exact ? 0 : plane.stray(u, z));
  const [most, doubt] = Object.entries(all).sort(([, a], [, b]) => b - a)[0];
  return { distance, times, trip, most, doubt, verdict: verdictOf(doubt) };
}
