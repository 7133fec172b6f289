// Selections: by lasso or box, by class or by a column; their images, and how they differ from the rest.

import { h } from '../../core/dom.mjs';
import { Thumbnails } from '../../layers/thumbnails.mjs';
import { short } from './columns/colouring.mjs';
import { OwnTable } from './columns/own_table.mjs';
import { pack, unpack } from './columns/picked.mjs';
import { compare, compareShare } from './statistics.mjs';
import { TakeAway } from './take_away.mjs';
import { words as all } from '../../words/en/latents.mjs';

const words = all.selection;
const FEW = 8; // thumbnails at first
const MANY = 64; // and where more are asked for
const MOST_KINDS = 40; // of a column of words whose shares are compared
const ROWS = 8; // of the statistics, those that differ the most

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
    this.adding = button('add', () => this.adding.setAttribute('aria-pressed', this.adding.getAttribute('aria-pressed') !== 'true'));
    this.adding.setAttribute('aria-pressed', 'false');
    this.count = h('p', { class: 'lx-selected', role: 'status', 'data-testid': 'select-count' });
    this.gallery = new Thumbnails(scene, MANY, 'selected');
    this.more = h('button', { type: 'button', class: 'lx-button', 'data-testid': 'select-more', onclick: () => this.unfold() });
    this.statistics = h('div', { class: 'lx-statistics', 'data-testid': 'statistics' });
    this.found = h('div', { class: 'lx-found', hidden: true }, this.gallery.element, this.more, h('h4', { title: words.statisticsTip }, words.statistics), this.statistics);
    this.said = h('p', { class: 'lx-quiet', role: 'status', 'data-testid': 'select-note' });
    this.fault = h('p', { class: 'lx-caution', role: 'alert', hidden: true, 'data-testid': 'select-fault' });
    const events = { mask: () => this.mask, said: (text) => this.say(text), failed: (error) => this.fail(error) };
    this.away = new TakeAway(scene, events);
    this.table = new OwnTable(scene, events);
    this.element = h('div', { class: 'lx-selection', 'data-testid': 'selection' },
      h('div', { class: 'lx-row' }, h('div', { class: 'lx-segments', role: 'group', 'aria-label': words.tool }, ...Object.values(this.tools)), this.adding,
        button('invert', () => this.set(this.mask.map((bit) => 1 - bit))), button('all', () => this.everything()), button('none', () => this.set(this.mask.fill(0)))),
      h('div', { class: 'lx-row' }, this.byClass, this.byColumn, this.range), this.count, this.away.element, this.fault, this.said, this.found, this.table.element);
    this.chip = h('button', { type: 'button', class: 'lx-button lx-selected-chip', hidden: true, title: words.none[1], 'data-testid': 'selected-chip', onclick: () => this.set(this.mask.fill(0)) });
    scene.colouring.element.append(this.chip);
    scene.plotEvents.selected = (indices) => this.lassoed(indices);
    scene.columns.listen(() => {
      this.fill();
      this.refresh(); // what is compared are these columns, too
    });
    this.fill();
  }

  fill() {
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
    if (what === 'open' && this.scene.state.picked) this.recall(this.scene.state.picked);
    if (what === 'map') {
      this.fill();
      this.refresh();
    }
  }

  destroy() {
    this.gone = true;
  }

  say(text) {
    this.said.textContent = text;
    this.fault.hidden = true;
  }

  fail(error) {
    this.said.textContent = '';
    this.fault.textContent = words.failed(error.message);
    this.fault.hidden = false;
    this.fault.scrollIntoView({ block: 'nearest' });
  }

  use(tool) {
    this.tool = tool;
    for (const [name, button] of Object.entries(this.tools)) button.setAttribute('aria-pressed', name === tool);
    this.scene.plot.setDragging(tool);
    this.scene.hands.hold(this, tool !== 'pan');
    this.scene.overlay.element.classList.toggle('lx-stepped-back', tool !== 'pan');
    if (tool !== 'pan') this.scene.showMap();
  }

  lassoed(indices) {
    const mask = new Uint8Array(this.mask.length);
    for (const index of indices) mask[index] = 1;
    this.join(mask, { outlined: indices.length > 0 }); // nothing in it: its outline goes, too
  }

  /** What was picked, or that beside what is selected already. */
  join(mask, options) {
    const adding = this.adding.getAttribute('aria-pressed') === 'true';
    this.set(adding ? mask.map((bit, i) => bit | this.mask[i]) : mask, options);
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
    this.join(this.mask.map((_, i) => Number(labels[i] === label)));
  }

  /** A column to choose by: from a number to another, or one of its words. */
  async pickColumn() {
    const name = this.byColumn.value;
    this.range.hidden = !name;
    if (!name) return;
    try {
      const column = await this.scene.columns.find(name);
      if (this.gone || this.byColumn.value !== name) return;
      this.say(column.note ?? '');
      const apply = (keep) => h('button', { type: 'button', class: 'lx-button', 'data-testid': 'select-apply', onclick: () =>
        this.join(this.mask.map((_, i) => Number(keep(column.values[i])))) }, words.apply);
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
      this.range.replaceChildren(words.from, low, words.to, high, apply((value) => {
        const [a, b] = [end(low, middle, -Infinity), end(high, last, Infinity)];
        return value >= Math.min(a, b) && value <= Math.max(a, b);
      }));
    } catch (error) {
      this.range.hidden = true;
      this.byColumn.value = '';
      this.fail(error);
    }
  }

  set(mask, options) {
    this.mask = Uint8Array.from(mask);
    const picked = pack(this.mask, this.scene.plot.points.labels);
    this.scene.keep({ picked });
    this.say(picked === null ? words.unlinked : '');
    this.paint(options);
    this.refresh();
  }

  /** What the address has selected. */
  recall(picked) {
    this.mask = unpack(picked, this.scene.plot.points.labels);
    this.paint();
    this.refresh();
  }

  get size() {
    return this.mask.reduce((sum, bit) => sum + bit, 0);
  }

  /** The selected points stand out on the map, whichever tab is shown; beside the colours it is said why. */
  paint(options) {
    const { size } = this;
    this.chip.hidden = !size;
    this.chip.textContent = words.chip(size);
    this.scene.plot.setSelection(size ? this.mask : null, options);
  }

  unfold() {
    this.unfolded = !this.unfolded;
    this.refresh();
  }

  refresh() {
    const { size } = this;
    this.count.textContent = words.count(size, this.mask.length);
    this.count.dataset.value = size;
    this.found.hidden = !size;
    if (!size || !this.visible) return;
    const chosen = [];
    const most = this.unfolded ? MANY : FEW;
    for (let i = 0; i < this.mask.length && chosen.length < most; i++) if (this.mask[i]) chosen.push(i);
    const { labels } = this.scene.plot.points;
    const alike = chosen.every((index) => labels[index] === labels[chosen[0]]);
    this.gallery.show(chosen.map((index) => {
      const label = this.scene.labelOf(index);
      return { index, text: alike ? '' : label, title: words.image(label, index) };
    })).catch((error) => this.scene.trouble(error));
    this.more.hidden = size <= FEW;
    this.more.textContent = this.unfolded ? words.fewer : words.more(Math.min(size, MANY), size);
    this.compare().catch((error) => this.fail(error));
  }

  /** Every column, those first that differ the most. */
  async compare() {
    const { columns, plot, manifest, plane } = this.scene;
    const { mask } = this;
    const map = plane.shown;
    const stale = () => this.gone || mask !== this.mask || map !== plane.shown;
    if (this.size === mask.length) {
      this.statistics.replaceChildren(h('p', { class: 'lx-quiet' }, words.everything));
      return;
    }
    const { labels } = plot.points;
    const rows = manifest.classes.map((name, label) => ({ text: words.share(name), share: true, ...compareShare(labels, label, mask) }));
    // Where it is just a class that is selected, the shares of classes say nothing.
    const told = rows.some(({ own, rest }) => own.mean === 1 && !rest.mean) ? [] : rows;
    const used = manifest.active.flatMap((used, i) => (used ? [`z_${i + 1}`] : [])); // a collapsed one tells nothing
    const given = [...(manifest.own?.columns ?? []).map((name) => `set ${name}`), ...columns.brought.map(({ name }) => `own ${name}`)];
    const names = ['kl', ...used, ...given];
    if (this.scene.facts()) names.push('trustworthiness');
    // The terms that take a while, where they have been asked for already.
    names.push(...['reconstruction', 'elbo', 'log_evidence', 'gap'].filter((name) => columns.known.has(name)));
    for (const name of names) {
      const column = await columns.find(name).catch((error) => {
        if (!stale()) throw error;
      });
      if (stale()) return;
      if (column.kinds?.length > MOST_KINDS) continue; // names of people, say: a share of each tells nothing
      if (column.kinds) told.push(...column.kinds.map((kind, at) => ({ text: words.kind(column.label, kind), share: true, ...compareShare(column.values, at, mask) })));
      else told.push({ text: column.label, ...compare(column.values, mask) });
    }
    const known = told.filter(({ own, rest }) => own.count && rest.count).sort((a, b) => Math.abs(b.difference) - Math.abs(a.difference));
    const value = ({ share }, { mean }) => h('span', {}, share ? words.percent(mean) : short(mean));
    this.statistics.replaceChildren(...words.heads.map((head) => h('span', { class: 'lx-head' }, head)),
      ...known.slice(0, ROWS).flatMap((row) => [h('span', {}, row.text), value(row, row.own), value(row, row.rest), h('span', {}, words.deviations(row.difference))]));
    this.statistics.dataset.rows = known.length;
  }
}
