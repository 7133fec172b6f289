// The scatter of codes: its state, places to pixels and back, and the choice of who draws it.
//
// A drawing is one of the ways below of putting the points on screen. It reads everything from the plot that it is given
// and keeps no state of its own but the view, so that another can take its place at any moment:
//
//   new Drawing(plot)          an element of its own within plot.element, not seen yet
//   await begin(view)          draws all; rejects where it cannot draw here
//   frame()                    { left, top, width, height, view }: where the axes lie, pixels of the element, and what they span
//   redraw(view)               other points, another theme, or both
//   look(view), resize(width, height, view)
//   colours(), layers(), chosen({ outlined }), shown(), dragging()    that part of the plot's state changed
//   destroy()
//
// A view is [x0, x1, y0, y1] in map units; one unit is as long up as across. What a person does with the points a drawing
// tells the plot: hovered, left, clicked, picked (a lasso), moved, asked for the whole, and that the drawing was lost.

import { isDark } from '../core/colours.mjs';
import { h } from '../core/dom.mjs';
import { words } from '../words/en/map.mjs';
import { fitted } from './zoom.mjs';
import { CanvasDrawing } from './canvas_plot.mjs';
import { nameLabels } from './labels.mjs';
import { PlotlyDrawing } from './plotly_plot.mjs';

const WHOLE = 0.02; // of the map's width, by which a view may differ and still be the whole
const MOST_NAMED = 100_000; // points of a map on which the classes are named
const DRAWINGS = { plotly: PlotlyDrawing, canvas: CanvasDrawing };

export class LatentPlot {
  /**
   * @param {HTMLElement} stage what the plot fills
   * @param points { u float32 (2n), labels uint8 (n) }
   * @param plane what the axes are named by, see projections/projection.mjs
   * @param {Set<number>} hidden classes that are not shown
   * @param {{hover(index, event), unhover(), click(index), moved(), looked(view), drawnBy(kind, why), selected?(indices)}} events
   */
  constructor(stage, manifest, points, plane, hidden, events) {
    this.element = h('div', { class: 'lx-plot-frame' });
    stage.prepend(this.element);
    this.manifest = manifest;
    this.points = points;
    this.plane = plane;
    this.hidden = hidden;
    this.events = events;
    this.images = [];
    this.circles = [];
    this.dragMode = 'pan';
    this.members = manifest.classes.map(() => []);
    points.labels.forEach((label, index) => this.members[label].push(index));
    this.centre();
  }

