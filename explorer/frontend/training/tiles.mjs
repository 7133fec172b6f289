// Small pictures side by side: samples from the prior, and held-out images over their reconstructions.

import { h } from '../core/dom.mjs';
import { paint } from '../layers/layers.mjs';
import { words } from '../words/en/training.mjs';

const GAP = 2; // CSS pixels between two pictures
const LARGEST = 80;
const BETWEEN = 24;
const NARROW = 480; // below, the two sheets stand one above the other, unless they are small

/** A sheet of equal pictures in one canvas. */
class Sheet {
  constructor(testid, label) {
    this.canvas = h('canvas', { 'data-testid': testid, role: 'img', 'aria-label': label });
  }

  /**
   * @param {Uint8Array[]} rows pictures of each row, channel after channel
   * @param {number[]} shape channels, height, width
   * @param {number} size CSS pixels across one picture
   */
  draw(rows, shape, size) {
    const [channels, height, width] = shape;
    const pixels = channels * height * width;
    const columns = Math.max(...rows.map((row) => row.length / pixels));
    const ratio = devicePixelRatio || 1;
    const [w, t] = [size * ratio, (size * height * ratio) / width].map(Math.round);
    const gap = Math.round(GAP * ratio);
    const { canvas } = this;
    canvas.width = columns * (w + gap) - gap;
    canvas.height = rows.length * (t + gap) - gap;
    canvas.style.width = `${canvas.width / ratio}px`;
    canvas.style.height = `${canvas.height / ratio}px`;
    const context = canvas.getContext('2d');
    const tile = new OffscreenCanvas(width, height);
    const own = tile.getContext('2d');
    const image = own.createImageData(width, height);
    // Enlarged by a whole number first, so that pixels stay squares of one size, then fitted smoothly.
    const factor = Math.max(1, Math.ceil(w / width));
    const large = new OffscreenCanvas(width * factor, height * factor);
    const enlarged = large.getContext('2d');
    enlarged.imageSmoothingEnabled = false;
    context.imageSmoothingQuality = 'high';
    rows.forEach((row, r) => {
      for (let c = 0; c * pixels < row.length; c++) {
        paint(image.data, Float32Array.from(row.subarray(c * pixels, (c + 1) * pixels), (value) => value / 255), channels);
        own.putImageData(image, 0, 0);
        enlarged.drawImage(tile, 0, 0, large.width, large.height);
        context.drawImage(large, c * (w + gap), r * (t + gap), w, t);
      }
    });
  }
}

export class Tiles {
  constructor() {
    this.samples = new Sheet('sample-canvas', words.samplesLabel);
    this.pairs = new Sheet('reconstruction-canvas', words.reconstructionsLabel);
    const figure = ([title, tip], sheet, aside) =>
      h('figure', {}, h('figcaption', { title: tip }, title, aside && h('span', { class: 'lt-quiet' }, ` ${aside}`)), sheet.canvas);
    this.element = h('div', { class: 'lt-tiles', hidden: true },
      figure(words.samples, this.samples), figure(words.reconstructions, this.pairs, words.pairs));
    this.watcher = new ResizeObserver(() => this.fit());
    this.watcher.observe(this.element);
  }

  /** @param {object} facts the job's `heldout`; originals: Uint8Array */
  describe(facts, originals) {
    Object.assign(this, { facts, originals });
  }

  show(snapshot) {
    this.snapshot = snapshot;
    this.element.hidden = false;
    this.draw();
  }

  fit() {
    if (this.snapshot && this.element.clientWidth !== this.drawn) this.draw();
  }

  draw() {
    const { imageShape: shape, samples, reconstructions } = this.facts;
    const space = this.element.clientWidth;
    if (!space) return;
    this.drawn = space;
    const half = Math.max(1, Math.ceil(samples / 2));
    const both = half + reconstructions;
    const stacked = space < NARROW && both > 5;
    const columns = stacked ? Math.max(half, reconstructions) : both;
    const size = Math.min(LARGEST, Math.floor((space - (stacked ? 0 : BETWEEN)) / columns) - GAP);
    const across = half * shape[0] * shape[1] * shape[2];
    const s = this.snapshot.samples;
    this.samples.draw(samples > 1 ? [s.subarray(0, across), s.subarray(across)] : [s], shape, size);
    this.pairs.draw([this.originals, this.snapshot.reconstructions], shape, size);
  }

  destroy() {
    this.watcher.disconnect();
  }
}
