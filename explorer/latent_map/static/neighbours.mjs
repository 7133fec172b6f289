// The images of the data set whose codes lie nearest to a drawn one's.

import { h } from './dom.mjs';
import { paint } from './layers.mjs';
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
    const found = nearest(codes, anchor.loc, COUNT);
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

/** The `count` rows of `codes` (n, d) that are nearest to `at` (d), nearest first. */
export function nearest(codes, at, count) {
  const d = at.length;
  const best = [];
  for (let index = 0; index * d < codes.length; index++) {
    let square = 0;
    for (let i = 0; i < d; i++) square += (codes[index * d + i] - at[i]) ** 2;
    if (best.length === count && square >= best[count - 1].square) continue;
    let place = best.length;
    while (place > 0 && best[place - 1].square > square) place--;
    best.splice(place, 0, { index, square });
    if (best.length > count) best.pop();
  }
  return best.map(({ index, square }) => ({ index, distance: Math.sqrt(square) }));
}