  /** @param way { kind: 'plotly' or 'canvas', why }, see ways.mjs */
  async draw(view, way) {
    this.home = this.wanted = view;
    await this.use(way, view);
    if (this.gone) return;
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.element);
  }

  /** Another drawing takes over, with all that is on screen. */
  async use({ kind, why }, view) {
    const drawing = new DRAWINGS[kind](this);
    this.coming = drawing;
    try {
      await drawing.begin(view);
      if (drawing.lost) throw new Error('lost');
    } catch (error) {
      drawing.destroy();
      if (this.gone) return;
      if (kind === 'canvas') throw error;
      await this.use({ kind: 'canvas', why: drawing.lost ? 'lost' : 'none' }, view);
      return;
    }
    if (this.gone || this.coming !== drawing) {
      drawing.destroy();
      return;
    }
    this.drawing?.destroy();
    this.drawing = drawing;
    this.element.dataset.drawnBy = kind;
    this.events.drawnBy?.(kind, why);
  }

  /** A drawing that cannot go on: the canvas takes its place, where everything is as it was. */
  async fail(drawing) {
    drawing.lost = true;
    if (this.gone || drawing !== this.drawing) return; // it has only begun: see use()
    await this.use({ kind: 'canvas', why: 'lost' }, this.view());
    if (!this.gone) this.events.moved();
  }

  /** Whether there is something on screen. */
  get ready() {
    return Boolean(this.drawing);
  }

  centre() {
    this.centres = this.members.map((indices) => median(indices, this.points.u));
  }

  /** What the two axes are called. */
  get axisNames() {
    return this.plane.names ?? words.axes[this.plane.kind];
  }

  /** Whether points stand on dark ground: the theme's, or a decoded manifold. */
  get dark() {
    return isDark(this.element) || Boolean(this.blackened);
  }

  /** The classes' names where they are shown: [{ text, place: [x, y], shift: pixels up }]. */
  names() {
    if (this.manifest.count > MOST_NAMED) return [];
    const names = this.centres.flatMap((centre, label) => (centre && !this.hidden.has(label) ? [{ text: this.manifest.classes[label], centre }] : []));
    const { width, height } = this.element.getBoundingClientRect();
    const [x0, x1, y0, y1] = this.home;
    return nameLabels(names, Math.min(width / (x1 - x0), height / (y1 - y0)), this.manifest.count);
  }

  /**
   * Layers behind or over the points.
   * @param {{picture: HTMLCanvasElement, view: number[], above: boolean}[]} images
   * @param {{radius: number, colour: string, dash: number[]}[]} circles around the origin, map units
   * @param {boolean} dark whether the points stand on a dark picture
   */
  async setLayers({ images = [], circles = [], dark = false }) {
    const before = this.dark;
    Object.assign(this, { images, circles, blackened: dark });
    await (before === this.dark ? this.drawing.layers() : this.drawing.colours());
  }

  /**
   * Colours the points by a column { values float32 (n), scale(dark) -> { colorscale, cmin, cmax }, unknown: a mask (n) of
   * those without a value, or null }; by class where it is null.
   */
  async setColumn(column) {
    this.column = column;
    await this.drawing.colours();
  }

  /** Points that stand out, as a mask uint8 (n); null: none does. The outline of a lasso goes, unless it is theirs. */
  async setSelection(mask, { outlined = false } = {}) {
    this.mask = mask;
    await this.drawing.chosen({ outlined });
  }

  /** Other places for the same points: another map. */
  async setPoints(u, view) {
    this.points = { ...this.points, u };
    this.home = this.wanted = view;
    Object.assign(this, { images: [], circles: [], blackened: false });
    this.centre();
    await this.drawing.redraw(view);
  }

  /** A drag over the map does this: 'pan', or 'lasso' or 'select' to select points. */
  async setDragging(mode) {
    this.dragMode = mode;
    await this.drawing.dragging();
  }

  async setHidden(hidden) {
    this.hidden = hidden;
    await this.drawing.shown();
  }

  /** The theme changed. */
  async restyle() {
    await this.drawing.redraw(this.view());
  }

  /** Follows the stage. What is in view stays in view: left to itself, a plot would show more after every change and back. */
  async resize() {
    const { width, height } = this.element.getBoundingClientRect();
    if (!width || !height || !this.ready) return;
    const { size } = this.drawing;
    if (Math.abs(size.width - width) < 0.5 && Math.abs(size.height - height) < 0.5) {
      this.events.moved();
      return;
    }
    const frame = this.drawing.frame();
    await this.drawing.resize(width, height, fitted(this.wanted, frame.width + width - size.width, frame.height + height - size.height));
    if (!this.gone) this.events.moved();
  }

  /** Where the axes lie: { left, top, width, height } in pixels of the element, and the view they span. */
  frame() {
    return this.drawing.frame();
  }

  /** Map units to pixels within the element. */
  toPixels([x, y]) {
    const { left, top, width, height, view: [x0, x1, y0, y1] } = this.frame();
    return [left + ((x - x0) / (x1 - x0)) * width, top + ((y1 - y) / (y1 - y0)) * height];
  }

  /** Pixels within the element to map units, kept inside the plot's frame. */
  toMap([px, py]) {
    const { left, top, width, height, view: [x0, x1, y0, y1] } = this.frame();
    const share = (value, length) => Math.min(Math.max(value / length, 0), 1);
    return [x0 + share(px - left, width) * (x1 - x0), y1 - share(py - top, height) * (y1 - y0)];
  }

  /** Pixels a map unit. */
  unit() {
    const { width, view: [x0, x1] } = this.frame();
    return width / Math.abs(x1 - x0);
  }

  /** What is in view: [x0, x1, y0, y1]. */
  view() {
    return this.frame().view;
  }

  /** Brings a part of the map into view, the whole of it in any case: [x0, x1, y0, y1]. */
  async zoomTo(view) {
    const { width, height } = this.frame();
    this.wanted = view;
    await this.drawing.look(fitted(view, width, height));
    if (!this.gone) this.events.moved();
  }

  /** Whether the map is shown as a whole, as at first. */
  get whole() {
    const { width, height, view } = this.frame();
    const home = fitted(this.home, width, height);
    return Math.max(...view.map((end, at) => Math.abs(end - home[at]))) < WHOLE * (this.home[1] - this.home[0]);
  }

  // What a drawing tells of a person's hand.

  hovered(index, event) {
    this.events.hover(index, event);
  }

  left() {
    this.events.unhover();
  }

  clicked(index) {
    this.events.click(index);
  }

  picked(indices) {
    this.events.selected?.(indices);
  }

  /** The view moves; at the end of it, it is what the person wants to see. */
  moved({ byHand = false } = {}) {
    if (this.gone || !this.ready) return;
    if (byHand) this.wanted = this.view();
    this.events.moved();
    if (byHand) this.events.looked?.(this.wanted);
  }

  async askedForWhole() {
    await this.zoomTo(this.home);
    if (!this.gone) this.events.looked?.(this.view());
  }

  destroy() {
    this.gone = true;
    this.watcher?.disconnect();
    this.drawing?.destroy();
    this.element.remove();
  }
}

function median(indices, u) {
  if (!indices.length) return null;
  const middle = (offset) => {
    const values = Float32Array.from(indices, (i) => u[2 * i + offset]).sort();
    return values[values.length >> 1];
  };
  return [middle(0), middle(1)];
}
