// The classes by colour and name; pressing one hides its points.

import { classColour, isDark } from '../../core/colours.mjs';
import { h } from '../../core/dom.mjs';
import { words } from '../../words/en/training.mjs';

export class Legend {
  /** @param {{hide(label: number, yes: boolean)}} actions */
  constructor(actions) {
    this.actions = actions;
    this.element = h('div', { class: 'lt-legend', role: 'group', 'aria-label': words.classes, hidden: true });
  }

  describe(classes) {
    this.element.hidden = classes.length < 2;
    this.element.replaceChildren(...classes.map((name, label) => h('button', { type: 'button', class: 'lt-class', 'aria-pressed': true,
      onclick: ({ currentTarget: node }) => {
        const shown = node.getAttribute('aria-pressed') === 'true';
        node.setAttribute('aria-pressed', !shown);
        this.actions.hide(label, shown);
      } }, h('i'), name)));
    this.restyle();
  }

  restyle() {
    const dark = isDark(this.element);
    [...this.element.children].forEach((node, label) => node.style.setProperty('--class', classColour(label, dark)));
  }
}
