// How the reparameterization trick's gradients scatter: single draws as dots, their expectation as an arrow.

import { h, nats } from '../../core/dom.mjs';
import { words } from '../../words/en/elbo.mjs';

const SIZE = 96; // of each picture, in its own units
const COVERED = 0.94; // of the draws that the frame holds

export class Clouds {
  constructor() {
    this.pictures = [words.game.means, words.game.scales].map((name, i) => {
      const dots = h('svg:g', { class: 'lx-dots' });
      const arrow = h('svg:line', { class: 'lx-arrow', x1: 0, y1: 0 });
      const svg = h('svg:svg', { viewBox: `${-SIZE / 2} ${-SIZE / 2} ${SIZE} ${SIZE}`, class: 'lx-cloud', 'data-testid': `cloud-${i}`, role: 'img', 'aria-label': name },
        h('svg:line', { class: 'lx-cross', x1: -SIZE / 2, x2: SIZE / 2, y1: 0, y2: 0 }),
        h('svg:line', { class: 'lx-cross', y1: -SIZE / 2, y2: SIZE / 2, x1: 0, x2: 0 }), dots, arrow);
      const reach = h('small');
      return { dots, arrow, reach, svg, figure: h('figure', {}, svg, h('figcaption', {}, name, ' ', reach)) };
    });
    this.values = h('p', { class: 'lx-gradient', 'data-testid': 'gradient' });
    this.note = h('p', { class: 'lx-quiet' });
    this.element = h('div', { class: 'lx-clouds', hidden: true }, ...this.pictures.map(({ figure }) => figure), h('div', {}, this.values, this.note));
  }

  /** @param {{exact: number[], draws: number[]}} found along u₁, u₂, σ₁, σ₂, nats a map unit */
  show({ exact, draws }, dimensions) {
    this.element.hidden = false;
    this.element.style.opacity = '';
    const shown = (value) => (Math.abs(value) < 1000 ? nats(value, Math.abs(value) < 10 ? 2 : 1) : Math.round(value).toLocaleString('en').replace('-', '−'));
    this.values.textContent = words.game.gradient(exact.map(shown));
    this.values.dataset.value = JSON.stringify(exact);
    this.pictures.forEach(({ dots, arrow, reach }, i) => {
      const pairs = [];
      for (let k = 0; k < draws.length; k += 4) pairs.push([draws[k + 2 * i], dimensions > 1 ? draws[k + 2 * i + 1] : 0]);
      const sizes = [...pairs, exact.slice(2 * i, 2 * i + 2)].map(([x, y]) => Math.max(Math.abs(x), Math.abs(y))).sort((a, b) => a - b);
      const full = Math.max(sizes[Math.floor(COVERED * (sizes.length - 1))], Math.abs(exact[2 * i]) * 1.1, Math.abs(exact[2 * i + 1]) * 1.1, 1e-9);
      const scale = SIZE / 2 / full;
      const inside = pairs.filter(([x, y]) => Math.abs(x) <= full && Math.abs(y) <= full);
      dots.replaceChildren(...inside.map(([x, y]) => h('svg:circle', { cx: x * scale, cy: -y * scale, r: 1.1 })));
      arrow.setAttribute('x2', exact[2 * i] * scale);
      arrow.setAttribute('y2', -exact[2 * i + 1] * scale);
      reach.textContent = `±${shown(full)}`;
    });
    this.note.textContent = words.game.cloud(Math.floor(100 * COVERED), draws.length / 4);
  }

  /** What is shown belongs to where q was. */
  fade() {
    this.element.style.opacity = 0.35;
  }

  clear() {
    this.element.hidden = true;
  }
}
