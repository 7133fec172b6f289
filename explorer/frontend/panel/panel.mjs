// The right-hand side: pictures of the anchor, its decoding and their difference, and the terms.

import { h, nats } from '../core/dom.mjs';
import { Bars } from './bars.mjs';
import { EvidenceBar } from './evidence_bar.mjs';
import { paint } from '../layers/layers.mjs';
import { words } from '../words/en/map.mjs';

const TERMS = {
  gaussian: ['reconstruction', 'kl', 'elbo', 'gap', 'log-evidence'],
  point: ['log-likelihood', 'log-prior', 'log-posterior', 'log-weight', 'log-evidence'],
};
// Those that follow from log p(x), which comes from elsewhere and later.
const WEIGHED = new Set(['gap', 'log-evidence']);
// The terms that the likelihood has a part in.
const LIKELY = new Set(['reconstruction', 'elbo', 'log-likelihood', 'log-weight', 'log-evidence']);
// Full colour of the difference picture is reached at this many nats lost in one binary pixel, or
// where a grey one is this far from what was expected (white is 1).
const DEEP = 4;
const FAR = 0.5;
const FEW = 60; // effective draws, below which an importance estimate is not to be trusted

export class Panel {
  constructor(manifest) {
    [this.channels, this.height, this.width] = manifest.imageShape;
    this.words = words.observed[manifest.observed];
    this.lost = manifest.observed === 'binary' ? (pixel) => this.nats(pixel) : (pixel) => this.shift(pixel);
    const { name, density } = manifest.likelihood;
    this.meaning = words.likelihoods[name];
    this.unit = density ? words.densityUnit : words.unit;
    this.tile = new ImageData(this.width, this.height);
    this.anchor = this.picture('anchor-image');
    this.decoded = this.picture('decoded-image');
    this.difference = this.picture('difference-image');
    this.caption(this.anchor, this.words.anchor);
    this.caption(this.difference, this.words.difference);
    this.rows = {};
    this.heads = [h('span'), h('span', { class: 'lx-head' }), h('span', { class: 'lx-head' })];
    this.table = h('div', { class: 'lx-terms', role: 'group', 'aria-label': words.table });
    this.bars = new Bars();
    this.evidenceBar = new EvidenceBar(this.channels * this.height * this.width);
    this.caution = h('p', { class: 'lx-caution', 'data-testid': 'caution', hidden: true });
    this.verdict = h('p', { class: 'lx-verdict', 'data-testid': 'verdict' });
    this.torch = h('p', { class: 'lx-torch', 'data-testid': 'torch-check', role: 'status' });
    this.element = h('div', { class: 'lx-numbers' },
      h('div', { class: 'lx-pictures' }, ...[this.anchor, this.decoded, this.difference].map((p) => p.figure)),
      this.table, this.evidenceBar.element, this.caution, this.bars.element, this.verdict, this.torch);
    this.setMode('gaussian');
  }

  picture(name) {
    const canvas = h('canvas', { width: this.width, height: this.height, 'data-testid': name, role: 'img' });
    const text = h('figcaption');
    return { figure: h('figure', {}, canvas, text), canvas, text, context: canvas.getContext('2d') };
  }

  caption(picture, [label, tip]) {
    picture.text.textContent = label;
    picture.figure.title = tip;
    picture.canvas.setAttribute('aria-label', `${label}: ${tip}`);
  }

  setMode(mode) {
    this.mode = mode;
    this.caption(this.decoded, words.pictures.decoded[mode]);
    this.heads[0].textContent = '';
    this.heads[1].textContent = words.yours[mode];
    this.heads[2].textContent = words.encoder[mode];
    this.rows = Object.fromEntries(TERMS[mode].map((name) => [name, this.row(name)]));
    const unit = h('span', { class: 'lx-unit', title: this.meaning, 'data-testid': 'unit' }, this.unit);
    this.heads[0].append(unit);
    this.table.replaceChildren(...this.heads, ...Object.values(this.rows).flatMap((row) => row.cells));
    this.verdict.textContent = '';
    this.evidenceBar.element.hidden = mode !== 'gaussian';
    this.bars.element.hidden = mode !== 'point';
    const { evidence = null, why } = this;
    this.forget();
    this.showEvidence(evidence, why);
  }

