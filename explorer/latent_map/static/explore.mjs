// The live map: a host gives a manifest and a state, this draws them and lets a person drag.
//
// Pointer move -> latents -> engine -> pixels and terms, all in this page. The server hears
// of a place only when it is let go, to give torch's numbers for it.

import { Background } from './background.mjs';
import { Choosing } from './choosing.mjs';
import { loadPoints, loadRules, Sheets } from './data.mjs';
import { script, style } from './dom.mjs';
import { openEngine } from './engines.mjs';
import { mapCovariance, Plane } from './gaussian.mjs';
import { Hovering } from './hovering.mjs';
import { LatentPlot } from './map.mjs';
import { Measuring } from './measuring.mjs';
import { Overlay } from './overlay.mjs';
import { sceneOf, Sketching } from './sketching.mjs';
import { TorchCheck } from './torch_check.mjs';
import { writeUrl } from './url.mjs';
import { View } from './view.mjs';
import { Weighing } from './weighing.mjs';
import { words } from './words.mjs';
import { zoomRange } from './zoom.mjs';

const PATIENCE_MS = 1_500; // the map is there for use this soon, also where a posterior takes longer
const KEYS_MS = 150; // arrow keys are at rest this long after the last of them

export class Explore {
  /**
   * @param {HTMLElement} root
   * @param {object} manifest see explorer/serving/manifest.py
   * @param {string[]} notices sentences to show at the start
   * @param {object} state { image, drawn, mode, u, sigma, layers, hidden, zoom, engine }; u and sigma may be null
   */
  constructor(root, manifest, state, notices) {
    this.root = root;
    this.manifest = manifest;
    this.notices = notices;
    this.state = { ...state, layers: new Set(state.layers), hidden: new Set(state.hidden) };
    this.plane = new Plane(manifest.plane.basis);
    this.sheets = new Sheets(manifest);
    this.choosing = new Choosing(this);
    this.hovering = new Hovering(this);
    this.started = this.start().catch((error) => this.view?.fail(words.broken(error.message)));
  }

