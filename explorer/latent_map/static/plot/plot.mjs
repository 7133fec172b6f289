// The scatter of codes, drawn once by plotly, which is never called while something is dragged.

import { classColour, isDark } from './colours.mjs';
import { h } from './dom.mjs';
import { nameLabels } from './labels.mjs';
import { words } from './words.mjs';
import { fitted } from './zoom.mjs';

const WHOLE = 0.02; // of the map's width, by which a view may differ and still be the whole

// The plot of a map that is gone: another one draws into it in a fifth of the time that a new one takes.
let spare = null;

/** An element to plot into. */
export function plotElement() {
  const element = spare ?? h('div', { class: 'lx-plot' });
  spare = null;
  return element;
}

export class LatentPlot {
  /** @param {{hover(index, at), unhover(), click(index), moved()}} events */
  constructor(element, manifest, points, plane, hidden, events) {
    this.element = element;
    this.manifest = manifest;
    this.points = points;
    this.plane = plane;
    this.hidden = hidden;
    this.events = events;
    this.members = manifest.classes.map(() => []);
    points.labels.forEach((label, index) => this.members[label].push(index));
    this.centre();
  }

  centre() {
    this.centres = this.members.map((indices) => median(indices, this.points.u));
  }

  /** What the two axes are called. */
  get axisNames() {
    return this.plane.names ?? words.axes[this.plane.kind];
  }

