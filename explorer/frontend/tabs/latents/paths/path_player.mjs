// One path as pictures: a strip, and a frame that is scrubbed or played; taken away as an animation.

import { download, h } from '../../../core/dom.mjs';
import { fetchFile } from '../../../engine/evidence.mjs';
import { decoded, show } from '../../../layers/pictures.mjs';
import { doubted } from '../doubt/believing.mjs';
import { trustOf } from '../doubt/trust.mjs';
import { words as all } from '../../../words/en/latents.mjs';

const words = all.paths;
const FRAMES = 10; // of the strip
const PLAY_MS = 60;

/** Where a step lies along the strip, in percent of it: the middle of a picture is its place. */
const middle = (at, count) => (100 * (0.5 + (at / (count - 1)) * (FRAMES - 1))) / FRAMES;

export class PathPlayer {
  /** @param events { at(z): a frame is shown, go(z): the handle is wanted there, failed(error) } */
  constructor(scene, events) {
    this.scene = scene;
    this.events = events;
    this.at = 0;
    const [, height, width] = scene.manifest.imageShape;
    const button = (name, text, tip, click) => h('button', { type: 'button', class: 'lx-button', title: tip, 'data-testid': `path-${name}`, onclick: click }, text);
    this.frame = h('canvas', { width, height, class: 'lx-frame', hidden: true, 'data-testid': 'path-frame' });
    this.strip = h('canvas', { class: 'lx-strip', width: FRAMES * width, height, 'data-testid': 'path-strip', role: 'img', 'aria-label': words.strip });
    this.mark = h('i', { class: 'lx-strip-mark' });
    this.lost = h('i', { class: 'lx-strip-lost', title: words.lostTip, hidden: true });
    this.said = h('p', { class: 'lx-doubt', 'data-doubt': 'true', hidden: true, 'data-testid': 'path-doubt' });
    this.scrub = h('input', { type: 'range', min: 0, step: 1, value: 0, 'aria-label': words.scrub, 'data-testid': 'path-scrub', oninput: () => this.seek(Number(this.scrub.value)) });
    this.play = button('play', ...words.play, () => this.toggle());
    const save = Object.entries(words.formats).map(([format, [text, tip]]) => button(format, text, tip, () => this.save(format)));
    this.element = h('div', { class: 'lx-path', hidden: true }, h('div', { class: 'lx-strip-box' }, this.strip, this.lost, this.mark), this.said,
      h('div', { class: 'lx-row lx-path-controls' }, this.play, h('span', { class: 'lx-scrub' }, this.scrub), button('go', ...words.go, () => this.go()),
        h('span', { class: 'lx-quiet' }, words.save), h('div', { class: 'lx-group' }, ...save)));
  }

  /** Decodes and shows a way: its name and its places, n arrays (d). False where another was wanted meanwhile. */
  async show(name, z) {
    const { scene } = this;
    const turn = (this.turn = {});
    const d = scene.manifest.latent;
    const flat = new Float32Array(z.length * d);
    z.forEach((place, at) => flat.set(place, at * d));
    const images = await decoded(scene, flat, d);
    if (turn !== this.turn) return false;
    this.shown = { name, z, images };
    this.scrub.max = z.length - 1;
    this.element.hidden = this.frame.hidden = false;
    this.drawStrip();
    this.seek(0);
    this.doubt(turn).catch((error) => this.events.failed(error));
    return true;
  }

  /** Which steps lie far from all data: a line below the strip, and how many there are. */
  async doubt(turn) {
    this.lost.hidden = this.said.hidden = true;
    const trust = await trustOf(this.scene);
    if (turn !== this.turn) return;
    const far = this.shown.z.map((z) => trust.nearest(z).far);
    const count = far.filter(doubted).length;
    this.lost.hidden = this.said.hidden = count === 0;
    if (!count) return;
    this.said.textContent = words.lost(count, far.length);
    const stops = far.map((value, at) => `rgb(0 0 0 / ${value.toFixed(2)}) ${middle(at, far.length)}%`);
    this.lost.style.maskImage = `linear-gradient(to right, ${stops.join(', ')})`;
  }

  /** Nothing is shown, and what is being decoded is not wanted any more. */
  clear() {
    this.turn = {};
    this.pause();
    this.shown = null;
    this.element.hidden = this.frame.hidden = true;
  }

  image(at) {
    const pixels = this.scene.manifest.imageShape.reduce((a, b) => a * b);
    return this.shown.images.subarray(at * pixels, (at + 1) * pixels);
  }

  drawStrip() {
    const [channels, height, width] = this.scene.manifest.imageShape;
    const context = this.strip.getContext('2d');
    const one = h('canvas', { width, height });
    for (let k = 0; k < FRAMES; k++) {
      show(one, this.image(Math.round((k * (this.shown.z.length - 1)) / (FRAMES - 1))), channels);
      context.drawImage(one, k * width, 0);
    }
  }

  seek(at) {
    if (!this.shown) return;
    this.at = at;
    this.scrub.value = at;
    this.mark.style.left = `${middle(at, this.shown.z.length)}%`;
    show(this.frame, this.image(at), this.scene.manifest.imageShape[0]);
    this.events.at(this.shown.z[at]);
  }

  toggle() {
    if (this.playing) return this.pause();
    let step = 1;
    [this.play.textContent, this.play.title] = words.pause;
    this.playing = setInterval(() => {
      if (this.at >= Number(this.scrub.max)) step = -1;
      if (this.at <= 0) step = 1;
      this.seek(this.at + step);
    }, PLAY_MS);
  }

  pause() {
    clearInterval(this.playing);
    this.playing = undefined;
    [this.play.textContent, this.play.title] = words.play;
  }

  go() {
    if (this.shown) this.events.go(this.shown.z[this.at]);
  }

  async save(format) {
    const { manifest } = this.scene;
    const { name, z } = this.shown;
    try {
      download(await fetchFile(manifest.strip, { z, format }), `${manifest.name}-${name}.${format}`);
    } catch (error) {
      this.events.failed(error);
    }
  }
}
