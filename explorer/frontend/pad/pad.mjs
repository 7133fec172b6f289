// The drawing pad: a hand or a file makes a picture, and the model's image of it is handed on.

import { h, style } from '../core/dom.mjs';
import { paint } from '../layers/layers.mjs';
import { arrivals } from './arrivals.mjs';
import { readPicture, Unreadable } from './files.mjs';
import { Hand } from './hand.mjs';
import { draw, flatten, grey, inverted, isBlank, survey, threshold } from './ink.mjs';
import { centred, fit } from './normalise.mjs';
import { Surface } from './surface.mjs';
import { Tools } from './tools.mjs';
import { words } from '../words/en/pad.mjs';

const STEPS = 60; // of Undo: 12 MB at the most in grey, 36 MB in colour

export class DrawingPad {
  /**
   * @param {number[]} shape [channels, height, width] of the model's images; 1 or 3 channels
   * @param {string} observed what the likelihood sees: 'binary' (0 or 1) or 'grey' (0 to 1)
   * @param {Float32Array} [initial] an image to begin with; nothing is handed on for it
   * @param {boolean} [centre] whether drawings are centred like MNIST at first: by default, where the
   *   images are square and of one channel. Only there can it be switched.
   * @param {function} changed changed(values, { source: 'pen' | 'file' | 'set', still }): values is the
   *   image as the likelihood sees it, float32 (D), or null for an empty pad; at most once a frame while
   *   a person draws; still says that no pen is down
   * @param {function} [said] said(sentence): what the pad says under its canvas too
   */
  constructor({ shape, observed, initial = null, centre = true, changed, said = () => {} }) {
    this.observed = observed;
    this.changed = changed;
    this.tell = said;
    this.surface = new Surface(shape);
    const [width, height] = this.surface.size;
    this.square = shape[0] === 1 && width === height;
    this.preferred = this.square && centre; // what a person chose last, for what is drawn next
    this.about = this.fresh();
    this.bytes = this.surface.bytes();
    this.steps = [];
    this.loads = 0;
    this.tools = new Tools({ colour: shape[0] === 3, centre: this.square, invert: shape[0] === 1 }, {
      undo: () => this.undo(), clear: () => this.clear(), file: (files) => this.take(files),
      centre: (on) => this.setCentre(on), invert: () => this.invert(),
    });
    this.hand = new Hand(this.surface, {
      begin: (point, { erase }) => this.begin(point, erase),
      extend: (point) => {
        this.surface.extend(point);
        this.handOn(false);
      },
      finish: () => this.finish(),
      hover: (point) => this.hover(point),
      said: (down) => this.say(words.keys[down ? 'down' : 'up']),
    });
    this.element = this.build(shape);
    if (initial !== null) {
      this.bytes = this.bytesOf(initial);
      this.about = { ...this.fresh(), source: 'set', asItIs: true };
      this.surface.show(this.bytes);
    }
    this.look(this.values());
  }

