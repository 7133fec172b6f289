// What a number means, also for a finger and for the keyboard: the sentence that a mouse sees when it rests on a word.

import { h } from './dom.mjs';

const CONTROLS = 'button, input, select, textarea, a, [draggable], .lx-sketch';
const EDGE = 8; // pixels kept from the window's edges

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
    const below = at.bottom + 6 + own.height < innerHeight - EDGE;
    const left = Math.max(EDGE, Math.min(at.left, innerWidth - own.width - EDGE));
    this.card.style.left = `${left}px`;
    this.card.style.top = `${below ? at.bottom + 6 : Math.max(EDGE, at.top - own.height - 6)}px`;
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
