// The terms of a point z as lengths: from zero nats to log p(x|z), and from there down by log p(z).
// Probabilities stay left of zero; log-densities can lie right of it.

import { h, nats } from '../core/dom.mjs';
import { words } from '../words/en/map.mjs';

const ROUND = [
  10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 600, 800, 1000, 1500, 2000, 3000, 5000, 7500,
  10_000, 15_000, 20_000, 30_000, 50_000, 100_000, 200_000, 500_000, 1e6, 1e7, 1e9,
];

export class Bars {
  constructor() {
    this.mine = this.track();
    this.theirs = this.track();
    this.low = h('span');
    this.high = h('span');
    this.axis = h('div', { class: 'lx-axis', 'aria-hidden': 'true' }, this.low, this.high);
    const label = (text) => h('span', { class: 'lx-bar-label' }, text);
    this.element = h('div', { class: 'lx-bars', 'aria-hidden': 'true' },
      label(words.yours.point), this.mine.element, label(words.encoder.point), this.theirs.element, h('span'), this.axis);
    this.reach = [0, 0]; // nats on the scale left and right of zero
  }

  track() {
    const segments = [0, 1].map((i) => h('i', { class: `lx-segment lx-segment-${i}` }));
    const zero = h('i', { class: 'lx-zero', hidden: true });
    return { segments, zero, element: h('div', { class: 'lx-track' }, ...segments, zero) };
  }

  /** A scale over all these values, of these alone, that changes in steps: bars do not breathe while one drags. */
  scaleFor(values) {
    const most = [Math.max(0, ...values.map((value) => -value)), Math.max(0, ...values)];
    this.reach = most.map((needed) => needed && (ROUND.find((value) => value >= needed) ?? needed));
    if (this.reach[0] + this.reach[1] === 0) this.reach[0] = ROUND[0];
    const [low, high] = this.reach;
    write(this.low, low ? nats(-low, 0) : words.scaleEnd(0));
    write(this.high, low && !high ? words.scaleEnd(0) : words.scaleEnd(nats(high, 0)));
  }

  /** Between pairs of values, stretched by a transform: a width would have the page laid out anew in every frame. */
  draw(track, spans) {
    const [low, high] = this.reach;
    const share = (value) => Math.min(Math.max((high - value) / (low + high), 0), 1); // from the right
    track.segments.forEach((node, i) => {
      const [from, to] = spans[i].map(share).sort((a, b) => a - b);
      node.style.transform = `translateX(${-100 * from}%) scaleX(${to - from})`;
    });
    track.zero.style.transform = `translateX(${-100 * share(0)}%)`;
    track.zero.hidden = !(low && high);
  }

  /** Terms of the z on screen and of the encoder's mean: log p(x|z) from zero, and log p(z) from there. */
  show(...sides) {
    const ends = sides
      .map((terms) => [terms['log-likelihood'], terms['log-likelihood'] + terms['log-prior']])
      .map((pair) => pair.map((value) => (Number.isFinite(value) ? value : 0)));
    this.scaleFor(ends.flat());
    // What the second takes away from a positive first is drawn over it: both stay in view.
    [this.mine, this.theirs].forEach((track, i) => this.draw(track, [[0, ends[i][0]], ends[i]]));
  }
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