  row(name) {
    const [label, about] = words.terms[name];
    const tip = LIKELY.has(name) ? `${about} ${this.meaning}` : about;
    const value = h('span', { class: `lx-value lx-${name}`, 'data-testid': `term-${name}` }, '–');
    const theirs = h('span', { class: 'lx-theirs', 'data-testid': `encoder-${name}` }, '–');
    const error = h('small', { class: 'lx-error', title: words.error });
    return { value, theirs, error, cells: [h('span', { class: `lx-term lx-${name}`, title: tip }, label, error), value, theirs] };
  }

  /** What the likelihood sees of the anchor, float32 (D). */
  showAnchor(x, caption) {
    this.x = x;
    this.draw(this.anchor, x);
    this.anchor.text.textContent = caption;
  }

  /** E[x|z], and where x differs from it: from black to orange where x is brighter, to blue where darker. */
  showImage(mean) {
    this.draw(this.decoded, mean);
    this.mean = mean;
    const { data } = this.tile;
    const count = this.width * this.height;
    for (let i = 0; i < count; i++) {
      const lost = this.lost(i);
      const t = Math.min(Math.abs(lost), 1);
      data[4 * i] = t * (lost > 0 ? 255 : 70);
      data[4 * i + 1] = t * (lost > 0 ? 150 : 160);
      data[4 * i + 2] = t * (lost > 0 ? 20 : 255);
      data[4 * i + 3] = 255;
    }
    this.difference.context.putImageData(this.tile, 0, 0);
  }

  /** A binary pixel's loss in nats, as a share of DEEP; positive where ink is missing. */
  nats(pixel) {
    let lost = 0, ink = 0;
    for (let c = 0; c < this.channels; c++) {
      const x = this.x[c * this.width * this.height + pixel];
      const p = this.mean[c * this.width * this.height + pixel];
      lost -= Math.log(Math.max(x > 0.5 ? p : 1 - p, 1e-12));
      ink += x;
    }
    return (2 * ink >= this.channels ? lost : -lost) / DEEP;
  }

  /** How much brighter a pixel of x is than expected, its channels averaged, as a share of FAR. */
  shift(pixel) {
    let sum = 0;
    for (let c = 0; c < this.channels; c++) {
      const at = c * this.width * this.height + pixel;
      sum += this.x[at] - this.mean[at];
    }
    return sum / this.channels / FAR;
  }

  draw(picture, values) {
    paint(this.tile.data, values, this.channels);
    picture.context.putImageData(this.tile, 0, 0);
  }

  /** The dragged state's terms, by name, in nats; `error` is the reconstruction's, where it is known. */
  showTerms(terms, { error = null, rule = 'live' } = {}) {
    const shown = addingUp(terms);
    for (const [name, { value }] of Object.entries(this.rows)) {
      if (WEIGHED.has(name)) continue;
      value.textContent = nats(shown[name]);
      value.setAttribute('data-value', terms[name]);
      value.setAttribute('data-rule', rule);
    }
    for (const name of ['reconstruction', 'elbo']) if (this.rows[name]) this.rows[name].error.textContent = precision(error);
    this.elboError = error;
    this.terms = terms;
    this.rule = rule;
    this.compare();
  }

  /** The encoder's own values, beside: by both rules, the fine one shown. */
  showEncoder({ rest, live }) {
    this.encoder = { rest, live };
    for (const [name, { theirs }] of Object.entries(this.rows)) {
      if (WEIGHED.has(name)) continue;
      theirs.textContent = nats(addingUp(rest)[name]);
      theirs.setAttribute('data-value', rest[name]);
    }
    this.compare();
  }

