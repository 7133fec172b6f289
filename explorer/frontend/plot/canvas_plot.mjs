// The points on plain canvases, where there is no WebGL: painted anew when the view or their looks change, and left alone
// while something is dragged over them.

import { h } from '../core/dom.mjs';
import { fitted } from './zoom.mjs';
import { drawAxes, inkOf, MARGIN } from './axes.mjs';
import { CanvasHand } from './canvas_hand.mjs';
import { Painter } from './discs.mjs';
import { SIZE } from './labels.mjs';
import { coloured, FADED, lookOf, rgb } from './looks.mjs';

const CURSORS = { pan: 'move', lasso: 'crosshair', select: 'crosshair' };

export class CanvasDrawing {
  constructor(plot) {
    this.plot = plot;
    const canvas = (name) => h('canvas', { class: `lx-canvas lx-canvas-${name}` });
    this.canvases = { ground: canvas('ground'), points: canvas('points'), above: canvas('above') };
    this.element = h('div', { class: 'lx-plot lx-plain-plot', 'data-testid': 'plain-plot' }, ...Object.values(this.canvases));
    this.waiting = new Set();
  }

  async begin(view) {
    this.plot.element.append(this.element);
    const { width, height } = this.plot.element.getBoundingClientRect();
    this.fit(width, height);
    const frame = this.frame();
    this.redraw(fitted(view, frame.width, frame.height));
    this.hand = new CanvasHand(this);
    this.dragging();
  }

  fit(width, height) {
    this.size = { width, height };
    this.ratio = globalThis.devicePixelRatio || 1;
    for (const canvas of Object.values(this.canvases)) {
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
    }
  }

  frame() {
    const { width, height } = this.size;
    const { left, right, top, bottom } = MARGIN;
    return { left, top, width: Math.max(width - left - right, 1), height: Math.max(height - top - bottom, 1), view: this.view };
  }

  redraw(view) {
    this.view = view;
    this.ink = inkOf(this.element);
    this.outline = null;
    this.paint('ground', 'points', 'above');
  }

  look(view) {
    this.view = view;
    this.paint('ground', 'points', 'above');
  }

  resize(width, height, view) {
    this.fit(width, height);
    this.look(view);
  }

  colours() {
    this.paint('ground', 'points', 'above');
  }

  layers() {
    this.paint('ground', 'above');
  }

  chosen({ outlined = false }) {
    if (!outlined) this.outline = null;
    this.paint('points', 'above');
  }

  shown() {
    this.paint('points', 'above');
  }

  dragging() {
    this.element.style.cursor = CURSORS[this.plot.dragMode];
  }

  /** A new view by a hand that goes on: painted with the next frame, however many moves come before it. */
  slide(view) {
    this.view = view;
    this.later('ground', 'points', 'above');
  }

  /** The outline of a lasso or a box, places in map units; null for none. */
  sketch(outline) {
    this.outline = outline;
    this.later('above');
  }

  later(...parts) {
    parts.forEach((part) => this.waiting.add(part));
    this.coming ??= requestAnimationFrame(() => {
      this.coming = undefined;
      this.paint(...this.waiting);
    });
  }

  paint(...parts) {
    for (const part of parts) {
      this.waiting.delete(part);
      const canvas = this.canvases[part];
      const context = canvas.getContext('2d');
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
      if (canvas.width && canvas.height) this[`${part}On`](context);
    }
  }

  /** A context in pixels of the element, cut to the frame for what `paint` does. */
  framed(context, paint) {
    const { left, top, width, height } = this.frame();
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    paint();
    context.restore();
  }

  pictures(context, over) {
    for (const { picture, view: [x0, x1, y0, y1], above } of this.plot.images) {
      if (Boolean(above) !== over) continue;
      const [left, top] = this.plotted([x0, y1]);
      const [right, bottom] = this.plotted([x1, y0]);
      context.imageSmoothingQuality = 'high';
      context.drawImage(picture, left, top, right - left, bottom - top);
    }
  }

