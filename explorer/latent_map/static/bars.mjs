// The terms as lengths. Gaussian: what is lost from zero nats, first by reconstruction, then
// by the KL; the bar's end is the ELBO. Point: each log-density on a shared scale.

import { h, nats } from './dom.mjs';
import { words } from './words.mjs';

const ROUND = [10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 600, 800, 1000, 1500, 2000, 3000, 5000, 10000, 100000, 1e9];

export class Bars {
  constructor() {
    this.mine = this.track();
    this.theirs = this.track();
    this.low = h('span');
    this.axis = h('div', { class: 'lx-axis', 'aria-hidden': 'true' }, this.low, h('span', {}, words.zero));
    this.mineLabel = h('span', { class: 'lx-bar-label' });
    this.theirsLabel = h('span', { class: 'lx-bar-label' });
    this.element = h('div', { class: 'lx-bars', 'aria-hidden': 'true' },
      this.mineLabel, this.mine.element, this.theirsLabel, this.theirs.element, h('span'), this.axis);
    this.full = 0;
  }

  track() {
    const segments = [0, 1].map((i) => h('i', { class: `lx-segment lx-segment-${i}` }));
    return { segments, element: h('div', { class: 'lx-track' }, ...segments) };
  }

  /** A scale that changes only in steps, so that bars do not breathe while one drags. */
  scaleFor(most) {
    if (most > this.full || most < 0.4 * this.full) this.full = ROUND.find((value) => value >= most) ?? most;
    const low = nats(-this.full, 0);
    if (this.low.textContent !== low) this.low.textContent = low;
    return this.full;
  }

  /** Stretched by a transform: a width would have the page laid out anew in every frame. */
  draw(track, lengths) {
    let from = 0;
    track.segments.forEach((node, i) => {
      const share = Math.min(Math.max(lengths[i] ?? 0, 0) / this.full, 1 - from);
      node.style.transform = `translateX(${-100 * from}%) scaleX(${share})`;
      from += share;
    });
  }

  showGaussian(mine, theirs) {
    this.labels('gaussian');
    this.scaleFor(Math.max(-mine.elbo, -theirs.elbo));
    this.draw(this.mine, [-mine.reconstruction, mine.kl]);
    this.draw(this.theirs, [-theirs.reconstruction, theirs.kl]);
  }

  showPoint(mine, theirs) {
    this.labels('point');
    const parts = (terms) => [-terms['log-likelihood'], -terms['log-prior']];
    this.scaleFor(Math.max(...[mine, theirs].map((terms) => parts(terms).reduce((a, b) => a + Math.max(b, 0), 0))));
    this.draw(this.mine, parts(mine));
    this.draw(this.theirs, parts(theirs));
  }

  labels(mode) {
    this.element.dataset.mode = mode;
    this.mineLabel.textContent = words.yours[mode];
    this.theirsLabel.textContent = words.encoder[mode];
  }
}
