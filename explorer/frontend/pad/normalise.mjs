// From a grey picture of any size to the model's, as MNIST's own images were made. No DOM here.
//
// A plane is { data: Float32Array, width, height }: one channel, 0 black to 1 white, row after row.
//
// LeCun, Bottou, Bengio and Haffner 1998 ("Gradient-based learning applied to document recognition",
// section III-A): the ink's box is scaled, its aspect kept, to fit 20×20, antialiased, and translated
// so that the centre of mass is at the centre of 28×28. What the files themselves say, measured on
// the 10,000 test images (the 60,000 for training agree to 0.003): the centre of mass, counted in pixel
// indices, is at (row 13.993, column 14.008) on average, that is at h/2 and not at (h − 1)/2; its standard
// deviation, 0.29 = 1/√12, is that of a translation by whole pixels; the longer side of the
// box is 20 in 99.97 % of them; the brightest pixel is white (0.9996 on average).

const SHARE = 20 / 28;

/** The overlap of `count` equal intervals from `start` on, `length` long together, with pixels 0 to n. */
function overlaps(n, start, length, count) {
  const step = length / count;
  return Array.from({ length: count }, (_, i) => {
    const a = start + i * step;
    const b = a + step;
    const first = Math.min(n, Math.max(0, Math.floor(a)));
    const weights = [];
    let outside = 1;
    for (let j = first; j < Math.min(n, Math.ceil(b)); j++) {
      const weight = (Math.min(b, j + 1) - Math.max(a, j)) / step;
      weights.push(weight);
      outside -= weight;
    }
    return { first, weights, outside: Math.max(0, outside) };
  });
}

/**
 * A rectangle of a plane (in its pixels, fractions allowed, beyond its edges allowed), averaged by area
 * onto width × height pixels; `ground` is what lies outside of the plane.
 */
export function area(plane, rectangle, width, height, ground = 0) {
  const columns = overlaps(plane.width, rectangle.x, rectangle.width, width);
  const rows = overlaps(plane.height, rectangle.y, rectangle.height, height);
  const used = rows.filter((row) => row.weights.length > 0);
  const top = used.length > 0 ? used[0].first : 0;
  const bottom = Math.max(top, ...used.map((row) => row.first + row.weights.length));
  const narrow = new Float64Array((bottom - top) * width);
  for (let y = top; y < bottom; y++) {
    columns.forEach(({ first, weights, outside }, x) => {
      let sum = outside * ground;
      for (let j = 0; j < weights.length; j++) sum += weights[j] * plane.data[y * plane.width + first + j];
      narrow[(y - top) * width + x] = sum;
    });
  }
  const data = new Float32Array(width * height);
  rows.forEach(({ first, weights, outside }, y) => {
    for (let x = 0; x < width; x++) {
      let sum = outside * ground;
      for (let j = 0; j < weights.length; j++) sum += weights[j] * narrow[(first - top + j) * width + x];
      data[y * width + x] = sum;
    }
  });
  return { data, width, height };
}

/** The whole of a plane, its aspect kept, in the middle of width × height, with `ground` around it. */
export function fit(plane, width, height, ground = 0) {
  const scale = Math.min(width / plane.width, height / plane.height);
  const rectangle = { width: width / scale, height: height / scale };
  rectangle.x = (plane.width - rectangle.width) / 2;
  rectangle.y = (plane.height - rectangle.height) / 2;
  return area(plane, rectangle, width, height, ground);
}

/** The smallest rectangle of whole pixels that holds all values above `floor`; null if there are none. */
export function box(plane, floor = 0) {
  let [left, right, top, bottom] = [plane.width, -1, plane.height, -1];
  for (let y = 0, i = 0; y < plane.height; y++) {
    for (let x = 0; x < plane.width; x++, i++) {
      if (!(plane.data[i] > floor)) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  return right < 0 ? null : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** Centre of mass in pixel indices, [column, row]. */
export function centreOfMass({ data, width, height }) {
  let [mass, across, down] = [0, 0, 0];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      mass += data[i];
      across += x * data[i];
      down += y * data[i];
    }
  }
  return [across / mass, down / mass];
}

/**
 * A plane as MNIST would have it, on width × height pixels.
 *
 * @param {object} ground the value of the paper (0 for a drawing), which becomes black
 * @param {object} noise what differs from the paper by this or less is paper too
 * @returns a plane whose brightest pixel is 1, or null if there is no ink
 */
export function centred(plane, width, height, { ground = 0, noise = 0 } = {}) {
  const ink = { ...plane, data: plane.data.map((value) => (value - ground > noise ? value - ground : 0)) };
  const bounds = box(ink);
  if (bounds === null) return null;
  const side = Math.round(SHARE * Math.min(width, height));
  const scale = side / Math.max(bounds.width, bounds.height);
  // Whole pixels around a box that may end within one; what is added on either side is empty.
  const [across, down] = [bounds.width, bounds.height].map((length) => Math.max(1, Math.ceil(length * scale - 1e-9)));
  const rectangle = { width: across / scale, height: down / scale };
  rectangle.x = bounds.x + (bounds.width - rectangle.width) / 2;
  rectangle.y = bounds.y + (bounds.height - rectangle.height) / 2;
  const small = area(ink, rectangle, across, down);
  const [x, y] = centreOfMass(small);
  // Very uneven ink would be pushed over the edge: it stays within.
  const left = Math.min(width - across, Math.max(0, Math.round(width / 2 - x)));
  const top = Math.min(height - down, Math.max(0, Math.round(height / 2 - y)));
  const brightest = small.data.reduce((a, b) => Math.max(a, b), 0);
  const data = new Float32Array(width * height);
  for (let row = 0; row < down; row++) {
    for (let column = 0; column < across; column++) {
      data[(top + row) * width + left + column] = small.data[row * across + column] / brightest;
    }
  }
  return { data, width, height };
}
