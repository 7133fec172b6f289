// Which projection is shown, how far to trust it, and what shades it.

import { h } from '../../core/dom.mjs';
import { byRate } from './dimensions.mjs';
import { Fits } from './fits.mjs';
import { Live, offPlane } from './live.mjs';
import { Shades } from './doubt/shades.mjs';
import { words as all } from '../../words/en/latents.mjs';

const words = all.map;
const BESIDE = 0.01; // of the prior's scale: so far from a plane, z does not lie in it

export class MapTab {
  name = 'map';

  constructor(scene) {
    this.scene = scene;
    const { latent, plane } = scene.manifest;
    this.first = plane.kind;
    const kinds = latent > 2 ? ['pca', 'axes', 'images', 'umap'] : ['identity', 'umap'];
    this.kinds = Object.fromEntries(kinds.map((kind) => [kind, h('button', { type: 'button', class: 'lx-button', title: words.kinds[kind][1], 'aria-pressed': 'false',
      'data-testid': `projection-${kind}`, onclick: () => this.choose(kind) }, words.kinds[kind][0])]));
    this.fits = new Fits(scene, {
      show: (name) => this.use(name),
      welcome: () => this.visible && this.pressed === 'umap' && !scene.hands.busy,
    });
    this.forms = { axes: this.axesForm(), images: this.imagesForm(), umap: this.fits.element };
    this.message = h('p', { class: 'lx-caution', role: 'alert', hidden: true, 'data-testid': 'map-fault' });
    this.plain = h('p', { class: 'lx-quiet' }, words.plain[plane.kind](Math.round(100 * (plane.explained ?? 1))));
    this.facts = h('p', { class: 'lx-quiet', 'data-testid': 'map-facts' });
    this.live = new Live(scene);
    scene.believing.listen((found) => this.measured(found), (error) => this.fail(error, words.untrusted));
    this.shades = new Shades(scene);
    this.element = h('div', { class: 'lx-map-tab', 'data-testid': 'map-tab' },
      h('div', { class: 'lx-segments', role: 'group', 'aria-label': words.choose }, ...Object.values(this.kinds)),
      h('div', { class: 'lx-map-form' }, this.plain, ...Object.values(this.forms)), this.message,
      this.live.element, this.shades.element, this.facts);
    this.pressed = this.kind();
    this.marks = [0, 1, 2].map((at) => h('svg:text', { class: 'lx-through', 'data-testid': `mark-${at}` }, 'ABC'[at]));
    this.group = h('svg:g', {}, ...this.marks);
  }

  /** A, B and C where the three images lie that a plane goes through. */
  mark() {
    const { overlay, plane, plot, manifest } = this.scene;
    const through = plane.through;
    if (this.group.parentNode !== overlay.svg) overlay.svg.prepend(this.group);
    this.group.style.display = through ? '' : 'none';
    if (!through) return;
    this.scene.mapping.codes().then((codes) => this.marks.forEach((text, at) => {
      const d = manifest.latent;
      const [x, y] = plot.toPixels(plane.project(codes.subarray(through[at] * d, (through[at] + 1) * d)));
      text.setAttribute('x', x);
      text.setAttribute('y', y);
    }), () => {});
  }

  axesForm() {
    const { rates } = this.scene.manifest;
    const order = byRate(rates);
    this.axes = [0, 1].map((at) => h('select', { class: 'lx-select lx-grow', 'aria-label': words.axis[at], 'data-testid': `axis-${at}`, onchange: () => this.turnAxes(at) },
      ...order.map((i) => h('option', { value: i + 1 }, words.dimension(i + 1, rates[i])))));
    if (order.length > 1) this.axes[1].value = order[1] + 1;
    return h('div', { class: 'lx-row', hidden: true }, ...this.axes);
  }

  imagesForm() {
    const { count } = this.scene.manifest;
    this.three = [0, 1, 2].map((at) => h('input', { type: 'number', min: 0, max: count - 1, step: 1, class: 'lx-number', 'aria-label': words.image(at), 'data-testid': `through-${at}`,
      value: at < count ? at : 0, onchange: () => this.useImages() }));
    this.next = 0;
    this.within = h('span', { class: 'lx-quiet', 'data-testid': 'within' }, words.entered);
    this.takes = h('button', { type: 'button', class: 'lx-button', title: words.take(0)[1], 'data-testid': 'through-chosen', onclick: () => this.takeChosen() }, words.take(0)[0]);
    return h('div', { class: 'lx-row', hidden: true },
      ...this.three.map((input, at) => h('span', { class: 'lx-lettered' }, h('button', { type: 'button', class: 'lx-button', title: words.letter(at)[1], 'data-testid': `enter-${at}`, onclick: () => this.enter(at) }, words.letter(at)[0]), input)),
      this.takes, this.within);
  }

