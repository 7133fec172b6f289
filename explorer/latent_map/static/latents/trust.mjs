// How far what is on screen is to be trusted: distance to the data, and the round trip by way of latent space.

import { nearestRows } from '../projections/local.mjs';
import { breather } from './breather.mjs';

const PROBES = 200; // codes whose own nearest neighbour tells what is usual

export class Trust {
  /** @param codes float32 (n d); typical: the usual distance of one to its nearest */
  constructor(codes, d, typical) {
    this.codes = codes;
    this.d = d;
    this.typical = typical;
  }

  /** In small pieces, see breather.mjs. */
  static async of(codes, d, idle) {
    return new Trust(codes, d, await usual(codes, d, { idle }));
  }

  /** Takes the measure of a curved map, see emptiness(). */
  async know(plane) {
    if (plane.exact || spacing.has(plane.places)) return;
    spacing.set(plane.places, await usual(plane.places, 2, { rank: plane.neighbours }));
  }

  /** Distance of z (d) to the nearest code, and in units of what is usual between neighbours. */
  nearest(z) {
    const { square } = nearestRows(this.codes, this.d, z, 1);
    const distance = Math.sqrt(square[0]);
    return { distance, times: this.typical > 0 ? distance / this.typical : distance > 0 ? Infinity : 0 };
  }
}

/** The trust in what is made of a scene's codes; made once. */
export function trustOf(scene) {
  const { latent } = scene.manifest;
  scene.trusting ??= scene.mapping.codes().then((codes) => Trust.of(codes, latent, scene.idle)).catch((error) => {
    scene.trusting = undefined; // tried again the next time
    throw error;
  });
  return scene.trusting;
}

/** The median distance of a point (n, d) to the `rank`-th nearest other one. */
async function usual(codes, d, { rank = 1, idle } = {}) {
  const n = codes.length / d;
  if (n < 2) return 0;
  const found = [];
  const breathe = breather(idle);
  for (let probe = 0; probe < Math.min(PROBES, n); probe++) {
    await breathe();
    const row = Math.floor((probe * n) / Math.min(PROBES, n));
    const { square } = nearestRows(codes, d, codes.subarray(row * d, (row + 1) * d), Math.min(rank + 1, n));
    found.push(Math.sqrt(square.at(-1)));
  }
  const apart = found.filter((distance) => distance > 0).sort((a, b) => a - b); // doubles say nothing of how dense the rest is
  return apart[apart.length >> 1] ?? 0;
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

const SURE = 1.6; // times the usual distance: up to here all is well
const LOST = 3.2; // and from here on nothing is
const TRIP = [0.4, 1.6]; // map units, of about twenty across

const EMPTY = [1, 2.5]; // radii of a neighbourhood

/** 0 where a place can be believed, 1 where not: z far from data, the map empty around it, or contradicting itself. */
export function doubts(times, trip, empty) {
  const by = (value, [low, high]) => Math.min(Math.max((value - low) / (high - low), 0), 1);
  return { far: by(times, [SURE, LOST]), empty: by(empty, EMPTY), elsewhere: by(trip, TRIP) };
}

export function doubt(times, trip, empty) {
  return Math.max(...Object.values(doubts(times, trip, empty)));
}
