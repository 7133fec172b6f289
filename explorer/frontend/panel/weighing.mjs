// log p(x) and p(z|x) of the image on screen: asked for once an image, shown in the panel and on the map.

import { browserPosterior } from '../engine/browser_posterior.mjs';
import { fetchEvidence } from '../engine/evidence.mjs';
import { PosteriorLayer } from '../layers/posterior_layer.mjs';
import { Stale } from '../engine/terms.mjs';
import { words } from '../words/en/map.mjs';

const SIDE = 40; // of a slice's lattices
const SERVER_SIDE = 14; // where every place costs the server ten times as much
const SKETCH = 24; // while somebody draws: a tenth of a second
const KEPT = 200;

export class Weighing {
  /** @param scene { manifest, plane, engine, plot, panel, anchor(), from(), idle(), anticipate(), announce(what), trouble(error), gone() } */
  constructor(scene) {
    this.scene = scene;
    this.layer = new PosteriorLayer(scene.plot);
    this.known = new Map(); // promises by an image's number: choosing it again is immediate
  }

  /** A new anchor, or one that is being drawn (`rough`): what was known of another is gone. */
  async weigh(anchor, { rough = false } = {}) {
    this.asking?.abort();
    const { signal } = (this.asking = new AbortController());
    const stale = () => signal.aborted || this.scene.gone() || anchor !== this.scene.anchor();
    const larger = this.scene.manifest.latent > 2;
    try {
      if (rough && !larger) {
        const found = await this.inBrowser(anchor, SKETCH, stale);
        if (!stale()) this.show(anchor, { method: 'browser', error: NaN, ...found });
        return;
      }
      if (rough) return;
      const evidence = await (anchor.pixels ? fetchEvidence(this.scene.manifest, anchor, signal) : this.begin(anchor.index));
      if (stale()) return;
      this.show(anchor, evidence);
      this.scene.anticipate();
    } catch (error) {
      if (error instanceof Stale || stale()) return;
      this.clear();
      this.scene.panel.showEvidence(null, words.evidence.none(error.message));
      return;
    }
    if (larger && this.layer.visible && this.scene.plane.exact) await this.slice(anchor, stale);
  }

  /** Asks for an image of the data set, as soon as it is known that somebody wants it; once for all. */
  begin(index) {
    if (!this.known.has(index)) {
      // Whoever leafs through the images wants the last of them alone.
      this.leafing?.abort();
      const leafing = (this.leafing = new AbortController());
      const asking = fetchEvidence(this.scene.manifest, { index }, leafing.signal);
      const over = () => { if (this.leafing === leafing) this.leafing = undefined; };
      asking.then(over, () => {
        over();
        this.known.delete(index); // tried again the next time
      });
      this.known.set(index, asking);
      if (this.known.size > KEPT) this.known.delete(this.known.keys().next().value);
    }
    return this.known.get(index);
  }

  show(anchor, evidence) {
    anchor.evidence = evidence;
    this.scene.panel.showEvidence(evidence);
    this.layer.show(this.scene.plane.exact ? evidence.grid ?? null : null);
    this.layer.element.dataset.image = anchor.index ?? 'drawn';
    this.scene.announce('evidence');
  }

  /** In a plane through a larger space: the posterior within the plane. */
  async slice(anchor, stale) {
    const side = this.scene.engine.kind === 'server' ? SERVER_SIDE : SIDE;
    anchor.slicing ??= this.inBrowser(anchor, side, stale);
    const { slicing } = anchor;
    try {
      const { grid } = await slicing;
      if (slicing !== anchor.slicing) return; // of another plane meanwhile
      anchor.slice = grid;
      if (!stale()) this.layer.show(anchor.slice);
    } catch (error) {
      if (slicing === anchor.slicing) anchor.slicing = undefined;
      if (!(error instanceof Stale) && !stale()) this.scene.trouble(error);
    }
  }

  inBrowser(anchor, side, stale) {
    const { engine, plane, idle } = this.scene;
    return browserPosterior({ engine, plane, anchor, from: this.scene.from(), range: plane.range, side, idle, stale });
  }

  /** Nothing of the old anchor stays on the map. */
  clear() {
    this.layer.show(null);
  }

  /** The slice on screen is of another plane. */
  forget() {
    const anchor = this.scene.anchor();
    anchor.slicing = anchor.slice = undefined;
    this.layer.show(null);
  }

  /** Another map, or another plane of it, shows another part of the same posterior. */
  turn() {
    const anchor = this.scene.anchor();
    this.forget();
    this.layer.show((this.scene.plane.exact && anchor.evidence?.grid) || null);
    this.setVisible(this.layer.visible);
  }

  setVisible(visible) {
    this.layer.setVisible(visible);
    const anchor = this.scene.anchor();
    if (!visible || !this.scene.plane.exact || this.scene.manifest.latent <= 2 || this.layer.grid || !anchor) return;
    const stale = () => this.scene.gone() || anchor !== this.scene.anchor();
    this.slice(anchor, stale);
  }

  destroy() {
    this.asking?.abort();
    this.leafing?.abort();
  }
}
