// Layers behind the points: the decoded manifold over what is in view, and the prior.

const SIDE = 20;
const PRIOR = '#e0529c'; // seen on white, on black and on a decoded manifold alike

/** Circles of the prior at one, two and three standard deviations; it projects to N(0, I). */
export function priorCircles() {
  return [[], [9, 9], [3, 3]].map((dash, i) => ({ radius: i + 1, colour: PRIOR, dash }));
}

/** The expected image at each place of a grid over `view`, lifted from a code: { picture, view }, see plot/plot.mjs. */
export async function manifoldImage(engine, plane, { x, from }, view, shape) {
  const [x0, x1, y0, y1] = view;
  const [channels, height, width] = shape;
  const pixels = channels * height * width;
  const step = Math.max(x1 - x0, y1 - y0) / SIDE;
  const columns = Math.ceil((x1 - x0) / step);
  const rows = Math.ceil((y1 - y0) / step);
  const canvas = document.createElement('canvas');
  canvas.width = columns * width;
  canvas.height = rows * height;
  const context = canvas.getContext('2d');
  const tile = new ImageData(width, height);
  for (let row = 0; row < rows; row++) {
    const z = new Float32Array(columns * plane.dimensions);
    for (let column = 0; column < columns; column++) {
      z.set(plane.lift([x0 + (column + 0.5) * step, y1 - (row + 0.5) * step], from), column * plane.dimensions);
    }
    // A row at a time, so that a drag that starts meanwhile waits a millisecond, not a hundred.
    const { mean } = await engine.evaluate({ z, k: columns, x, images: columns });
    for (let column = 0; column < columns; column++) {
      paint(tile.data, mean.subarray(column * pixels, (column + 1) * pixels), channels);
      context.putImageData(tile, column * width, row * height);
    }
  }
  return { picture: canvas, view: [x0, x0 + columns * step, y1 - rows * step, y1] };
}

/** Values in [0, 1], channel after channel, into the RGBA bytes of an ImageData. */
export function paint(target, values, channels) {
  const count = target.length / 4;
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) target[4 * i + c] = 255 * values[(channels === 3 ? c * count : 0) + i];
    target[4 * i + 3] = 255;
  }
}
