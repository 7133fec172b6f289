// Ways through latent space: straight, spherical, geodesic, or along a drawn line; as a strip, and played.

import { download, h } from '../dom.mjs';
import { ask, sentence } from '../evidence.mjs';
import { LineTool } from './line_tool.mjs';
import { decoded, show } from '../thumbnails.mjs';
import { words as all } from './words.mjs';

const words = all.paths;
const STEPS = 64;
const FRAMES = 10; // of the strip
const MOST = 8;
const PLAY_MS = 60;
const WAYS = ['straight', 'spherical', 'geodesic'];

export class Paths {
  name = 'paths';

  constructor(scene) {
    this.scene = scene;
    this.stops = []; // latents float64 (d)
    this.way = 'geodesic';
    const button = (name, click, more = {}) => h('button', { type: 'button', class: 'lx-button', title: words[name][1], 'data-testid': `path-${name}`, onclick: click, ...more }, words[name][0]);
    this.drawing = button('draw', () => this.drawLine(), { 'aria-pressed': 'false' });
    this.chips = h('div', { class: 'lx-thumbnails', role: 'group', 'aria-label': words.stops });
    this.message = h('p', { class: 'lx-quiet', role: 'status', 'data-testid': 'path-note' }, words.empty);
    this.table = h('div', { class: 'lx-ways', hidden: true, title: words.tableTip });
    const [, height, width] = scene.manifest.imageShape;
    this.frame = h('canvas', { width, height, class: 'lx-frame', 'data-testid': 'path-frame' });
    this.strip = h('canvas', { class: 'lx-strip', width: FRAMES * width, height, 'data-testid': 'path-strip', role: 'img', 'aria-label': words.strip });
    this.scrub = h('input', { type: 'range', min: 0, max: STEPS - 1, step: 1, value: 0, 'aria-label': words.scrub, 'data-testid': 'path-scrub', oninput: () => this.seek(Number(this.scrub.value)) });
    this.play = h('button', { type: 'button', class: 'lx-button', title: words.play[1], 'data-testid': 'path-play', onclick: () => this.toggle() }, words.play[0]);
    const save = Object.entries(words.formats).map(([format, [text, tip]]) =>
      h('button', { type: 'button', class: 'lx-button', title: tip, 'data-testid': `path-${format}`, onclick: () => this.save(format) }, text));
    this.shown = h('div', { class: 'lx-path', hidden: true }, this.strip,
      h('div', { class: 'lx-row' }, this.frame, h('div', { class: 'lx-grow lx-path-controls' },
        h('div', { class: 'lx-row' }, this.play, h('span', { class: 'lx-grow lx-scrub' }, this.scrub), button('go', () => this.go())),
        h('div', { class: 'lx-row' }, h('span', { class: 'lx-quiet' }, words.save), h('div', { class: 'lx-group' }, ...save)))));
    this.element = h('div', { class: 'lx-paths', 'data-testid': 'paths' },
      h('div', { class: 'lx-row' }, button('add', () => this.add(scene.z())), button('random', () => this.random()), this.drawing, button('clear', () => this.clear())),
      this.chips, this.message, this.table, this.shown);
    this.lines = Object.fromEntries([...WAYS, 'drawn'].map((name) => [name, h('svg:polyline', { class: `lx-way lx-way-${name}`, 'data-testid': `way-${name}` })]));
    this.dot = h('svg:circle', { class: 'lx-way-dot', r: 5 });
    this.group = h('svg:g', { class: 'lx-path-lines' }, ...Object.values(this.lines), this.dot);
    this.tool = new LineTool(scene, (line) => this.take(line));
  }

  show() {
    this.visible = true;
    const { svg } = this.scene.overlay;
    if (this.group.parentNode !== svg) svg.prepend(this.group);
    this.place();
  }

  hide() {
    this.visible = false;
    this.pause();
    this.tool.stop();
    this.drawing.setAttribute('aria-pressed', 'false');
    this.place();
  }

  changed(what) {
    if (what === 'placed' || what === 'map') this.place();
  }

  destroy() {
    this.gone = true;
    this.pause();
    this.tool.stop();
    this.asking?.abort();
  }

