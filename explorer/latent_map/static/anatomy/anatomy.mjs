// The tabs below the numbers on the page of the ELBO, and what they share of the map.
//
// A tab: { name, label, element, show(), hide(), changed(what), destroy() }; it computes only while shown.
// what: 'anchor' (another image), 'moved' (q is being dragged), 'terms' (they were computed), 'rest' (it was
// let go), 'encoder' (the encoder's own terms are there), 'evidence' (log p(x) is there), 'placed' (the handles
// were drawn), 'theme'.

import { h, style } from '../dom.mjs';
import { evaluate, evaluateAtRest } from '../terms.mjs';
import { writeUrl } from '../url.mjs';
import { Derivation } from './derivation.mjs';
import { GapPicture } from './gap_picture.mjs';
import { Game } from './game.mjs';
import { Ladder } from './ladder.mjs';
import { Units } from './units.mjs';
import { words } from './words.mjs';

const TABS = [Game, Derivation, Ladder, Units, GapPicture];
const STYLES = ['anatomy.css', 'bounds.css', 'gaps.css'];

export class Anatomy {
  /** @param explore the map, see ../explore.mjs */
  constructor(explore) {
    this.explore = explore;
    for (const name of STYLES) style(new URL(`./${name}`, import.meta.url).href);
    const scene = sceneOf(explore);
    this.tabs = TABS.map((Tab) => new Tab(scene));
    this.buttons = this.tabs.map((tab) => h('button', {
      type: 'button', role: 'tab', class: 'lx-tab', id: `lx-tab-${tab.name}`, 'data-testid': `tab-${tab.name}`, 'aria-selected': false,
      'aria-controls': `lx-tabpanel-${tab.name}`, title: words.tabs[tab.name]?.[1] ?? '',
      onclick: () => this.choose(tab.name), onkeydown: (event) => this.byKey(event),
    }, words.tabs[tab.name]?.[0] ?? tab.label));
    this.panels = this.tabs.map((tab) => h('div', {
      role: 'tabpanel', class: 'lx-tabpanel', id: `lx-tabpanel-${tab.name}`, 'aria-labelledby': `lx-tab-${tab.name}`, hidden: true,
    }, tab.element));
    this.element = h('div', { class: 'lx-anatomy', 'data-testid': 'anatomy' },
      h('div', { class: 'lx-tabs', role: 'tablist', 'aria-label': words.tablist }, ...this.buttons), ...this.panels);
  }

  /** Shows the tab of the address, once there is an image and a q. */
  open() {
    this.choose(this.explore.state.tab, { quietly: true });
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
    this.explore.state.tab = at ? this.tabs[at].name : null;
    if (!quietly) writeUrl(this.explore.manifest, this.explore.state);
  }

  byKey(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const at = this.buttons.indexOf(event.currentTarget);
    const next = (at + by + this.tabs.length) % this.tabs.length;
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

/** What the tabs may see and do of a map. */
function sceneOf(explore) {
  return {
    manifest: explore.manifest,
    plane: explore.plane,
    sheets: explore.sheets,
    get engine() { return explore.engine; },
    get rules() { return explore.rules; },
    get anchor() { return explore.anchor; },
    get state() { return explore.state; },
    get overlay() { return explore.overlay; },
    get plot() { return explore.plot; },
    gone: () => explore.gone,
    idle: () => explore.measuring.idle(),
    request: () => explore.measuring.request('rest'),
    encoderAt: () => explore.encoderAt(),
    /** The last evaluation: { request, terms, values (log p(x|z) at the rule's nodes), rule }. */
    last: () => explore.measuring.last,
    terms: () => explore.view.panel.terms ?? null,
    /** The standard error of the gap on screen, as digits. */
    gapError: () => explore.view.panel.gapError(),
    settled: () => explore.view.panel.rule === 'rest',
    encoder: () => explore.view.panel.encoder?.rest ?? null,
    evaluate: (state, rule, stale) => evaluate(explore.engine, explore.plane, explore.anchor, state, explore.rules[rule], stale),
    evaluateAtRest: (state, stale) => evaluateAtRest(explore.engine, explore.plane, explore.anchor, state, explore.rules, stale),
    labelOf: (index) => explore.labelOf(index),
    choose: (index) => explore.choose(index),
    setMode: (mode) => explore.setMode(mode),
    /** q moves there as if it were dragged; with `rest` it is let go there. */
    moveTo: ({ u, sigma }, { rest = true } = {}) => {
      explore.move({ u, sigma });
      if (rest) explore.rest();
    },
    rest: () => explore.rest(),
    trouble: (error) => explore.trouble(error),
  };
}
