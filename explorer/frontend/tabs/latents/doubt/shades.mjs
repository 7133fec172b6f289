// The layers over the map that a person switches on: where it is not to be believed, how fast the image changes along it.

import { h, power } from '../../../core/dom.mjs';
import { doubtImage, doubtsOver, MAGNIFIED, magnificationImage } from './shading.mjs';
import { trustOf } from './trust.mjs';
import { words as all } from '../../../words/en/latents.mjs';

const words = all.map;
const NAMES = ['doubt', 'magnification'];

/** Two digits, however small: the ends of a log scale. */
const significant = (value) => (value >= 0.001 && value < 1e4 ? String(Number(value.toPrecision(2))) : power(value));

export class Shades {
  constructor(scene) {
    this.scene = scene;
    this.on = new Set();
    this.buttons = Object.fromEntries(NAMES.map((name) => [name, h('button', { type: 'button', class: 'lx-button', title: words.shades[name][1],
      'aria-pressed': 'false', 'data-testid': `shade-${name}`, onclick: () => this.press(name) }, words.shades[name][0])]));
    this.note = h('span', { class: 'lx-quiet lx-shade-notes', role: 'status', 'data-testid': 'shade-note' });
    this.element = h('div', { class: 'lx-row' }, h('span', {}, words.shade),
      h('div', { class: 'lx-group', role: 'group', 'aria-label': words.shade }, ...Object.values(this.buttons)), this.note);
  }

  /** A map is shown: a curved one says where it is not to be believed, unless somebody has chosen what is seen. */
  follow() {
    const { shade } = this.scene.state;
    const chosen = shade ?? (this.scene.plane.exact ? 'none' : 'doubt');
    this.set(new Set(NAMES.filter((name) => chosen === name || chosen === 'both')));
  }

  /** Each of the two is switched on and off for itself. */
  press(name) {
    const on = new Set(this.on);
    if (!on.delete(name)) on.add(name);
    this.scene.keep({ shade: on.size === 2 ? 'both' : [...on][0] ?? 'none' });
    this.follow();
  }

  set(on) {
    if (on.size === this.on.size && [...on].every((name) => this.on.has(name))) return;
    this.on = on;
    for (const [name, button] of Object.entries(this.buttons)) button.setAttribute('aria-pressed', on.has(name));
    this.note.replaceChildren();
    this.scene.shade(on.size ? (view, stale) => this.layers(on, view, stale) : null);
  }

  async layers(on, view, stale) {
    this.note.replaceChildren(words.shading);
    const doubts = await doubtsOver(this.scene, await trustOf(this.scene), view, stale);
    if (!doubts) return [];
    const images = [];
    const said = [];
    if (on.has('magnification')) {
      const found = await magnificationImage(this.scene, doubts, view, stale);
      if (!found) return [];
      images.push(found.image);
      said.push(this.scaleNote(found));
    }
    if (on.has('doubt')) {
      images.push(doubtImage(this.scene, doubts));
      said.push(h('span', { class: 'lx-key' }, h('i', { class: 'lx-hatched' }), words.doubted(this.scene.plane.exact)));
    }
    if (stale()) return [];
    this.note.replaceChildren(...said);
    return images;
  }

  scaleNote({ low, high, least, most }) {
    const bar = h('i', { class: 'lx-ramp', style: `background: linear-gradient(to right, transparent, rgb(${MAGNIFIED}))` });
    const flat = this.scene.manifest.latent === 1;
    const ends = [`${least < low ? '≤ ' : ''}${significant(low)}`, `${most > high ? '≥ ' : ''}${significant(high)}`];
    return h('span', { class: 'lx-key' }, h('b', {}, ends[0]), bar, h('b', {}, ends[1]), words.magnified(flat, this.scene.plane.exact));
  }
}