  say(text) {
    this.message.textContent = text;
    this.message.hidden = !text;
  }

  add(z) {
    if (this.stops.length >= MOST) return this.say(words.full(MOST));
    if (this.line) this.clear();
    this.stops.push(Float64Array.from(z));
    return this.find();
  }

  /** A path that anybody can have at once: from the chosen image to another. */
  async random() {
    const { manifest } = this.scene;
    this.clear();
    const choosing = (this.drawnLot = {});
    const other = Math.floor(Math.random() * (manifest.count - 1));
    const { loc } = await this.scene.sheets.posterior(other + Number(other >= (this.scene.state.image ?? manifest.count)));
    if (choosing !== this.drawnLot || this.gone) return undefined;
    this.stops.push(Float64Array.from(this.scene.anchor.loc));
    return this.add(loc);
  }

  clear() {
    this.pause();
    this.asking?.abort();
    this.stops = [];
    this.line = null;
    this.ways = this.shownWay = null;
    this.chips.replaceChildren();
    this.shown.hidden = this.table.hidden = true;
    this.say(words.empty);
    this.place();
  }

  drawLine() {
    if (this.tool.active) this.tool.stop();
    else this.tool.start();
    this.drawing.setAttribute('aria-pressed', this.tool.active);
    if (this.tool.active) this.say(words.drawing);
  }

  /** A line that was drawn, in map units. */
  take(line) {
    this.tool.stop();
    this.drawing.setAttribute('aria-pressed', 'false');
    if (line.length < 2) return this.say(words.empty);
    this.clear();
    const from = this.scene.from();
    this.line = line.map((u) => Array.from(this.scene.plane.lift(u, from)));
    return this.find();
  }

  async find() {
    this.showStops();
    if (!this.line && this.stops.length < 2) {
      this.ways = this.shownWay = null;
      this.shown.hidden = this.table.hidden = true;
      this.say(words.empty);
      return this.place();
    }
    this.asking?.abort();
    const { signal } = (this.asking = new AbortController());
    this.say(words.computing);
    const state = this.line ? { line: this.line, steps: STEPS } : { places: this.stops.map((z) => Array.from(z)), steps: STEPS };
    try {
      let ways;
      try {
        ways = await ask(this.scene.manifest.ways, state, signal);
        this.say('');
      } catch (error) {
        if (this.line || signal.aborted) throw error;
        // Too long for this decoder: the other ways, and why this one is missing.
        ways = await ask(this.scene.manifest.ways, { ...state, ways: ['straight', 'spherical'] }, signal);
        this.say(words.failed(error.message));
      }
      if (this.gone || signal.aborted) return;
      this.ways = ways;
      if (!ways[this.way]) this.way = this.line ? 'drawn' : 'straight';
      if (ways.geodesic && this.way === 'drawn') this.way = 'geodesic';
      await this.choose(this.way);
    } catch (error) {
      if (!signal.aborted && !this.gone) this.say(words.failed(error.message));
    }
  }

  async showStops() {
    const { manifest } = this.scene;
    const [channels, height, width] = manifest.imageShape;
    const d = manifest.latent;
    const stops = [...this.stops];
    const showing = (this.showing = {});
    const z = new Float32Array(stops.length * d);
    stops.forEach((stop, at) => z.set(stop, at * d));
    const images = stops.length ? await decoded(this.scene, z, d) : null;
    const pixels = channels * height * width;
    if (showing !== this.showing || this.gone) return;
    this.chips.replaceChildren(...stops.map((_, at) => {
      const canvas = h('canvas', { width, height });
      show(canvas, images.subarray(at * pixels, (at + 1) * pixels), channels);
      return h('button', { type: 'button', class: 'lx-neighbour', title: words.stop(at), 'data-testid': `stop-${at}`, onclick: () => {
        this.stops.splice(at, 1);
        this.find();
      } }, canvas, h('span', {}, String(at + 1)));
    }));
  }

