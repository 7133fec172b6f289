// log p(x) = ELBO(q) + KL(q ‖ p(z|x)), line by line, with the numbers of what is on screen in each.

import { h, nats, power } from '../../core/dom.mjs';
import { ask, stateFor } from '../../engine/evidence.mjs';
import { addingUp } from '../../panel/panel.mjs';
import { words } from '../../words/en/elbo.mjs';

const DECIMALS = 3;

export class Derivation {
  name = 'derivation';

  constructor(scene) {
    this.scene = scene;
    this.lines = h('ol', { class: 'lx-derivation', 'data-testid': 'derivation' });
    this.check = h('p', { class: 'lx-check', 'data-testid': 'identity-check', role: 'status' });
    this.element = h('div', { class: 'lx-identity' }, this.check, this.lines);
    this.rows = Object.fromEntries(LINES.map(([name, formula]) => {
      const numbers = h('span', { class: 'lx-line-numbers', 'data-testid': `line-${name}` });
      const row = h('li', { title: words.derivation.reasons[name] }, h('span', { class: 'lx-line-formula' }, ...formula()), numbers);
      this.lines.append(row);
      return [name, numbers];
    }));
  }

  show() {
    this.visible = true;
    this.fill();
    if (this.scene.anchor && this.scene.settled()) this.verify();
  }

  hide() {
    this.visible = false;
    this.checking = undefined;
  }

  changed(what) {
    if (what === 'anchor' || what === 'moved') {
      this.checking = undefined;
      this.checked = null;
    }
    if (!this.visible) return;
    if (what === 'moved') this.say(words.derivation.moving);
    if (['terms', 'evidence', 'anchor'].includes(what)) this.fill();
    if (['terms', 'evidence'].includes(what) && this.scene.settled()) this.verify();
  }

  /** Each line's numbers; while there are none, dashes. */
  fill() {
    const { scene } = this;
    const terms = scene.terms();
    const evidence = scene.anchor?.evidence;
    const point = scene.state.mode !== 'gaussian';
    if (point || !terms || terms.elbo === undefined || !evidence) {
      for (const numbers of Object.values(this.rows)) numbers.replaceChildren('–');
      this.say(point ? words.derivation.pointMode : words.derivation.waiting);
      return;
    }
    const shown = addingUp(terms, DECIMALS);
    const whole = Math.round(evidence.value * 10 ** DECIMALS) / 10 ** DECIMALS;
    // What q's own average of log q is, in closed form: minus its entropy.
    const negentropy = Math.round(this.negentropy() * 10 ** DECIMALS) / 10 ** DECIMALS;
    const joint = shown.elbo + negentropy;
    const posterior = joint - whole;
    const gap = whole - shown.elbo;
    const n = (value, kind = '') => h('b', { class: kind && `lx-n-${kind}`, 'data-value': value.toFixed(DECIMALS) }, nats(value, DECIMALS));
    const { by } = words.derivation;
    this.put('marginal', n(whole, 'log-evidence'), h('small', {}, by[evidence.method](evidence.cells ?? evidence.samples)));
    this.put('bayes', n(joint), ' − ', bracketed(posterior, n));
    this.put('split', '(', n(joint), ' − ', bracketed(negentropy, n), ') + (', n(negentropy), ' − ', bracketed(posterior, n), ')');
    this.put('names', n(shown.elbo, 'elbo'), ' + ', n(gap, 'gap'));
    this.put('terms', '(', n(shown.reconstruction, 'reconstruction'), ' − ', n(shown.kl, 'kl'), ') + ', n(gap, 'gap'));
  }

  put(name, ...parts) {
    this.rows[name].replaceChildren('= ', ...parts);
  }

  /** E_q[log q] in nats: −½ log det(2πe FFᵀ), from KL(q ‖ p(z)) = E_q[log q] − E_q[log p(z)]. */
  negentropy() {
    const { plane, anchor, state } = this.scene;
    let sum = -0.5 * plane.dimensions * (1 + Math.log(2 * Math.PI));
    const own = plane.deviations(anchor.scale);
    for (const value of anchor.scale) sum -= Math.log(value);
    for (let j = 0; j < 2; j++) if (own[j] > 0) sum -= Math.log(state.sigma[j] / own[j]);
    return sum;
  }

  /** KL(q ‖ p(z|x)) by torch, with integrals of its own: nothing on screen has a part in it. */
  async verify() {
    const { scene } = this;
    const { anchor, state: { mode } } = scene;
    if (mode !== 'gaussian' || !anchor.evidence || anchor.evidence.method === 'browser') return;
    if (scene.plane.dimensions > 2) return this.say(words.derivation.unable(scene.gapError()));
    const request = scene.request();
    const key = `${anchor.index} ${request.u} ${request.sigma}`;
    if (this.checked === key) return;
    this.checked = key;
    const checking = (this.checking = {});
    const stale = () => checking !== this.checking || scene.gone() || anchor !== scene.anchor || scene.state.mode !== mode;
    this.say(words.derivation.checking);
    try {
      const { kl_to_posterior: own } = await ask(scene.manifest.kl, stateFor(request));
      const terms = scene.terms();
      if (stale() || terms?.elbo === undefined) return;
      const difference = anchor.evidence.value - terms.elbo;
      this.check.dataset.value = own;
      this.check.dataset.residual = own - difference;
      this.say(words.derivation.check(nats(own, 4), nats(difference, 4), power(Math.abs(own - difference))), 'done');
    } catch (error) {
      if (stale()) return;
      this.checked = null;
      this.say(words.derivation.failed(error.message));
    }
  }

  say(text, kind = 'waiting') {
    this.check.textContent = text;
    this.check.dataset.kind = kind;
  }

  destroy() {
    this.hide();
  }
}

function bracketed(value, n) {
  return value < 0 ? h('span', {}, '(', n(value), ')') : n(value);
}

// Typeset by hand: italics for what is a quantity, small below for what an average is over.
const i = (text) => h('i', {}, text);
const sub = (text) => h('sub', {}, text);
const log = (...of) => ['log ', ...of];
const p = (of) => [i('p'), `(${of})`];
const mean = (...of) => ['E', sub('q'), '[', ...of, ']'];
const ratio = (above, below) => h('span', { class: 'lx-ratio' }, h('span', {}, ...above), h('span', {}, ...below));
const q = () => [i('q'), '(z)'];

const LINES = [
  ['marginal', () => [...log(...p('x')), ' = log ∫ ', ...p('x|z'), ' ', ...p('z'), ' dz']],
  ['bayes', () => ['= ', ...mean('log ', ratio(p('x, z'), p('z|x')))]],
  ['split', () => ['= ', ...mean('log ', ratio(p('x, z'), q())), ' + ', ...mean('log ', ratio(q(), p('z|x')))]],
  ['names', () => ['= ELBO(', i('q'), ') + KL(', i('q'), ' ‖ ', ...p('z|x'), ')']],
  ['terms', () => ['= ', ...mean(...log(...p('x|z'))), ' − KL(', i('q'), ' ‖ ', ...p('z'), ') + KL(', i('q'), ' ‖ ', ...p('z|x'), ')']],
];
