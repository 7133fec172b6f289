// The layers over the map that a person switches on: where it is not to be believed, how fast the image changes along it.

import { h, power } from '../dom.mjs';
import { doubtImage, MAGNIFIED, magnificationImage } from './shading.mjs';
import { trustOf } from './trust.mjs';
import { words as all } from './words.mjs';

const words = all.map;

/** Two digits, however small: the ends of a log scale. */
const significant = (value) => (value >= 0.001 && value < 1e4 ? String(Number(value.toPrecision(2))) : power(value));

export class Shades {
  constructor(scene) {
    this.scene = scene;
    this.on = null;
    this.buttons = Object.fromEntries(['doubt', 'magnification'].map((name) => [name, h('button', { type: 'button', class: 'lx-button', title: words.shades[name][1],
      'aria-pressed': 'false', 'data-testid': `shade-${name}`, onclick: () => this.press(name) }, words.shades[name][0])]));
    this.note = h('span', { class: 'lx-quiet lx-key', role: 'status', 'data-testid': 'shade-note' });
    this.element = h('div', { class: 'lx-row' }, h('span', {}, words.shade),
      h('div', { class: 'lx-group', role: 'group', 'aria-label': words.shade }, ...Object.values(this.buttons)), this.note);
  }

  /** A map is shown: a curved one says where it is not to be believed, unless somebody has chosen what is seen. */
  follow() {
    const { shade } = this.scene.state;
    this.set(shade === 'none' ? null : shade ?? (this.scene.plane.exact ? null : 'doubt'));
  }

  press(name) {
    this.scene.keep({ shade: this.on === name ? 'none' : name });
    this.follow();
  }

  /** One layer over the whole map, or none. */
  set(name) {
    if (name === this.on) return;
    this.on = name;
    for (const [other, button] of Object.entries(this.buttons)) button.setAttribute('aria-pressed', other === name);
    this.note.replaceChildren();
    this.scene.shade(name && ((view, stale) => this.layer(name, view, stale)));
  }

  async layer(name, view, stale) {
    this.note.replaceChildren(words.shading);
    if (name === 'doubt') {
      const image = await doubtImage(this.scene, await trustOf(this.scene), view, stale);
      if (!stale()) this.note.replaceChildren(h('i', { class: 'lx-hatched' }), words.doubted(this.scene.plane.exact));
      return image;
    }
    const found = await magnificationImage(this.scene, await trustOf(this.scene), view, stale);
    if (!found || stale()) return null;
    const bar = h('i', { class: 'lx-ramp', style: `background: linear-gradient(to right, transparent, rgb(${MAGNIFIED}))` });
    const { low, high, least, most } = found;
    const flat = this.scene.manifest.latent === 1;
    this.note.replaceChildren(`${least < low ? '≤ ' : ''}${significant(low)}`, bar, `${most > high ? '≥ ' : ''}${significant(high)}`, ` ${words.magnified(flat, this.scene.plane.exact)} `, h('i', { class: 'lx-hatched' }), words.doubted(this.scene.plane.exact));
    return found.image;
  }
}
