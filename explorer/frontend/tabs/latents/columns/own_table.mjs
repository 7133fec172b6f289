// A table of one's own, brought as a CSV file, and sent away again.

import { h } from '../../../core/dom.mjs';
import { words as all } from '../../../words/en/latents.mjs';

const words = all.selection;
const MOST_BYTES = 20e6; // of a file: the server's limit is that of its text as JSON
const SURE_MS = 4_000; // a second press within this time means it

/** A file's text, in UTF-8, in UTF-16 where its start says so, or in what Windows writes. */
function textOf(buffer) {
  const [first, second] = new Uint8Array(buffer.slice(0, 2));
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(buffer);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(buffer);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(buffer);
  } catch {
    return new TextDecoder('windows-1252').decode(buffer);
  }
}

export class OwnTable {
  /** @param events { said(text), failed(error) } */
  constructor(scene, events) {
    this.scene = scene;
    this.events = events;
    this.file = h('input', { type: 'file', accept: '.csv,.tsv,.txt,text/csv', hidden: true, 'data-testid': 'csv-file', onchange: () => this.bring() });
    this.forget = h('button', { type: 'button', class: 'lx-button', title: words.forgetTip, 'data-testid': 'select-forget', onclick: () => this.press() });
    this.element = h('div', { class: 'lx-row' },
      h('button', { type: 'button', class: 'lx-button', title: words.bring[1], 'data-testid': 'bring-csv', onclick: () => this.file.click() }, words.bring[0]), this.file, this.forget);
    scene.columns.listen(() => this.rest());
    this.rest();
  }

  get count() {
    return this.scene.columns.brought.length;
  }

  async bring() {
    const [file] = this.file.files;
    this.file.value = '';
    if (!file) return;
    if (file.size > MOST_BYTES) return this.events.failed(new Error(words.large(file.size, MOST_BYTES)));
    try {
      const before = this.scene.columns.brought.map(({ name }) => name);
      const remarks = await this.scene.columns.bring(textOf(await file.arrayBuffer()));
      const lost = before.filter((name) => !this.scene.columns.brought.some((column) => column.name === name));
      if (lost.length) remarks.unshift(words.replaced(lost));
      const [first] = this.scene.columns.brought;
      this.events.said(words.brought(this.scene.columns.brought.map(({ name }) => name), remarks));
      await this.scene.colouring.choose(`own ${first.name}`);
    } catch (error) {
      this.events.failed(error);
    }
  }

  /** The button as it is: a first press asks, a second one does it. */
  rest() {
    clearTimeout(this.waiting);
    this.asked = false;
    this.forget.hidden = !this.count;
    this.forget.textContent = words.forget(this.count);
  }

  async press() {
    if (!this.asked) {
      this.asked = true;
      this.forget.textContent = words.sure(this.count);
      this.waiting = setTimeout(() => this.rest(), SURE_MS);
      return;
    }
    this.rest();
    try {
      await this.scene.columns.bring(null);
      this.events.said(words.forgotten);
    } catch (error) {
      this.events.failed(error);
    }
  }
}
