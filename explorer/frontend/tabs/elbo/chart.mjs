// Small helpers for drawings in SVG: scales, round ticks, and marks.

import { h, nats } from '../../core/dom.mjs';

/** A linear map of [from, to] onto [low, high]. */
export function linear([from, to], [low, high]) {
  const slope = (high - low) / (to - from || 1);
  return (value) => low + slope * (value - from);
}

/** Round values within [from, to], about `count` of them. */
export function ticks(from, to, count = 4) {
  if (!(to > from)) return [from];
  const rough = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((round) => round * power >= rough * 0.999);
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** The same decimals for all ticks of an axis: as few as tell them apart. */
export function tickLabels(values) {
  const step = values.length > 1 ? Math.abs(values[1] - values[0]) : 1;
  const decimals = Math.max(0, Math.min(6, Math.ceil(-Math.log10(step) - 1e-9)));
  return values.map((value) => nats(value === 0 ? 0 : value, decimals)); // no negative zero
}

export const line = (x1, y1, x2, y2, name, more = {}) => h('svg:line', { x1, y1, x2, y2, class: name, ...more });

export const rect = (x, y, width, height, name, more = {}, ...children) =>
  h('svg:rect', { x, y, width: Math.max(width, 0), height: Math.max(height, 0), class: name, ...more }, ...children);

export const label = (x, y, anchor, text, name = 'lx-tick') => h('svg:text', { x, y, 'text-anchor': anchor, class: name }, text);

/** An SVG drawing as wide and high as its box, in CSS pixels, drawn anew when the box changes. */
export class Drawing {
  /** @param {(width: number, height: number) => SVGElement[]} draw */
  constructor(name, draw) {
    this.draw = draw;
    this.svg = h('svg:svg', { role: 'img' });
    this.element = h('div', { class: `lx-chart ${name}` }, this.svg);
    // Its size is told, not asked for: asking in every frame of a drag would have the page laid out anew.
    this.size = { width: 0, height: 0 };
    this.observer = new ResizeObserver(([{ contentRect }]) => {
      this.size = contentRect;
      this.redraw();
    });
    this.observer.observe(this.element);
  }

  redraw() {
    const { width, height } = this.size;
    if (!width || !height) return; // not on screen
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...this.draw(width, height).filter((node) => node != null));
  }

  describe(text) {
    this.svg.setAttribute('aria-label', text);
  }

  destroy() {
    this.observer.disconnect();
  }
}
