// The terms of what is on screen: by means that keep up while it is dragged, by finer ones at rest, and the encoder's
// own beside them.

import { latentScale, uniformRule } from '../maths/gaussian.mjs';
import { Latest } from '../core/latest.mjs';
import { evaluate, Stale } from './terms.mjs';

export class Measuring {
  /** @param scene { manifest, engine, plane, panel, torch, root, fields, rules(), anchor(), state, encoderAt(), calm(), announce(what), trouble(error), gone() } */
  constructor(scene) {
    this.scene = scene;
    this.latest = new Latest((request) => this.decode(request));
  }

  /** A snapshot of the state, to be evaluated by a rule: 'live' or 'rest'. */
  request(rule, event) {
    const { image, mode, u, sigma, base } = this.scene.state;
    return { image, mode, u: [...u], sigma: [...sigma], base, map: this.scene.plane.shown, rule, anchor: this.scene.anchor(), began: event?.timeStamp };
  }

  push(rule, event) {
    this.interrupt?.();
    this.latest.push(this.request(rule, event));
  }

  /** Resolves when no evaluation is under way and none waits. */
  idle() {
    return this.latest.idle();
  }

  async decode(request) {
    const { scene } = this;
    if (scene.gone() || request.map !== scene.plane.shown) return; // a closed engine would be opened again
    const { engine, plane } = scene;
    const { anchor, rule } = request;
    const stale = () => this.latest.pending || scene.gone() || request.map !== plane.shown;
    try {
      const interrupted = new Promise((resolve) => { this.interrupt = resolve; });
      const result =
        rule === 'live'
          ? await evaluate(engine, plane, anchor, request, this.live(anchor))
          : await evaluate(engine, plane, anchor, request, await this.fine(anchor, request, interrupted), stale);
      if (scene.gone() || anchor !== scene.anchor() || request.mode !== scene.state.mode || request.map !== plane.shown) return;
      scene.panel.showImage(result.mean);
      scene.panel.showTerms(result.terms, { error: result.error, rule });
      scene.calm();
      this.last = { request, ...result };
      scene.announce('terms');
      if (rule === 'rest') {
        if (this.atEncoder(request)) this.expected?.(result);
        scene.torch.settle(request, result.terms);
      }
      if (request.began !== undefined) {
        scene.root.dispatchEvent(new CustomEvent('latent-map-painted', { detail: { began: request.began, painted: performance.now() } }));
      }
    } catch (error) {
      if (error instanceof Stale) return;
      this.forget();
      if (request.rule === 'rest') scene.torch.settle(request); // so that torch's answer need not wait
      scene.trouble(error);
    }
  }

  /** Means of a drag: what takes no longer than a frame. */
  live(anchor) {
    const { live: rule, rough: coarser } = this.scene.rules();
    return { rule, coarser, field: this.scene.fields.of(anchor) };
  }

  /** Means of a state at rest, the same as torch's: for a wide q the field, which is waited for until `interrupted` resolves. */
  async fine(anchor, { mode, sigma }, interrupted = new Promise(() => {})) {
    const { fields, plane, manifest } = this.scene;
    if (mode !== 'gaussian' || plane.dimensions > 2) return { rule: this.scene.rules().rest };
    const scale = latentScale(plane, anchor.scale, sigma);
    const rule = uniformRule(scale, manifest.mostNodes);
    if (rule) return { rule };
    const field = await Promise.race([fields.want(anchor), interrupted]);
    return { rule: uniformRule(scale, manifest.mostNodes, { coarser: true }), field, strict: true };
  }

  /** The encoder's own terms for this anchor; without `fine` by the means of a drag alone. */
  async encoder({ fine = true } = {}) {
    const { scene } = this;
    const { engine, plane, panel } = scene;
    const anchor = scene.anchor();
    const { mode } = scene.state;
    const map = plane.shown;
    const stale = () => scene.gone() || anchor !== scene.anchor() || mode !== scene.state.mode || map !== plane.shown;
    try {
      const at = { ...scene.encoderAt(), mode };
      // The q on screen may be the encoder's own: then its terms at rest, which are on their way, are these.
      const coming = fine && this.atEncoder(scene.state) ? this.expectRest() : null;
      // Also by the means of a drag, so that like is compared with like.
      const live = await evaluate(engine, plane, anchor, at, this.live(anchor), stale);
      const own = async () => evaluate(engine, plane, anchor, at, await this.fine(anchor, at), stale);
      const rest = fine ? (await coming) ?? (await own()) : live;
      if (stale()) return;
      panel.showEncoder({ rest: rest.terms, live: live.terms });
      scene.announce('encoder');
    } catch (error) {
      if (!stale()) throw error;
    }
  }

  atEncoder({ u, sigma, base }) {
    const encoder = this.scene.encoderAt();
    return !base && `${u}` === `${encoder.u}` && `${sigma}` === `${encoder.sigma}`;
  }

  /** The next terms at rest of the encoder's q; null as soon as something else is on screen. */
  expectRest() {
    this.forget();
    return new Promise((resolve) => { this.expected = resolve; });
  }

  /** Something else is on screen: whoever waits for the encoder's terms at rest must make them. */
  forget() {
    this.expected?.(null);
  }
}
