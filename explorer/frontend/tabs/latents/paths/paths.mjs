// Ways through latent space: straight, spherical, geodesic, or along a drawn line.

import { h } from '../../../core/dom.mjs';
import { ask } from '../../../engine/evidence.mjs';
import { decoded, show } from '../../../layers/pictures.mjs';
import { LineTool } from './line_tool.mjs';
import { alongLine, PathLines } from './path_lines.mjs';
import { PathPlayer } from './path_player.mjs';
import { words as all } from '../../../words/en/latents.mjs';

const words = all.paths;
const STEPS = 64;
const MOST = 8;

export class Paths {
  name = 'paths';

  constructor(scene) {
    this.scene = scene;
    this.stops = (scene.state.stops ?? []).map((z) => Float64Array.from(z)); // of the address
    this.unsought = this.stops.length > 0; // their ways are looked for when somebody looks
    this.way = this.wish;
    const button = (name, click, more = {}) => h('button', { type: 'button', class: 'lx-button', title: words[name][1], 'data-testid': `path-${name}`, onclick: click, ...more }, words[name][0]);
    this.drawing = button('draw', () => this.drawLine(), { 'aria-pressed': 'false' });
    this.chips = h('div', { class: 'lx-thumbnails lx-stops', role: 'group', 'aria-label': words.stops });
    this.message = h('p', { class: 'lx-quiet', role: 'status', 'data-testid': 'path-note' }, words.empty);
    this.fault = h('p', { class: 'lx-caution', role: 'alert', hidden: true, 'data-testid': 'path-fault' });
    this.table = h('div', { class: 'lx-ways', hidden: true, title: words.tableTip });
    this.player = new PathPlayer(scene, { at: (z) => this.lines.move(this.shown ? z : null), go: (z) => scene.goTo(z), failed: (error) => this.fail(error) });
    this.lines = new PathLines(scene);
    this.tool = new LineTool(scene, { done: (line) => this.take(line), cancelled: () => this.drawLine(false) });
    this.element = h('div', { class: 'lx-paths', 'data-testid': 'paths' },
      h('div', { class: 'lx-row' }, button('add', () => this.add(scene.z())), button('random', () => this.random()), this.drawing, button('clear', () => this.clear())),
      this.chips, this.message, this.fault, h('div', { class: 'lx-ways-box' }, this.table, this.player.frame), this.player.element);
  }

  /** The way that somebody chose, wherever there is such a one. */
  get wish() {
    return this.scene.state.way ?? 'geodesic';
  }

  /** Whether anything of a path belongs on the map. */
  get shown() {
    return this.visible && Boolean(this.ways || this.stops.length);
  }

  show() {
    this.visible = true;
    this.place();
    if (this.unsought) this.find();
  }

  hide() {
    this.visible = false;
    this.player.pause();
    this.drawLine(false);
    this.place();
  }

  changed(what) {
    if (what === 'placed' || what === 'map') this.place();
  }

  destroy() {
    this.gone = true;
    this.player.clear();
    this.tool.stop();
    this.asking?.abort();
  }

  /** What has come about, or what to do next; a fault goes with it. */
  say(text) {
    this.message.textContent = text;
    this.fault.hidden = true;
  }

  fail(error) {
    if (this.gone) return;
    this.message.textContent = '';
    this.fault.textContent = words.failed(error.message);
    this.fault.hidden = false;
  }

  /** Stops and ways on the map. */
  place() {
    const { shown, z } = { shown: this.shown, z: this.player.shown?.z[this.player.at] };
    this.lines.place(shown ? { ways: this.ways, way: this.way, stops: this.stops, at: this.ways && z } : null);
  }

  add(z) {
    if (this.stops.length >= MOST) return this.say(words.full(MOST));
    if (this.line) this.clear();
    this.stops = [...this.stops, Float64Array.from(z)];
    return this.find();
  }

  /** A path that anybody can have at once: from the chosen image to another. */
  async random() {
    const { manifest } = this.scene;
    this.clear();
    if (manifest.count < 2) return this.say(words.alone);
    const { turn } = this;
    try {
      const other = Math.floor(Math.random() * (manifest.count - 1));
      const { loc } = await this.scene.sheets.posterior(other + Number(other >= (this.scene.state.image ?? manifest.count)));
      if (turn !== this.turn || this.gone) return;
      this.stops = [Float64Array.from(this.scene.anchor.loc)];
      await this.add(loc);
    } catch (error) {
      if (turn === this.turn) this.fail(error);
    }
  }

  clear() {
    this.stops = [];
    this.line = null;
    this.forget();
    this.keep();
    this.chips.replaceChildren();
    this.say(words.empty);
    this.place();
  }

  /** No way is known, and what is on its way is not wanted any more. */
  forget(turn = {}) {
    this.turn = turn;
    this.asking?.abort();
    this.ways = null;
    this.player.clear();
    this.table.hidden = true;
  }

  /** The tool that draws a line over the map comes or goes. */
  drawLine(wanted = !this.tool.active) {
    if (wanted === this.tool.active) return;
    if (wanted) this.tool.start();
    else this.tool.stop();
    this.drawing.setAttribute('aria-pressed', wanted);
    this.say(wanted ? words.drawing : this.next());
  }

