// A line drawn over the map with mouse, pen or finger.

import { h } from '../../../core/dom.mjs';

const APART = 4; // pixels between two of its points
const MOST = 500;

export class LineTool {
  /** @param events { done(line): in map units, when the pointer is lifted; cancelled(): the browser took the pointer away } */
  constructor(scene, events) {
    this.scene = scene;
    this.events = events;
    this.trace = h('svg:polyline', { class: 'lx-trace' });
    this.sheet = h('svg:svg', { class: 'lx-line-sheet', 'data-testid': 'line-sheet' }, this.trace);
    this.sheet.addEventListener('pointerdown', (event) => this.begin(event));
    this.sheet.addEventListener('pointermove', (event) => this.extend(event));
    this.sheet.addEventListener('pointerup', (event) => this.finish(event));
    this.sheet.addEventListener('pointercancel', (event) => this.cancel(event));
  }

  get active() {
    return Boolean(this.sheet.parentNode);
  }

  start() {
    this.points = this.pointer = null;
    this.scene.hands.hold(this);
    this.trace.setAttribute('points', '');
    this.scene.plot.element.parentNode.append(this.sheet);
    this.scene.showMap();
  }

  stop() {
    this.points = this.pointer = null;
    this.sheet.remove();
    this.scene.hands.hold(this, false);
  }

  begin(event) {
    if (event.button !== 0 || this.points) return; // a second finger does not begin anew what the first one draws
    this.pointer = event.pointerId;
    this.sheet.setPointerCapture(event.pointerId);
    this.box = this.sheet.getBoundingClientRect();
    this.points = [this.at(event)];
    event.preventDefault();
  }

  at(event) {
    return [event.clientX - this.box.left, event.clientY - this.box.top];
  }

  extend(event) {
    if (event.pointerId !== this.pointer || this.points.length >= MOST) return;
    const [x, y] = this.at(event);
    const [a, b] = this.points.at(-1);
    if (Math.hypot(x - a, y - b) < APART) return;
    this.points.push([x, y]);
    this.trace.setAttribute('points', this.points.map((point) => point.join(',')).join(' '));
  }

  finish(event) {
    if (event.pointerId !== this.pointer) return;
    const line = this.points.map((point) => this.scene.plot.toMap(point));
    this.points = this.pointer = null;
    this.events.done(line);
  }

  cancel(event) {
    if (event.pointerId !== this.pointer) return;
    this.points = this.pointer = null;
    this.events.cancelled();
  }
}
