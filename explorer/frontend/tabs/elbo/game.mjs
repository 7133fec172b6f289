// Variational inference by hand, as a game: your q against the encoder's and the best there is.

import { ask, stateFor } from '../../engine/evidence.mjs';
import { h, nats } from '../../core/dom.mjs';
import { addingUp, round } from '../../panel/panel.mjs';
import { Stale } from '../../engine/terms.mjs';
import { Arrow } from './arrow.mjs';
import { slope, stepUphill } from './climb.mjs';
import { Clouds } from './clouds.mjs';
import { Standings } from './standings.mjs';
import { words } from '../../words/en/elbo.mjs';

const STILL = 2e-4; // nats a step: the climb has arrived
const MOST_STEPS = 120;
const PAUSE_MS = 60; // between steps, so that one can watch

export class Game {
  name = 'game';

  constructor(scene) {
    this.scene = scene;
    this.standings = new Standings((name) => this.put(name), scene.plane.dimensions <= 2, scene.manifest.imageShape.reduce((a, b) => a * b));
    this.arrow = new Arrow(scene);
    this.clouds = new Clouds();
    const button = ([label, tip], name, click) =>
      h('button', { type: 'button', class: 'lx-button', title: tip, 'data-testid': name, onclick: click }, label);
    this.stepButton = button(words.game.step, 'step-uphill', () => this.climb(1));
    this.climbButton = button(words.game.climb, 'climb', () => (this.climbing ? this.halt() : this.climb(MOST_STEPS)));
    this.arrowButton = button(words.game.arrow, 'arrow', () => this.arrow.setVisible(!this.arrow.visible, this.arrowButton));
    this.arrowButton.setAttribute('aria-pressed', true);
    this.status = h('span', { class: 'lx-climb-status', role: 'status', 'data-testid': 'climb-status' });
    this.verdict = h('p', { class: 'lx-verdict', 'data-testid': 'game-verdict' });
    this.element = h('div', { class: 'lx-game' }, this.verdict, this.standings.element,
      h('div', { class: 'lx-game-row' }, this.stepButton, this.climbButton, this.arrowButton, this.status),
      this.clouds.element);
  }

  show() {
    this.visible = true;
    this.arrow.setShown(true);
    this.refresh();
    if (this.scene.anchor) {
      this.findBest();
      this.scatter();
    }
  }

  hide() {
    this.visible = false;
    this.arrow.setShown(false);
    this.stop();
  }

  changed(what) {
    if (what === 'anchor') {
      this.stop();
      this.status.textContent = '';
      this.finding?.abort();
      this.best = this.sought = undefined;
      this.arrow.forget();
    }
    if (what === 'anchor' || (what === 'moved' && !this.stepping)) this.unscatter();
    if (!this.visible) return;
    if (what === 'moved' && !this.stepping) {
      this.stop();
      this.status.textContent = '';
    }
    if (what === 'placed') this.arrow.place();
    if (what === 'terms') this.arrow.take(this.scene.last());
    if (['terms', 'encoder', 'evidence', 'anchor', 'rest'].includes(what)) this.refresh(); // at rest: the mode may be another
    if (what === 'evidence') this.findBest();
    if (what === 'rest') {
      this.scatter();
      this.findBest();
    }
  }

  /** The gaps of all contestants on one scale. */
  refresh() {
    const { scene } = this;
    const evidence = scene.anchor?.evidence;
    const terms = scene.terms();
    const point = scene.state.mode !== 'gaussian';
    for (const node of [this.stepButton, this.climbButton, this.arrowButton]) node.disabled = point || !terms;
    if (point || !evidence || terms?.elbo === undefined) {
      this.standings.clear();
      this.verdict.textContent = point ? words.game.pointMode : words.game.waiting;
      this.verdict.dataset.sign = 'same';
      return;
    }
    const whole = evidence.value;
    const encoder = scene.encoder()?.elbo ?? this.best?.encoder.elbo;
    const { diagonal, full } = this.best ?? {};
    const theirs = scene.encoder();
    // By the digits that the table shows, so that the same gap reads the same in both.
    const shown = (elbo) => round(whole) - round(elbo);
    this.standings.show({
      yours: round(whole) - addingUp(terms).elbo, encoder: theirs ? round(whole) - addingUp(theirs).elbo : shown(encoder),
      diagonal: diagonal && shown(diagonal.elbo), full: full && shown(full.elbo),
    }, evidence.method === 'importance' ? words.game.estimate(scene.gapError()) : '');
    this.judge(terms.elbo, encoder, diagonal?.elbo, whole);
  }