  /** What was found, or what is to be done for a path. */
  next() {
    if (this.ways) return this.line ? words.followed(this.scene.plane.exact) : words.found(this.ways);
    return this.stops.length ? words.second : words.empty;
  }

  /** A line that was drawn, in map units. */
  take(line) {
    this.drawLine(false);
    if (line.length < 2) return undefined;
    this.clear();
    const { plane } = this.scene;
    const from = this.scene.from();
    this.line = line.map((u) => Array.from(plane.lift(u, from)));
    this.drawn = { u: line, map: plane.shown };
    return this.find();
  }

  /** The address holds the stops. */
  keep() {
    this.scene.keep({ stops: this.stops });
  }

  async find() {
    const turn = (this.turn = {});
    this.unsought = false;
    this.keep();
    const stale = () => this.gone || turn !== this.turn;
    this.asking?.abort();
    if (!this.line && this.stops.length < 2) this.forget(turn);
    this.place();
    this.showStops(stale).catch((error) => stale() || this.fail(error));
    if (!this.line && this.stops.length < 2) return this.say(this.next());
    this.say(words.computing);
    try {
      const { ways, missing } = await this.ask();
      if (stale()) return undefined;
      this.ways = ways;
      if (ways.drawn && this.drawn.map === this.scene.plane.shown) this.lines.settle(ways.drawn.z, alongLine(this.drawn.u, this.line, ways.drawn.z.length));
      this.way = [this.wish, 'drawn', 'geodesic', 'straight'].find((name) => ways[name]);
      this.say(this.next());
      if (missing) this.fail(missing);
      this.tabulate();
      this.place();
      await this.choose(this.way);
    } catch (error) {
      if (stale()) return undefined;
      this.forget(turn);
      this.place();
      this.fail(error);
    }
    return undefined;
  }

  /** The server's ways, and why the geodesic is not among them where it is not. */
  async ask() {
    const { signal } = (this.asking = new AbortController());
    const url = this.scene.manifest.ways;
    const state = this.line ? { line: this.line, steps: STEPS } : { places: this.stops.map((z) => Array.from(z)), steps: STEPS };
    try {
      return { ways: await ask(url, state, signal) };
    } catch (error) {
      // A connection that is lost is no refusal: then the other ways would not come either.
      if (this.line || signal.aborted || error instanceof TypeError) throw error;
      return { ways: await ask(url, { ...state, ways: ['straight', 'spherical'] }, signal), missing: error };
    }
  }

  async showStops(stale) {
    const { manifest } = this.scene;
    const [channels, height, width] = manifest.imageShape;
    const d = manifest.latent;
    const stops = [...this.stops];
    const z = new Float32Array(stops.length * d);
    stops.forEach((stop, at) => z.set(stop, at * d));
    const images = stops.length ? await decoded(this.scene, z, d) : null;
    const pixels = channels * height * width;
    if (stale()) return;
    this.chips.replaceChildren(...stops.map((stop, at) => {
      const canvas = h('canvas', { width, height });
      show(canvas, images.subarray(at * pixels, (at + 1) * pixels), channels);
      return h('span', { class: 'lx-stop-chip' },
        h('button', { type: 'button', class: 'lx-neighbour', title: words.stop(at), 'data-testid': `stop-${at}`, onclick: () => this.scene.goTo(stop) }, canvas, h('span', {}, String(at + 1))),
        h('button', { type: 'button', class: 'lx-button lx-out', title: words.out(at), 'aria-label': words.out(at), 'data-testid': `stop-out-${at}`, onclick: () => this.takeOut(stop) }, '×'));
    }));
  }

  takeOut(stop) {
    if (!this.stops.includes(stop)) return undefined; // the second press of a double click: the chips are drawn anew a moment later
    this.stops = this.stops.filter((other) => other !== stop);
    return this.find();
  }

  /** The ways and how long they are. */
  tabulate() {
    const cell = (text, more) => h('span', more, text);
    this.table.replaceChildren(...words.table.map((head) => cell(head, { class: 'lx-head' })),
      ...Object.entries(this.ways).flatMap(([key, found]) => [
        h('button', { type: 'button', class: `lx-way-name lx-way-name-${key}`, 'aria-pressed': key === this.way, title: words.ways[key][1], 'data-testid': `choose-${key}`, onclick: () => this.pick(key) }, words.ways[key][0]),
        cell(found.latent.toFixed(2), { 'data-testid': `latent-${key}`, 'data-value': found.latent }), cell(found.image.toFixed(2), { 'data-testid': `image-${key}`, 'data-value': found.image })]));
    this.table.hidden = false;
  }

  /** A way that somebody chooses; a line that was drawn is not in the address. */
  pick(name) {
    if (name !== 'drawn') this.scene.keep({ way: name === 'geodesic' ? null : name });
    return this.choose(name);
  }

  /** One of the ways as pictures. */
  async choose(name) {
    this.way = name;
    for (const button of this.table.querySelectorAll('.lx-way-name')) button.setAttribute('aria-pressed', button.dataset.testid === `choose-${name}`);
    try {
      if (await this.player.show(name, this.ways[name].z)) this.place();
    } catch (error) {
      if (this.ways && name === this.way) this.fail(error);
    }
  }
}
