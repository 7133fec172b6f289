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
    const { manifest, plot, state, columns } = this.scene;
    this.events.said(words.saving);
    const places = plot.points.u;
    const body = {
      format, rows: base64(packBits(this.events.mask())), fitted: state.map?.startsWith('umap-') ? state.map.slice(5) : null,
      map: state.map === null && manifest.latent <= 2 ? null : base64(new Uint8Array(places.buffer, places.byteOffset, places.byteLength)),
      columns: columns.brought.map(({ name, raw, kinds }) => ({ name, values: raw, kinds })),
    };
    try {
      download(await fetchFile(manifest.export, body), `${manifest.name}-selection.${format}`);
      this.events.said('');
    } catch (error) {
      this.events.failed(error);
    }
  }
}