  judge(mine, encoder, best, whole) {
    const { verdicts } = words.game;
    const ahead = mine - encoder;
    let sign = ahead > 0.005 ? 'better' : ahead < -0.005 ? 'worse' : 'same';
    let text = sign === 'same' ? verdicts.level : sign === 'worse' ? verdicts.below(nats(-ahead)) : '';
    // Above two dimensions the handles move q within the map's plane alone: the best q need not lie there.
    const reachable = this.scene.plane.dimensions <= 2;
    if (reachable && best !== undefined && best - mine < 0.01) {
      [text, sign] = [verdicts.top, 'better'];
    } else if (sign === 'better') {
      text = best === undefined ? verdicts.ahead(nats(ahead)) : verdicts.beyond(Math.min(99, Math.round((100 * ahead) / (whole - encoder))), reachable ? nats(best - mine) : '');
    }
    if (this.verdict.textContent !== text) this.verdict.textContent = text;
    this.verdict.dataset.sign = sign;
  }

  /** The best Gaussians of this image, from the server: once an image. */
  async findBest() {
    const { scene } = this;
    const { anchor } = scene;
    // While somebody draws, each stroke is another image.
    if (!anchor?.evidence || anchor.evidence.method === 'browser' || this.sought === anchor) return;
    this.sought = anchor;
    this.standings.say(words.game.searching);
    try {
      const { signal } = (this.finding = new AbortController());
      const best = (anchor.best ??= await ask(scene.manifest.best, stateFor({ anchor }), signal));
      if (anchor !== scene.anchor || scene.gone()) return;
      this.best = best;
      this.arrow.showBest(best);
      this.standings.say('');
      this.refresh();
    } catch (error) {
      if (anchor !== scene.anchor || scene.gone()) return;
      this.sought = undefined;
      this.standings.say(words.game.failed(error.message));
    }
  }

  /** Puts one's q where a contestant's is. */
  put(name) {
    const { scene } = this;
    this.stop();
    if (scene.state.mode !== 'gaussian') scene.setMode('gaussian');
    const found = this.best?.[name];
    if (name === 'encoder') scene.moveTo(scene.encoderAt());
    else if (found && scene.plane.dimensions <= 2) {
      const sigma = found.sigma.map((value) => value || 1);
      const [least, most] = scene.manifest.sigma;
      scene.moveTo({ u: found.u, sigma: sigma.map((value) => Math.min(Math.max(value, least), most)) });
    }
  }

  /** The gradient at rest, and single draws of it, from torch. */
  async scatter() {
    const { scene } = this;
    if (this.stepping) return;
    this.unscatter();
    if (scene.state.mode !== 'gaussian') return;
    const { signal } = (this.scattering = new AbortController());
    try {
      const found = await ask(scene.manifest.gradient, stateFor(scene.request()), signal);
      if (signal.aborted || scene.gone() || !this.visible) return;
      this.clouds.show(found, scene.plane.dimensions);
      this.arrow.set(found.exact);
    } catch {
      if (!signal.aborted) this.clouds.clear();
    }
  }

  /** The draws of another place, or of another image, say nothing here. */
  unscatter() {
    this.scattering?.abort();
    this.clouds.fade();
    if (this.scene.state.mode !== 'gaussian') this.clouds.clear();
  }

  async climb(most) {
    if (this.climbing) return;
    const climbing = (this.climbing = {});
    const { scene } = this;
    const { anchor } = scene;
    const stale = () => climbing !== this.climbing || anchor !== scene.anchor || scene.gone();
    if (most > 1) this.climbButton.textContent = words.game.stop[0];
    let steps = 0;
    try {
      const state = { u: [...scene.state.u], sigma: [...scene.state.sigma] };
      let from = { state, rate: 0.5, ...(await slope(scene, state, stale)) };
      for (; steps < most && !stale(); steps++) {
        const next = await stepUphill(scene, from, from.rate, stale);
        if (!next || stale()) break;
        this.stepping = true;
        scene.moveTo(next.state, { rest: false });
        this.stepping = false;
        this.status.textContent = words.game.climbing(steps + 1);
        const risen = next.elbo - from.elbo;
        from = next;
        if (most > 1 && risen < STILL) break;
        if (most > 1) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
      const higher = this.best?.diagonal && this.best.diagonal.elbo - from.elbo > 0.05 && scene.plane.dimensions <= 2;
      if (!stale() && most > 1) this.status.textContent = steps < most ? words.game.done(steps, higher) : words.game.tired(steps);
    } catch (error) {
      if (!(error instanceof Stale) && !stale()) scene.trouble(error);
    }
    if (stale()) return; // a drag that stopped it comes to rest by itself
    this.stop();
    if (steps) scene.rest();
  }

  /** Stopped by its button: q is let go where it has come to. */
  halt() {
    this.stop();
    this.scene.rest();
  }

  stop() {
    this.climbing = undefined;
    this.climbButton.textContent = words.game.climb[0];
  }

  destroy() {
    this.stop();
    this.finding?.abort();
    this.scattering?.abort();
    this.arrow.destroy();
  }
}
