// The points drawn once by plotly with WebGL; plotly is never called while something is dragged over them.

import { h } from '../core/dom.mjs';
import { inkOf, MARGIN } from './axes.mjs';
import { SIZE } from './labels.mjs';
import { FADED, lookOf } from './looks.mjs';

const CONFIG = { displayModeBar: false, scrollZoom: true, doubleClick: false, responsive: false };
const sources = new WeakMap(); // of a picture: its data URL

// The plot of a map that is gone: another one draws into it in a fifth of the time that a new one takes.
let spare = null;

/** An element to plot into: a spare one, unless its WebGL was lost meanwhile. */
function taken() {
  const element = spare;
  spare = null;
  if (!element) return h('div', { class: 'lx-plot' });
  const alive = [...element.querySelectorAll('canvas')].every((canvas) => !canvas.getContext('webgl')?.isContextLost());
  if (alive) return element;
  globalThis.Plotly.purge(element);
  return h('div', { class: 'lx-plot' });
}

export class PlotlyDrawing {
  constructor(plot) {
    this.plot = plot;
    this.element = taken();
    this.element.style.visibility = 'hidden'; // until it shows these points, and nothing of its own
    plot.element.append(this.element);
    this.noticed = () => plot.fail(this);
    this.element.addEventListener('webglcontextlost', this.noticed, true); // on a canvas within, and it does not bubble
    this.clearing = 0;
  }

  async begin(view) {
    this.range = view;
    const draw = this.element._fullLayout ? globalThis.Plotly.react : globalThis.Plotly.newPlot;
    await draw(this.element, this.traces(), this.layout(), CONFIG);
    if (this.element.querySelector('.no-webgl')) throw new Error('WebGL was refused.');
    if (!this.plot.gone) this.element.style.visibility = '';
    this.listen();
  }

  listen() {
    const { element, plot } = this;
    const indexOf = (point) => plot.members[point.curveNumber][point.pointIndex];
    element.on('plotly_doubleclick', () => plot.askedForWhole());
    element.on('plotly_hover', ({ points: [point], event }) => plot.hovered(indexOf(point), event));
    element.on('plotly_unhover', () => plot.left());
    element.on('plotly_click', ({ points: [point] }) => plot.clicked(indexOf(point)));
    element.on('plotly_selected', (event) => {
      if (event && !this.clearing) plot.picked(event.points.map(indexOf));
    });
    element.on('plotly_deselect', () => this.clearing || plot.picked([]));
    element.on('plotly_relayouting', () => plot.moved());
    element.on('plotly_relayout', (change) => plot.moved({ byHand: 'xaxis.range[0]' in change }));
  }

  get size() {
    const { width, height } = this.element._fullLayout;
    return { width, height };
  }

  frame() {
    const { xaxis: x, yaxis: y } = this.element._fullLayout;
    return { left: x._offset, top: y._offset, width: x._length, height: y._length, view: [...x.range, ...y.range] };
  }

  traces() {
    const { plot, marks } = this;
    const { dark } = plot;
    const { u } = plot.points;
    return plot.members.map((indices, label) => ({
      type: 'scattergl',
      mode: 'markers',
      name: plot.manifest.classes[label],
      x: Float32Array.from(indices, (i) => u[2 * i]),
      y: Float32Array.from(indices, (i) => u[2 * i + 1]),
      visible: !plot.hidden.has(label),
      hoverinfo: 'none',
      marker: { ...marker(lookOf(plot, label, dark)), line: { width: 0 } }, // where sizes differ, plotly would ring each in white
      selectedpoints: marks?.[label] ?? null,
      unselected: { marker: { opacity: FADED } },
    }));
  }

  /** Which of each class's points are selected; null where none is. */
  get marks() {
    const { mask, members } = this.plot;
    return mask ? members.map((indices) => indices.flatMap((index, at) => (mask[index] ? [at] : []))) : null;
  }