  /** The handle goes to one of the three: then the plane holds them all again. */
  async enter(at) {
    const { plane, mapping, manifest } = this.scene;
    const index = plane.through?.[at];
    if (index === undefined) return;
    const codes = await mapping.codes();
    if (plane.through?.[at] === index) this.scene.goTo(codes.subarray(index * manifest.latent, (index + 1) * manifest.latent));
  }

  /** Which kind the map on screen is. */
  kind() {
    return (this.scene.state.map ?? this.first).split('-')[0];
  }

  show() {
    this.visible = true;
    this.refresh();
  }

  hide() {
    this.visible = false;
  }

  changed(what) {
    if (what === 'placed') this.mark();
    if (what === 'map') {
      this.pressed = this.kind();
      if (this.visible) this.refresh();
    }
    if (what === 'map' || what === 'open') this.shades.follow();
  }

  destroy() {
    this.gone = true;
    this.fits.destroy();
  }

  /** What is to be said of the place of the handle. */
  measured(found) {
    if (this.gone || !this.visible) return;
    this.live.show(found);
    const { plane } = this.scene;
    const said = plane.origin && offPlane(plane, found.z) > BESIDE ? words.beside : words.entered;
    if (this.within.textContent !== said) this.within.textContent = said;
  }

  /** The chosen kind's own settings; the map changes as soon as they say which. */
  async choose(kind) {
    this.pressed = kind;
    this.message.hidden = true;
    this.refresh();
    if (kind === this.first) return this.use(null);
    if (kind === 'axes') return this.useAxes();
    if (kind === 'images') return this.useImages();
    try {
      const first = await this.fits.load();
      if (first && this.pressed === 'umap' && this.kind() !== 'umap') await this.use(first);
    } catch (error) {
      this.fail(error);
    }
  }

  /** A dimension that is chosen for the other axis, too: the two change places. */
  turnAxes(at) {
    const [chosen, other] = [this.axes[at], this.axes[1 - at]];
    const shown = (this.scene.state.map ?? '').split('-').slice(1);
    if (chosen.value === other.value && shown.length === 2) other.value = shown[at];
    this.useAxes();
  }

  useAxes() {
    const [first, second] = this.axes.map((select) => Number(select.value));
    return this.use(`axes-${first}-${second}`);
  }

  useImages() {
    const last = this.scene.manifest.count - 1;
    const numbers = this.three.map((input) => Math.min(Math.max(Math.round(Number(input.value) || 0), 0), last));
    this.three.forEach((input, at) => { input.value = numbers[at]; });
    return this.use(`images-${numbers.join('-')}`);
  }

  takeChosen() {
    const { image } = this.scene.state;
    if (image === null) return;
    this.three[this.next].value = image;
    this.next = (this.next + 1) % 3;
    [this.takes.textContent] = words.take(this.next);
    this.useImages();
  }

  async use(name) {
    const using = (this.using = {});
    this.message.hidden = true;
    try {
      await this.scene.setMap(name);
    } catch (error) {
      if (using === this.using) this.fail(error);
    }
  }

  fail(error, said = words.failed) {
    if (this.gone) return;
    this.message.textContent = said(error.message);
    this.message.hidden = false;
  }

  refresh() {
    const { state } = this.scene;
    for (const [kind, button] of Object.entries(this.kinds)) button.setAttribute('aria-pressed', kind === this.pressed);
    for (const [kind, form] of Object.entries(this.forms)) form.hidden = kind !== this.pressed;
    this.plain.hidden = this.pressed !== this.first;
    const [kind, ...rest] = (state.map ?? '').split('-');
    if (kind === 'axes') this.axes.forEach((select, at) => { select.value = rest[at]; });
    if (kind === 'images') this.three.forEach((input, at) => { input.value = rest[at]; });
    if (this.pressed === 'umap' && !this.fits.maps.length) this.fits.load().catch((error) => this.fail(error));
    if (kind === 'umap') this.fits.fill();
    const facts = this.scene.facts();
    this.facts.textContent = facts ? words.facts(facts) : '';
    this.live.refresh();
    this.scene.believing.measure();
  }
}