  async start() {
    const { manifest } = this;
    const styled = style(manifest.style);
    this.engine = openEngine(manifest, this.state.engine);
    const loading = [
      this.engine.begun.then(() => script(manifest.plotly)), loadPoints(manifest),
      this.choosing.anchorOf(this.state.image), loadRules(manifest), this.engine.ready,
    ];
    loading.forEach((promise) => promise.catch(() => {})); // each is awaited below
    await styled;
    if (this.gone) return;
    this.view = new View(this.root, manifest, this.state, this.notices, this);
    this.torch = new TorchCheck(manifest, this.view.panel);
    this.measuring = new Measuring({
      engine: this.engine, plane: this.plane, panel: this.view.panel, torch: this.torch, root: this.root, state: this.state,
      rules: () => this.rules, anchor: () => this.anchor, encoderAt: () => this.encoderAt(), gone: () => this.gone,
      calm: () => this.view.calm(), announce: (what) => this.announce(what), trouble: (error) => this.trouble(error),
    });
    this.sketching = new Sketching(sceneOf(this));
    this.view.addSketch(this.sketching.element);
    const [, points, chosen, rules] = await Promise.all(loading);
    const drawn = this.state.drawn ? await this.sketching.recall(this.state.drawn) : null;
    if (this.gone) return;
    const anchor = drawn ?? chosen;
    this.rules = rules;
    this.plot = new LatentPlot(this.view.plot, manifest, points, this.state.hidden, {
      hover: (index, event) => this.hovering.over(index, event),
      unhover: () => this.hovering.stop(),
      click: (index) => this.choose(index),
      moved: () => {
        this.place();
        this.weighing?.layer.place();
        this.background?.moved();
      },
    });
    this.weighing = new Weighing({
      manifest, plane: this.plane, engine: this.engine, plot: this.plot, panel: this.view.panel,
      anchor: () => this.anchor, idle: () => this.measuring.idle(), gone: () => this.gone,
      announce: (what) => this.announce(what), trouble: (error) => this.trouble(error),
    });
    this.background = new Background({
      engine: this.engine, plane: this.plane, plot: this.plot, manifest,
      anchor: () => this.anchor,
      layers: () => this.state.layers,
      drawn: () => this.view.colourChips(this.plot.dark),
      trouble: (error) => this.trouble(error),
    });
    this.overlay = new Overlay(this.plot, {
      move: (change, event) => this.move(change, event),
      release: (byKey) => this.rest(byKey ? KEYS_MS : 0),
    });
    await this.makeAnatomy();
    if (this.gone) return;
    this.setAnchor(anchor);
    if (!this.state.u) this.state.u = this.encoderAt().u;
    if (!this.state.sigma) this.state.sigma = this.encoderAt().sigma;
    await this.plot.draw(this.range());
    if (this.gone) return;
    this.view.open(this.weighing.layer.element, this.overlay.element);
    this.weighing.setVisible(this.state.layers.has('posterior'));
    this.place();
    this.anatomy?.open();
    this.background.draw();
    const weighed = this.weighing.weigh(anchor);
    this.measuring.push('rest');
    await this.measuring.encoder();
    if (this.state.zoom) {
      const zoomed = weighed.then(() => this.state.zoom && anchor === this.anchor && this.zoom());
      await Promise.race([zoomed, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
    }
    if (this.gone) return;
    this.view.ready(this.engine.kind);
    if (this.notices.length === 0) writeUrl(manifest, this.state);
    this.torch.ask(this.measuring.request('rest'));
    this.announce('rest');
  }

  /** The tabs of the page that has them. */
  async makeAnatomy() {
    if (!this.manifest.anatomy) return;
    const { Anatomy } = await import('./anatomy/anatomy.mjs');
    if (this.gone) return;
    this.anatomy = new Anatomy(this);
    this.view.addAnatomy(this.anatomy.element);
  }

  /** Tells the tabs what has changed: 'anchor', 'moved', 'terms', 'rest', 'encoder', 'evidence', 'placed', 'theme'. */
  announce(what) {
    this.anatomy?.changed(what);
  }

  /** The opening view, wide enough to hold the handle too. */
  range() {
    const [x0, x1, y0, y1] = this.manifest.plane.range;
    const [u, v] = this.state.u;
    return [Math.min(x0, u - 0.5), Math.max(x1, u + 0.5), Math.min(y0, v - 0.5), Math.max(y1, v + 0.5)];
  }

  setAnchor(anchor) {
    this.measuring.forget();
    this.anchor = anchor;
    this.state.image = anchor.index;
    this.state.drawn = anchor.address ?? null;
    this.view.panel.forget();
    this.view.showAnchor(anchor, this.labelOf(anchor.index));
    this.announce('anchor');
  }

  labelOf(index) {
    return index === null ? words.sketch.label : this.manifest.classes[this.plot.points.labels[index]];
  }

  /** The encoder's own q on the map. */
  encoderAt() {
    // A one-dimensional space has no second axis: any scale along it will do, but zero is none.
    const sigma = this.plane.deviations(this.anchor.scale).map((own) => own || 1);
    return { u: this.plane.project(this.anchor.loc), sigma };
  }

  place() {
    if (!this.plot.element._fullLayout) return;
    this.overlay.place({
      ...this.state,
      own: mapCovariance(this.plane, this.anchor.scale, this.state.sigma),
      encoder: { u: this.encoderAt().u, covariance: this.plane.covariance(this.anchor.scale) },
    });
    this.announce('placed');
  }

  /** Something was dragged. */
  move(change, event) {
    Object.assign(this.state, change);
    this.torch.cancel();
    this.measuring.forget();
    this.hovering.stop();
    // The decoder works in its own thread while this one draws.
    this.measuring.push('live', event);
    this.place();
    this.view.moving();
    this.announce('moved');
  }

  /** Something failed that may well succeed the next time. */
  trouble(error) {
    if (!this.gone) this.view.fail(words.hiccup(error.message));
  }

  /** It was let go: numbers with the finer rule, torch's beside them, and the address. */
  rest(wait = 0) {
    clearTimeout(this.resting);
    if (wait) {
      this.resting = setTimeout(() => this.rest(), wait);
      return;
    }
    writeUrl(this.manifest, this.state);
    this.measuring.push('rest');
    this.torch.ask(this.measuring.request('rest'));
    this.announce('rest');
  }

  /** Brings q and the posterior into view. */
  zoom() {
    if (this.gone || !this.plot.element._fullLayout) return;
    return this.plot.zoomTo(zoomRange(this.plane, this.anchor, this.state));
  }

  /** The pad comes or goes; it comes with the whole map, over which q will wander. */
  toggleSketch() {
    if (!this.sketching.open && this.state.zoom) this.view.pressZoom();
    return this.sketching.toggle().catch((error) => this.trouble(error));
  }

  toggleZoom() {
    this.state.zoom = !this.state.zoom;
    writeUrl(this.manifest, this.state);
    return this.state.zoom ? this.zoom() : this.plot.zoomTo(this.range());
  }

  choose(index) {
    this.sketching.cancel(); // what is being encoded comes too late
    return this.choosing.choose(index);
  }

  step(by) {
    return this.choosing.step(by);
  }

  stay() {
    this.choosing.stay();
  }

  returnToEncoder() {
    Object.assign(this.state, this.encoderAt());
    this.place();
    this.measuring.push('live'); // something to see within a frame; the numbers at rest take longer
    this.rest();
  }

  setMode(mode) {
    this.state.mode = mode;
    this.view.setMode(mode);
    this.place();
    this.measuring.encoder().catch((error) => this.trouble(error));
    this.measuring.push('live');
    this.rest();
  }

  toggleLayer(name) {
    toggle(this.state.layers, name);
    writeUrl(this.manifest, this.state);
    if (name === 'posterior') return this.weighing.setVisible(this.state.layers.has('posterior'));
    return this.background.draw();
  }

  toggleClass(label) {
    toggle(this.state.hidden, label);
    writeUrl(this.manifest, this.state);
    this.plot.setHidden(this.state.hidden);
  }

  /** The host's theme changed. */
  async restyle() {
    await this.started;
    if (this.gone || !this.overlay) return;
    await this.plot.restyle();
    await this.background.draw();
    this.place();
    this.weighing.layer.restyle();
    this.announce('theme');
  }

  destroy() {
    this.gone = true;
    this.torch?.cancel();
    clearTimeout(this.resting);
    this.background?.destroy();
    this.weighing?.destroy();
    this.sketching?.destroy();
    this.anatomy?.destroy();
    this.engine?.close();
    this.plot?.destroy();
    this.root.replaceChildren();
  }
}

function toggle(set, value) {
  if (!set.delete(value)) set.add(value);
}
