// A line drawn over the map with mouse, pen or finger.

import { h } from '../dom.mjs';

const APART = 4; // pixels between two of its points
const MOST = 500;

export class LineTool {
  /** @param done told the line in map units, when the pointer is lifted */
  constructor(scene, done) {
    this.scene = scene;
    this.done = done;
    this.trace = h('svg:polyline', { class: 'lx-trace' });
    this.sheet = h('svg:svg', { class: 'lx-line-sheet', 'data-testid': 'line-sheet' }, this.trace);
    this.sheet.addEventListener('pointerdown', (event) => this.begin(event));
    this.sheet.addEventListener('pointermove', (event) => this.extend(event));
    this.sheet.addEventListener('pointerup', () => this.finish());
    this.sheet.addEventListener('pointercancel', () => this.stop());
  }

  get active() {
    return Boolean(this.sheet.parentNode);
  }

  start() {
    this.points = null;
    this.trace.setAttribute('points', '');
    this.scene.plot.element.parentNode.append(this.sheet);
    this.scene.showMap();
  }

  stop() {
    this.points = null;
    this.sheet.remove();
  }

  begin(event) {
    if (event.button !== 0) return;
    this.sheet.setPointerCapture(event.pointerId);
    this.box = this.sheet.getBoundingClientRect();
    this.points = [this.at(event)];
    event.preventDefault();
  }

  at(event) {
    return [event.clientX - this.box.left, event.clientY - this.box.top];
  }

  extend(event) {
    if (!this.points || this.points.length >= MOST) return;
    const [x, y] = this.at(event);
    const [a, b] = this.points.at(-1);
    if (Math.hypot(x - a, y - b) < APART) return;
    this.points.push([x, y]);
    this.trace.setAttribute('points', this.points.map((point) => point.join(',')).join(' '));
  }

  finish() {
    if (!this.points) return;
    const line = this.points.map((point) => this.scene.plot.toMap(point));
    this.points = null;
    this.done(line);
  }
}
