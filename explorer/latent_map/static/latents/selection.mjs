// Selections: by lasso or box, by class or by a column; their images, how they differ, and taking them away.

import { download, h } from '../dom.mjs';
import { sentence } from '../evidence.mjs';
import { short } from './colouring.mjs';
import { base64, compare, compareShare, packBits } from './statistics.mjs';
import { Thumbnails } from '../thumbnails.mjs';
import { words as all } from './words.mjs';

const words = all.selection;
const SHOWN = 32; // thumbnails
const ROWS = 8; // of the statistics, those that differ the most

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

export class Selection {
  name = 'selection';

  constructor(scene) {
    this.scene = scene;
    const { manifest } = scene;
    this.mask = new Uint8Array(manifest.count);
    this.tools = Object.fromEntries(Object.entries(words.tools).map(([tool, [text, tip]]) => [tool, h('button', { type: 'button', class: 'lx-button', title: tip,
      'aria-pressed': tool === 'pan', 'data-testid': `tool-${tool}`, onclick: () => this.use(tool) }, text)]));
    this.byClass = h('select', { class: 'lx-select', 'aria-label': words.byClass, 'data-testid': 'select-class', onchange: () => this.pickClass() },
      h('option', { value: '' }, words.byClass), ...manifest.classes.map((name, label) => h('option', { value: label }, name)));
    this.byColumn = h('select', { class: 'lx-select', 'aria-label': words.byColumn, 'data-testid': 'select-column', onchange: () => this.pickColumn() });
    this.range = h('span', { class: 'lx-row', hidden: true });
    const button = (name, click) => h('button', { type: 'button', class: 'lx-button', title: words[name][1], 'data-testid': `select-${name}`, onclick: click }, words[name][0]);
    this.count = h('p', { class: 'lx-verdict', role: 'status', 'data-testid': 'select-count' });
    this.gallery = new Thumbnails(scene, SHOWN, 'selected');
    this.more = h('p', { class: 'lx-quiet' });
    this.statistics = h('div', { class: 'lx-statistics', 'data-testid': 'statistics' });
    this.found = h('div', { hidden: true }, this.gallery.element, this.more, h('h4', { title: words.statisticsTip }, words.statistics), this.statistics);
    this.said = h('p', { class: 'lx-quiet', role: 'status', 'data-testid': 'select-note' });
    this.file = h('input', { type: 'file', accept: '.csv,.tsv,.txt,text/csv', hidden: true, 'data-testid': 'csv-file', onchange: () => this.bring() });
    this.forget = button('forget', () => this.forgetOwn());
    const formats = Object.entries(words.formats).map(([format, [text, tip]]) =>
      h('button', { type: 'button', class: 'lx-button', title: tip, 'data-testid': `take-${format}`, onclick: () => this.take(format) }, text));
    this.element = h('div', { class: 'lx-selection', 'data-testid': 'selection' },
      h('div', { class: 'lx-row' }, h('div', { class: 'lx-segments', role: 'group', 'aria-label': words.tool }, ...Object.values(this.tools)),
        button('invert', () => this.set(this.mask.map((bit) => 1 - bit))), button('all', () => this.everything()), button('none', () => this.set(this.mask.fill(0)))),
      h('div', { class: 'lx-row' }, this.byClass, this.byColumn, this.range), this.count, this.found,
      h('div', { class: 'lx-row' }, h('span', {}, words.take), h('div', { class: 'lx-group' }, ...formats)),
      h('div', { class: 'lx-row' }, h('button', { type: 'button', class: 'lx-button', title: words.bring[1], 'data-testid': 'bring-csv', onclick: () => this.file.click() }, words.bring[0]), this.file, this.forget),
      this.said);
    scene.plotEvents.selected = (indices) => this.lassoed(indices);
    scene.columns.listen(() => this.fill());
    this.fill();
  }

