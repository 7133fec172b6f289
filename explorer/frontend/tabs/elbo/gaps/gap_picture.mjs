// The gaps of many images as one sorted picture, in which every image can be chosen.
//
// From the left the image with the largest gap to the one with the smallest; what an image loses is stacked: what no
// Gaussian can give, what no diagonal one can, what the encoder misses. Below, the first images of two orders.

import { h, nats } from '../../../core/dom.mjs';
import { fileEnd } from '../../../map/hovering.mjs';
import { paint } from '../../../layers/layers.mjs';
import { ticks, tickLabels } from '../chart.mjs';
import { LAYERS, PARTS, QUANTITIES, loadGaps, mean, order, partsOf, rootTicks, signedRoot, stacked } from './gap_data.mjs';
import { words } from '../../../words/en/gaps.mjs';

const FIRST = 'inference'; // what they are sorted by where the address names nothing
const TOP = 8; // thumbnails a row
const MARGIN = { left: 34, right: 4, top: 4, bottom: 16 };
const KEYS_MS = 90; // keys held down choose where they stop
const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity };

export class GapPicture {
  name = 'gaps';
  label = words.label;

  constructor(scene) {
    this.scene = scene;
    this.sort = scene.state.sort ?? FIRST;
    this.message = h('p', { class: 'lx-quiet', role: 'status' }, words.loading);
    this.element = h('div', { class: 'lx-gaps', 'data-testid': 'gaps' }, this.message);
  }

  show() {
    this.visible = true;
    this.loading ??= this.load();
    this.refresh();
  }

  hide() {
    this.visible = false;
    this.leave();
  }

  changed(what) {
    if (this.visible && (what === 'anchor' || what === 'theme')) this.refresh();
  }

  destroy() {
    this.gone = true;
    clearTimeout(this.choosing);
    this.watcher?.disconnect();
  }

  async load() {
    const { manifest } = this.scene;
    try {
      const table = await loadGaps(manifest.gaps);
      if (this.gone) return;
      if (table) this.build(table);
      else this.element.replaceChildren(...this.missing());
    } catch (error) {
      this.message.textContent = words.failed(error.message);
      this.loading = undefined; // tried again the next time it is shown
    }
  }

  missing() {
    const { name, count } = this.scene.manifest;
    return [
      h('p', { 'data-testid': 'gaps-empty' }, words.empty[0]),
      h('code', { class: 'lx-gaps-command' }, words.command(name, Math.min(count, 1000))),
      h('p', { class: 'lx-quiet' }, words.empty[1]),
    ];
  }

