// log p(x) as one bar of fixed length, cut in two: ELBO(q) and what is missing, KL(q ‖ p(z|x)).
//
// The bar ends at log p(x), which no q can move, and begins a round number of nats below it; only the
// cut moves. A tick marks the encoder's cut.

import { h, nats } from './dom.mjs';
import { words } from './words.mjs';

const ROUND = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e4, 1e5, 1e6, 1e8];

export class EvidenceBar {
  constructor() {
    this.fill = h('i', { class: 'lx-cut-elbo' });
    this.tick = h('i', { class: 'lx-cut-encoder', title: words.evidence.tick });
    this.track = h('div', { class: 'lx-cut' }, this.fill, this.tick);
    this.low = h('span');
    this.middle = h('span', { class: 'lx-cut-label' });
    this.high = h('span');
    this.element = h('div', { class: 'lx-evidence', 'data-testid': 'evidence-bar', 'aria-hidden': 'true', title: words.evidence.bar },
      this.track, h('div', { class: 'lx-axis' }, this.low, this.middle, this.high));
    this.reach = ROUND[2];
    this.show(null);
  }

  /** @param {number|null} value log p(x); elbo: of the q on screen; encoder: of the encoder's own */
  show(value, elbo, encoder) {
    this.element.dataset.empty = value === null;
    if (value === null) {
      for (const node of [this.low, this.high, this.middle]) write(node, '');
      write(this.middle, words.evidence.waiting);
      return;
    }
    const gap = Math.max(value - elbo, 0);
    const theirs = Math.max(value - encoder, 0);
    const needed = Math.max(gap, Number.isFinite(theirs) ? Math.min(theirs, 4 * gap + 1) : 0) * 1.15;
    // In steps, and back only when the bar has become mostly empty, so that it does not breathe.
    if (needed > this.reach || needed < 0.12 * this.reach) {
      this.reach = ROUND.find((reach) => reach >= needed) ?? needed;
    }
    const share = (missing) => Math.min(Math.max(1 - missing / this.reach, 0), 1);
    this.fill.style.transform = `scaleX(${Number.isFinite(gap) ? share(gap) : 0})`;
    this.tick.style.transform = `translateX(${100 * share(theirs)}%)`;
    this.tick.hidden = !Number.isFinite(theirs) || theirs > this.reach;
    write(this.low, words.evidence.start(nats(value - this.reach, 1)));
    write(this.middle, words.evidence.parts);
    write(this.high, words.evidence.end(nats(value)));
  }
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
