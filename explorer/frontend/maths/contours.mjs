// Lines along which a function on a grid has one value, by marching squares.

/**
 * Segments [x0, y0, x1, y1, ...] in grid coordinates, where (i, j) is the middle of bin (i, j).
 * @param {(i: number, j: number) => number} at value at a bin, also one outside the grid
 */
export function contour(at, [columns, rows], level) {
  const out = [];
  for (let i = -1; i < columns; i++) {
    for (let j = -1; j < rows; j++) {
      const corners = [at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)].map((value) => value - level);
      const edges = [];
      const cross = (a, b, x0, y0, x1, y1) => {
        if (corners[a] >= 0 === corners[b] >= 0) return;
        const t = corners[a] / (corners[a] - corners[b]);
        edges.push(x0 + t * (x1 - x0), y0 + t * (y1 - y0));
      };
      cross(0, 1, i, j, i + 1, j);
      cross(1, 2, i + 1, j, i + 1, j + 1);
      cross(2, 3, i + 1, j + 1, i, j + 1);
      cross(3, 0, i, j + 1, i, j);
      // Two opposite corners above: the crossings are joined in the order they were met.
      for (let k = 0; k + 3 < edges.length; k += 4) out.push(...edges.slice(k, k + 4));
    }
  }
  return out;
}

/** The segments of a contour as lines [x0, y0, x1, y1, x2, ...]: a dash runs on from one segment to the next. */
export function joined(segments) {
  const ends = new Map();
  const key = (x, y) => `${x.toFixed(6)} ${y.toFixed(6)}`;
  const left = new Set();
  for (let i = 0; i < segments.length; i += 4) {
    left.add(i);
    for (const at of [key(segments[i], segments[i + 1]), key(segments[i + 2], segments[i + 3])]) {
      if (ends.has(at)) ends.get(at).push(i);
      else ends.set(at, [i]);
    }
  }
  const next = (x, y) => {
    const at = key(x, y);
    const i = ends.get(at)?.find((one) => left.has(one));
    if (i === undefined) return null;
    left.delete(i);
    return key(segments[i], segments[i + 1]) === at ? segments.slice(i + 2, i + 4) : segments.slice(i, i + 2);
  };
  const lines = [];
  for (const first of left) {
    left.delete(first);
    const line = segments.slice(first, first + 4);
    for (let end = next(...line.slice(-2)); end; end = next(...line.slice(-2))) line.push(...end);
    for (let end = next(...line.slice(0, 2)); end; end = next(...line.slice(0, 2))) line.unshift(...end);
    lines.push(line);
  }
  return lines;
}
