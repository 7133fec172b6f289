// A curved map's way back and forth: what lies near on it, and how that changes there.
// The same steps, in the same order, as explorer/projection/local.py, which says why.

const NEIGHBOURS = 30;
const ROUNDING = 1e-24;
const RIDGE = 0.3;
const REACH = 3;

/** The `count` rows of `points` (n, d) that are nearest to `at` (d), nearest first: their numbers and squared distances. */
export function nearestRows(points, d, at, count) {
  const index = new Int32Array(count);
  const square = new Float64Array(count);
  let found = 0;
  let worst = Infinity;
  for (let row = 0, start = 0; start < points.length; row++, start += d) {
    let sum = 0;
    for (let i = 0; i < d && sum < worst; i++) {
      const by = points[start + i] - at[i];
      sum += by * by;
    }
    if (found === count && sum >= worst) continue;
    let place = found < count ? found++ : count - 1;
    for (; place > 0 && square[place - 1] > sum; place--) {
      square[place] = square[place - 1];
      index[place] = index[place - 1];
    }
    square[place] = sum;
    index[place] = row;
    if (found === count) worst = square[count - 1];
  }
  return { index: index.subarray(0, found), square: square.subarray(0, found) };
}

const tricube = (share) => (1 - Math.min(Math.max(share, 0), 1) ** 3) ** 3;

export class Local {
  /**
   * @param codes float32 (n, d)
   * @param places float32 (n, 2), of the same points
   * @param ruler (d, d), by which codes are multiplied before it is asked which are near; null: as they are
   */
  constructor(codes, places, neighbours = NEIGHBOURS, ruler = null) {
    this.codes = codes;
    this.places = places;
    this.count = places.length / 2;
    this.dimensions = codes.length / this.count;
    this.neighbours = Math.max(1, Math.min(neighbours, this.count - 1));
    this.ruler = ruler;
    this.measured = ruler ? measured(codes, ruler, this.dimensions) : codes;
  }

  /** The k nearest of some points and their weights, which sum to 1; and how far the nearest one left out is. */
  near(points, d, at) {
    const { index, square } = nearestRows(points, d, at, Math.min(this.neighbours + 1, this.count));
    const reach = Math.sqrt(square[index.length - 1]);
    const kept = Math.min(this.neighbours, index.length);
    const weight = new Float64Array(kept);
    let sum = 0;
    for (let j = 0; j < kept; j++) sum += weight[j] = tricube(Math.sqrt(square[j]) / Math.max(reach, 1e-300));
    for (let j = 0; j < kept; j++) weight[j] = sum > 0 ? weight[j] / sum : 1 / kept;
    return { index, weight, reach };
  }

  /** A place u (2) to { z (d), slopes (d rows of 2), spread }. */
  lift(u) {
    const { codes, places, dimensions: d } = this;
    const { index, weight } = this.near(places, 2, u);
    const centre = [0, 0];
    const z = new Float64Array(d);
    weight.forEach((share, j) => {
      const row = index[j];
      centre[0] += share * places[2 * row];
      centre[1] += share * places[2 * row + 1];
      for (let i = 0; i < d; i++) z[i] += share * codes[row * d + i];
    });
    let xx = 0, xy = 0, yy = 0;
    const right = new Float64Array(2 * d);
    weight.forEach((share, j) => {
      const row = index[j];
      const dx = places[2 * row] - centre[0];
      const dy = places[2 * row + 1] - centre[1];
      xx += share * dx * dx;
      xy += share * dx * dy;
      yy += share * dy * dy;
      for (let i = 0; i < d; i++) {
        const by = share * (codes[row * d + i] - z[i]);
        right[i] += dx * by;
        right[d + i] += dy * by;
      }
    });
    const ridge = (RIDGE * (xx + yy)) / 2;
    xx += ridge;
    yy += ridge;
    // All neighbours lie in one place, but for the rounding of their mean.
    if (!(xx + yy > ROUNDING * (1 + centre[0] ** 2 + centre[1] ** 2))) [xx, xy, yy] = [1, 0, 1];
    const determinant = xx * yy - xy * xy;
    const slopes = Array.from({ length: d }, (_, i) => [
      (yy * right[i] - xy * right[d + i]) / determinant, (xx * right[d + i] - xy * right[i]) / determinant,
    ]);
    const [du, dv] = [u[0] - centre[0], u[1] - centre[1]];
    for (let i = 0; i < d; i++) z[i] += slopes[i][0] * du + slopes[i][1] * dv;
    let square = 0;
    weight.forEach((share, j) => {
      const [dx, dy] = [places[2 * index[j]] - u[0], places[2 * index[j] + 1] - u[1]];
      for (let i = 0; i < d; i++) square += share * (codes[index[j] * d + i] - z[i] - slopes[i][0] * dx - slopes[i][1] * dy) ** 2;
    });
    return { z, slopes, spread: Math.sqrt(square) };
  }

  /** A code z (d) to its place (2) by the places of the nearest codes. */
  place(z) {
    const { index, weight } = this.near(this.measured, this.dimensions, this.ruler ? measured(z, this.ruler, this.dimensions) : z);
    const u = [0, 0];
    weight.forEach((share, j) => {
      u[0] += share * this.places[2 * index[j]];
      u[1] += share * this.places[2 * index[j] + 1];
    });
    return u;
  }

  /** As `lift`, but exactly the anchor (d) at its home (2): what the map does not know of it fades from there. */
  liftFrom(u, anchor, home) {
    const { z } = this.lift(u);
    const { from, reach } = this.residual(anchor, home);
    const share = tricube(Math.hypot(u[0] - home[0], u[1] - home[1]) / Math.max(reach, 1e-12));
    if (share > 0) for (let i = 0; i < z.length; i++) z[i] += share * from[i];
    return z;
  }

  /** What the map does not know of an anchor, and how far that counts; made once while the same is asked for. */
  residual(anchor, home) {
    const { known } = this;
    if (known && known.anchor === anchor && known.home[0] === home[0] && known.home[1] === home[1]) return known;
    const { z } = this.lift(home);
    const reach = REACH * this.near(this.places, 2, home).reach;
    this.known = { anchor, home: [...home], from: z.map((value, i) => anchor[i] - value), reach };
    return this.known;
  }
}

/** Codes (n, d) times a ruler (d, d), float64. */
function measured(codes, ruler, d) {
  const found = new Float64Array(codes.length);
  for (let start = 0; start < codes.length; start += d) {
    for (let k = 0; k < d; k++) {
      const value = codes[start + k];
      for (let i = 0; i < d; i++) found[start + i] += value * ruler[k * d + i];
    }
  }
  return found;
}
