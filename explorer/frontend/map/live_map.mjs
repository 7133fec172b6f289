// The live map: a host gives a manifest and a state, this draws them and lets a person drag.
//
// Pointer move -> latents -> engine -> pixels and terms, all in this page. The server hears
// of a place only when it is let go, to give torch's numbers for it.

import { Background } from '../layers/background.mjs';
import { Choosing } from './choosing.mjs';
import { Controls } from './controls.mjs';
import { loadPoints, loadRules, Sheets } from '../core/data.mjs';
import { h, style } from '../core/dom.mjs';
import { openEngine } from '../engine/engines.mjs';
import { Fields } from '../engine/fields.mjs';
import { mapCovariance, Plane } from '../maths/gaussian.mjs';
import { Hands } from './hands.mjs';
import { Hovering } from './hovering.mjs';
import { Mapping } from './mapping.mjs';
import { Measuring } from '../engine/measuring.mjs';
import { Overlay } from './overlay.mjs';
import { LatentPlot } from '../plot/plot.mjs';
import { wayToDraw } from '../plot/ways.mjs';
import { Projection } from '../projections/projection.mjs';
import { padScene, Sketching } from '../pad/sketching.mjs';
import { firstMap } from './switching.mjs';
import { TorchCheck } from '../panel/torch_check.mjs';
import { writeUrl } from '../core/url.mjs';
import { View } from './view.mjs';
import { Weighing } from '../panel/weighing.mjs';
import { words } from '../words/en/map.mjs';
import { zoomRange } from '../plot/zoom.mjs';

const PATIENCE_MS = 1_500; // the map is there for use this soon, also where a posterior takes longer
const LOOK_MS = 250; // a part of the map is in view for good this long after the last turn of a wheel
const KEYS_MS = 150; // arrow keys are at rest this long after the last of them

export class LiveMap {
  /**
   * @param {HTMLElement} root
   * @param {object} manifest see explorer/serving/space/manifest.py
   * @param {string[]} notices sentences to show at the start
   * @param {object} state { image, drawn, mode, u, sigma, map, base, layers, hidden, zoom, engine, plot }; u, sigma, map (the
   *   one a model opens on) and base (the image's own code, from which the map is lifted) may be null
   */
  constructor(root, manifest, state, notices) {
    this.root = root;
    root.dataset.model = manifest.name;
    this.manifest = manifest;
    this.notices = notices;
    this.state = { ...state, layers: new Set(state.layers), hidden: new Set(state.hidden) };
    const { basis, ...facts } = manifest.plane;
    this.plane = new Projection(new Plane(basis, facts));
    this.mapping = new Mapping(manifest, this.plane.opening);
    this.lifted = this.state.base;
    this.sheets = new Sheets(manifest);
    this.fields = new Fields(manifest);
    this.choosing = new Choosing(this);
    this.hovering = new Hovering(this);
    this.hands = new Hands();
    this.started = this.start().catch((error) => this.broken(error));
  }