  /** log p(x), or why there is none (a sentence); null while it is not known yet. */
  showEvidence(evidence, why = '') {
    this.evidence = evidence;
    this.why = why;
    const { 'log-evidence': row, gap } = this.rows;
    if (evidence === null) {
      for (const node of [row, gap].flatMap((some) => (some ? [some.value, some.theirs] : []))) {
        node.textContent = '–';
        node.removeAttribute('data-value');
      }
      row.error.textContent = why;
      row.error.title = why;
      this.warn('');
      this.evidenceBar.show(null, NaN, NaN, !why);
      return;
    }
    const { value, method } = evidence;
    row.value.textContent = row.theirs.textContent = nats(value);
    row.value.setAttribute('data-value', value);
    row.value.setAttribute('data-method', method);
    row.error.textContent = words.evidence.error[method](evidence, nats);
    row.error.title = words.evidence.methods[method](evidence, nats);
    // Few draws that carry the sum: the heavy tail shows.
    const few = method === 'importance' && evidence.effective < FEW;
    const tail = few ? words.evidence.tail(nats(evidence.effective, 0), evidence.samples) : '';
    this.warn([evidence.caution, tail].filter(Boolean).join(' '));
    this.weigh();
  }

  warn(text) {
    this.caution.textContent = text;
    this.caution.hidden = !text;
  }

  /** What is missing to log p(x), for the q on screen and the encoder's. */
  weigh() {
    const { gap } = this.rows;
    if (!this.evidence || !this.terms || !gap) return;
    const missing = this.evidence.value - this.terms.elbo;
    gap.value.textContent = nats(round(this.evidence.value) - addingUp(this.terms).elbo);
    gap.value.setAttribute('data-value', missing);
    gap.error.textContent = this.evidence.error === null ? 'error unknown' : this.gapError() ? `± ${this.gapError()}` : '';
    const theirs = this.encoder ? this.evidence.value - this.encoder.rest.elbo : NaN;
    gap.theirs.textContent = nats(this.encoder ? round(this.evidence.value) - addingUp(this.encoder.rest).elbo : NaN);
    gap.theirs.setAttribute('data-value', theirs);
    this.evidenceBar.show(this.evidence.value, this.terms.elbo, this.encoder?.rest.elbo);
  }

  /** One standard error of the gap, of the two estimates it is the difference of, as digits; '' where none would show. */
  gapError() {
    const error = Math.hypot(this.evidence?.error ?? 0, this.elboError ?? 0);
    return error >= 0.005 && this.evidence?.method !== 'browser' ? nats(error) : '';
  }

  compare() {
    if (this.mode === 'gaussian') this.weigh();
    if (!this.terms || !this.encoder) return;
    const encoder = this.encoder[this.rule];
    if (this.mode === 'point') {
      this.bars.show(this.terms, encoder);
      return;
    }
    if (this.terms.elbo === undefined || encoder.elbo === undefined) return;
    const better = this.terms.elbo - encoder.elbo;
    const size = nats(Math.abs(better));
    const sign = size === '0.00' ? 'same' : better > 0 ? 'better' : 'worse';
    const about = this.rule === 'live' && sign !== 'same' ? words.about : '';
    this.verdict.textContent = about + (sign === 'same' ? words.same : words[sign](size));
    this.verdict.dataset.sign = sign;
  }

  forget() {
    this.terms = this.encoder = undefined;
    this.showEvidence(null);
  }

  /** What torch said of the same state. */
  showTorch(text, kind) {
    this.torch.textContent = text;
    this.torch.dataset.kind = kind;
  }
}

/** A number as its digits on screen say it. */
export function round(value, decimals = 2) {
  return Math.round(value * 10 ** decimals) / 10 ** decimals;
}

/** Terms as they are shown: a sum is that of the digits on screen, not a hundredth beside it. */
export function addingUp(terms, decimals = 2) {
  const shown = Object.fromEntries(Object.entries(terms).map(([name, value]) => [name, round(value, decimals)]));
  if ('elbo' in terms) shown.elbo = shown.reconstruction - shown.kl;
  return shown;
}

// While one drags, an average over q may be one whose error nobody knows; at rest it is known.
function precision(error) {
  if (error === null) return '≈';
  return error >= 0.005 ? `± ${nats(error)}` : '';
}
