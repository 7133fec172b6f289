// Traversals: a slider for every latent dimension, ordered by KL, and a grid of what each of them changes.

import { h } from '../../core/dom.mjs';
import { paint } from '../../layers/layers.mjs';
import { decoded } from '../../layers/pictures.mjs';
import { words as all } from '../../words/en/latents.mjs';

const words = all.dimensions;
const REACH = 4; // scales of the prior on either side
const STEPS = [-3, -2.25, -1.5, -0.75, 0, 0.75, 1.5, 2.25, 3];
const ROWS = 24; // of the grid at first

/** The dimensions, from 0, those first that the encoder uses most: by their rates, the mean KL in nats. */
export const byRate = (rates) => rates.map((_, i) => i).sort((a, b) => rates[b] - rates[a]);

export class Dimensions {
  name = 'dimensions';

  constructor(scene) {
    this.scene = scene;
    const { rates, latent } = scene.manifest;
    this.order = byRate(rates);
    const most = Math.max(...rates, 1e-9);
    this.rows = this.order.map((i) => this.row(i, rates[i], most));
    this.sliders = h('div', { class: 'lx-sliders', 'data-testid': 'sliders' }, ...this.rows.map(({ element }) => element));
    this.grid = h('canvas', { class: 'lx-traversals', 'data-testid': 'traversals', role: 'img', 'aria-label': words.grid, onclick: (event) => this.pick(event) });
    this.gridBox = h('div', { class: 'lx-traversal-box' });
    const views = ['sliders', 'grid'].map((view) => h('button', { type: 'button', class: 'lx-button', title: words.views[view][1],
      'data-testid': `dimensions-${view}`, onclick: () => this.choose(view) }, words.views[view][0]));
    this.views = views;
    const options = () => this.order.map((i) => h('option', { value: i + 1 }, words.name(i + 1)));
    this.pair = [0, 1].map((at) => h('select', { class: 'lx-select', 'aria-label': words.axis[at], 'data-testid': `plane-${at}` }, ...options()));
    if (latent > 1) this.pair[1].value = this.order[1] + 1;
    const plane = latent > 2
      ? h('span', { class: 'lx-pair' }, ...this.pair, h('button', { type: 'button', class: 'lx-button', title: words.manifoldTip,
          'data-testid': 'plane-show', onclick: () => this.map() }, words.manifold))
      : null;
    this.heads = h('div', { class: 'lx-grid-heads', 'aria-hidden': 'true' }, ...STEPS.map((value, column) => h('span', {}, column % 2 ? '' : words.value(value))));
    this.names = h('div', { class: 'lx-grid-names', 'aria-hidden': 'true' }, ...this.order.slice(0, ROWS).map((i) => h('span', {}, words.name(i + 1))));
    this.gridBox.append(h('span'), this.heads, this.names, this.grid);
    this.element = h('div', { class: 'lx-dimensions', 'data-testid': 'dimensions' },
      h('div', { class: 'lx-row' }, h('div', { class: 'lx-segments', role: 'group', 'aria-label': words.view }, ...views), plane), this.sliders, this.gridBox,
      h('p', { class: 'lx-quiet' }, words.explain));
    this.turn(scene.state.view === 'grid' ? 'grid' : 'sliders');
  }

  row(i, rate, most) {
    const value = h('output', { class: 'lx-slider-value' });
    const input = h('input', { type: 'range', min: -REACH, max: REACH, step: 0.01, 'aria-label': words.slider(i + 1), 'data-testid': `slider-${i + 1}`,
      oninput: (event) => this.slide(i, Number(input.value), false, event), onchange: () => this.slide(i, Number(input.value), true) });
    const idle = !this.scene.manifest.active[i];
    return {
      i, input, value,
      element: h('div', { class: idle ? 'lx-slider lx-idle' : 'lx-slider', title: words.rowTip(i + 1, rate, idle) },
        h('span', { class: 'lx-slider-name' }, words.name(i + 1)),
        h('span', { class: 'lx-slider-rate' }, h('i', { style: `width: ${(100 * rate) / most}%` })), input, value),
    };
  }

  show() {
    this.visible = true;
    this.refresh();
  }