  async start() {
    const { manifest } = this;
    const styled = style(manifest.style);
    this.engine = openEngine(manifest, this.state.engine, (engine) => this.view?.showEngine(engine));
    // What the map wants, and what only its numbers do: the map is drawn as soon as it can be.
    const drawing = [this.engine.begun.then(() => wayToDraw(manifest, this.state.plot)), loadPoints(manifest), this.choosing.anchorOf(this.state.image)];
    const measuring = [loadRules(manifest), this.engine.ready];
    [...drawing, ...measuring].forEach((promise) => promise.catch(() => {})); // each is awaited below
    await styled;
    if (this.gone) return;
    this.view = new View(this.root, manifest, this.state, this.notices, this.plane, (this.controls = new Controls(this)));
    this.torch = new TorchCheck(manifest, this.plane, this.view.panel);
    this.measuring = new Measuring({
      manifest, engine: this.engine, plane: this.plane, panel: this.view.panel, torch: this.torch, root: this.root, state: this.state,
      fields: this.fields, rules: () => this.rules, anchor: () => this.anchor, encoderAt: () => this.encoderAt(), gone: () => this.gone,
      calm: () => this.view.calm(), announce: (what) => this.announce(what), trouble: (error) => this.trouble(error),
    });
    this.sketching = new Sketching(padScene(this));
    this.view.addSketch(this.sketching.element);
    const [way, points, chosen] = await Promise.all(drawing);
    const shown = await firstMap(this, points);
    const drawn = this.state.drawn ? await this.engine.ready.then(() => this.sketching.recall(this.state.drawn)) : null;
    if (this.gone) return;
    const anchor = drawn ?? chosen;
    this.plot = new LatentPlot(this.view.stage, manifest, { ...points, u: shown.u }, this.plane, this.state.hidden, {
      hover: (index, event) => this.hovering.over(index, event),
      unhover: () => this.hovering.stop(),
      click: (index) => this.choose(index),
      moved: () => {
        this.place();
        if (this.plot.ready) this.view.showWhole(this.plot.whole);
        this.weighing?.layer.place();
        this.background?.moved();
      },
      looked: (view) => this.looked(view),
      drawnBy: (kind, why) => this.view.showDrawing(kind, why),
    });
    this.weighing = new Weighing({
      manifest, plane: this.plane, engine: this.engine, plot: this.plot, panel: this.view.panel,
      anchor: () => this.anchor, from: () => this.from(), idle: () => this.measuring.idle(), gone: () => this.gone,
      anticipate: () => this.anticipate(),
      announce: (what) => this.announce(what), trouble: (error) => this.trouble(error),
    });
    this.background = new Background({
      engine: this.engine, plane: this.plane, plot: this.plot, manifest,
      anchor: () => this.anchor,
      from: () => this.from(),
      layers: () => this.state.layers,
      drawn: () => this.view.colourChips(this.plot.dark),
      trouble: (error) => this.trouble(error),
    });
    this.overlay = new Overlay(this.plot, {
      move: (change, event) => this.move(change, event),
      hold: (handle, held) => {
        this.hands.hold(handle, held);
        if (held) this.anticipate();
      },
      release: (byKey) => this.rest(byKey ? KEYS_MS : 0),
    });
    await this.makeTabs();
    if (this.gone) return;
    this.setAnchor(anchor);
    if (!this.state.u) this.state.u = this.state.base ? this.plane.project(this.state.base) : this.encoderAt().u;
    if (!this.state.sigma) this.state.sigma = this.encoderAt().sigma;
    await this.plot.draw(this.range(), way);
    if (this.state.look) await this.plot.zoomTo(this.state.look);
    if (this.gone) return;
    this.view.drawn();
    [this.rules] = await Promise.all(measuring);
    if (this.gone) return;
    this.view.open(this.weighing.layer.element, this.overlay.element);
    this.weighing.setVisible(this.state.layers.has('posterior'));
    this.place();
    this.tabs?.open();
    this.background.draw();
    const weighed = this.weighing.weigh(anchor);
    this.measuring.push('rest');
    await this.measuring.encoder();
    if (this.state.zoom && !this.state.look) {
      const zoomed = weighed.then(() => this.state.zoom && !this.state.look && anchor === this.anchor && this.zoom());
      await Promise.race([zoomed, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
    }
    if (this.gone) return;
    this.view.ready(this.engine);
    this.view.showWhole(this.plot.whole);
    if (this.notices.length === 0) writeUrl(manifest, this.state);
    this.torch.ask(this.measuring.request('rest'));
    this.announce('rest');
  }

  /** What stopped the start is said where the map would be: also before there is one. */
  broken(error) {
    if (this.gone) return;
    const sentence = words.broken(error.message);
    if (this.view) this.view.fail(sentence);
    else this.root.replaceChildren(h('p', { role: 'alert', 'data-testid': 'map-broken' }, sentence));
  }

  /** The tabs of the page that has them. */
  async makeTabs() {
    const { tabs } = this.manifest;
    if (!tabs) return;
    const { makeTabs } = await import(`../tabs/${tabs}/${tabs}.mjs`);
    if (this.gone) return;
    this.tabs = makeTabs(this);
    this.view.addTabs(this.tabs.element);
  }

  /** What the map is lifted from: the image's own code, or where somebody went outside of its plane. */
  from() {
    return this.state.base ?? this.anchor.loc;
  }

  /** Where the handle is in latent space (d). */
  z() {
    return Float64Array.from(this.plane.lift(this.state.u, this.from()));
  }

  /** z goes to a place in latent space that need not lie in the map's plane. */
  goTo(z, { rest = true, event } = {}) {
    this.move({ base: Float64Array.from(z), u: this.plane.project(z) }, event);
    if (rest) this.rest();
  }

  /** Tells the tabs what has changed: 'open', 'anchor', 'moved', 'terms', 'rest', 'encoder', 'evidence', 'placed', 'theme', 'map'. */
  announce(what) {
    this.tabs?.changed(what);
  }

  /** The opening view, wide enough to hold the handle too. */
  range() {
    const [x0, x1, y0, y1] = this.plane.range;
    const [u, v] = this.state.u;
    return [Math.min(x0, u - 0.5), Math.max(x1, u + 0.5), Math.min(y0, v - 0.5), Math.max(y1, v + 0.5)];
  }

  setAnchor(anchor) {
    this.measuring.forget();
    this.anchor = anchor;
    this.state.image = anchor.index;
    this.state.drawn = anchor.address ?? null;
    this.view.panel.forget();
    this.nameAnchor();
    this.announce('anchor');
  }

  /** Says which image is on screen; its file as soon as it is known. */
  async nameAnchor() {
    const { anchor } = this;
    const label = this.labelOf(anchor.index);
    this.view.showAnchor(anchor, label);
    const own = anchor.index === null ? null : await this.sheets.own(anchor.index).catch(() => null);
    if (own?.file && anchor === this.anchor && !this.gone) this.view.showAnchor(anchor, label, own.file);
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
    if (!this.plot.ready) return;
    this.overlay.place({
      ...this.state,
      exact: this.plane.exact,
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

  /** q may be dragged soon, and wide: the field of its image is wanted then. */
  anticipate() {
    if (this.state.mode === 'gaussian') this.fields.want(this.anchor);
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
    if (this.state.base !== this.lifted) this.turned();
    this.measuring.push('rest');
    this.torch.ask(this.measuring.request('rest'));
    this.announce('rest');
  }

  /** Brings q and the posterior into view. */
  zoom() {
    if (this.gone || !this.plot.ready) return;
    return this.look(zoomRange(this.plane, this.anchor, this.state));
  }

  /** Brings a part of the map into view that the rest of the address tells. */
  look(view) {
    clearTimeout(this.looking);
    if (this.state.look) {
      this.state.look = null;
      writeUrl(this.manifest, this.state);
    }
    return this.plot.zoomTo(view);
  }

  /** A wheel, two fingers or a drag has brought another part of the map into view: the address holds it, once it stays. */
  looked(view) {
    this.state.look = this.plot.whole && !this.state.zoom ? null : view;
    clearTimeout(this.looking);
    this.looking = setTimeout(() => this.gone || writeUrl(this.manifest, this.state), LOOK_MS);
  }

  choose(index) {
    this.sketching.cancel(); // what is being encoded comes too late
    return this.choosing.choose(index);
  }

  returnToEncoder() {
    const turned = this.state.base;
    Object.assign(this.state, { base: null }, this.encoderAt());
    if (turned) this.turned();
    this.place();
    this.measuring.push('live'); // something to see within a frame; the numbers at rest take longer
    this.rest();
  }

  /** The map is lifted from elsewhere: what is drawn of its plane is that of another one. */
  turned() {
    this.lifted = this.state.base;
    if (this.manifest.latent > 2) this.weighing.turn();
    this.background.turned();
  }

  /** The host's theme changed. */
  async restyle() {
    await this.started;
    if (this.gone || !this.overlay || !this.plot.ready) return;
    await this.plot.restyle();
    await this.background.draw();
    this.place();
    this.weighing.layer.restyle();
    this.announce('theme');
  }

  destroy() {
    this.gone = true;
    this.hands.drop();
    this.torch?.cancel();
    clearTimeout(this.resting);
    clearTimeout(this.looking);
    this.view?.destroy();
    this.background?.destroy();
    this.weighing?.destroy();
    this.fields.cancel();
    this.sketching?.destroy();
    this.tabs?.destroy();
    this.engine?.close();
    this.plot?.destroy();
    this.root.replaceChildren();
  }
}