  layout() {
    const { plot } = this;
    const { text, line, family } = inkOf(this.element);
    const [x0, x1, y0, y1] = this.range;
    const axis = (title, range) => ({
      title: { text: title, standoff: 4, font: { size: 12 } },
      range,
      zeroline: false,
      gridcolor: line,
      griddash: 'dot',
      linecolor: line,
      tickfont: { size: 10 },
      fixedrange: false,
    });
    const [across, up] = plot.axisNames;
    return {
      showlegend: false,
      dragmode: plot.dragMode,
      hovermode: 'closest',
      hoverdistance: 12,
      margin: { l: MARGIN.left, r: MARGIN.right, t: MARGIN.top, b: MARGIN.bottom },
      paper_bgcolor: 'rgba(0,0,0,0)',
      plot_bgcolor: 'rgba(0,0,0,0)',
      font: { color: text, family },
      xaxis: axis(across, [x0, x1]),
      // One unit is as long up as across, so that a circle is a circle.
      yaxis: { ...axis(up, [y0, y1]), scaleanchor: 'x', scaleratio: 1 },
      annotations: this.annotations(),
      ...this.background(),
    };
  }

  background() {
    return {
      images: this.plot.images.map(({ picture, view: [x0, x1, y0, y1], above }) => ({
        source: sourceOf(picture), xref: 'x', yref: 'y', layer: above ? 'above' : 'below', sizing: 'stretch', x: x0, y: y1, sizex: x1 - x0, sizey: y1 - y0,
      })),
      shapes: this.plot.circles.map(({ radius: r, colour, dash }) => ({
        type: 'circle', x0: -r, x1: r, y0: -r, y1: r, layer: 'above', line: { color: colour, width: 1.5, dash: dash.length ? dash.map((value) => `${value}px`).join(',') : 'solid' },
      })),
    };
  }

  annotations() {
    const { text, halo } = inkOf(this.element);
    return this.plot.names().map(({ text: name, place: [x, y], shift }) => ({
      x, y, yshift: shift, text: name.replaceAll('<', ''), showarrow: false, captureevents: false,
      font: { size: SIZE, color: text }, bgcolor: halo, borderpad: 1,
    }));
  }

  paints() {
    const { dark } = this.plot;
    const paints = this.plot.members.map((_, label) => marker(lookOf(this.plot, label, dark)));
    return Object.fromEntries(Object.keys(paints[0]).map((name) => [`marker.${name}`, paints.map((paint) => paint[name])]));
  }

  layers() {
    return globalThis.Plotly.relayout(this.element, this.background());
  }

  colours() {
    return globalThis.Plotly.update(this.element, this.paints(), this.background());
  }

  chosen({ outlined = false }) {
    const points = { selectedpoints: this.marks ?? this.plot.members.map(() => null), ...(this.plot.column?.unknown ? this.paints() : {}) };
    return this.quietly(() => globalThis.Plotly.update(this.element, points, outlined ? {} : { selections: [] }));
  }

  shown() {
    const { members, hidden } = this.plot;
    return globalThis.Plotly.update(this.element, { visible: members.map((_, label) => !hidden.has(label)) }, { annotations: this.annotations() });
  }

  dragging() {
    return globalThis.Plotly.relayout(this.element, { dragmode: this.plot.dragMode });
  }

  redraw(view) {
    this.range = view;
    return this.quietly(() => globalThis.Plotly.react(this.element, this.traces(), this.layout()));
  }

  look(view) {
    return globalThis.Plotly.relayout(this.element, ranges(view));
  }

  resize(width, height, view) {
    return globalThis.Plotly.relayout(this.element, { width, height, ...ranges(view) });
  }

  /** Draws: plotly would tell of a lasso's outline that goes as if a person had selected nothing. */
  quietly(drawing) {
    this.clearing += 1;
    return drawing().finally(() => { this.clearing -= 1; });
  }

  destroy() {
    const { element } = this;
    element.removeEventListener('webglcontextlost', this.noticed, true);
    element.removeAllListeners?.();
    element.style.visibility = 'hidden';
    element.remove();
    if (!element._fullLayout) return;
    const useless = this.lost || element.querySelector('.no-webgl');
    if (useless || (spare && spare !== element)) globalThis.Plotly.purge(useless ? element : spare);
    if (!useless) spare = element;
  }
}

/** Plotly's words for a look; every one each time, since an update changes only those that it names. */
function marker({ colour, values, scale, size, opacity }) {
  return { color: colour ?? values, colorscale: null, cmin: null, cmax: null, ...scale, size, opacity };
}

function ranges([x0, x1, y0, y1]) {
  return { 'xaxis.range': [x0, x1], 'yaxis.range': [y0, y1] };
}

function sourceOf(picture) {
  if (!sources.has(picture)) sources.set(picture, picture.toDataURL());
  return sources.get(picture);
}
