// The contestants of the game on one scale: how far each q stays below log p(x), in nats.

import { h, nats } from '../../core/dom.mjs';
import { reachOf, shareOf } from '../../panel/evidence_bar.mjs';
import { words } from '../../words/en/elbo.mjs';

const NAMES = ['yours', 'encoder', 'diagonal', 'full'];

export class Standings {
  /**
   * @param put what to do when a contestant is pressed; placeable: whether the map can show any diagonal q
   * @param {number} values numbers in an image
   */
  constructor(put, placeable, values) {
    this.rows = Object.fromEntries(NAMES.map((name) => {
      const bar = h('i', { class: `lx-standing-bar lx-standing-${name}` });
      const value = h('span', { class: 'lx-standing-value', 'data-testid': `gap-${name}` }, '–');
      // Neither needs to be put anywhere: one's own is there, and the map's handles have no room for a covariance.
      const label = name === 'yours' || name === 'full' || (name === 'diagonal' && !placeable)
        ? h('span', { class: 'lx-standing-name', title: words.game.tips[name] ?? '' }, words.game[name])
        : h('button', { type: 'button', class: 'lx-standing-name', title: words.game.tips[name], 'data-testid': `put-${name}`, onclick: () => put(name) }, words.game[name]);
      return [name, { bar, value, cells: [label, h('span', { class: 'lx-standing-track' }, bar), value] }];
    }));
    this.note = h('p', { class: 'lx-quiet', title: words.game.gapsTip, 'data-testid': 'gap-parts' });
    this.element = h('div', { class: 'lx-standings', title: words.game.scale },
      h('div', { class: 'lx-standing-rows' }, ...Object.values(this.rows).flatMap((row) => row.cells)), this.note);
    this.reach = reachOf(values);
  }

  /** Gaps in nats by name; one that is not known yet is undefined. `estimate` is a sentence on how sure they are. */
  show(gaps, estimate = '') {
    for (const name of NAMES) {
      const { bar, value } = this.rows[name];
      const gap = gaps[name];
      const known = Number.isFinite(gap);
      bar.style.transform = `scaleX(${known ? shareOf(gap, this.reach) : 0})`;
      const text = known ? nats(gap) : '–';
      if (value.textContent !== text) value.textContent = text;
      if (known) value.setAttribute('data-value', gap);
    }
    if (gaps.diagonal !== undefined) {
      const parts = words.game.gaps(nats(gaps.diagonal), nats(gaps.encoder - gaps.diagonal));
      this.say(`${parts} ${words.game.axis}${estimate ? `. ${estimate}` : ''}`);
    }
  }

  say(text) {
    if (this.note.textContent !== text) this.note.textContent = text;
  }

  clear() {
    for (const { bar, value } of Object.values(this.rows)) {
      bar.style.transform = 'scaleX(0)';
      value.textContent = '–';
      value.removeAttribute('data-value');
    }
    this.say('');
  }
}
