// Axes of a map on a 2-D canvas: a dotted grid at round numbers, the numbers, the names of the axes.

import { isDark } from '../core/colours.mjs';

export const MARGIN = { left: 38, right: 6, top: 6, bottom: 34 };
const APART = { across: 80, up: 40 }; // pixels between two numbers, about
const [FEWEST, MOST] = [4, 9];

/** The theme's colours and letters at an element: { text, line, halo, family }. */
export function inkOf(element) {
  const styles = getComputedStyle(element);
  const value = (name, otherwise) => styles.getPropertyValue(name).trim() || otherwise;
  return {
    text: value('--st-text-color', '#222'),
    line: value('--st-border-color', '#ddd'),
    family: value('--st-font', 'sans-serif'),
    halo: isDark(element) ? 'rgba(18,22,28,0.72)' : 'rgba(255,255,255,0.78)', // behind a name, so that it can be read over points
  };
}

/** About `count` round numbers over a stretch: { step, values }. */
export function ticks(low, high, count) {
  const step = niceStep((0.7 * (high - low)) / count);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(i * step);
  return { step, values: found };
}

/** 1, 2 or 5 times a power of ten, at least `rough`. */
export function niceStep(rough) {
  const unit = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * unit).find((step) => step >= rough * 0.999);
}

/** A number on an axis whose numbers are a step apart. */
export function written(value, step) {
  const text = value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const short = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  return short.replace('-', '−').replace(/^−0$/, '0');
}

/**
 * Draws the axes around a frame { left, top, width, height, view }.
 * @param {CanvasRenderingContext2D} context in pixels of the element
 * @param {{text, line, family}} ink
 * @param {{names: string[], numbers: number, opacity: number, bottom: number, flat: boolean}} how `numbers`: pixels of their
 *   letters; `bottom`: where the canvas ends; `flat`: the second axis means nothing
 */
export function drawAxes(context, frame, { text, line, family }, { names: [across, up], numbers = 10, opacity = 1, bottom, flat = false }) {
  const { left, top, width, height, view: [x0, x1, y0, y1] } = frame;
  const count = (length, apart) => 0.7 * (Math.min(Math.max(length / apart, FEWEST), MOST) + 1);
  const horizontal = ticks(x0, x1, count(width, APART.across));
  const vertical = flat ? { values: [] } : ticks(y0, y1, count(height, APART.up));
  const x = (value) => left + ((value - x0) / (x1 - x0)) * width;
  const y = (value) => top + ((y1 - value) / (y1 - y0)) * height;
  context.save();
  context.strokeStyle = line;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  context.beginPath();
  for (const value of horizontal.values) {
    context.moveTo(Math.round(x(value)) + 0.5, top);
    context.lineTo(Math.round(x(value)) + 0.5, top + height);
  }
  for (const value of vertical.values) {
    context.moveTo(left, Math.round(y(value)) + 0.5);
    context.lineTo(left + width, Math.round(y(value)) + 0.5);
  }
  context.stroke();
  context.setLineDash([]);
  context.strokeRect(left - 0.5, top, 0, height);
  context.strokeRect(left, top + height + 0.5, width, 0);
  context.fillStyle = text;
  context.globalAlpha = opacity;
  context.font = `${numbers}px ${family}`;
  context.textAlign = 'center';
  context.textBaseline = 'top';
  for (const value of horizontal.values) context.fillText(written(value, horizontal.step), x(value), top + height + 4);
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const value of vertical.values) context.fillText(written(value, vertical.step), left - 4, y(value));
  context.font = `12px ${family}`;
  context.textAlign = 'center';
  context.textBaseline = 'bottom';
  context.fillText(across, left + width / 2, bottom - 2);
  context.translate(10, top + height / 2);
  context.rotate(-Math.PI / 2);
  context.textBaseline = 'middle';
  context.fillText(up, 0, 0);
  context.restore();
}
