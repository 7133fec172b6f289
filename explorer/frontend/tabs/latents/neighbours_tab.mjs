// The images nearest to what is on screen: in latent space live, in pixels when it is let go.

import { h } from '../../core/dom.mjs';
import { ask, stateFor } from '../../engine/evidence.mjs';
import { nearestRows } from '../../projections/local.mjs';
import { Thumbnails } from '../../layers/thumbnails.mjs';
import { words as all } from '../../words/en/latents.mjs';

const words = all.neighbours;
const COUNT = 8;
const LIVE = 80_000; // points that are looked through in a frame: above, the server has a graph of neighbours, see explorer/projection/nearest.py

export class NeighboursTab {
  name = 'neighbours';

  constructor(scene) {
    this.scene = scene;
    this.of = scene.state.near === 'image' ? 'image' : 'place';
    this.asking = {};
    this.buttons = ['place', 'image'].map((of) => h('button', { type: 'button', class: 'lx-button', title: words.of[of][1], 'aria-pressed': of === this.of,
      'data-testid': `near-${of}`, onclick: () => this.choose(of) }, words.of[of][0]));
    this.latent = new Thumbnails(scene, COUNT, 'near-latent');
    this.pixels = new Thumbnails(scene, COUNT, 'near-pixels');
    this.said = { latent: h('p', { class: 'lx-quiet', 'data-testid': 'near-latent-note' }), pixels: h('p', { class: 'lx-quiet', role: 'status', 'data-testid': 'near-pixels-note' }) };
    this.element = h('div', { class: 'lx-near', 'data-testid': 'near' },
      h('div', { class: 'lx-row' }, h('span', {}, words.nearest), h('div', { class: 'lx-segments', role: 'group', 'aria-label': words.nearest }, ...this.buttons)),
      h('h4', { title: words.latentTip }, words.latent), this.latent.element, this.said.latent,
      h('h4', { title: words.pixelsTip }, words.pixels), this.pixels.element, this.said.pixels);
  }

  show() {
    this.visible = true;
    this.refresh();
  }

  hide() {
    this.visible = false;
    this.stop();
  }

  changed(what) {
    if (!this.visible) return;
    // So many images are looked through by the server, when the handle is let go or the pen is lifted.
    if (what === 'anchor' || (what === 'moved' && this.of === 'place')) {
      if (this.scene.manifest.count <= LIVE) this.soon();
      this.wait();
    }
    if (what === 'rest') this.refresh();
  }

  destroy() {
    this.gone = true;
    this.stop();
    cancelAnimationFrame(this.frame);
  }

  stop() {
    for (const asking of Object.values(this.asking)) asking.abort();
  }

  /** What is compared when the handle is let go is of another place until then. */
  wait() {
    for (const space of this.scene.manifest.count <= LIVE ? ['pixels'] : ['pixels', 'latent']) {
      this.asking[space]?.abort();
      if (!this[space].element.classList.contains('lx-past')) this[space].element.classList.add('lx-past');
      if (this.said[space].textContent !== words.released) this.said[space].textContent = words.released;
    }
  }

  choose(of) {
    this.of = of;
    this.scene.keep({ near: of === 'image' ? of : null });
    this.buttons.forEach((button, at) => button.setAttribute('aria-pressed', (at === 0) === (of === 'place')));
    this.refresh();
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.inLatent();
    });
  }

  refresh() {
    if (!this.scene.anchor) return;
    this.inLatent();
    this.ask('pixels').catch((error) => this.fail(this.said.pixels, error));
  }

  /** Where the neighbours are looked for: z on screen, or the image's own code. */
  at() {
    return this.of === 'image' ? this.scene.anchor.loc : this.scene.z();
  }

  async inLatent() {
    const { manifest } = this.scene;
    try {
      if (manifest.count > LIVE) return await this.ask('latent');
      const codes = await this.scene.mapping.codes();
      if (this.gone || !this.visible) return;
      const { index, square } = nearestRows(codes, manifest.latent, this.at(), Math.min(COUNT, manifest.count));
      this.said.latent.textContent = words.exact(manifest.count);
      await this.latent.show(Array.from(index, (one, k) => this.entry(one, Math.sqrt(square[k]), 'latent')));
    } catch (error) {
      this.fail(this.said.latent, error);
    }
  }

  entry(index, distance, space) {
    const label = this.scene.labelOf(index);
    return { index, text: distance.toFixed(2), title: words.entry(label, index, distance, space) };
  }

  /** The server's answer: exact, or approximate above a number of images that it states. */
  async ask(space) {
    this.asking[space]?.abort();
    const asking = (this.asking[space] = new AbortController());
    const { scene } = this;
    const request = scene.request();
    const place = scene.plane.told(request.u, request.sigma, scene.anchor.loc, request.base);
    const { sigma: _, ...where } = place;
    const note = this.said[space];
    if (space === 'pixels') note.textContent = words.asking;
    const found = await ask(scene.manifest.near, { ...stateFor(request, where), space, of: this.of, count: COUNT }, asking.signal);
    if (this.gone || asking.signal.aborted) return;
    note.textContent = (found.exact ? words.exact : words.approximate)(scene.manifest.count);
    this[space].element.classList.remove('lx-past');
    await this[space].show(found.index.map((one, k) => this.entry(one, found.distance[k], space)));
  }

  fail(note, error) {
    if (error.name !== 'AbortError' && !this.gone) note.textContent = words.failed(error.message);
  }
}
