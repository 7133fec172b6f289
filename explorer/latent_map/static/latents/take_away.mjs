// What is selected as a file: a table, arrays, or images.

import { download, h } from '../dom.mjs';
import { fetchFile } from '../evidence.mjs';
import { base64, packBits } from '../packing.mjs';
import { words as all } from './words.mjs';

const words = all.selection;

export class TakeAway {
  /** @param events { mask(): uint8 (n) of what is selected, said(text), failed(error) } */
  constructor(scene, events) {
    this.scene = scene;
    this.events = events;
    const formats = Object.entries(words.formats).map(([format, [text, tip]]) =>
      h('button', { type: 'button', class: 'lx-button', title: tip, 'data-testid': `take-${format}`, onclick: () => this.take(format) }, text));
    this.element = h('span', { class: 'lx-row lx-take' }, h('span', {}, words.take), h('div', { class: 'lx-group' }, ...formats));
  }

  async take(format) {
    const { manifest, state, columns } = this.scene;
    this.events.said(words.saving);
    const body = {
      format, rows: base64(packBits(this.events.mask())), map: state.map ?? (manifest.latent > 2 ? 'pca' : null),
      columns: columns.brought.map(({ name }) => name),
    };
    try {
      download(await fetchFile(manifest.export, body), `${manifest.name}-selection.${format}`);
      this.events.said('');
    } catch (error) {
      this.events.failed(error);
    }
  }
}