  /** One of the ways on screen: its strip, its frames. */
  async choose(name) {
    this.way = name;
    const [way, latent, image] = words.table;
    const cell = (text, more) => h('span', more, text);
    this.table.replaceChildren(cell(way, { class: 'lx-head' }), cell(latent, { class: 'lx-head' }), cell(image, { class: 'lx-head' }),
      ...Object.entries(this.ways).flatMap(([key, found]) => [
        h('button', { type: 'button', class: `lx-way-name lx-way-name-${key}`, 'aria-pressed': key === name, title: words.ways[key][1], 'data-testid': `choose-${key}`, onclick: () => this.choose(key) }, words.ways[key][0]),
        cell(found.latent.toFixed(2), { 'data-testid': `latent-${key}`, 'data-value': found.latent }), cell(found.image.toFixed(2), { 'data-testid': `image-${key}`, 'data-value': found.image })]));
    const { z } = this.ways[name];
    const { manifest } = this.scene;
    const d = manifest.latent;
    const flat = new Float32Array(z.length * d);
    z.forEach((place, at) => flat.set(place, at * d));
    const choosing = (this.choosing = {});
    const images = await decoded(this.scene, flat, d);
    if (this.gone || choosing !== this.choosing) return;
    this.shownWay = { z, images };
    this.scrub.max = z.length - 1;
    this.shown.hidden = this.table.hidden = false;
    this.drawStrip(z.length);
    this.seek(0);
    this.place();
  }

  drawStrip(steps) {
    const [channels, height, width] = this.scene.manifest.imageShape;
    const pixels = channels * height * width;
    const context = this.strip.getContext('2d');
    const one = h('canvas', { width, height });
    for (let k = 0; k < FRAMES; k++) {
      const at = Math.round((k * (steps - 1)) / (FRAMES - 1));
      show(one, this.shownWay.images.subarray(at * pixels, (at + 1) * pixels), channels);
      context.drawImage(one, k * width, 0);
    }
  }

  seek(at) {
    if (!this.shownWay) return;
    const { z: places, images } = this.shownWay;
    this.at = at;
    this.scrub.value = at;
    const [channels, height, width] = this.scene.manifest.imageShape;
    const pixels = channels * height * width;
    show(this.frame, images.subarray(at * pixels, (at + 1) * pixels), channels);
    const z = places[at];
    if (!z || !this.visible || !this.ways) return;
    const [x, y] = this.scene.plot.toPixels(this.scene.plane.project(z));
    this.dot.setAttribute('cx', x);
    this.dot.setAttribute('cy', y);
  }

  toggle() {
    if (this.playing) return this.pause();
    let step = 1;
    [this.play.textContent, this.play.title] = words.pause;
    this.playing = setInterval(() => {
      const last = Number(this.scrub.max);
      if (this.at >= last) step = -1;
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
    const z = this.shownWay?.z[this.at];
    if (z) this.scene.goTo(z);
  }

  /** The ways on the map. */
  place() {
    const on = this.visible && Boolean(this.ways);
    this.group.style.display = on ? '' : 'none';
    if (!on) return;
    const { plane, plot } = this.scene;
    for (const [name, line] of Object.entries(this.lines)) {
      const found = this.ways[name];
      line.style.display = found ? '' : 'none';
      if (!found) continue;
      line.classList.toggle('lx-way-chosen', name === this.way);
      line.setAttribute('points', found.z.map((z) => plot.toPixels(this.placed(found, z, plane)).map((value) => value.toFixed(1)).join(',')).join(' '));
    }
    this.seek(this.at ?? 0);
  }

  /** A place of a way on this map; on a curved one it takes a search, so once for each map. */
  placed(found, z, plane) {
    if (plane.exact) return plane.project(z);
    if (found.map !== plane.inner) {
      found.map = plane.inner;
      found.places = new Map();
    }
    if (!found.places.has(z)) found.places.set(z, plane.project(z));
    return found.places.get(z);
  }

  async save(format) {
    const name = `${this.scene.manifest.name}-${this.way}.${format}`;
    try {
      const response = await fetch(this.scene.manifest.strip, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ z: this.shownWay.z, format }),
      });
      if (!response.ok) throw new Error(await sentence(response));
      download(await response.blob(), name);
    } catch (error) {
      this.say(words.failed(error.message));
    }
  }
}
