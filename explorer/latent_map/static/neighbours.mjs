// The images of the data set whose codes lie nearest to a drawn one's.

import { h } from './dom.mjs';
import { paint } from './layers.mjs';
import { nearestRows } from './projections/local.mjs';
import { words } from './words.mjs';

const COUNT = 6;

export class Neighbours {
  /** @param scene { manifest, sheets, latents(): Promise<Float32Array>, labelOf(index), choose(index) } */
  constructor(scene) {
    this.scene = scene;
    const [, height, width] = scene.manifest.imageShape;
    this.cells = Array.from({ length: COUNT }, (_, k) => {
      const canvas = h('canvas', { width, height });
      const text = h('span');
      const button = h('button', { type: 'button', class: 'lx-neighbour', 'data-testid': `neighbour-${k}`, hidden: true,
        onclick: () => scene.choose(Number(button.dataset.index)) }, canvas, text);
      return { button, canvas, text };
    });
    this.element = h('div', { class: 'lx-neighbours', role: 'group', 'aria-label': words.sketch.neighbours, title: words.sketch.neighbours },
      ...this.cells.map(({ button }) => button));
  }

  clear() {
    for (const { button } of this.cells) button.hidden = true;
  }

  async show(anchor) {
    const codes = await this.scene.latents();
    const showing = (this.showing = {});
    const { index, square } = nearestRows(codes, anchor.loc.length, anchor.loc, COUNT);
    const found = Array.from(index, (one, k) => ({ index: one, distance: Math.sqrt(square[k]) }));
    const images = await Promise.all(found.map(({ index }) => this.scene.sheets.image(index)));
    if (showing !== this.showing) return;
    found.forEach(({ index, distance }, k) => {
      const { button, canvas, text } = this.cells[k];
      const context = canvas.getContext('2d');
      const tile = context.createImageData(canvas.width, canvas.height);
      paint(tile.data, Float32Array.from(images[k].grey, (value) => value / 255), this.scene.manifest.imageShape[0]);
      context.putImageData(tile, 0, 0);
      button.dataset.index = index;
      button.hidden = false;
      text.textContent = this.scene.labelOf(index);
      button.title = words.sketch.neighbour(this.scene.labelOf(index), index, distance);
    });
  }
}
