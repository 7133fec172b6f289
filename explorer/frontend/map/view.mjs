// The frame around map and panel: buttons, legend, image chooser, hover card, messages.

import { classColour, isDark } from '../core/colours.mjs';
import { h } from '../core/dom.mjs';
import { Explaining } from '../core/explaining.mjs';
import { Panel } from '../panel/panel.mjs';
import { showBytes } from '../layers/pictures.mjs';
import { words } from '../words/en/map.mjs';

export class View {
  /** @param actions what the buttons do, see controls.mjs */
  constructor(root, manifest, state, notices, plane, actions) {
    this.plane = plane;
    this.root = root;
    this.manifest = manifest;
    this.actions = actions;
    this.state = state;
    this.panel = new Panel(manifest);
    this.notices = h('div', { class: 'lx-notices' }, ...notices.map((text) => this.notice(text)));
    this.whole = this.button(words.whole, { class: 'lx-button lx-whole', hidden: true, 'data-testid': 'whole-map' }, () => this.actions.showWhole());
    this.stage = h('div', { class: 'lx-stage lx-waiting' }, this.card());
    this.message = h('p', { class: 'lx-message', role: 'status' }, words.loading);
    this.help = h('p', { class: 'lx-help' });
    this.note = h('p', { class: 'lx-note' }, this.describe());
    this.drawingNote = h('span', { role: 'status', 'data-testid': 'plot-note' });
    this.engineNote = h('span', { class: 'lx-engine', 'data-testid': 'engine-note' });
    this.map = h('section', { class: 'lx-map', 'data-testid': 'latent-map', 'data-ready': 'false', 'aria-label': words.map },
      this.toolbar(), this.stage, this.legend(), this.help, this.message, this.notices);
    this.side = h('section', { class: 'lx-panel' }, this.chooser(), this.panel.element);
    root.replaceChildren(
      h('div', { class: 'lx' }, this.map, this.side, h('footer', { class: 'lx-foot' }, this.note, this.drawingNote, this.engineNote)));
    this.panel.setMode(state.mode);
    this.turn();
    // Until there is something to work on, see open().
    this.controls = [];
    root.querySelectorAll('.lx-toolbar, .lx-legend, .lx-chooser').forEach((part) => this.hold(part));
  }

  /** A part that waits until there is something to work on. */
  hold(part) {
    part.inert = true;
    this.controls.push(part);
  }

  describe() {
    const { complete, replaced, count } = this.manifest;
    const { plane } = this;
    const slice = plane.exact && plane.kind !== 'identity' && this.state.layers.has('posterior') ? words.slice : '';
    const shown = `${words.plane[plane.kind]((100 * (plane.explained ?? 0)).toFixed(0), plane.supervised)} ${slice}`.trim();
    return complete ? shown : `${shown} · ${words.gallery(count, replaced)}`;
  }

  /** Another map, or another layer: what is said of it, and the layers that it has no place for. */
  turn() {
    this.note.textContent = this.describe();
    for (const name of ['prior', 'posterior']) this.layers[name].disabled = !this.plane.exact;
    this.setMode(this.state.mode);
  }

  /** A sentence over the map that a person can send away. */
  notice(text) {
    const close = this.button(['×', words.dismiss], { 'aria-label': words.dismiss }, () => box.remove());
    const box = h('p', { class: 'lx-notice', role: 'alert', 'data-testid': 'notice' }, text, close);
    return box;
  }

  button([label, tip], attributes, click) {
    return h('button', { type: 'button', class: 'lx-button', title: tip, onclick: click, ...attributes }, label);
  }

  toolbar() {
    this.modes = Object.fromEntries(['gaussian', 'point'].map((mode) => [mode,
      this.button(words.modes[mode], { 'data-testid': `mode-${mode}` }, () => this.actions.setMode(mode))]));
    this.layers = {};
    const layers = ['manifold', 'prior', 'posterior'].map((name) => {
      const node = this.button(words.layers[name], { 'data-testid': `layer-${name}`, 'aria-pressed': this.state.layers.has(name) }, () => {
        this.actions.toggleLayer(name);
        this.turn();
        node.setAttribute('aria-pressed', this.state.layers.has(name));
      });
      this.layers[name] = node;
      return node;
    });
    return h('div', { class: 'lx-toolbar' },
      h('div', { class: 'lx-segments', role: 'group', 'aria-label': words.dragged }, ...Object.values(this.modes)),
      h('div', { class: 'lx-group', role: 'group', 'aria-label': words.layering }, ...layers),
      this.zoomButton(),
      this.button(words.return, { 'data-testid': 'return-to-encoder' }, () => this.actions.returnToEncoder()));
  }

  zoomButton() {
    this.zoom = this.button(words.zoom, { 'data-testid': 'zoom', 'aria-pressed': this.state.zoom }, () => this.pressZoom());
    return this.zoom;
  }

  pressZoom() {
    this.actions.toggleZoom();
    this.zoom.setAttribute('aria-pressed', this.actions.state.zoom);
  }

  legend() {
    const chips = this.manifest.classes.map((name, label) => {
      const node = h('button', { type: 'button', class: 'lx-chip', 'aria-pressed': !this.state.hidden.has(label), 'data-testid': `class-${label}`,
        onclick: () => {
          this.actions.toggleClass(label);
          node.setAttribute('aria-pressed', !this.state.hidden.has(label));
        } }, h('i'), name);
      return node;
    });
    this.chips = chips;
    this.colourChips();
    return h('div', { class: 'lx-legend', role: 'group', 'aria-label': words.classes }, ...chips);
  }

