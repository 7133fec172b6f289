// The live map: a host gives a manifest and a state, this draws them and lets a person drag.
//
// Pointer move -> latents -> engine -> pixels and terms, all in this page. The server hears
// of a place only when it is let go, to give torch's numbers for it.

import { Background } from './background.mjs';
import { loadCodes, loadPoints, loadRules, Sheets } from './data.mjs';
import { script, style } from './dom.mjs';
import { openEngine } from './engines.mjs';
import { mapCovariance, Plane } from './gaussian.mjs';
import { Latest } from './latest.mjs';
import { LatentPlot } from './map.mjs';
import { Overlay } from './overlay.mjs';
import { Sketching } from './sketching.mjs';
import { evaluate, evaluateAtRest, Stale } from './terms.mjs';
import { TorchCheck } from './torch_check.mjs';
import { writeUrl } from './url.mjs';
import { View } from './view.mjs';
import { Weighing } from './weighing.mjs';
import { words } from './words.mjs';
import { zoomRange } from './zoom.mjs';

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
    this.live = new Latest((request) => this.decode(request));
    this.started = this.start().catch((error) => this.view?.fail(words.broken(error.message)));
  }

  async start() {
    const { manifest } = this;
    const styled = style(manifest.style);
    this.engine = openEngine(manifest, this.state.engine);
    const loading = [
      this.engine.begun.then(() => script(manifest.plotly)), loadPoints(manifest),
      this.anchorOf(this.state.image), loadRules(manifest), this.engine.ready,
    ];
    loading.forEach((promise) => promise.catch(() => {})); // each is awaited below
    await styled;
    if (this.gone) return;
    this.view = new View(this.root, manifest, this.state, this.notices, this);
    this.torch = new TorchCheck(manifest, this.view.panel);
    this.sketching = new Sketching(this.sketchingScene());
    this.view.addSketch(this.sketching.element);
    const [, points, chosen, rules] = await Promise.all(loading);
    const drawn = this.state.drawn ? await this.sketching.recall(this.state.drawn) : null;
    if (this.gone) return;
    if (this.state.drawn && !drawn) this.view.say(words.sketch.unusable);
    const anchor = drawn ?? chosen;
    this.rules = rules;
    this.plot = new LatentPlot(this.view.plot, manifest, points, this.state.hidden, {
      hover: (index, event) => this.hover(index, event),
      unhover: () => this.unhover(),
      click: (index) => this.choose(index),
      moved: () => {
        this.place();
        this.weighing?.layer.place();
        this.background?.moved();
      },
    });
    this.weighing = new Weighing({
      manifest, plane: this.plane, engine: this.engine, plot: this.plot, panel: this.view.panel,
      anchor: () => this.anchor, idle: () => this.live.idle(), gone: () => this.gone,
      announce: (what) => this.announce(what),
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
    this.background.draw();
    const weighed = this.weighing.weigh(anchor);
    this.live.push(this.request('rest'));
    await this.measureEncoder();
    if (this.state.zoom) await weighed.then(() => this.zoom());
    if (this.gone) return;
    this.view.ready(this.engine.kind);
    if (this.notices.length === 0) writeUrl(manifest, this.state);
    this.torch.ask(this.request('rest'));
    this.announce('rest');
  }

  /** The tabs of the page that has them. */
  async makeAnatomy() {
    if (!this.manifest.anatomy) return;
    const { Anatomy } = await import('./anatomy/anatomy.mjs');
    this.anatomy = new Anatomy(this);
    this.view.addAnatomy(this.anatomy.element);
  }

  /** Tells the tabs what has changed: 'anchor', 'moved', 'terms', 'rest', 'encoder', 'evidence', 'placed', 'theme'. */
  announce(what) {
    this.anatomy?.changed(what);
  }

  sketchingScene() {
    const { manifest, engine, plane, sheets } = this;
    return {
      manifest, engine, plane, sheets, gone: () => this.gone,
      latents: () => (this.codes ??= loadCodes(manifest)),
      labelOf: (index) => this.labelOf(index),
      choose: (index) => this.choose(index),
      take: (anchor, still) => this.takeDrawing(anchor, still),
      said: (text) => this.view.say(text),
    };
  }

  /** The opening view, wide enough to hold the handle too. */
  range() {
    const [x0, x1, y0, y1] = this.manifest.plane.range;
    const [u, v] = this.state.u;
    return [Math.min(x0, u - 0.5), Math.max(x1, u + 0.5), Math.min(y0, v - 0.5), Math.max(y1, v + 0.5)];
  }

  async anchorOf(index) {
    const [image, posterior] = await Promise.all([this.sheets.image(index), this.sheets.posterior(index)]);
    return { index, ...image, ...posterior };
  }

  setAnchor(anchor) {
    this.expected?.(null);
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

  request(rule, event) {
    const { image, mode, u, sigma } = this.state;
    return { image, mode, u: [...u], sigma: [...sigma], rule, anchor: this.anchor, began: event?.timeStamp };
  }

  /** Something was dragged. */
  move(change, event) {
    Object.assign(this.state, change);
    this.torch.cancel();
    this.expected?.(null);
    this.hovered = undefined;
    // The decoder works in its own thread while this one draws.
    this.live.push(this.request('live', event));
    this.place();
    this.view.moving();
    this.announce('moved');
  }

  async decode(request) {
    if (this.gone) return; // a closed engine would be opened again
    try {
      const { anchor, rule } = request;
      const result =
        rule === 'live'
          ? await evaluate(this.engine, this.plane, anchor, request, this.rules.live)
          : await evaluateAtRest(this.engine, this.plane, anchor, request, this.rules, () => this.live.pending || this.gone);
      if (this.gone || request.anchor !== this.anchor || request.mode !== this.state.mode) return;
      this.view.panel.showImage(result.mean);
      this.view.panel.showTerms(result.terms, { error: result.error, rule: request.rule });
      this.view.calm();
      this.last = { request, ...result };
      this.announce('terms');
      if (request.rule === 'rest') {
        if (this.atEncoder(request)) this.expected?.(result);
        this.torch.settle(request, result.terms);
      }
      if (request.began !== undefined) {
        this.root.dispatchEvent(new CustomEvent('latent-map-painted', { detail: { began: request.began, painted: performance.now() } }));
      }
    } catch (error) {
      if (error instanceof Stale) return;
      this.expected?.(null);
      if (request.rule === 'rest') this.torch.settle(request); // so that torch's answer need not wait
      this.trouble(error);
    }
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
    this.live.push(this.request('rest'));
    this.torch.ask(this.request('rest'));
    this.announce('rest');
  }

  /** The encoder's own terms for this anchor. */
  async measureEncoder({ fine = true } = {}) {
    const { anchor } = this;
    const { mode } = this.state;
    const stale = () => this.gone || anchor !== this.anchor || mode !== this.state.mode;
    try {
      const at = { ...this.encoderAt(), mode };
      // The q on screen may be the encoder's own: then its terms at rest, which are on their way, are these.
      const coming = fine && this.atEncoder(this.state) ? this.expectRest() : null;
      // Also with the few nodes of a drag, so that like is compared with like.
      const live = await evaluate(this.engine, this.plane, anchor, at, this.rules.live, stale);
      const own = () => evaluateAtRest(this.engine, this.plane, anchor, at, this.rules, stale);
      const rest = fine ? (await coming) ?? (await own()) : live;
      if (!stale()) this.view.panel.showEncoder({ rest: rest.terms, live: live.terms });
      if (!stale()) this.announce('encoder');
    } catch (error) {
      if (!stale()) throw error;
    }
  }

  atEncoder({ u, sigma }) {
    const encoder = this.encoderAt();
    return `${u}` === `${encoder.u}` && `${sigma}` === `${encoder.sigma}`;
  }

  /** The next terms at rest of the encoder's q; null as soon as something else is on screen. */
  expectRest() {
    this.expected?.(null);
    return new Promise((resolve) => { this.expected = resolve; });
  }

  /** Another anchor: the handle goes to its posterior. */
  async choose(index) {
    const wanted = (this.wanted = Math.min(Math.max(Math.round(index) || 0, 0), this.manifest.count - 1));
    try {
      this.weighing.begin(wanted).catch(() => {}); // said when it is awaited
      const anchor = await this.anchorOf(wanted);
      if (this.gone || wanted !== this.wanted) return;
      this.weighing.clear();
      this.setAnchor(anchor);
      this.returnToEncoder();
      const weighed = this.weighing.weigh(anchor);
      if (this.state.zoom) this.zoom(); // to q at once, to the posterior when it is known
      await this.measureEncoder();
      await weighed;
      if (this.state.zoom && anchor === this.anchor) await this.zoom();
      if (this.manifest.latent > 2 && this.state.layers.has('manifold')) this.background.draw();
    } catch (error) {
      if (wanted === this.wanted) this.stay();
      this.trouble(error);
    }
  }

  /** An image that somebody draws: every stroke is a new anchor, weighed roughly until the pen is lifted. */
  takeDrawing(anchor, still) {
    this.wanted = undefined;
    this.setAnchor(anchor);
    Object.assign(this.state, this.encoderAt());
    this.torch.cancel();
    this.place();
    this.live.push(this.request('live'));
    const fault = (error) => this.trouble(error);
    if (!still) {
      this.measureEncoder({ fine: false }).catch(fault);
      this.weighing.weigh(anchor, { rough: true });
      return;
    }
    this.rest();
    this.measureEncoder().catch(fault);
    this.weighing.weigh(anchor).then(() => this.state.zoom && anchor === this.anchor && this.zoom());
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

  /** So many images further, counted from the one that is on its way. */
  step(by) {
    return this.choose((this.wanted ?? this.state.image ?? 0) + by);
  }

  /** The image that was wanted cannot be had: the one on screen stays chosen. */
  stay() {
    this.wanted = undefined;
    if (!this.gone) this.view.showAnchor(this.anchor, this.labelOf(this.anchor.index));
  }

  returnToEncoder() {
    Object.assign(this.state, this.encoderAt());
    this.place();
    this.live.push(this.request('live')); // something to see within a frame; the numbers at rest take longer
    this.rest();
  }

  setMode(mode) {
    this.state.mode = mode;
    this.view.setMode(mode);
    this.place();
    this.measureEncoder().catch((error) => this.trouble(error));
    this.live.push(this.request('live'));
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

  async hover(index, event) {
    this.hovered = index;
    const image = await this.sheets.image(index).catch(() => null);
    if (image && this.hovered === index && !this.gone) this.view.showThumbnail(index, this.labelOf(index), image.grey, event);
  }

  unhover() {
    this.hovered = undefined; // a thumbnail that is still on its way comes too late
    this.view.hideThumbnail();
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
