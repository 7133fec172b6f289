// Layers over the whole map: where it should not be believed, and how fast the image changes along it.

import { decoded } from '../../../layers/pictures.mjs';
import { breather } from '../breather.mjs';
import { judge, verdictOf } from './trust.mjs';

const SIDE = 44; // cells along the longer side
const STEP = 1e-2; // map units, of the finite differences
const HATCH = 8; // pixels of a cell, and between two lines of the hatching
const LEAST_RATIO = 10; // between the ends of the scale of the magnification

export const MAGNIFIED = '220, 38, 38'; // where the image changes fastest

/** The cells of a view: { columns, rows, step, at(column, row) }. */
function cells([x0, x1, y0, y1]) {
  const step = Math.max(x1 - x0, y1 - y0) / SIDE;
  const at = (column, row) => [x0 + (column + 0.5) * step, y1 - (row + 0.5) * step];
  return { columns: Math.ceil((x1 - x0) / step), rows: Math.ceil((y1 - y0) / step), step, at, corner: [x0, y1] };
}

/** A layer of the plot, see plot/plot.mjs. */
function layer(picture, { columns, rows, step, corner: [x, y] }, above) {
  return { picture, view: [x, x + columns * step, y - rows * step, y], above };
}

/** How far the places of a view are to be doubted, see trust.mjs: { values float64 (rows columns), 0 to 1, ...cells }. Null once stale. */
export async function doubtsOver(scene, trust, view, stale) {
  const { plane } = scene;
  const grid = cells(view);
  const values = new Float64Array(grid.columns * grid.rows);
  const from = scene.from();
  const breathe = breather(scene.idle);
  await trust.know(plane);
  // The image's own place is judged for itself: there z is its code, and no centre of a cell lies just there.
  const home = plane.exact ? null : plane.project(from);
  const own = home && judge(trust, plane, home, plane.lift(home, from)).doubt;
  for (let at = 0; at < values.length; at++) {
    await breathe();
    if (stale()) return null;
    const u = grid.at(at % grid.columns, Math.floor(at / grid.columns));
    const { doubt } = judge(trust, plane, u, plane.lift(u, from));
    const around = home && Math.abs(u[0] - home[0]) < grid.step && Math.abs(u[1] - home[1]) < grid.step;
    values[at] = around ? Math.min(own, doubt) : doubt;
  }
  return { ...grid, values };
}

/** Hatching where places are not to be believed: a layer of the plot. @param doubts see doubtsOver() */
export function doubtImage(scene, doubts) {
  const mask = new ImageData(doubts.columns, doubts.rows); // in the alpha of its pixels
  doubts.values.forEach((doubt, at) => { if (verdictOf(doubt) !== 'near') mask.data[4 * at + 3] = 255 * doubt; });
  return layer(hatched(mask, scene.plot.dark ? '225, 228, 233' : '60, 66, 76'), doubts, true);
}

/** Hatching in a colour, as dense as the alpha of each pixel of `mask` says, with soft edges. */
function hatched(mask, colour) {
  const [small, canvas] = [0, 1].map(() => document.createElement('canvas'));
  [small.width, small.height] = [mask.width, mask.height];
  small.getContext('2d').putImageData(mask, 0, 0);
  [canvas.width, canvas.height] = [mask.width * HATCH, mask.height * HATCH];
  const context = canvas.getContext('2d');
  context.fillStyle = `rgba(${colour}, 0.13)`;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.strokeStyle = `rgba(${colour}, 0.55)`;
  context.beginPath();
  for (let x = 0; x < canvas.width + canvas.height; x += HATCH) {
    context.moveTo(x, 0);
    context.lineTo(x - canvas.height, canvas.height);
  }
  context.stroke();
  context.globalCompositeOperation = 'destination-in';
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/**
 * The magnification factor sqrt(det G) of the pull-back metric within the map (Bishop, Svensen & Williams 1997), by
 * differences of decoded images: { values float64 (rows columns), ...cells }. Null once stale.
 */
export async function magnifications(scene, view, stale) {
  const { plane } = scene;
  const grid = cells(view);
  const d = plane.dimensions;
  const from = scene.from();
  const values = new Float64Array(grid.columns * grid.rows);
  for (let row = 0; row < grid.rows; row++) {
    await scene.idle();
    if (stale()) return null;
    const z = new Float32Array(4 * grid.columns * d);
    for (let column = 0; column < grid.columns; column++) {
      const [x, y] = grid.at(column, row);
      [[x + STEP, y], [x - STEP, y], [x, y + STEP], [x, y - STEP]].forEach((u, k) => z.set(plane.lift(u, from), (4 * column + k) * d));
    }
    const images = await decoded(scene, z, d);
    const pixels = images.length / (4 * grid.columns);
    for (let column = 0; column < grid.columns; column++) {
      values[row * grid.columns + column] = volume(images.subarray(4 * column * pixels, 4 * (column + 1) * pixels), pixels, d === 1);
    }
  }
  return { ...grid, values };
}

/** The area that a small square of the map takes among images, by the square's own: images float32 (4, D). */
function volume(images, pixels, flat) {
  let xx = 0, xy = 0, yy = 0;
  for (let i = 0; i < pixels; i++) {
    const along = (images[i] - images[pixels + i]) / (2 * STEP);
    const up = (images[2 * pixels + i] - images[3 * pixels + i]) / (2 * STEP);
    xx += along * along;
    xy += along * up;
    yy += up * up;
  }
  // On a line there is a length in the place of an area, whichever way the line goes over the map.
  return Math.sqrt(Math.max(flat ? xx + yy : xx * yy - xy * xy, 0));
}

/**
 * The ends of a log scale for magnifications, those of the places that can be believed: far from data a decoder may stretch
 * as it likes, and would take the whole scale. { low, high, least, most }, the last two of the values themselves.
 * @param doubts 0 to 1 for each value
 */
export function scaleOf(values, doubts) {
  const believed = values.filter((_, at) => verdictOf(doubts[at]) !== 'doubted');
  const sorted = (believed.length ? believed : Float64Array.from(values)).sort();
  let high = Math.max(sorted[Math.floor(0.98 * (sorted.length - 1))], 1e-9);
  let low = Math.max(sorted[Math.floor(0.05 * sorted.length)], 1e-6 * high);
  // A decade at least: where all places are nearly alike, none is to look bright beside the others.
  const wider = Math.sqrt(Math.max(LEAST_RATIO / (high / low), 1));
  [low, high] = [low / wider, high * wider];
  return { low, high, least: sorted[0], most: sorted.at(-1) };
}

/** How strongly a magnification is painted, 0 to 1: by its place on the scale, and the less the more its place is doubted. */
export function strength(value, doubt, { low, high }) {
  return Math.min(Math.max(Math.log(Math.max(value, low) / low) / Math.log(high / low), 0), 1) * (1 - doubt);
}

/** The magnification as a layer of the plot, with its scale, see scaleOf(). Null once stale. @param doubts see doubtsOver() */
export async function magnificationImage(scene, doubts, view, stale) {
  const found = await magnifications(scene, view, stale);
  if (!found) return null;
  const { values, columns, rows } = found;
  const scale = scaleOf(values, doubts.values);
  const canvas = document.createElement('canvas');
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d');
  const tile = context.createImageData(columns, rows);
  const red = MAGNIFIED.split(', ').map(Number);
  values.forEach((value, at) => tile.data.set([...red, 190 * strength(value, doubts.values[at], scale)], 4 * at));
  context.putImageData(tile, 0, 0);
  return { image: layer(canvas, found, false), ...scale };
}