  /** The legend's colours, on the ground the points stand on. */
  colourChips(dark = isDark(this.root)) {
    this.chips.forEach((chip, label) => { chip.firstChild.style.background = classColour(label, dark); });
    this.recolour?.(dark);
  }

  chooser() {
    this.number = h('input', { type: 'number', min: 0, max: this.manifest.count - 1, step: 1, class: 'lx-number', 'aria-label': words.image,
      'data-testid': 'image-number', onchange: () => (this.number.value ? this.actions.choose(Number(this.number.value)) : this.actions.stay()) });
    this.label = h('strong', { class: 'lx-label', 'data-testid': 'image-label' });
    const step = (by) => () => this.actions.step(by);
    return h('div', { class: 'lx-chooser' },
      h('span', {}, words.chosen), this.button(['‹', words.previous], { 'aria-label': words.previous }, step(-1)), this.number,
      this.button(['›', words.next], { 'aria-label': words.next }, step(1)), this.label,
      this.button(words.another, {}, () => this.actions.choose(Math.floor(Math.random() * this.manifest.count))),
      this.button(words.draw, { 'data-testid': 'draw' }, () => this.actions.toggleSketch()));
  }

  card() {
    const [, height, width] = this.manifest.imageShape;
    this.thumbnail = h('canvas', { width, height });
    this.cardText = h('span', { class: 'lx-card-text' });
    this.hoverCard = h('div', { class: 'lx-card', hidden: true, 'data-testid': 'hover-card' }, this.thumbnail, this.cardText);
    return this.hoverCard;
  }

  /** The pad lies over the map's corner. */
  addSketch(element) {
    this.map.append(element);
  }

  /** The tabs of a page that has them stand below the numbers. */
  addTabs(element) {
    this.hold(element);
    this.side.append(element);
    this.root.firstChild.classList.add('lx-with-tabs');
  }

  /** What stands beside the legend, and is coloured with it. */
  addLegend(element, recolour) {
    this.recolour = recolour;
    this.hold(element);
    this.map.querySelector('.lx-legend').before(element);
  }

  /** A layer went on or off by other means than its button. */
  showLayers() {
    for (const [name, node] of Object.entries(this.layers)) node.setAttribute('aria-pressed', this.state.layers.has(name));
    this.note.textContent = this.describe();
  }

  /** A sentence over the map. */
  say(text) {
    this.notices.replaceChildren(this.notice(text));
  }

  /** The points are on screen; what moves among them is not yet. */
  drawn() {
    this.map.dataset.drawn = 'true';
  }

  /** All is there: the posterior and the handles lie over it, and everything can be used. */
  open(posterior, overlay) {
    this.stage.append(posterior, overlay);
    this.stage.append(this.whole, this.hoverCard); // above the handles
    this.controls.forEach((part) => { part.inert = false; });
    this.explaining = new Explaining(this.root.firstChild);
    this.stage.classList.remove('lx-waiting');
  }

  /** The way back to the whole map is there while a part of it is shown. */
  showWhole(whole) {
    if (this.whole.hidden !== whole) this.whole.hidden = whole;
  }

  destroy() {
    this.explaining?.destroy();
  }

  /** @param file the name of the image's file; "" where it has none */
  showAnchor(anchor, label, file = '') {
    this.number.value = anchor.index ?? '';
    this.label.replaceChildren(label, ...(file ? [h('span', { class: 'lx-file' }, file.split('/').at(-1))] : []));
    this.label.title = file;
    this.panel.showAnchor(anchor.x, words.anchor(label));
  }

  setMode(mode) {
    for (const [name, node] of Object.entries(this.modes)) node.setAttribute('aria-pressed', name === mode);
    const help = words.help[matchMedia('(pointer: coarse)').matches ? 'finger' : 'mouse'];
    this.help.textContent = mode === 'gaussian' && !this.plane.exact ? help.moved : help[mode];
    if (this.panel.mode !== mode) this.panel.setMode(mode);
  }

  /** @param lines further ones on the image */
  showThumbnail(index, label, grey, event, lines = []) {
    showBytes(this.thumbnail, grey, this.manifest.imageShape[0]);
    this.cardText.replaceChildren(words.card(label, index), ...lines.map((line) => h('span', {}, line)));
    const box = this.stage.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    this.hoverCard.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.hoverCard;
    const left = x + width + 16 > box.width ? Math.max(x - width - 14, 0) : x + 14;
    const top = y + height + 16 > box.height ? Math.max(y - height - 14, 0) : y + 14;
    this.hoverCard.style.transform = `translate(${left}px, ${top}px)`;
  }

  hideThumbnail() {
    if (!this.hoverCard.hidden) this.hoverCard.hidden = true;
  }

  ready(engine) {
    this.map.dataset.ready = 'true';
    this.showEngine(engine);
    this.calm();
  }

  /** Where images are decoded, and why there where it is not where the model asks for. */
  showEngine({ kind, why }) {
    this.map.dataset.engine = kind;
    [this.engineNote.textContent, this.engineNote.title] = why ? words.instead[why] : words.engines[kind];
  }

  /** How the points are drawn, where that is not as usual. */
  showDrawing(kind, why) {
    this.drawingNote.textContent = kind === 'canvas' ? words.plain[why] : '';
  }

  moving() {
    if (this.panel.torch.dataset.kind !== 'moving') this.panel.showTorch(words.torch.moving, 'moving');
  }

  fail(sentence) {
    this.message.textContent = sentence;
    this.message.hidden = false;
    this.message.classList.add('lx-fault');
  }

  calm() {
    if (!this.message.hidden) this.message.hidden = true;
  }
}
