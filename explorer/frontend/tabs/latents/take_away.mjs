// What is selected as a file: a table, arrays, or images.

import { download, h } from '../../core/dom.mjs';
import { fetchFile } from '../../engine/evidence.mjs';
import { base64, packBits } from '../../core/packing.mjs';
import { words as all } from '../../words/en/latents.mjs';

const words = all.selection;

export class TakeAway {
  /** @param events { mask(): uint8 (n) of what is selected, said(text), failed(error) } */
  constructor(scene, events) {
    this.scene = scene;
    this.events = events;
    const formats = Object.entries(words.formats).map(([format, [text, tip]]) =>
      h('button', { type: 'button', class: 'lx-button', title: tip, 'data-testid': `take-${format}`, onclick: () => this.take(format) }, text));
    this.list = h('dl', { class: 'lx-dictionary' });
    this.help = h('details', { class: 'lx-columns', 'data-testid': 'columns-help', ontoggle: () => this.explain() }, h('summary', {}, words.columns), this.list);
    this.element = h('div', { class: 'lx-take' }, h('div', { class: 'lx-row' }, h('span', {}, words.take), h('div', { class: 'lx-group' }, ...formats)), this.help);
  }

  /** What the server is asked for in a format. */
  body(format) {
    const { manifest, state, columns } = this.scene;
    return {
      format, rows: base64(packBits(this.events.mask())), map: state.map ?? (manifest.latent > 2 ? 'pca' : null),
      columns: columns.brought.map(({ name }) => name),
    };
  }

  /** The dictionary of the columns as they would be saved now. */
  async explain() {
    if (!this.help.open) return;
    this.list.replaceChildren(h('dd', { class: 'lx-quiet' }, words.saving));
    try {
      const entries = JSON.parse(await (await fetchFile(this.scene.manifest.export, this.body('columns.json'))).text());
      const unit = (text) => (text ? h('i', {}, ` ${text}`) : null);
      this.list.replaceChildren(...entries.flatMap(({ name, meaning, unit: given }) => [h('dt', {}, name), h('dd', {}, meaning, unit(given))]));
    } catch (error) {
      this.help.open = false;
      this.events.failed(error);
    }
  }

  async take(format) {
    const { manifest } = this.scene;
    this.events.said(words.saving);
    const body = this.body(format);
    try {
      download(await fetchFile(manifest.export, body), `${manifest.name}-selection.${format}`);
      // The other formats hold their dictionary.
      if (format === 'csv') download(await fetchFile(manifest.export, { ...body, format: 'columns.csv' }), `${manifest.name}-selection-columns.csv`);
      this.events.said('');
    } catch (error) {
      this.events.failed(error);
    }
  }
}
