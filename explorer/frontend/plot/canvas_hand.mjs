// A person's hand over the canvas: pan, zoom by wheel or two fingers, lasso, box, hover, click.

import { nearest, within } from './picking.mjs';

const REACH = 12; // pixels from a point at which it is meant
const STILL = 4; // pixels that a click may move
const MOST_TURN = 20; // of a wheel, at once
const TURN = 200; // of a wheel, for a factor of e

export class CanvasHand {
  /** @param drawing see canvas_plot.mjs; it takes a new view by look() and an outline by sketch() */
  constructor(drawing) {
    this.drawing = drawing;
    this.plot = drawing.plot;
    this.pointers = new Map();
    const { element } = drawing;
    const on = (name, call, options) => element.addEventListener(name, call.bind(this), options);
    on('pointerdown', this.down);
    on('pointermove', this.move);
    on('pointerup', this.up);
    on('pointercancel', this.cancel);
    on('pointerleave', () => this.hover(null));
    on('wheel', this.turn, { passive: false });
    on('dblclick', this.double);
  }

  at(event) {
    const box = this.drawing.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  inside([x, y]) {
    const { left, top, width, height } = this.drawing.frame();
    return x >= left && y >= top && x <= left + width && y <= top + height;
  }

  down(event) {
    const at = this.at(event);
    if (event.button !== 0 || !this.inside(at)) return;
    event.preventDefault();
    this.drawing.element.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, at);
    this.begin();
    if (this.pointers.size === 1) this.clicking = at;
    else this.clicking = this.outline = null; // two fingers neither click nor draw
    if (this.pointers.size === 1 && this.plot.dragMode !== 'pan') this.outline = [at];
  }

  /** What fingers do is counted from where they are now. */
  begin() {
    this.from = { view: [...this.drawing.frame().view], places: [...this.pointers.values()] };
  }

  move(event) {
    const at = this.at(event);
    if (!this.pointers.has(event.pointerId)) {
      if (!this.pointers.size) this.hover(this.inside(at) ? nearest(this.plot, at, REACH) : null, event);
      return;
    }
    this.pointers.set(event.pointerId, at);
    if (this.clicking && Math.hypot(at[0] - this.clicking[0], at[1] - this.clicking[1]) < STILL) return;
    this.clicking = null;
    this.hover(null);
    if (this.outline) this.extend(at);
    else this.slide();
  }

  extend(at) {
    const { left, top, width, height } = this.drawing.frame();
    const place = [Math.min(Math.max(at[0], left), left + width), Math.min(Math.max(at[1], top), top + height)];
    const [first] = this.outline;
    if (this.plot.dragMode === 'lasso') this.outline.push(place);
    else this.outline = [first, [place[0], first[1]], place, [first[0], place[1]]];
    this.drawing.sketch(this.outline.map((point) => this.plot.toMap(point)));
  }

  /** One pointer pans; two pan and zoom. */
  slide() {
    const { view: [x0, x1, , y1], places } = this.from;
    const now = [...this.pointers.values()];
    const middle = (points) => [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
    const apart = ([a, b]) => (b ? Math.max(Math.hypot(a[0] - b[0], a[1] - b[1]), 1) : 1);
    const [[ax, ay], [bx, by]] = [middle(places), middle(now)];
    const scale = apart(places) / apart(now);
    const { left, top, width, height } = this.drawing.frame();
    const unit = width / (x1 - x0);
    // The place that was under the fingers stays there.
    const [x, y] = [x0 + (ax - left) / unit, y1 - (ay - top) / unit];
    const low = x - ((bx - left) / unit) * scale;
    const high = y + ((by - top) / unit) * scale;
    this.drawing.slide([low, low + (width / unit) * scale, high - (height / unit) * scale, high]);
    this.plot.moved();
    this.slid = true;
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { clicking, outline, slid } = this;
    this.clicking = this.outline = null;
    this.begin(); // a finger that stays goes on
    if (clicking) {
      const index = nearest(this.plot, clicking, REACH);
      if (index !== null) this.plot.clicked(index);
    } else if (outline) {
      const line = outline.map((point) => this.plot.toMap(point));
      this.drawing.sketch(line);
      this.plot.picked(within(this.plot, line));
    } else if (slid && !this.pointers.size) {
      this.slid = false;
      this.plot.moved({ byHand: true });
    }
  }

  cancel(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.outline) this.drawing.sketch(null);
    this.clicking = this.outline = null;
    this.begin();
    this.plot.moved({ byHand: true });
  }

  turn(event) {
    const at = this.at(event);
    if (!this.inside(at)) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 10 : 1;
    const scale = Math.exp(Math.min(Math.max(event.deltaY * lines, -MOST_TURN), MOST_TURN) / TURN);
    const [x, y] = this.plot.toMap(at);
    const [x0, x1, y0, y1] = this.drawing.frame().view;
    this.drawing.slide([x + (x0 - x) * scale, x + (x1 - x) * scale, y + (y0 - y) * scale, y + (y1 - y) * scale]);
    this.plot.moved({ byHand: true });
  }

  double(event) {
    if (!this.inside(this.at(event))) return;
    if (this.plot.dragMode !== 'pan') this.plot.picked([]);
    this.plot.askedForWhole();
  }

  hover(index, event) {
    if (index === this.over) return;
    this.over = index;
    if (index === null || index === undefined) this.plot.left();
    else this.plot.hovered(index, event);
  }
}