  async draw(range) {
    this.range = this.home = this.wanted = range;
    const config = { displayModeBar: false, scrollZoom: true, doubleClick: false, responsive: false };
    const draw = this.element._fullLayout ? globalThis.Plotly.react : globalThis.Plotly.newPlot;
    await draw(this.element, this.traces(), this.layout(), config);
    if (this.gone) return this.leave();
    this.element.style.visibility = '';
    this.element.on('plotly_doubleclick', () => this.zoomTo(this.home));
    const indexOf = (point) => this.members[point.curveNumber][point.pointIndex];
    this.element.on('plotly_hover', ({ points: [point], event }) => this.events.hover(indexOf(point), event));
    this.element.on('plotly_unhover', () => this.events.unhover());
    this.element.on('plotly_click', ({ points: [point] }) => this.events.click(indexOf(point)));
    this.element.on('plotly_selected', (event) => {
      if (event && !this.clearing) this.events.selected?.(event.points.map(indexOf));
    });
    this.element.on('plotly_deselect', () => this.clearing || this.events.selected?.([]));
    this.element.on('plotly_relayouting', () => this.events.moved());
    this.element.on('plotly_relayout', (change) => {
      if ('xaxis.range[0]' in change) this.wanted = this.view(); // by a person's own hand
      this.events.moved();
    });
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.element.parentElement);
  }

  /** Whether points stand on dark ground: the theme's, or a decoded manifold. */
  get dark() {
    return isDark(this.element) || Boolean(this.blackened);
  }

  traces() {
    const { dark } = this;
    return this.members.map((indices, label) => ({
      type: 'scattergl',
      mode: 'markers',
      name: this.manifest.classes[label],
      x: Float32Array.from(indices, (i) => this.points.u[2 * i]),
      y: Float32Array.from(indices, (i) => this.points.u[2 * i + 1]),
      visible: !this.hidden.has(label),
      hoverinfo: 'none',
      marker: { ...this.paint(label, dark), line: { width: 0 } }, // where sizes differ, plotly would ring each in white
      selectedpoints: this.chosen?.[label] ?? null,
      unselected: { marker: { opacity: 0.08 } },
    }));
  }

  layout() {
    const styles = getComputedStyle(this.element);
    const colour = (name, otherwise) => styles.getPropertyValue(name).trim() || otherwise;
    const text = colour('--st-text-color', '#222');
    const grid = colour('--st-border-color', '#ddd');
    const [x0, x1, y0, y1] = this.range;
    const names = this.axisNames;
    const axis = (title, range) => ({
      title: { text: title, standoff: 4, font: { size: 12 } },
      range,
      zeroline: false,
      gridcolor: grid,
      griddash: 'dot',
      linecolor: grid,
      tickfont: { size: 10 },
      fixedrange: false,
    });
    return {
      showlegend: false,
      dragmode: this.dragging ?? 'pan',
      hovermode: 'closest',
      hoverdistance: 12,
      margin: { l: 38, r: 6, t: 6, b: 34 },
      paper_bgcolor: 'rgba(0,0,0,0)',
      plot_bgcolor: 'rgba(0,0,0,0)',
      font: { color: text, family: colour('--st-font', 'sans-serif') },
      xaxis: { ...axis(names[0], [x0, x1]) },
      // One unit is as long up as across, so that a circle is a circle.
      yaxis: { ...axis(names[1], [y0, y1]), scaleanchor: 'x', scaleratio: 1 },
      images: this.images ?? [],
      shapes: this.shapes ?? [],
      annotations: this.labels(text),
    };
  }

  labels(text) {
    if (this.manifest.count > 100_000) return [];
    const halo = isDark(this.element) ? 'rgba(18,22,28,0.72)' : 'rgba(255,255,255,0.78)';
    const names = this.centres.flatMap((centre, label) => (centre && !this.hidden.has(label) ? [{ text: this.manifest.classes[label], centre }] : []));
    const { width, height } = this.element.parentElement.getBoundingClientRect();
    const [x0, x1, y0, y1] = this.home;
    return nameLabels(names, Math.min(width / (x1 - x0), height / (y1 - y0)), { text, halo });
  }

  /** Layers behind or around the points: images in map units, and shapes. */
  setLayers({ images = [], shapes = [], dark = false }) {
    const before = this.dark;
    this.blackened = dark;
    this.images = images;
    this.shapes = shapes;
    return before === this.dark ? globalThis.Plotly.relayout(this.element, { images, shapes }) : this.recolour({ images, shapes });
  }

  /** How a class's points look: in its colour, or by a column of numbers where one is shown. */
  paint(label, dark = this.dark) {
    const { column } = this;
    const { count } = this.manifest;
    const [size, opacity] = count > 20_000 ? [2.5, 0.5] : [count < 2_000 ? 6 : 4, 0.7];
    if (!column) return { color: classColour(label, dark), colorscale: null, cmin: null, cmax: null, size, opacity };
    const indices = this.members[label];
    const paint = { color: Float32Array.from(indices, (i) => column.values[i]), ...column.scale(dark), size, opacity };
    // What is known stands out of what is not; of a selection, what is selected stands out, and one does for all.
    if (!column.unknown || this.chosen) return paint;
    const by = (known, unknown) => Float32Array.from(indices, (i) => (column.unknown[i] ? unknown : known));
    return { ...paint, size: by(Math.max(size, 5), Math.min(size, 3)), opacity: by(0.9, 0.12) };
  }

  recolour(layout = {}) {
    return globalThis.Plotly.update(this.element, this.paints(), layout);
  }

  paints() {
    const paints = this.members.map((_, label) => this.paint(label));
    return Object.fromEntries(Object.keys(paints[0]).map((name) => [`marker.${name}`, paints.map((paint) => paint[name])]));
  }

  /**
   * Colours the points by a column { values float32 (n), scale(dark) -> { colorscale, cmin, cmax }, unknown: a mask (n) of
   * those without a value, or null }; by class where it is null.
   */
  setColumn(column) {
    this.column = column;
    return this.recolour();
  }

  /** Points that stand out, as a mask uint8 (n); null: none does. The outline of a lasso goes, unless it is theirs. */
  setSelection(mask, { outlined = false } = {}) {
    this.chosen = mask && this.members.map((indices) => indices.flatMap((index, at) => (mask[index] ? [at] : [])));
    const points = { selectedpoints: this.chosen ?? this.members.map(() => null), ...(this.column?.unknown ? this.paints() : {}) };
    return this.quietly(() => globalThis.Plotly.update(this.element, points, outlined ? {} : { selections: [] }));
  }

  /** Draws: plotly would tell of a lasso's outline that goes as if a person had selected nothing. */
  quietly(drawing) {
    this.clearing = (this.clearing ?? 0) + 1;
    return drawing().finally(() => { this.clearing -= 1; });
  }

  /** Other places for the same points: another map. */
  setPoints(u, range) {
    this.points = { ...this.points, u };
    this.range = this.home = this.wanted = range;
    this.images = [];
    this.shapes = [];
    this.blackened = false;
    this.centre();
    return this.react();
  }

  react() {
    return this.quietly(() => globalThis.Plotly.react(this.element, this.traces(), this.layout()));
  }

  /** What a drag over the map does: 'pan', or 'lasso' or 'select' to select points. */
  setDragging(mode) {
    this.dragging = mode;
    return globalThis.Plotly.relayout(this.element, { dragmode: mode });
  }

  setHidden(hidden) {
    this.hidden = hidden;
    const text = getComputedStyle(this.element).getPropertyValue('--st-text-color').trim() || '#222';
    globalThis.Plotly.update(this.element, { visible: this.members.map((_, label) => !hidden.has(label)) }, { annotations: this.labels(text) });
  }

  restyle() {
    this.range = this.view();
    return this.react();
  }

  resize() {
    const box = this.element.parentElement.getBoundingClientRect();
    const { width, height } = this.element._fullLayout ?? {};
    if (!box.width || !width) return;
    if (Math.abs(width - box.width) < 0.5 && Math.abs(height - box.height) < 0.5) return this.events.moved();
    // What is in view stays in view: left to itself, plotly would show more of the map after every change and back.
    const [x, y] = this.axes();
    const ranges = fitted(this.wanted, x._length + box.width - width, y._length + box.height - height);
    globalThis.Plotly.relayout(this.element, { width: box.width, height: box.height, ...ranges }).then(() => this.events.moved());
  }

  axes() {
    const { xaxis, yaxis } = this.element._fullLayout;
    return [xaxis, yaxis];
  }

  /** Map units to pixels within the element. */
  toPixels(u) {
    const [x, y] = this.axes();
    return [x._offset + x.d2p(u[0]), y._offset + y.d2p(u[1])];
  }

  /** Pixels within the element to map units, kept inside the plot's frame. */
  toMap([px, py]) {
    const [x, y] = this.axes();
    const inside = (value, length) => Math.min(Math.max(value, 0), length);
    return [x.p2d(inside(px - x._offset, x._length)), y.p2d(inside(py - y._offset, y._length))];
  }

  /** Pixels a map unit. */
  unit() {
    const [x] = this.axes();
    return x._length / Math.abs(x.range[1] - x.range[0]);
  }

  /** Brings a part of the map into view, the whole of it in any case: [x0, x1, y0, y1]. */
  zoomTo(range) {
    const [x, y] = this.axes();
    this.wanted = range;
    return globalThis.Plotly.relayout(this.element, fitted(range, x._length, y._length));
  }

  /** Whether the map is shown as a whole, as at first. */
  get whole() {
    const [x, y] = this.axes();
    const ranges = fitted(this.home, x._length, y._length);
    const off = [[x, 'xaxis.range'], [y, 'yaxis.range']].flatMap(([axis, name]) => axis.range.map((end, at) => Math.abs(end - ranges[name][at])));
    return Math.max(...off) < WHOLE * (this.home[1] - this.home[0]);
  }

  /** What is in view: [x0, x1, y0, y1]. */
  view() {
    const [x, y] = this.axes();
    return [...x.range, ...y.range];
  }

  destroy() {
    this.gone = true;
    this.watcher?.disconnect();
    if (this.element._fullLayout) this.leave();
  }

  leave() {
    this.element.removeAllListeners?.();
    this.element.style.visibility = 'hidden'; // until it shows another map's points
    this.element.remove();
    if (spare && spare !== this.element) globalThis.Plotly.purge(spare);
    spare = this.element;
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
