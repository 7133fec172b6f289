// The place in the run: it follows the newest picture until somebody takes it back.

import { h } from '../../core/dom.mjs';
import { words } from '../../words/en/training.mjs';

const REPLAY_MS = 10_000;

export class Scrubber {
  /** @param {{seek(position: number), follow(), playing(yes: boolean)}} actions */
  constructor(actions) {
    this.actions = actions;
    this.entries = [];
    this.following = true;
    this.position = 0;
    this.range = h('input', { type: 'range', min: 0, max: 0, step: 1, value: 0, class: 'lt-range', 'data-testid': 'scrubber',
      'aria-label': words.scrubber.label, disabled: true, oninput: () => this.take(Number(this.range.value)) });
    this.playButton = this.button('scrubber-play', words.scrubber.play, () => (this.frame ? this.halt() : this.play()));
    this.liveButton = this.button('scrubber-live', words.scrubber.live, () => this.follow());
    this.label = h('span', { class: 'lt-place' }, words.scrubber.none);
    this.element = h('div', { class: 'lt-scrubber', role: 'group', 'aria-label': words.scrubber.label },
      this.playButton, this.range, this.label, this.liveButton);
    this.show();
  }

  button(testid, [label, tip], onclick) {
    return h('button', { type: 'button', class: 'lt-button', title: tip, 'data-testid': testid, onclick, disabled: true }, label);
  }

  /** The pictures there are now. */
  update(entries, over) {
    this.entries = entries;
    const last = Math.max(0, entries.length - 1);
    this.range.max = last;
    this.range.disabled = entries.length < 2;
    this.playButton.disabled = entries.length < 2;
    const [label, tip] = over ? words.scrubber.last : words.scrubber.live;
    if (this.liveButton.textContent !== label) this.liveButton.textContent = label;
    this.liveButton.title = tip;
    if (this.following) this.position = last;
    this.position = Math.min(this.position, last);
    this.show();
  }

  /** Somebody moved it. */
  take(position) {
    this.halt();
    this.following = position >= this.entries.length - 1;
    this.position = position;
    this.show();
    if (this.following) this.actions.follow();
    else this.actions.seek(position);
  }

  /** To the picture nearest to a step or a time. */
  takeNearest({ step, elapsed }) {
    const far = (entry) => Math.abs(step === undefined ? entry.elapsed - elapsed : entry.step - step);
    const best = this.entries.reduce((a, b) => (far(b) < far(a) ? b : a), this.entries[0]);
    if (best) this.take(best.index);
  }

  follow() {
    this.halt();
    this.following = true;
    this.position = Math.max(0, this.entries.length - 1);
    this.show();
    this.actions.follow();
  }

  /** Replays from here, or from the start when it is at the end. */
  play() {
    const last = () => this.entries.length - 1;
    if (this.position >= last()) this.position = 0;
    this.following = false;
    let before = performance.now();
    this.actions.playing(true);
    const step = (now) => {
      const next = Math.min(this.position + ((now - before) / REPLAY_MS) * Math.max(last(), 1), last());
      before = now;
      // Not further than what has arrived.
      if (this.actions.seek(next, true)) this.position = next;
      this.show();
      if (this.position >= last()) this.follow();
      else this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
    this.show();
  }

  halt() {
    if (!this.frame) return;
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    this.position = Math.round(this.position);
    this.actions.playing(false);
    this.show();
  }

  get entry() {
    return this.entries[Math.floor(this.position)];
  }

  show() {
    const { entry } = this;
    if (Number(this.range.value) !== Math.round(this.position)) this.range.value = Math.round(this.position);
    const text = entry ? words.scrubber.short(entry) : words.scrubber.none;
    if (this.label.textContent !== text) this.label.textContent = text;
    this.range.setAttribute('aria-valuetext', entry ? words.scrubber.at(entry, this.entries.length) : text);
    this.liveButton.disabled = !entry;
    this.liveButton.setAttribute('aria-pressed', Boolean(entry) && this.following);
    this.element.dataset.following = this.following;
    const [label, tip] = this.frame ? words.scrubber.halt : words.scrubber.play;
    if (this.playButton.textContent !== label) this.playButton.textContent = label;
    this.playButton.title = tip;
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
  }
}