  fill() {
    this.forget.hidden = !this.scene.columns.brought.length;
    this.byColumn.replaceChildren(h('option', { value: '' }, words.byColumn), ...this.scene.columns.list().map(([label, entries]) =>
      h('optgroup', { label }, ...entries.map(([value, text]) => h('option', { value }, text)))));
    this.range.hidden = true;
  }

  show() {
    this.visible = true;
    this.refresh();
  }

  hide() {
    this.visible = false;
    this.use('pan');
  }

  changed(what) {
    if (what === 'map') {
      this.fill();
      this.paint();
      this.refresh();
    }
  }

  destroy() {
    this.gone = true;
  }

  use(tool) {
    this.tool = tool;
    for (const [name, button] of Object.entries(this.tools)) button.setAttribute('aria-pressed', name === tool);
    this.scene.plot.setDragging(tool);
    this.scene.overlay.element.classList.toggle('lx-stepped-back', tool !== 'pan');
  }

  lassoed(indices) {
    const mask = new Uint8Array(this.mask.length);
    for (const index of indices) mask[index] = 1;
    this.set(mask, { outlined: true });
  }

  everything() {
    const { hidden } = this.scene.state;
    const { labels } = this.scene.plot.points;
    this.set(this.mask.map((_, i) => Number(!hidden.has(labels[i]))));
  }

  pickClass() {
    if (this.byClass.value === '') return;
    const label = Number(this.byClass.value);
    const { labels } = this.scene.plot.points;
    this.byClass.value = '';
    this.set(this.mask.map((_, i) => Number(labels[i] === label)));
  }

  /** A column to choose by: from a number to another, or one of its words. */
  async pickColumn() {
    const name = this.byColumn.value;
    this.range.hidden = !name;
    if (!name) return;
    try {
      const column = await this.scene.columns.find(name);
      if (this.gone || this.byColumn.value !== name) return;
      this.said.textContent = column.note ?? '';
      const apply = (keep) => h('button', { type: 'button', class: 'lx-button', 'data-testid': 'select-apply', onclick: () =>
        this.set(this.mask.map((_, i) => Number(keep(column.values[i])))) }, words.apply);
      if (column.kinds) {
        const kind = h('select', { class: 'lx-select', 'aria-label': words.is, 'data-testid': 'select-kind' }, ...column.kinds.map((text, at) => h('option', { value: at }, text)));
        this.range.replaceChildren(words.is, kind, apply((value) => value === Number(kind.value)));
        return;
      }
      const known = column.values.filter(Number.isFinite).sort();
      const number = (at, end) => h('input', { type: 'number', step: 'any', class: 'lx-number', value: Number(known[at]?.toPrecision(4) ?? 0), 'aria-label': words[end], 'data-testid': `select-${end}` });
      const [middle, last] = [Math.floor(known.length / 2), known.length - 1];
      const [low, high] = [number(middle, 'from'), number(last, 'to')];
      // An end that nobody touched is the value itself, not what is left of it in four digits.
      const end = (input, at, none) => {
        if (input.value === '') return none;
        return input.value === input.defaultValue ? known[at] : Math.fround(Number(input.value)); // as the values are
      };
      this.range.replaceChildren(words.from, low, words.to, high, apply((value) => value >= end(low, middle, -Infinity) && value <= end(high, last, Infinity)));
    } catch (error) {
      this.range.hidden = true;
      this.byColumn.value = '';
      this.said.textContent = words.failed(error.message);
    }
  }

  set(mask, options) {
    this.mask = Uint8Array.from(mask);
    this.paint(options);
    this.refresh();
  }

  get size() {
    return this.mask.reduce((sum, bit) => sum + bit, 0);
  }

  /** The selected points stand out on the map. */
  paint(options) {
    this.scene.plot.setSelection(this.size ? this.mask : null, options);
  }

