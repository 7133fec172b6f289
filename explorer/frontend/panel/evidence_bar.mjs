// log p(x) as one bar of fixed length, cut in two: ELBO(q) and what is missing, KL(q ‖ p(z|x)).
//
// The bar ends at log p(x), which no q can move; only the cut moves. Its distance from that end is log(1 + gap) on a
// scale that depends on nothing but the number of pixels: the same state has the same picture, whatever came before.

import { h } from '../core/dom.mjs';
import { words } from '../words/en/map.mjs';

const LEAST_REACH = 1000; // nats at the left end

/** The gap at the left end, nats: a power of ten that hardly any q of an image of so many values exceeds. */
export function reachOf(values) {
  return Math.max(10 ** Math.ceil(Math.log10(10 * values)), LEAST_REACH);
}

/** How far from the right end a gap is drawn, as a share of the bar's length: 0 for none, 1 for `reach` nats and more. */
export function shareOf(gap, reach) {
  return Math.min(Math.log1p(Math.max(gap, 0)) / Math.log1p(reach), 1);
}

export class EvidenceBar {
  /** @param {number} values numbers in an image */
  constructor(values) {
    this.reach = reachOf(values);
    this.fill = h('i', { class: 'lx-cut-elbo' });
    this.tick = h('i', { class: 'lx-cut-encoder', title: words.evidence.tick });
    this.track = h('div', { class: 'lx-cut' }, this.fill, ...this.ticks(() => h('i', { class: 'lx-cut-tick' })), this.tick,
      h('span', { class: 'lx-cut-part' }, words.evidence.elbo), h('span', { class: 'lx-cut-part' }, words.evidence.gap));
    this.state = h('span', { class: 'lx-cut-state' });
    this.scale = h('div', { class: 'lx-cut-scale' }, this.state,
      ...this.ticks((gap) => h('span', { class: 'lx-cut-number' }, words.evidence.below(gap))), h('span', {}, words.evidence.end));
    this.element = h('div', { class: 'lx-evidence', 'data-testid': 'evidence-bar', 'aria-hidden': 'true', title: words.evidence.bar },
      this.track, this.scale);
    this.show(null);
  }

  /** An element at every tick of the scale, made from its gap in nats. */
  ticks(make) {
    const made = [];
    for (let gap = 1; gap < this.reach; gap *= 10) {
      const node = make(gap);
      node.style.right = `${100 * shareOf(gap, this.reach)}%`;
      made.push(node);
    }
    return made;
  }

  /**
   * @param {number|null} value log p(x); elbo: of the q on screen; encoder: of the encoder's own
   * @param {boolean} pending whether log p(x) is still on its way
   */
  show(value, elbo, encoder, pending = true) {
    const known = value !== null && Number.isFinite(elbo);
    this.element.dataset.empty = !known;
    const beyond = known && value - elbo > this.reach;
    const text = known ? beyond ? words.evidence.beyond(this.reach) : '' : pending ? words.evidence.waiting : words.evidence.unknown;
    if (this.state.textContent !== text) this.state.textContent = text;
    if (!known) return;
    const gap = shareOf(value - elbo, this.reach);
    this.fill.style.transform = `scaleX(${1 - gap})`;
    const theirs = value - encoder;
    this.tick.hidden = !Number.isFinite(theirs);
    if (!this.tick.hidden) this.tick.style.transform = `translateX(${-100 * shareOf(theirs, this.reach)}%)`;
  }
}
