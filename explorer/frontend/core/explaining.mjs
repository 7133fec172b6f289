// What a number means, also for a finger and for the keyboard: the sentence that a mouse sees when it rests on a word.

import { h } from './dom.mjs';

const CONTROLS = 'button, input, select, textarea, a, [draggable], .lx-sketch';
const EDGE = 8; // pixels kept from the window's edges
const APART = 6; // and from what is explained
// Rows that belong together: an explanation of one of them leaves all of them to be read, where there is room.
const TOGETHER = 'table, ul, .lx-terms, .lx-evidence, .lx-live, .lx-standings, .lx-pictures, .lx-row, figure';

/**
 * The place of an explanation, { left, top } in pixels of the window, that hides as little as it can: beside the panel, level
 * with the row; where there is no room, below or above the rows that belong together; else of the row alone.
 * @param rects { row, together, panel } as DOMRect has them
 * @param own the card's { width, height }; room the window's
 */
export function placed({ row, together, panel }, own, room) {
  const within = (value, most) => Math.max(EDGE, Math.min(value, most - EDGE));
  const [left, top] = [within(row.left, room.width - own.width), within(row.top, room.height - own.height)];
  if (panel.left - APART - own.width >= EDGE) return { left: panel.left - APART - own.width, top };
  if (panel.right + APART + own.width <= room.width - EDGE) return { left: panel.right + APART, top };
  const fitting = (box) => [box.bottom + APART, box.top - APART - own.height].find((at) => at >= EDGE && at + own.height <= room.height - EDGE);
  return { left, top: fitting(together) ?? fitting(row) ?? within(row.bottom + APART, room.height - own.height) };
}

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
    const around = (selector) => (node.closest(selector) ?? node).getBoundingClientRect();
    const rects = { row: node.getBoundingClientRect(), together: around(TOGETHER), panel: around('.lx-panel') };
    const { left, top } = placed(rects, this.card.getBoundingClientRect(), { width: innerWidth, height: innerHeight });
    this.card.style.left = `${left}px`;
    this.card.style.top = `${top}px`;
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
