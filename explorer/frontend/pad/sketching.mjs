// An image of one's own: the pad over the map, and what the encoder makes of each stroke.

import { h, style } from '../core/dom.mjs';
import { fromAddress, pixelsOf, toAddress } from '../core/drawn.mjs';
import { Latest } from '../core/latest.mjs';
import { Movable } from '../core/movable.mjs';
import { nearestRows } from '../projections/local.mjs';
import { Thumbnails } from '../layers/thumbnails.mjs';
import { words } from '../words/en/map.mjs';

const NEIGHBOURS = 6;
const TALL = 470; // pixels of the pad with its neighbours

export class Sketching {
  /** @param scene see sceneOf */
  constructor(scene) {
    this.scene = scene;
    this.binary = scene.manifest.observed === 'binary';
    this.latest = new Latest((drawing) => this.encode(drawing));
    this.element = h('div', { class: 'lx-sketch', hidden: true, 'data-testid': 'sketch' });
    this.neighbours = new Thumbnails(scene, NEIGHBOURS, 'neighbour', {
      class: 'lx-neighbours', role: 'group', 'aria-label': words.sketch.neighbours, title: words.sketch.neighbours,
    });
    this.place = new Movable(this.element, TALL);
  }

  get open() {
    return !this.element.hidden;
  }

  /** Shows the pad or puts it away; what was drawn stays on screen until another image is chosen. */
  async toggle(open = !this.open) {
    this.element.hidden = !open;
    if (open) this.place.aside(this.scene.handle());
    if (!open || this.pad) return;
    const { manifest } = this.scene;
    const [{ DrawingPad }] = await Promise.all([
      import('./pad.mjs'), style(new URL('./pad.css', import.meta.url).href),
    ]);
    if (this.pad || this.scene.gone()) return;
    // Fetched now, since the first stroke will want it.
    this.scene.engine.encoder?.().catch(() => {});
    this.pad = new DrawingPad({
      shape: manifest.imageShape, observed: manifest.observed, initial: this.initial ?? null, centre: manifest.centred,
      changed: (values, { still }) => this.changed(values, still),
    });
    const close = h('button', { type: 'button', class: 'lx-button lx-close', 'aria-label': words.sketch.close, title: words.sketch.close,
      'data-testid': 'sketch-close', onclick: () => this.toggle(false) }, '×');
    const head = h('div', { class: 'lx-sketch-head', title: words.sketch.move }, h('strong', {}, words.sketch.title), close);
    this.place.by(head);
    this.element.replaceChildren(head, this.pad.element, this.neighbours.element);
  }

  changed(values, still) {
    if (values === null) {
      this.cancel();
      this.neighbours.clear();
      const back = this.drawing ? this.before ?? 0 : null;
      this.scene.said(back === null ? words.sketch.empty : words.sketch.emptied);
      if (back !== null) this.scene.choose(back);
      return;
    }
    this.latest.push({ values, still });
  }

  /** Whether what is on screen was drawn. */
  get drawing() {
    return this.scene.chosen() === null;
  }

  /** An image of the data set was chosen meanwhile: what is being encoded is not taken any more. */
  cancel() {
    this.turn = {};
  }

  async encode({ values, still }) {
    const { turn } = this;
    const stale = () => turn !== this.turn || this.scene.gone();
    try {
      const q = await this.scene.engine.encode(values);
      if (stale()) return;
      const anchor = this.anchorOf(values, q);
      if (!this.drawing) this.before = this.scene.chosen();
      this.scene.take(anchor, still);
      // Not waited for: the next stroke need not wait for pictures to be fetched.
      if (still || !this.latest.pending) this.compare(anchor).catch(() => this.neighbours.clear());
    } catch (error) {
      if (!stale()) this.scene.said(words.sketch.fault(error.message));
    }
  }

  /** Shows the images of the data set whose codes lie nearest to the drawn one's. */
  async compare({ loc }) {
    const { turn } = this;
    const codes = await this.scene.latents();
    if (turn !== this.turn) return;
    const { index, square } = nearestRows(codes, loc.length, loc, NEIGHBOURS);
    const { labelOf } = this.scene;
    await this.neighbours.show(Array.from(index, (one, k) => (
      { index: one, text: labelOf(one), title: words.sketch.neighbour(labelOf(one), one, Math.sqrt(square[k])) })));
  }

  anchorOf(values, { loc, scale }) {
    return {
      index: null, x: Float32Array.from(values), grey: Uint8Array.from(values, (value) => Math.round(255 * value)), loc, scale,
      pixels: pixelsOf(values, this.binary), address: toAddress(values, this.binary),
    };
  }

  /** The anchor of an address; null, with the reason said, where its image does not fit this model or cannot be encoded. */
  async recall(text) {
    const { manifest, engine } = this.scene;
    const values = fromAddress(text, manifest.imageShape.reduce((a, b) => a * b), this.binary);
    if (!values) {
      this.scene.said(words.sketch.unusable);
      return null;
    }
    try {
      const anchor = this.anchorOf(values, await engine.encode(values));
      this.initial = values;
      return anchor;
    } catch (error) {
      this.scene.said(words.sketch.fault(error.message));
      return null;
    }
  }

  destroy() {
    this.pad?.destroy();
    this.place.destroy();
  }
}

/** What the pad may know of the map and do to it, see live_map.mjs. */
export function padScene(explore) {
  const { manifest, engine, plane, sheets } = explore;
  return {
    manifest, engine, plane, sheets, gone: () => explore.gone,
    latents: () => explore.mapping.codes(),
    labelOf: (index) => explore.labelOf(index),
    choose: (index) => explore.choose(index),
    /** The number of the image on screen; null while it is a drawn one. */
    chosen: () => explore.state.image,
    /** How far right the handle lies, pixels; null before there is a map. */
    handle: () => explore.plot?.toPixels(explore.state.u)?.[0] ?? null,
    take: (anchor, still) => explore.choosing.take(anchor, still),
    said: (text) => explore.view.say(text),
  };
}