  refresh() {
    const { size } = this;
    this.count.textContent = words.count(size, this.mask.length);
    this.count.dataset.value = size;
    this.found.hidden = !size;
    if (!size || !this.visible) return;
    const chosen = [];
    for (let i = 0; i < this.mask.length && chosen.length < SHOWN; i++) if (this.mask[i]) chosen.push(i);
    this.gallery.show(chosen.map((index) => ({ index, text: this.scene.labelOf(index), title: `no. ${index}` }))).catch((error) => this.scene.trouble(error));
    this.more.textContent = size > chosen.length ? words.more(size - chosen.length) : '';
    this.compare().catch((error) => { this.said.textContent = words.failed(error.message); });
  }

  /** Every column, those first that differ the most. */
  async compare() {
    const { columns, plot, manifest, state } = this.scene;
    const { mask } = this;
    if (this.size === mask.length) {
      this.statistics.replaceChildren(h('p', { class: 'lx-quiet' }, words.everything));
      return;
    }
    const rows = manifest.classes.map((name, label) => ({ text: words.share(name), ...compareShare(plot.points.labels, label, mask) }));
    const names = ['kl', ...Array.from({ length: manifest.latent }, (_, i) => `z_${i + 1}`), ...columns.brought.map(({ name }) => `own ${name}`)];
    if (this.scene.facts()) names.push('trustworthiness');
    // The terms that take a while, where they have been asked for already.
    names.push(...['reconstruction', 'elbo', 'log_evidence', 'gap'].filter((name) => columns.known.has(name)));
    for (const name of names) {
      const column = await columns.find(name);
      if (column.kinds) rows.push(...column.kinds.map((kind, at) => ({ text: words.kind(column.label, kind), ...compareShare(column.values, at, mask) })));
      else rows.push({ text: column.label, ...compare(column.values, mask) });
    }
    if (this.gone || mask !== this.mask) return;
    const told = rows.filter(({ own, rest }) => own.count && rest.count).sort((a, b) => Math.abs(b.difference) - Math.abs(a.difference));
    this.statistics.replaceChildren(...words.heads.map((head) => h('span', { class: 'lx-head' }, head)),
      ...told.slice(0, ROWS).flatMap(({ text, own, rest, difference }) => [h('span', {}, text), h('span', {}, short(own.mean)), h('span', {}, short(rest.mean)), h('span', {}, words.deviations(difference))]));
    this.statistics.dataset.rows = told.length;
    this.statistics.dataset.hidden = state.hidden.size;
  }

  async take(format) {
    const { manifest, plot, state, columns } = this.scene;
    this.said.textContent = words.saving;
    const places = plot.points.u;
    const body = {
      format, rows: packBits(this.mask), measured: columns.known.has('elbo') || columns.known.has('reconstruction'),
      map: state.map === null && manifest.latent <= 2 ? null : base64(new Uint8Array(places.buffer, places.byteOffset, places.byteLength)),
      columns: columns.brought.map(({ name, raw, kinds }) => ({ name, values: raw, kinds })),
    };
    try {
      const response = await fetch(manifest.export, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
      if (!response.ok) throw new Error(await sentence(response));
      download(await response.blob(), `${manifest.name}-selection.${format}`);
      this.said.textContent = '';
    } catch (error) {
      this.said.textContent = words.failed(error.message);
    }
  }

  async bring() {
    const [file] = this.file.files;
    this.file.value = '';
    if (!file) return;
    try {
      const remarks = await this.scene.columns.bring(textOf(await file.arrayBuffer()));
      const [first] = this.scene.columns.brought;
      this.said.textContent = words.brought(this.scene.columns.brought.map(({ name }) => name), remarks);
      await this.scene.colouring.choose(`own ${first.name}`);
    } catch (error) {
      this.said.textContent = words.failed(error.message);
    }
  }

  async forgetOwn() {
    try {
      await this.scene.columns.bring(null);
      this.said.textContent = words.forgotten;
    } catch (error) {
      this.said.textContent = words.failed(error.message);
    }
  }
}
