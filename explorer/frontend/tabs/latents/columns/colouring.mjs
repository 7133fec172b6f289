// What the points are coloured by: a choice beside the legend, and a scale where it is a column of numbers.

import { h, power } from '../../../core/dom.mjs';
import { NoColumn } from './columns.mjs';
import { coloursOfKinds } from '../kinds.mjs';
import { words as all } from '../../../words/en/latents.mjs';

const words = all.columns;
// Viridis (van der Walt & Smith 2015): even steps of lightness, told apart by everybody.
const RAMP = ['#440154', '#472d7b', '#3b528b', '#2c728e', '#21918c', '#28ae80', '#5ec962', '#addc30', '#fde725'];
const UNKNOWN = '#9aa1ab';
const BELOW = 0.02; // of the scale: room below its low end, for points of which nothing is known
const OUTER = 0.01; // of the values, on each side, that lie beyond the scale's ends

/** [low, high] of a column's values, but for the outermost. */
export function bounds(values) {
  const sorted = Float32Array.from(values).filter(Number.isFinite).sort();
  if (!sorted.length) return [0, 1];
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  const [low, high] = [at(OUTER), at(1 - OUTER)];
  return high > low ? [low, high] : [low - 0.5, low + 0.5];
}

/** The scale of a column, { cmin, cmax, colorscale: [[share, colour], ...] }: grey below its low end, where unknown values are put. */
export function scaleOf(low, high, colours, stepped) {
  const cmin = low - (BELOW * (high - low)) / (1 - BELOW);
  const at = (share) => BELOW + (1 - BELOW) * share;
  const stops = stepped
    ? colours.flatMap((colour, i) => [[at(i / colours.length), colour], [at((i + 1) / colours.length), colour]])
    : colours.map((colour, i) => [at(i / (colours.length - 1)), colour]);
  return { cmin, cmax: high, colorscale: [[0, UNKNOWN], [BELOW, UNKNOWN], ...stops] };
}

export class Colouring {
  constructor(scene) {
    this.scene = scene;
    this.name = 'class';
    this.select = h('select', { class: 'lx-select', 'aria-label': words.choose, 'data-testid': 'colour-by', onchange: () => this.choose(this.select.value) });
    this.bar = h('i', { class: 'lx-ramp' });
    this.ends = [h('span'), h('span')];
    this.scale = h('span', { class: 'lx-colour-scale', hidden: true, 'data-testid': 'colour-scale' }, this.ends[0], this.bar, this.ends[1]);
    this.kinds = h('span', { class: 'lx-kinds', hidden: true, 'data-testid': 'colour-kinds' });
    this.said = h('span', { class: 'lx-quiet', role: 'status', 'data-testid': 'colour-note' });
    this.none = h('span', { class: 'lx-unknown', hidden: true, 'data-testid': 'colour-none' }, h('i'), h('span'));
    this.element = h('div', { class: 'lx-colouring' }, h('label', {}, words.by, this.select), this.scale, this.kinds, this.none, this.said);
    this.fill();
    scene.columns.listen(() => this.fill());
  }

  fill() {
    const groups = this.scene.columns.list().map(([label, entries]) =>
      h('optgroup', { label }, ...entries.map(([value, text]) => h('option', { value }, text))));
    this.select.replaceChildren(h('option', { value: 'class' }, words.class), ...groups);
    const there = [...this.select.options].some(({ value }) => value === this.name);
    this.select.value = there ? this.name : 'class';
    if (!there && this.name !== 'class') this.choose('class');
  }

  /** The colour of the address. */
  async open() {
    const { colour } = this.scene.state;
    if (colour?.startsWith('own ')) await this.scene.columns.loaded;
    if (colour && colour === this.scene.state.colour && !this.scene.gone()) await this.choose(colour); // nobody chose another meanwhile
  }

  /** Colours the points by a column, by its name. */
  async choose(name) {
    this.name = name;
    const wanted = (this.wanted = {});
    this.select.value = name;
    this.keep();
    if (name === 'class') return this.show(null);
    this.said.textContent = words.waiting;
    try {
      const column = await this.scene.columns.find(name, { anew: true });
      if (wanted === this.wanted && !this.scene.gone()) await this.show(column);
    } catch (error) {
      if (wanted !== this.wanted || this.scene.gone()) return;
      this.name = this.select.value = 'class';
      const none = error instanceof NoColumn; // what failed for another reason may be there at the next visit
      if (none) this.keep();
      await this.show(null);
      this.said.textContent = (none ? words.failed : words.unshown)(error.message);
    }
  }