  /** Map units to pixels: also before the plot takes this drawing for its own. */
  plotted([x, y]) {
    const { left, top, width, height, view: [x0, x1, y0, y1] } = this.frame();
    return [left + ((x - x0) / (x1 - x0)) * width, top + ((y1 - y) / (y1 - y0)) * height];
  }

  groundOn(context) {
    this.framed(context, () => this.pictures(context, false));
    drawAxes(context, this.frame(), this.ink, { names: this.plot.axisNames, bottom: this.size.height });
  }

  pointsOn(context) {
    const { left, top, width, height, view: [x0, , , y1] } = this.frame();
    const { ratio, plot } = this;
    const image = context.createImageData(Math.round(width * ratio), Math.round(height * ratio));
    const painter = new Painter(image);
    const scale = (width / (this.view[1] - x0)) * ratio;
    const { u } = plot.points;
    const { mask, dark } = plot;
    // What is selected lies over everything that is not.
    for (const chosen of mask ? [0, 1] : [null]) {
      plot.members.forEach((indices, label) => {
        if (plot.hidden.has(label)) return;
        const { colour, values, scale: ramp, size, opacity } = lookOf(plot, label, dark);
        const colours = values && coloured(ramp);
        const [red, green, blue] = colour ? rgb(colour) : [];
        const each = typeof size !== 'number';
        indices.forEach((index, at) => {
          if (chosen !== null && Boolean(mask[index]) !== Boolean(chosen)) return;
          const x = (u[2 * index] - x0) * scale;
          const y = (y1 - u[2 * index + 1]) * scale;
          const shade = chosen === 0 ? FADED : each ? opacity[at] : opacity;
          const diameter = (each ? size[at] : size) * ratio;
          if (!colours) {
            painter.disc(x, y, diameter, shade, red, green, blue);
            return;
          }
          const from = colours.at(values[at]);
          painter.disc(x, y, diameter, shade, colours.table[from], colours.table[from + 1], colours.table[from + 2]);
        });
      });
    }
    context.putImageData(image, Math.round(left * ratio), Math.round(top * ratio));
  }

  aboveOn(context) {
    this.framed(context, () => {
      this.pictures(context, true);
      const unit = this.frame().width / (this.view[1] - this.view[0]);
      const [x, y] = this.plotted([0, 0]);
      context.lineWidth = 1.5;
      for (const { radius, colour, dash } of this.plot.circles) {
        context.strokeStyle = colour;
        context.setLineDash(dash);
        context.beginPath();
        context.arc(x, y, radius * unit, 0, 2 * Math.PI);
        context.stroke();
      }
      this.namesOn(context);
      if (this.outline) this.outlineOn(context);
    });
  }

  namesOn(context) {
    context.font = `${SIZE}px ${this.ink.family}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    for (const { text, place, shift } of this.plot.names()) {
      const [x, y] = this.plotted(place);
      const width = context.measureText(text).width + 2;
      const height = Math.round(1.3 * SIZE) + 2;
      context.fillStyle = this.ink.halo;
      context.fillRect(x - width / 2, y - shift - height / 2, width, height);
      context.fillStyle = this.ink.text;
      context.fillText(text, x, y - shift + 0.5);
    }
  }

  outlineOn(context) {
    for (const [colour, offset] of [['#fff', 4], ['#444', 0]]) {
      context.strokeStyle = colour;
      context.lineWidth = 1;
      context.setLineDash([4, 4]);
      context.lineDashOffset = offset;
      context.beginPath();
      this.outline.forEach((place, at) => context[at ? 'lineTo' : 'moveTo'](...this.plotted(place)));
      context.closePath();
      context.stroke();
    }
  }

  destroy() {
    cancelAnimationFrame(this.coming);
    this.element.remove();
  }
}
