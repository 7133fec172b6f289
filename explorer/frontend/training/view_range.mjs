// Which part of latent space the moving map shows: it follows the codes, but never nervously.

const MARGIN = 1.12;
const EDGE = 0.002; // the share of codes at each end that may lie outside
const SLACK = 0.55; // a view is narrowed only when the codes fill less of it than this

/** A view is { x, y, reach }: its centre, and the map units from there to the nearer edge. */
export function extentOf(codes) {
  const ends = (offset) => {
    const values = new Float32Array(codes.length / 2);
    for (let i = 0; i < values.length; i++) values[i] = codes[2 * i + offset];
    values.sort();
    const cut = Math.floor(EDGE * values.length);
    return [values[cut], values[values.length - 1 - cut]];
  };
  return [...ends(0), ...ends(1)];
}

/**
 * The view to move to, or the same object where the present one will do.
 *
 * @param {{x, y, reach} | null} view
 * @param {number[]} extent x0, x1, y0, y1 of the codes
 * @param {number[]} aspect width and height over the shorter of the two
 * @param {number} least a reach not to go below
 */
export function follow(view, extent, [across, up], least) {
  const [x0, x1, y0, y1] = extent;
  const needed = (x, y) => Math.max(
    Math.max(x1 - x, x - x0) / across,
    Math.max(y1 - y, y - y0) / up,
  );
  if (view && needed(view.x, view.y) <= view.reach && needed(view.x, view.y) * MARGIN >= SLACK * view.reach) return view;
  if (view && view.reach <= least && needed(view.x, view.y) <= view.reach) return view;
  // Around the origin, where the prior is, as long as that wastes little.
  const middle = [(x0 + x1) / 2, (y0 + y1) / 2];
  const centre = needed(0, 0) <= 1.25 * needed(...middle) || needed(0, 0) * MARGIN <= least ? [0, 0] : middle;
  return { x: centre[0], y: centre[1], reach: Math.max(least, needed(...centre) * MARGIN) };
}

/** A share of the way from one view to another; lengths change by factors, places in proportion. */
export function between(from, to, share) {
  const mix = (a, b) => a + (b - a) * share;
  return { x: mix(from.x, to.x), y: mix(from.y, to.y), reach: from.reach * (to.reach / from.reach) ** share };
}
