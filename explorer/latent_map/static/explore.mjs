// The live map: a host gives a manifest and a state, this draws them and lets a person drag.
//
// Pointer move -> latents -> engine -> pixels and terms, all in this page. The server hears
// of a place only when it is let go, to give torch's numbers for it.

import { Background } from './background.mjs';
import { loadPoints, loadRules, Sheets } from './data.mjs';
import { script, style } from './dom.mjs';
import { openEngine } from './engines.mjs';
import { mapCovariance, Plane } from './gaussian.mjs';
import { Latest } from './latest.mjs';
import { LatentPlot } from './map.mjs';
import { Overlay } from './overlay.mjs';
import { evaluate, evaluateAtRest, Stale } from './terms.mjs';
import { TorchCheck } from './torch_check.mjs';
import { writeUrl } from './url.mjs';
import { View } from './view.mjs';
import { words } from './words.mjs';

const KEYS_MS = 150; // arrow keys are at rest this long after the last of them

export class Explore {
  /**
   * @param {HTMLElement} root
   * @param {object} manifest see explorer/serving/manifest.py
   * @param {string[]} notices sentences to show at the start
   * @param {object} state { image, mode, u, sigma, layers, hidden, engine }; u and sigma may be null
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
    const [, points, anchor, rules] = await Promise.all(loading);
    if (this.gone) return;
    this.rules = rules;
    this.plot = new LatentPlot(this.view.plot, manifest, points, this.state.hidden, {
      hover: (index, event) => this.hover(index, event),
      unhover: () => this.unhover(),
      click: (index) => this.choose(index),
      moved: () => {
        this.place();
        this.background?.moved();
      },
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
    this.setAnchor(anchor);
    if (!this.state.u) this.state.u = this.encoderAt().u;
    if (!this.state.sigma) this.state.sigma = this.encoderAt().sigma;
    await this.plot.draw(this.range());
    if (this.gone) return;
    this.view.open(this.overlay.element);
    this.place();
    this.background.draw();
    this.live.push(this.request('rest'));
    await this.measureEncoder();
    if (this.gone) return;
    this.view.ready(this.engine.kind);
    if (this.notices.length === 0) writeUrl(manifest, this.state);
    this.torch.ask(this.request('rest'));
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
    this.anchor = anchor;
    this.state.image = anchor.index;
    this.view.panel.forget();
    this.view.showAnchor(anchor, this.labelOf(anchor.index));
  }

  labelOf(index) {
    return this.manifest.classes[this.plot.points.labels[index]];
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
  }

  request(rule, event) {
    const { image, mode, u, sigma } = this.state;
    return { image, mode, u: [...u], sigma: [...sigma], rule, anchor: this.anchor, began: event?.timeStamp };
  }

  /** Something was dragged. */
  move(change, event) {
    Object.assign(this.state, change);
    this.torch.cancel();
    this.hovered = undefined;
    // The decoder works in its own thread while this one draws.
    this.live.push(this.request('live', event));
    this.place();
    this.view.moving();
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
      if (request.rule === 'rest') this.torch.settle(request, result.terms);
      if (request.began !== undefined) {
        this.root.dispatchEvent(new CustomEvent('latent-map-painted', { detail: { began: request.began, painted: performance.now() } }));
      }
    } catch (error) {
      if (error instanceof Stale) return;
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
  }

  /** The encoder's own terms for this anchor. */
  async measureEncoder() {
    const { anchor } = this;
    const { mode } = this.state;
    const stale = () => this.gone || anchor !== this.anchor || mode !== this.state.mode;
    try {
      const at = { ...this.encoderAt(), mode };
      const { terms } = await evaluateAtRest(this.engine, this.plane, anchor, at, this.rules, stale);
      // Also with the few nodes of a drag, so that like is compared with like.
      const live = await evaluate(this.engine, this.plane, anchor, at, this.rules.live, stale);
      if (!stale()) this.view.panel.showEncoder({ rest: terms, live: live.terms });
    } catch (error) {
      if (!stale()) throw error;
    }
  }

  /** Another anchor: the handle goes to its posterior. */
  async choose(index) {
    const wanted = (this.wanted = Math.min(Math.max(Math.round(index) || 0, 0), this.manifest.count - 1));
    try {
      const anchor = await this.anchorOf(wanted);
      if (this.gone || wanted !== this.wanted) return;
      this.setAnchor(anchor);
      this.returnToEncoder();
      await this.measureEncoder();
      if (this.manifest.latent > 2 && this.state.layers.has('manifold')) this.background.draw();
    } catch (error) {
      if (wanted === this.wanted) this.stay();
      this.trouble(error);
    }
  }

  /** So many images further, counted from the one that is on its way. */
  step(by) {
    return this.choose((this.wanted ?? this.state.image) + by);
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
  }

  destroy() {
    this.gone = true;
    this.torch?.cancel();
    clearTimeout(this.resting);
    this.background?.destroy();
    this.engine?.close();
    this.plot?.destroy();
    this.root.replaceChildren();
  }
}

function toggle(set, value) {
  if (!set.delete(value)) set.add(value);
}
