// Which points lie near a place on screen, or within an outline: of the classes that are shown.

/** The nearest point to (px, py) within `reach` pixels, by its index; null where there is none. */
export function nearest(plot, [px, py], reach) {
  const unit = plot.unit();
  const { left, top, view: [x0, , , y1] } = plot.frame();
  const [x, y] = [x0 + (px - left) / unit, y1 - (py - top) / unit];
  const { u, labels } = plot.points;
  const shown = plot.manifest.classes.map((_, label) => !plot.hidden.has(label));
  let best = (reach / unit) ** 2;
  let found = null;
  for (let i = 0; i < labels.length; i++) {
    const dx = u[2 * i] - x;
    const dy = u[2 * i + 1] - y;
    const square = dx * dx + dy * dy;
    if (square > best || !shown[labels[i]]) continue;
    best = square;
    found = i;
  }
  return found;
}

/** The points within a closed outline [[x, y], ...] in map units, by their indices. */
export function within(plot, outline) {
  const xs = outline.map(([x]) => x);
  const ys = outline.map(([, y]) => y);
  const [left, right, bottom, top] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const { u, labels } = plot.points;
  const found = [];
  for (let i = 0; i < labels.length; i++) {
    const [x, y] = [u[2 * i], u[2 * i + 1]];
    if (x < left || x > right || y < bottom || y > top || plot.hidden.has(labels[i])) continue;
    let inside = false;
    for (let a = 0, b = xs.length - 1; a < xs.length; b = a++) {
      if (ys[a] > y !== ys[b] > y && x < xs[a] + ((y - ys[a]) / (ys[b] - ys[a])) * (xs[b] - xs[a])) inside = !inside;
    }
    if (inside) found.push(i);
  }
  return found;
}
