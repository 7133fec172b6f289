// Rows of small images of the data set, by their numbers.

import { h } from '../core/dom.mjs';
import { showBytes } from './pictures.mjs';

/** A row of at most `count` images of the data set, each with a line below, which is its file's name where it has no other: click one to choose it. */
export class Thumbnails {
  /** @param scene { manifest, sheets, choose(index) }; attributes of the row */
  constructor(scene, count, prefix, attributes = { class: 'lx-thumbnails' }) {
    this.scene = scene;
    const [, height, width] = scene.manifest.imageShape;
    this.cells = Array.from({ length: count }, (_, k) => {
      const canvas = h('canvas', { width, height });
      const text = h('span');
      const button = h('button', { type: 'button', class: 'lx-neighbour', 'data-testid': `${prefix}-${k}`, hidden: true,
        onclick: () => scene.choose(Number(button.dataset.index)) }, canvas, text);
      return { button, canvas, text };
    });
    this.element = h('div', { ...attributes, 'data-testid': prefix }, ...this.cells.map(({ button }) => button));
  }

  clear() {
    this.showing = null;
    for (const { button } of this.cells) button.hidden = true;
  }

  /** @param entries [{ index, text, title }], in their order */
  async show(entries) {
    const showing = (this.showing = {});
    const { sheets, manifest } = this.scene;
    const shown = entries.slice(0, this.cells.length);
    const images = await Promise.all(shown.map(({ index }) => sheets.image(index)));
    const owns = await Promise.all(shown.map(({ index }) => sheets.own?.(index).catch(() => null)));
    if (showing !== this.showing) return;
    this.cells.forEach(({ button, canvas, text }, k) => {
      button.hidden = k >= shown.length;
      if (button.hidden) return;
      const { index } = shown[k];
      if (button.dataset.index !== String(index)) showBytes(canvas, images[k].grey, manifest.imageShape[0]);
      button.dataset.index = index;
      const file = owns[k]?.file ?? '';
      text.textContent = shown[k].text || file.split('/').at(-1);
      button.title = file ? `${shown[k].title}\n${file}` : shown[k].title;
    });
  }
}