  /** The address holds the choice. */
  keep() {
    const colour = this.name === 'class' ? null : this.name;
    if (colour !== this.scene.state.colour) this.scene.keep({ colour });
  }

  async show(column) {
    const { plot } = this.scene;
    this.said.textContent = column?.note ?? '';
    this.select.title = column?.tip ?? '';
    this.scale.hidden = !column || Boolean(column.kinds);
    this.kinds.hidden = !column?.kinds;
    this.element.classList.toggle('lx-coloured', Boolean(column)); // the classes' own colours are on no point then
    const missing = column ? column.values.reduce((sum, value) => sum + Number(!Number.isFinite(value)), 0) : 0;
    this.none.hidden = !missing;
    this.none.lastChild.textContent = words.none(missing);
    this.shown = column;
    if (!column) return plot.setColumn(null);
    const kinds = (this.coloured = column.kinds ? coloursOfKinds(column) : null);
    const [low, high] = kinds ? [-0.5, Math.max(0, ...kinds.slots) + 0.5] : bounds(column.values);
    const colours = kinds?.colours ?? (() => RAMP);
    const below = low - 0.015 * (high - low);
    const place = kinds ? (value) => kinds.slots[value] : (value) => Math.max(value, low);
    const values = Float32Array.from(column.values, (value) => (Number.isFinite(value) ? place(value) : below));
    if (kinds) {
      this.kinds.replaceChildren(...this.legend(column, kinds));
      this.recolour();
    } else {
      this.bar.style.background = `linear-gradient(to right, ${RAMP.join(', ')})`;
      const [least, most] = column.values.reduce(([a, b], value) => [value < a ? value : a, value > b ? value : b], [Infinity, -Infinity]);
      this.ends[0].textContent = `${least < low ? '≤ ' : ''}${short(low)}`; // the outermost have the colour of the scale's end
      this.ends[1].textContent = `${most > high ? '≥ ' : ''}${short(high)}${column.unit ? ` ${column.unit}` : ''}`;
    }
    const unknown = missing ? Uint8Array.from(column.values, (value) => Number(!Number.isFinite(value))) : null;
    return plot.setColumn({ values, unknown, scale: (dark) => scaleOf(low, high, colours(dark), Boolean(kinds)) });
  }

  /** What an image has in the column that is shown, in words; own: what its picture came with, see Sheets.own. */
  told(index, own) {
    const column = this.shown;
    if (!column) return '';
    const value = column.values[index];
    const exact = own?.cells?.[column.at]; // of a set's own column: the very cell, not what is left of it to colour by
    const text = exact ?? (!Number.isFinite(value) ? words.unknown : column.kinds ? column.kinds[value] : `${short(value)}${column.unit ? ` ${column.unit}` : ''}`);
    return `${column.label}: ${text}`;
  }

  /** A line for each word that has a colour of its own, and one for the others. */
  legend({ kinds }, { slots, others }) {
    const line = (text, title) => h('span', { title }, h('i'), text);
    if (!others) return kinds.map((kind) => line(kind));
    const rest = Math.max(...slots);
    const [own, shared] = [kinds.filter((_, at) => slots[at] < rest), kinds.filter((_, at) => slots[at] === rest)];
    return [...own.map((kind) => line(kind)), line(words.others(others), `${shared.slice(0, 40).join(', ')}${shared.length > 40 ? ' …' : ''}`)];
  }

  /** The legend's colours, on the ground the points stand on. */
  recolour(dark = this.scene.plot.dark) {
    if (!this.shown?.kinds) return;
    const colours = this.coloured.colours(dark);
    [...this.kinds.children].forEach((line, at) => { line.firstChild.style.background = colours[at]; });
  }

  changed(what) {
    if (what === 'open') this.open();
    if (what !== 'map') return;
    this.fill(); // a map has columns of its own
    if (['trustworthiness', 'continuity'].includes(this.name)) this.choose(this.name);
  }
}

/** A number in three digits or so: more behind the point where it is small, and no minus before a zero. */
export function short(value) {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size < 0.0005) return '0.00';
  if (size >= 1e6) return `${value < 0 ? '−' : ''}${power(size)}`;
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.095 ? 2 : 3;
  return value.toFixed(digits).replace('-', '−');
}
