// What a number means, also for a finger and for the keyboard: the sentence that a mouse sees when it rests on a word.

import { h } from './dom.mjs';

const CONTROLS = 'button, input, select, textarea, a, [draggable], .lx-sketch';
const EDGE = 8; // pixels kept from the window's edges
const GAP = 6;
const ROWS = '.lx-terms, .lx-evidence, .lx-standings'; // of numbers that belong together

export class Explaining {
  /** @param root whose elements with a title are explained; those that are controls have a use of their own */
  constructor(root) {
    this.root = root;
    this.card = h('p', { class: 'lx-explained', role: 'tooltip', hidden: true, 'data-testid': 'explained' });
    root.append(this.card);
    root.addEventListener('click', this.press);
    root.addEventListener('keydown', this.key);
    window.addEventListener('scroll', this.hide, { capture: true, passive: true });
    this.reach();
  }

  /** Words that are explained can be reached by the keyboard. */
  reach() {
    for (const node of this.root.querySelectorAll('[title]:not([tabindex])')) if (!node.closest(CONTROLS) && node.title) node.tabIndex = 0;
  }

  press = (event) => {
    const node = event.target.closest?.('[title]');
    if (!node || !this.root.contains(node) || node.closest(CONTROLS) || this.of === node) return this.hide();
    this.show(node);
  };

  key = (event) => {
    if (event.key === 'Escape') this.hide();
    if ((event.key === 'Enter' || event.key === ' ') && event.target.title && !event.target.closest(CONTROLS)) {
      event.preventDefault();
      this.press(event);
    }
  };

  show(node) {
    this.of = node;
    this.card.textContent = node.title;
    this.card.hidden = false;
    const [at, own] = [node.getBoundingClientRect(), this.card.getBoundingClientRect()];
    // Numbers are read while they are explained: beside all their rows, or else above or below them.
    const rows = (node.closest(ROWS) ?? node).getBoundingClientRect();
    const beside = rows.left - own.width - GAP;
    const below = rows.bottom + GAP + own.height < innerHeight - EDGE;
    const within = (value, most) => Math.max(EDGE, Math.min(value, most - EDGE));
    const [left, top] = node.closest(ROWS) && beside > EDGE
      ? [beside, at.top]
      : [at.left, below ? rows.bottom + GAP : rows.top - own.height - GAP];
    this.card.style.left = `${within(left, innerWidth - own.width)}px`;
    this.card.style.top = `${within(top, innerHeight - own.height)}px`;
  }

  hide = () => {
    this.of = null;
    this.card.hidden = true;
  };

  destroy() {
    this.root.removeEventListener('click', this.press);
    this.root.removeEventListener('keydown', this.key);
    window.removeEventListener('scroll', this.hide, { capture: true });
  }
}
