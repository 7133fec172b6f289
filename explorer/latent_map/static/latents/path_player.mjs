// One path as pictures: a strip, and a frame that is scrubbed or played; taken away as an animation.

import { download, h } from '../dom.mjs';
import { fetchFile } from '../evidence.mjs';
import { decoded, show } from '../pictures.mjs';
import { words as all } from './words.mjs';

const words = all.paths;
const FRAMES = 10; // of the strip
const PLAY_MS = 60;

export class PathPlayer {
  /** @param events { at(z): a frame is shown, go(z): the handle is wanted there, failed(error) } */
  constructor(scene, events) {
    this.scene = scene;
    this.events = events;
    this.at = 0;
    const [, height, width] = scene.manifest.imageShape;
    const button = (name, text, tip, click) => h('button', { type: 'button', class: 'lx-button', title: tip, 'data-testid': `path-${name}`, onclick: click }, text);
    this.frame = h('canvas', { width, height, class: 'lx-frame', 'data-testid': 'path-frame' });
    this.strip = h('canvas', { class: 'lx-strip', width: FRAMES * width, height, 'data-testid': 'path-strip', role: 'img', 'aria-label': words.strip });
    this.mark = h('i', { class: 'lx-strip-mark' });
    this.scrub = h('input', { type: 'range', min: 0, step: 1, value: 0, 'aria-label': words.scrub, 'data-testid': 'path-scrub', oninput: () => this.seek(Number(this.scrub.value)) });
    this.play = button('play', ...words.play, () => this.toggle());
    const save = Object.entries(words.formats).map(([format, [text, tip]]) => button(format, text, tip, () => this.save(format)));
    this.element = h('div', { class: 'lx-path', hidden: true }, h('div', { class: 'lx-strip-box' }, this.strip, this.mark),
      h('div', { class: 'lx-row' }, this.frame, h('div', { class: 'lx-grow lx-path-controls' },
        h('div', { class: 'lx-row' }, this.play, h('span', { class: 'lx-grow lx-scrub' }, this.scrub), button('go', ...words.go, () => this.go())),
        h('div', { class: 'lx-row' }, h('span', { class: 'lx-quiet' }, words.save), h('div', { class: 'lx-group' }, ...save)))));
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
    this.element.hidden = false;
    this.drawStrip();
    this.seek(0);
    return true;
  }

  /** Nothing is shown, and what is being decoded is not wanted any more. */
  clear() {
    this.turn = {};
    this.pause();
    this.shown = null;
    this.element.hidden = true;
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
    const last = this.shown.z.length - 1;
    this.mark.style.left = `${((0.5 + (at / last) * (FRAMES - 1)) / FRAMES) * 100}%`; // the middle of a picture is its place
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
