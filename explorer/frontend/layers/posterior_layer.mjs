// The true posterior p(z|x) on the map: a heat map of its density, and the borders of its credible regions.
//
// On a canvas of its own between the points and the handles, drawn anew when the posterior or the
// view changes and never while something is dragged.

import { contour, joined } from '../maths/contours.mjs';
import { h } from '../core/dom.mjs';
import { isDark } from '../core/colours.mjs';

const INK = { light: [124, 58, 237], dark: [196, 165, 255] };
const FLOOR = 1e-9; // of the highest bin, where a logarithm must have a value

export class PosteriorLayer {
  constructor(plot) {
    this.plot = plot;
    this.element = h('canvas', { class: 'lx-posterior', 'data-testid': 'posterior-layer', 'aria-hidden': 'true' });
    this.visible = false;
  }

  /** @param grid see evidence.mjs; null where there is no posterior to show */
  show(grid) {
    this.grid = grid;
    this.picture = undefined;
    const shown = String(Boolean(grid && this.visible));
    this.element.dataset.shown = shown;
    if (this.element.parentNode) this.element.parentNode.dataset.posterior = shown;
    this.place();
  }

  setVisible(visible) {
    this.visible = visible;
    this.show(this.grid ?? null);
  }

  restyle() {
    this.picture = undefined;
    this.place();
  }

  /** Bins as an image, one pixel each, and contour segments in map units. */
  paint() {
    const { low, bin, bins = [bin, bin], sides, mass, levels } = this.grid;
    const [columns, rows = 1] = sides;
    const ink = INK[isDark(this.element) ? 'dark' : 'light'];
    const picture = document.createElement('canvas');
    picture.width = columns;
    picture.height = rows;
    const context = picture.getContext('2d');
    const tile = context.createImageData(columns, rows);
    const most = mass.reduce((a, b) => Math.max(a, b), 0);
    for (let i = 0; i < columns; i++) {
      for (let j = 0; j < rows; j++) {
        const at = 4 * ((rows - 1 - j) * columns + i);
        tile.data.set(ink, at);
        tile.data[at + 3] = 215 * (mass[i * rows + j] / most) ** 0.6;
      }
    }
    context.putImageData(tile, 0, 0);
    const log = (i, j) => Math.log(Math.max(i >= 0 && j >= 0 && i < columns && j < rows ? mass[i * rows + j] : 0, FLOOR * most));
    const lines = rows === 1 ? [] : levels.map((level) => joined(contour(log, [columns, rows], Math.log(level)))
      .map((line) => line.map((value, k) => low[k % 2] + (value + 0.5) * bins[k % 2])));
    return { picture, lines, ink };
  }

  place() {
    const { element, plot } = this;
    const box = plot.element.getBoundingClientRect();
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    if (element.width !== Math.round(box.width * ratio)) element.width = Math.round(box.width * ratio);
    if (element.height !== Math.round(box.height * ratio)) element.height = Math.round(box.height * ratio);
    const context = element.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, box.width, box.height);
    if (!this.visible || !this.grid || !plot.ready) return;
    this.picture ??= this.paint();
    const { picture, lines, ink } = this.picture;
    const { low, bin, bins = [bin, bin], sides } = this.grid;
    const { left: x, top: y, width, height, view } = plot.frame();
    context.save();
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    // A one-dimensional posterior has no second axis: it is a band across the map.
    const [bottom, top] = sides[1] > 1 ? [low[1], low[1] + bins[1] * sides[1]] : view.slice(2);
    const [left, upper] = plot.toPixels([low[0], top]);
    const [right, lower] = plot.toPixels([low[0] + bins[0] * sides[0], bottom]);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = 'high';
    context.drawImage(picture, left, upper, right - left, lower - upper);
    context.strokeStyle = `rgb(${ink})`;
    lines.forEach((level, k) => {
      context.lineWidth = k === 0 ? 1.6 : 1.1;
      context.setLineDash(k === 0 ? [] : [5, 3]);
      context.beginPath();
      for (const line of level) for (let i = 0; i < line.length; i += 2) context[i ? 'lineTo' : 'moveTo'](...plot.toPixels([line[i], line[i + 1]]));
      context.stroke();
    });
    context.restore();
  }
}
