// What lies behind and around the points, kept in step with what is switched on and in view.

import { manifoldImage, priorCircles } from './layers.mjs';

const REDRAW_MS = 300; // the manifold is drawn anew this long after the last zoom

export class Background {
  /** @param {{engine, plane, plot, manifest, anchor(), from(), layers(), drawn(), trouble(error)}} scene */
  constructor(scene) {
    this.scene = scene;
  }

  /** Draws the layers that are on; the last call wins, however long an earlier one's manifold takes. */
  async draw() {
    const { engine, plane, plot, manifest } = this.scene;
    const layers = this.scene.layers();
    const drawing = (this.drawing = {});
    const view = plot.view();
    const stale = () => this.gone || drawing !== this.drawing;
    const show = async (images) => {
      if (stale()) return;
      this.view = `${view}`;
      await plot.setLayers({ images, circles, dark: layers.has('manifold') });
      this.scene.drawn();
    };
    const circles = layers.has('prior') && plane.exact ? priorCircles() : []; // a curved map has no place for it
    try {
      const images = layers.has('manifold')
        ? [await manifoldImage(engine, plane, { x: this.scene.anchor().x, from: this.scene.from() }, view, manifest.imageShape)]
        : [];
      // What is switched on or off is seen at once; a shade takes seconds, and until it is there an earlier one of its kind stays.
      const { shade, shaded } = this;
      const earlier = shade && shaded?.shade === shade && shaded.plane === plane.shown ? shaded.images : [];
      await show([...images, ...earlier]);
      if (!shade || stale()) return;
      const cast = { shade, plane: plane.shown, images: await shade(view, stale) };
      if (stale()) return;
      this.shaded = cast;
      await show([...images, ...cast.images]);
    } catch (error) {
      if (!this.gone) this.scene.trouble(error);
    }
  }

  /** Whether something is drawn that is made of the places in view. */
  get decodes() {
    return this.scene.layers().has('manifold') || Boolean(this.shade);
  }

  /** The map is lifted from another code: what is drawn of it changes, unless it is the whole of latent space. */
  turned() {
    const { plane, manifest } = this.scene;
    if (this.decodes && (manifest.latent > 2 || !plane.exact)) this.draw();
  }

  /** What is being drawn is of another map. */
  forget() {
    this.drawing = undefined;
  }

  /** One more layer, see scene.mjs; null for none. */
  setShade(shade) {
    this.shade = shade;
    return this.draw();
  }

  /** Zoomed, panned or resized: the manifold's grid follows when it stays so. */
  moved() {
    clearTimeout(this.waiting);
    if (!this.decodes) return;
    this.waiting = setTimeout(() => {
      if (!this.gone && this.view !== `${this.scene.plot.view()}`) this.draw();
    }, REDRAW_MS);
  }

  destroy() {
    this.gone = true;
    clearTimeout(this.waiting);
  }
}