  build([channels, height, width]) {
    const { canvas } = this.surface;
    const marks = { tabindex: 0, role: 'application', 'aria-label': words.canvas, 'data-testid': 'drawing-canvas' };
    Object.entries(marks).forEach(([name, value]) => canvas.setAttribute(name, value));
    this.ring = h('div', { class: 'lx-drawing-ring', hidden: true });
    this.seen = h('canvas', { width, height, role: 'img', 'aria-label': words.seen[1], 'data-testid': 'drawing-seen' });
    this.tile = new ImageData(width, height);
    this.channels = channels;
    this.line = h('p', { class: 'lx-drawing-said', role: 'status', 'data-testid': 'drawing-said' });
    const share = `${(100 * width) / Math.max(width, height)}%`;
    const element = h('div', { class: 'lx-drawing', role: 'group', 'aria-label': words.pad, 'data-testid': 'drawing-pad', hidden: true },
      h('div', { class: 'lx-drawing-paper' }, h('div', { class: 'lx-drawing-frame', style: `width: ${share}` }, canvas, this.ring)),
      this.tools.element,
      h('figure', { class: 'lx-drawing-seen', title: words.seen[1] }, this.seen, h('figcaption', {}, words.seen[0])),
      this.line);
    style(new URL('./pad.css', import.meta.url).href).then(() => { element.hidden = false; });
    element.addEventListener('keydown', (event) => {
      if (event.key.toLowerCase() !== 'z' || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
      event.preventDefault();
      this.undo();
    });
    this.deafen = arrivals(element, (files) => this.take(files));
    return element;
  }

  /** What is known of a drawing that has only just begun. */
  fresh() {
    return { source: 'pen', asItIs: false, file: null, ground: [0, 0, 0], noise: 0, inverted: false, twoValued: true };
  }

  /** Dark ink on bright paper, as a person asked for: there is no ink to centre. */
  get onPaper() {
    return this.about.file !== null && this.about.file.bright !== this.about.inverted;
  }

  get centring() {
    return this.preferred && !this.about.asItIs && !this.onPaper;
  }

  // drawing

  begin(point, erase) {
    this.erases = erase || this.tools.tool === 'eraser';
    const ground = `rgb(${this.about.ground.map((value) => Math.round(255 * value))})`;
    const ink = this.channels === 3 ? this.tools.colour.value : '#fff';
    const width = this.tools.widths[this.erases ? 'eraser' : 'pen'] * this.surface.unit;
    this.drawing = true;
    this.say('');
    this.surface.begin(point, width, this.erases ? ground : ink);
    this.handOn(false);
  }

  finish() {
    if (!this.drawing) return;
    this.drawing = false;
    this.surface.finish();
    const bytes = this.surface.bytes();
    if (bytes.some((value, i) => value !== this.bytes[i])) this.keep(bytes, { ...this.about, source: 'pen' });
    this.handOn(true);
  }

  /** A step that can be taken back. */
  keep(bytes, about) {
    this.steps.push([this.bytes, this.about]);
    if (this.steps.length > STEPS) this.steps.shift();
    this.bytes = bytes;
    this.about = about;
  }

  /** Takes the last step back; does nothing where there is none. */
  undo() {
    this.hand.lift();
    if (this.steps.length === 0) return;
    [this.bytes, this.about] = this.steps.pop();
    this.surface.show(this.bytes);
    this.say('');
    this.handOn(true);
  }

  /** An empty pad, which can be taken back. */
  clear() {
    this.hand.lift();
    this.say('');
    if (this.empty()) return;
    this.put(new Uint8Array(this.bytes.length), this.fresh());
  }

  put(bytes, about) {
    this.keep(bytes, about);
    this.surface.show(bytes);
    this.handOn(true);
  }

  // images and files

  /** An image as the likelihood sees it, float32 (D) in [0, 1]: handed on as it is, not centred. */
  set(values) {
    this.hand.lift();
    this.say('');
    this.put(this.bytesOf(values), { ...this.fresh(), source: 'set', asItIs: true });
  }

  bytesOf(values) {
    const [width, height] = this.surface.size;
    const count = width * height;
    return this.surface.toBytes(Array.from({ length: this.channels }, (_, c) => (
      { data: values.subarray(c * count, (c + 1) * count), width, height })));
  }

  take(files) {
    if (files.length > 0) this.load(files[0], files.length);
    else this.say(words.faults.nothing);
  }

  /** A picture file onto the pad. What cannot be read is said, and changes nothing. Resolves to whether it was loaded. */
  async load(file, count = 1) {
    const turn = ++this.loads;
    let picture;
    try {
      picture = await readPicture(file);
    } catch (error) {
      if (turn === this.loads) this.say(error instanceof Unreadable ? error.message : words.faults.failed(`“${file.name}”`));
      return false;
    }
    if (turn !== this.loads) return false; // another was chosen meanwhile, or the pad is gone
    const { planes: colours, over, coloured } = flatten(picture.pixels);
    if (isBlank(colours)) {
      this.say(words.faults.blank(picture.name));
      return false;
    }
    this.hand.lift();
    const facts = { ...picture, pixels: null, count, over, grey: coloured && this.channels === 1 };
    this.place(this.channels === 1 ? [grey(colours)] : colours, facts);
    return true;
  }

  place(planes, facts) {
    const first = survey(planes[0]);
    const turned = this.channels === 1 && first.bright; // dark ink on paper
    const grounds = planes.map((plane) => survey(plane).ground).map((ground) => (turned ? 1 - ground : ground));
    const { width, height } = this.surface;
    const fitted = planes.map((plane, c) => fit(turned ? inverted(plane) : plane, width, height, grounds[c]));
    const own = facts.width === this.surface.size[0] && facts.height === this.surface.size[1]; // it is as the data are
    this.put(this.surface.toBytes(fitted), {
      source: 'file', file: { ...facts, bright: turned }, inverted: turned, noise: first.noise, twoValued: first.twoValued,
      ground: [0, 1, 2].map((c) => grounds[c] ?? grounds[0]), asItIs: own || !first.plain,
    });
    this.report();
  }

  /** Says what was done with a file. */
  report() {
    const { file, inverted: turned, twoValued } = this.about;
    if (!file) return;
    const binary = this.observed === 'binary' ? (twoValued ? 'threshold' : 'draw') : null;
    this.say(words.loaded({ ...file, inverted: turned, centre: this.square ? this.centring : null, binary }));
  }

  // how it is handed on

  setCentre(on) {
    this.preferred = on;
    this.about = { ...this.about, asItIs: false };
    this.report();
    this.handOn(true);
  }

  invert() {
    this.hand.lift();
    const { ground, inverted: turned } = this.about;
    this.put(this.bytes.map((value) => 255 - value), { ...this.about, inverted: !turned, ground: ground.map((value) => 1 - value) });
    this.report();
  }

  empty() {
    return isBlank(this.surface.planes(this.bytes));
  }

  /** The model's image of what is on the canvas, float32 (D); null where there is nothing. */
  values() {
    const planes = this.surface.planes(this.drawing ? this.surface.bytes() : this.bytes);
    if (isBlank(planes)) return null;
    const { ground, noise, twoValued } = this.about;
    const small = this.centring
      ? [centred(planes[0], ...this.surface.size, { ground: ground[0], noise })]
      : planes.map((plane) => this.surface.small(plane));
    if (small[0] === null) return null;
    const all = new Float32Array(small.length * small[0].data.length);
    small.forEach(({ data }, c) => all.set(data, c * data.length));
    if (this.observed !== 'binary') return all;
    return twoValued ? threshold(all) : draw(all);
  }

  handOn(still) {
    this.still = still;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      const values = this.values();
      this.look(values);
      if (this.still && values !== null && !values.some((value) => value > 0)) this.say(words.faint);
      this.changed(values, { source: this.drawing ? 'pen' : this.about.source, still: this.still });
    });
  }

  look(values) {
    paint(this.tile.data, values ?? new Float32Array(this.tile.data.length), this.channels);
    this.seen.getContext('2d').putImageData(this.tile, 0, 0);
    if (this.drawing) return;
    this.tools.show({
      undo: this.steps.length > 0, clear: !this.empty(), centre: this.centring, centrable: !this.onPaper,
      inverted: this.about.inverted, file: this.about.file !== null,
    });
  }

  hover(point) {
    this.ring.hidden = point === null;
    if (point === null) return;
    const { width, height, unit } = this.surface;
    const size = (100 * this.tools.widths[this.tools.tool] * unit) / width;
    Object.assign(this.ring.style, { left: `${(100 * point[0]) / width}%`, top: `${(100 * point[1]) / height}%`, width: `${size}%` });
  }

  say(sentence) {
    this.line.textContent = sentence;
    if (sentence) this.tell(sentence);
  }

  destroy() {
    this.loads += 1;
    cancelAnimationFrame(this.frame);
    this.deafen();
    this.element.remove();
  }
}
