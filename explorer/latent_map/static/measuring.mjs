// The terms of what is on screen: with a few nodes while it is dragged, with the finest rule at rest,
// and the encoder's own beside them.

import { Latest } from './latest.mjs';
import { evaluate, evaluateAtRest, Stale } from './terms.mjs';

const WIDE = 4; // times the encoder's own scale

export class Measuring {
  /** @param scene { engine, plane, panel, torch, root, rules(), anchor(), state, encoderAt(), calm(), announce(what), trouble(error), gone() } */
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
    const rules = scene.rules();
    try {
      const { anchor, rule } = request;
      const result =
        rule === 'live'
          ? await evaluate(engine, plane, anchor, request, this.liveRule(request))
          : await evaluateAtRest(engine, plane, anchor, request, rules, () => this.latest.pending || scene.gone() || request.map !== plane.shown);
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

  /** The nodes of a drag: more of them under a wide q, over which log p(x|z) bends; a few would be tens of nats off. */
  liveRule({ anchor, sigma, mode }) {
    const { engine, plane } = this.scene;
    const { live, check } = this.scene.rules();
    const own = plane.deviations(anchor.scale);
    const wide = mode === 'gaussian' && own.some((value, j) => value > 0 && sigma[j] > WIDE * value);
    return wide && check && engine.kind === 'browser' ? check : live;
  }

  /** The encoder's own terms for this anchor; without `fine` by the few nodes of a drag alone. */
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
      // Also with the few nodes of a drag, so that like is compared with like.
      const live = await evaluate(engine, plane, anchor, at, scene.rules().live, stale);
      const own = () => evaluateAtRest(engine, plane, anchor, at, scene.rules(), stale);
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
