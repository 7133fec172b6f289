// Tabs below the numbers, one of them shown.
//
// A tab: { name, label, element, show(), hide(), changed(what), destroy() }. It is told of every change, shown or not: what
// it puts on the map has to follow under any tab; what is costly it computes only while shown.
// what: 'open' (once: there is a map, an image and a q), 'anchor' (another image), 'moved' (q is being dragged), 'terms' (they
// were computed), 'rest' (it was let go), 'encoder' (the encoder's own terms are there), 'evidence' (log p(x) is there),
// 'placed' (the handles were drawn), 'theme', 'map' (another map is shown).

import { h, style } from '../core/dom.mjs';

export class Tabs {
  /**
   * @param scene see scene.mjs
   * @param tabs the first of them is shown where the address names none
   * @param words { tablist, tabs: { name: [label, tip] } }
   */
  constructor(scene, tabs, words) {
    this.scene = scene;
    this.tabs = tabs;
    style(new URL('./tabs.css', import.meta.url).href);
    this.buttons = this.tabs.map((tab) => h('button', {
      type: 'button', role: 'tab', class: 'lx-tab', id: `lx-tab-${tab.name}`, 'data-testid': `tab-${tab.name}`, 'aria-selected': false,
      'aria-controls': `lx-tabpanel-${tab.name}`, title: words.tabs[tab.name]?.[1] ?? '',
      onclick: () => this.choose(tab.name), onkeydown: (event) => this.byKey(event),
    }, words.tabs[tab.name]?.[0] ?? tab.label));
    this.panels = this.tabs.map((tab) => h('div', {
      role: 'tabpanel', class: 'lx-tabpanel', id: `lx-tabpanel-${tab.name}`, 'aria-labelledby': `lx-tab-${tab.name}`, hidden: true,
    }, tab.element));
    this.element = h('div', { class: 'lx-tabbed', 'data-testid': 'tabs' },
      h('div', { class: 'lx-tabs', role: 'tablist', 'aria-label': words.tablist }, ...this.buttons), ...this.panels);
  }

  /** Shows the tab of the address, once there is an image and a q. */
  open() {
    this.choose(this.scene.state.tab, { quietly: true });
    this.changed('open');
  }

  choose(name, { quietly = false } = {}) {
    const at = Math.max(this.tabs.findIndex((tab) => tab.name === name), 0);
    this.tabs.forEach((tab, i) => {
      const was = !this.panels[i].hidden;
      this.panels[i].hidden = i !== at;
      this.buttons[i].setAttribute('aria-selected', i === at);
      this.buttons[i].tabIndex = i === at ? 0 : -1;
      if (was && i !== at) tab.hide();
      if (!was && i === at) tab.show();
    });
    if (!quietly) this.scene.keep({ tab: at ? this.tabs[at].name : null });
  }

  byKey(event) {
    const at = this.buttons.indexOf(event.currentTarget);
    const last = this.tabs.length - 1;
    const next = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.choose(this.tabs[next].name);
    this.buttons[next].focus();
  }

  changed(what) {
    for (const tab of this.tabs) tab.changed(what);
  }

  destroy() {
    for (const tab of this.tabs) tab.destroy();
  }
}