  hide() {
    this.visible = false;
  }

  changed(what) {
    if (!this.visible) return;
    if (what === 'moved' || what === 'anchor') this.soon();
    if (what === 'rest') this.refresh(); // so it is after a change of map, too
  }

  destroy() {
    this.gone = true;
    cancelAnimationFrame(this.frame);
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (!this.gone) this.place();
    });
  }

  refresh() {
    this.place();
    if (this.view === 'grid') this.draw().catch((error) => this.scene.trouble(error));
  }

  place() {
    if (!this.scene.anchor) return;
    const z = this.scene.z();
    for (const { i, input, value } of this.rows) {
      if (document.activeElement !== input || !this.sliding) input.value = z[i];
      value.textContent = words.value(z[i], 2);
    }
  }

  slide(i, value, rest, event) {
    this.sliding = !rest;
    const z = this.scene.z();
    z[i] = value;
    this.scene.goTo(z, { rest, event });
  }

  choose(view) {
    this.turn(view);
    this.scene.keep({ view: view === 'grid' ? view : null });
    this.refresh();
  }

  turn(view) {
    this.view = view;
    this.views.forEach((button, at) => button.setAttribute('aria-pressed', (at === 0) === (view === 'sliders')));
    this.sliders.hidden = view !== 'sliders';
    this.gridBox.hidden = view === 'sliders';
  }

  /** The plane of two dimensions through what is on screen, decoded all over. */
  async map() {
    const [first, second] = this.pair.map((select) => Number(select.value));
    const { state } = this.scene;
    const plane = `axes-${first}-${second}`;
    try {
      await this.scene.setMap(plane);
      if (this.gone || state.map !== plane) return; // another map was wanted meanwhile
      this.scene.keep({ layers: state.layers.add('manifold') });
      await this.scene.layersChanged();
    } catch (error) {
      if (!this.gone) this.scene.say(words.failed(error.message));
    }
  }

  /** Rows of decoded images, each along one dimension through what is on screen. */
  async draw() {
    const drawing = (this.drawing = {});
    const { manifest } = this.scene;
    const [channels, height, width] = manifest.imageShape;
    const d = manifest.latent;
    const rows = this.order.slice(0, ROWS);
    const here = this.scene.z();
    const z = new Float32Array(rows.length * STEPS.length * d);
    rows.forEach((i, row) => STEPS.forEach((value, column) => {
      const at = (row * STEPS.length + column) * d;
      z.set(here, at);
      z[at + i] = value;
    }));
    await this.scene.idle();
    const images = await decoded(this.scene, z, d);
    if (this.gone || drawing !== this.drawing) return;
    this.grid.width = STEPS.length * width;
    this.grid.height = rows.length * height;
    this.grid.style.aspectRatio = `${this.grid.width} / ${this.grid.height}`;
    const context = this.grid.getContext('2d');
    const tile = new ImageData(width, height);
    const pixels = channels * height * width;
    rows.forEach((i, row) => {
      STEPS.forEach((_, column) => {
        const at = row * STEPS.length + column;
        paint(tile.data, images.subarray(at * pixels, (at + 1) * pixels), channels);
        context.putImageData(tile, column * width, row * height);
      });
      // The tile that is nearest to what is on screen.
      const nearest = STEPS.reduce((best, value, column) => (Math.abs(value - here[i]) < Math.abs(STEPS[best] - here[i]) ? column : best), 0);
      context.strokeStyle = '#4f9de8';
      context.strokeRect(nearest * width + 0.5, row * height + 0.5, width - 1, height - 1);
    });
    this.grid.dataset.rows = rows.length;
  }

  /** A tile that is pressed: z goes there. */
  pick(event) {
    const box = this.grid.getBoundingClientRect();
    const [, height, width] = this.scene.manifest.imageShape;
    const x = ((event.clientX - box.left) / box.width) * this.grid.width;
    const y = ((event.clientY - box.top) / box.height) * this.grid.height;
    const i = this.order[Math.floor(y / height)];
    const value = STEPS[Math.floor(x / width)];
    if (i === undefined || value === undefined) return;
    const z = this.scene.z();
    z[i] = value;
    this.scene.goTo(z);
  }
}
