// What a picture's values are: its paper and its ink, its colours, and how they become binary. No DOM here.
//
// Planes are as in normalise.mjs.

// Luma of the ITU's Recommendation 601, on the values as they are stored; Pillow's grey is the same.
const LUMA = [0.299, 0.587, 0.114];
const COLOURED = 0.04; // channels further apart than this are seen as a colour
const BLANK = 0.04; // a picture with less contrast than this shows nothing
const SEED = 0;

/** Places of the outermost pixels, a fiftieth of the shorter side deep. */
function* border(width, height) {
  const depth = Math.max(1, Math.round(Math.min(width, height) / 50));
  for (let y = 0; y < height; y++) {
    const inside = y >= depth && y < height - depth;
    for (let x = 0; x < width; x++) {
      if (inside && x === depth && width > 2 * depth) x = width - depth;
      yield y * width + x;
    }
  }
}

function quantile(values, share) {
  const sorted = Float32Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** Smallest and largest value. */
export function extent(data) {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** Whether planes show nothing: one value throughout, or nearly. */
export function isBlank(planes) {
  return planes.every(({ data }) => {
    const [low, high] = extent(data);
    return high - low < BLANK;
  });
}

/**
 * RGBA bytes to three planes. What is transparent is put over black or white: over the one nearer to
 * an opaque border; over the one further from what is visible, where the border is transparent.
 *
 * @returns { planes, over: null | 'black' | 'white', coloured }
 */
export function flatten({ data, width, height }) {
  const count = width * height;
  const luma = (i) => (LUMA[0] * data[4 * i] + LUMA[1] * data[4 * i + 1] + LUMA[2] * data[4 * i + 2]) / 255;
  let [opacity, visible, seeThrough] = [0, 0, false];
  for (let i = 0; i < count; i++) {
    opacity += data[4 * i + 3];
    if (data[4 * i + 3] > 0) visible += data[4 * i + 3] * luma(i);
    if (data[4 * i + 3] < 255) seeThrough = true;
  }
  let over = null;
  if (seeThrough) {
    const edge = [...border(width, height)];
    const solid = edge.filter((i) => data[4 * i + 3] >= 128);
    over = 2 * solid.length > edge.length
      ? quantile(solid.map(luma), 0.5) > 0.5 ? 'white' : 'black'
      : opacity > 0 && visible / opacity < 0.5 ? 'white' : 'black';
  }
  const ground = over === 'white' ? 1 : 0;
  let coloured = false;
  const planes = [0, 1, 2].map(() => ({ data: new Float32Array(count), width, height }));
  for (let i = 0; i < count; i++) {
    const alpha = data[4 * i + 3] / 255;
    for (let c = 0; c < 3; c++) planes[c].data[i] = (alpha * data[4 * i + c]) / 255 + (1 - alpha) * ground;
    const [r, g, b] = [data[4 * i], data[4 * i + 1], data[4 * i + 2]];
    if (alpha * (Math.max(r, g, b) - Math.min(r, g, b)) > 255 * COLOURED) coloured = true;
  }
  return { planes, over, coloured };
}

/** Three planes to one grey one. */
export function grey([red, green, blue]) {
  const data = red.data.map((value, i) => LUMA[0] * value + LUMA[1] * green.data[i] + LUMA[2] * blue.data[i]);
  return { ...red, data };
}

/** Black to white and white to black. */
export const inverted = (plane) => ({ ...plane, data: plane.data.map((value) => 1 - value) });

/**
 * What a plane's border says of its paper.
 *
 * @returns { ground: the paper's value, noise: how far from it is still paper, bright: whether the ink
 *   is darker than the paper, plain: whether the paper is much of one value, twoValued }
 */
export function survey(plane) {
  const edge = [...border(plane.width, plane.height)].map((i) => plane.data[i]);
  const ground = quantile(edge, 0.5);
  const spread = quantile(edge.map((value) => Math.abs(value - ground)), 0.9);
  const [low, high] = extent(plane.data);
  const bright = ground > (low + high) / 2;
  const contrast = Math.max(1e-6, bright ? ground - low : high - ground);
  // Nearly two-valued: of what is ink, at most a fifth is between. An edge that was made smooth is a few
  // per cent of a line's area on the pad; of a digit of MNIST, which is grey by nature, it is two fifths.
  let [between, ink] = [0, 0];
  for (const value of plane.data) {
    const depth = (bright ? ground - value : value - ground) / contrast;
    if (depth > 0.2) ink++;
    if (depth > 0.2 && depth < 0.8) between++;
  }
  return {
    ground, bright,
    noise: Math.min(0.5 * contrast, Math.max(0.04, 4 * spread)),
    plain: spread < 0.25 * contrast,
    twoValued: between <= 0.2 * ink,
  };
}

/** 1 where a value is at least one half. */
export const threshold = (data) => data.map((value) => (value >= 0.5 ? 1 : 0));

/** One Bernoulli draw of each value, the same every time: u < value, u of mulberry32 with a fixed seed. */
export function draw(data) {
  let state = SEED;
  return data.map((value) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32 < value ? 1 : 0;
  });
}