  build(table) {
    this.table = table;
    this.orders = Object.fromEntries(Object.keys(QUANTITIES).map((name) => [name, order(table, name)]));
    this.buttons = Object.fromEntries(Object.entries(words.sorts).map(([name, [text, tip]]) => [name,
      h('button', { type: 'button', class: 'lx-button', title: tip, 'data-testid': `gap-sort-${name}`, onclick: () => {
        this.scene.keep({ sort: name === FIRST ? null : name });
        this.sortBy(name);
      } }, text)]));
    this.canvas = h('canvas', { 'data-testid': 'gap-picture' });
    this.mark = h('i', { class: 'lx-gaps-mark', hidden: true });
    this.cursor = h('i', { class: 'lx-gaps-cursor', hidden: true });
    const [, height, width] = this.scene.manifest.imageShape;
    this.card = h('div', { class: 'lx-gaps-card', hidden: true, 'data-testid': 'gap-card' }, h('canvas', { width, height }), h('span'));
    this.slider = h('div', { class: 'lx-gaps-picture', role: 'slider', tabindex: 0, 'aria-label': words.picture, 'data-testid': 'gap-slider',
      'aria-valuemin': 1, 'aria-valuemax': table.n, 'aria-valuenow': 1,
      onkeydown: (event) => this.byKey(event), onpointermove: (event) => this.hover(event), onpointerleave: () => this.leave(),
      // What the card shows: a click's place is rounded to whole pixels, a move's is not.
      onclick: (event) => this.scene.choose(this.hovered ?? this.order[this.rankAt(event)]) }, this.canvas, this.mark, this.cursor, this.card);
    this.outside = h('p', { class: 'lx-quiet', role: 'status', hidden: true });
    this.rows = ['top', 'low'].map((row) => h('div', { class: 'lx-gaps-row', 'data-testid': `gap-row-${row}` }));
    this.element.replaceChildren(
      h('div', { class: 'lx-gaps-sorts' }, h('span', { class: 'lx-quiet' }, words.sorting),
        h('div', { class: 'lx-segments', role: 'group', 'aria-label': words.sorting }, ...Object.values(this.buttons))),
      this.slider, this.means(), this.outside, ...this.rows);
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.slider);
    this.fill(this.rows[1], 'low', 'evidence');
    this.sortBy(this.sort);
  }

  /** The means with their standard errors, which are the picture's legend too. */
  means() {
    const { table } = this;
    const text = (value) => {
      const found = mean(table, value);
      if (!found.error) return nats(found.mean);
      const decimals = Math.min(Math.max(Math.ceil(-Math.log10(found.error)), 0), 4); // one digit of the error
      return words.mean(nats(found.mean, decimals), nats(found.error, decimals));
    };
    this.swatches = Object.fromEntries(PARTS.map((name) => [name, h('i', { class: `lx-gaps-${name}` })]));
    const cell = (name, value, label, title) => h('span', { title, 'data-testid': name }, h('b', {}, value), h('span', {}, label));
    const parts = PARTS.map((name) => {
      const node = cell(`gap-mean-${name}`, text((t, i) => partsOf(t, i)[name]), words.parts[name][0], words.parts[name][1]);
      node.firstChild.prepend(this.swatches[name]);
      return node;
    });
    const known = table.error.filter((error) => !Number.isNaN(error));
    const own = known.reduce((sum, error) => sum + error / known.length, 0);
    return h('div', { class: 'lx-gaps-means' },
      cell('gap-mean', text(QUANTITIES.inference), words.sum, words.sumTip(table.made, own.toPrecision(1), table.n - known.length)), ...parts);
  }

  get order() {
    return this.orders[this.sort];
  }

  sortBy(name) {
    this.sort = name;
    for (const [other, button] of Object.entries(this.buttons)) button.setAttribute('aria-pressed', other === name);
    this.ranks = new Int32Array(this.table.n);
    this.order.forEach((index, rank) => { this.ranks[index] = rank; });
    this.fill(this.rows[0], 'top', name === 'evidence' ? 'inference' : name);
    this.leave();
    this.refresh();
  }

  /** A row of thumbnails: the first images of an order. */
  fill(row, prefix, name) {
    const [, height, width] = this.scene.manifest.imageShape;
    const thumbnails = Array.from(this.orders[name].slice(0, TOP), (index, place) => {
      const canvas = h('canvas', { width, height });
      this.picture(index, canvas);
      const said = words.thumbnail(index, this.scene.labelOf?.(index) ?? '', this.numbers(index).join('; '));
      const button = h('button', { type: 'button', class: 'lx-gaps-thumbnail', 'data-index': index, 'data-testid': `gap-${prefix}-${place}`,
        'aria-label': said, title: said, onclick: () => this.scene.choose(index) }, canvas);
      this.fileOf(index, (file) => { button.title = `${said}\n${file}`; });
      return button;
    });
    row.replaceChildren(h('span', { class: 'lx-quiet' }, words.rows[name]), ...thumbnails);
  }

  /** Calls `told` with the name of an image's file, where it has one. */
  async fileOf(index, told) {
    const own = await this.scene.sheets.own?.(index).catch(() => null);
    if (own?.file && !this.gone) told(own.file);
  }

  async picture(index, canvas, wanted = () => true) {
    const image = await this.scene.sheets.image(index).catch(() => null);
    if (!image || this.gone || !wanted()) return;
    const tile = new ImageData(canvas.width, canvas.height);
    paint(tile.data, Float32Array.from(image.grey, (value) => value / 255), this.scene.manifest.imageShape[0]);
    canvas.getContext('2d').putImageData(tile, 0, 0);
  }

  numbers(index) {
    const { table } = this;
    const error = table.exact[index] ? '' : Number.isNaN(table.error[index]) ? null : nats(table.error[index]);
    const parts = partsOf(table, index);
    return [
      words.evidence(nats(table.log_evidence[index]), error),
      words.gap(nats(QUANTITIES.inference(table, index)), error, PARTS.map((name) => nats(parts[name]))),
    ];
  }

  refresh() {
    if (!this.table || !this.visible) return;
    this.draw();
    this.place(this.ranks[this.scene.anchor?.index] ?? -1);
  }

  /** Marks the image of a rank as the chosen one. */
  place(rank) {
    this.rank = rank;
    const { table } = this;
    const known = rank >= 0;
    this.outside.hidden = known;
    this.outside.textContent = known ? '' : words.outside(table.n.toLocaleString('en'));
    this.put(this.mark, known ? rank : null);
    this.slider.setAttribute('aria-valuenow', Math.max(rank, 0) + 1);
    const index = this.order[rank];
    const text = known ? words.place(rank + 1, table.n, index, this.scene.labelOf?.(index) ?? '', this.numbers(index).join('; ')) : this.outside.textContent;
    this.slider.setAttribute('aria-valuetext', text);
    for (const node of this.element.querySelectorAll('.lx-gaps-thumbnail')) node.setAttribute('aria-pressed', known && Number(node.dataset.index) === index);
  }

  put(line, rank) {
    line.hidden = rank === null || !this.width;
    if (!line.hidden) line.style.transform = `translateX(${MARGIN.left + ((rank + 0.5) / this.table.n) * this.width}px)`;
  }

  rankAt(event) {
    const x = event.clientX - this.slider.getBoundingClientRect().left - MARGIN.left;
    return Math.min(Math.max(Math.floor((x / this.width) * this.table.n), 0), this.table.n - 1);
  }

  hover(event) {
    if (event.pointerType === 'touch') return;
    const rank = this.rankAt(event);
    const index = this.order[rank];
    this.put(this.cursor, rank);
    if (this.hovered === index) return;
    this.hovered = index;
    const [canvas, text] = this.card.children;
    this.picture(index, canvas, () => this.hovered === index);
    text.replaceChildren(...[words.card(index, this.scene.labelOf?.(index) ?? ''), ...this.numbers(index)].map((line) => h('span', {}, line)));
    this.fileOf(index, (file) => this.hovered === index && text.append(h('span', {}, fileEnd(file))));
    this.card.hidden = false;
    this.card.classList.toggle('lx-gaps-left', rank > this.table.n / 2);
  }

  leave() {
    this.hovered = undefined;
    if (!this.table) return;
    this.card.hidden = this.cursor.hidden = true;
  }

  byKey(event) {
    const by = STEPS[event.key];
    if (by === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.place(Math.min(Math.max(this.rank + by, 0), this.table.n - 1));
    clearTimeout(this.choosing);
    this.choosing = setTimeout(() => this.scene.choose(this.order[this.rank]), KEYS_MS);
  }

  draw() {
    const { clientWidth, clientHeight } = this.slider;
    if (!this.table || !clientWidth || !clientHeight) return;
    this.width = clientWidth - MARGIN.left - MARGIN.right;
    const height = clientHeight - MARGIN.top - MARGIN.bottom;
    const dense = globalThis.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(clientWidth * dense), height: Math.round(clientHeight * dense) });
    const context = this.canvas.getContext('2d');
    context.scale(dense, dense);
    const style = getComputedStyle(this.element);
    const colour = (name) => getComputedStyle(this.swatches[name]).backgroundColor;
    const layers = LAYERS[this.sort];
    const root = layers.length > 0;
    const sides = root ? stacked(this.table, this.order, layers) : [[Float64Array.from(this.order, (index) => -this.table.log_evidence[index])]];
    const ends = sides.map((edges) => edges.at(-1));
    const low = ends.flatMap((edge) => [...edge]).reduce((least, value) => Math.min(least, value), 0);
    const high = ends[0].reduce((most, value) => Math.max(most, value), low + 1e-3);
    const bend = root ? signedRoot : (value) => value;
    const y = (value) => MARGIN.top + height * (1 - (bend(value) - bend(low)) / (bend(high) - bend(low)));
    const x = (rank) => MARGIN.left + (rank / this.table.n) * this.width;
    const base = root ? 0 : low;
    for (const edges of sides) {
      edges.forEach((_, at) => {
        const edge = edges[edges.length - 1 - at]; // the farthest first, so that each covers what lies within
        context.fillStyle = root ? colour(layers[layers.length - 1 - at]) : style.getPropertyValue('--quiet');
        context.beginPath();
        context.moveTo(x(0), y(base));
        edge.forEach((value, rank) => { context.lineTo(x(rank), y(value)); context.lineTo(x(rank + 1), y(value)); });
        context.lineTo(x(this.table.n), y(base));
        context.fill();
      });
    }
    this.axes(context, style, { low, high, root, y, height });
    this.put(this.mark, this.rank >= 0 ? this.rank : null);
  }

  axes(context, style, { low, high, root, y, height }) {
    const values = root ? rootTicks(high) : ticks(low, high, 3);
    context.font = `11px ${style.fontFamily}`;
    context.fillStyle = style.color;
    context.strokeStyle = style.color;
    context.lineWidth = 1;
    context.textBaseline = 'middle';
    context.textAlign = 'right';
    const texts = root ? values.map(String) : tickLabels(values);
    values.forEach((value, i) => {
      context.globalAlpha = 0.75;
      context.fillText(texts[i], MARGIN.left - 5, Math.max(y(value), 6));
      context.globalAlpha = 0.16;
      context.fillRect(MARGIN.left, Math.round(y(value)), this.width, 1);
    });
    context.globalAlpha = 0.75;
    context.textBaseline = 'bottom';
    const kind = root ? 'gap' : 'evidence';
    const foot = MARGIN.top + height + MARGIN.bottom;
    context.textAlign = 'left';
    context.fillText(words.ends[kind][0], MARGIN.left, foot);
    context.textAlign = 'center';
    context.fillText(words.axes[kind](this.table.n.toLocaleString('en')), MARGIN.left + this.width / 2, foot);
    context.textAlign = 'right';
    context.fillText(words.ends[kind][1], MARGIN.left + this.width, foot);
    context.globalAlpha = 1;
  }
}
