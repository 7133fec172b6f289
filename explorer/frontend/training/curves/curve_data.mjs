// Rows of a run made ready to be drawn: thinned, scaled, and with a range that shows what matters.

import { niceStep } from '../../plot/axes.mjs';

export const TERMS = ['elbo', 'log_likelihood', 'kl'];
export const LINES = 16; // more dimensions than this are drawn as a heat map
const MOST = 700;
const MOST_COLUMNS = 160;

/** Every 2nd, 4th, 8th … row and the last: which rows stay does not change with each new one. */
export function thin(rows, most = MOST) {
  let stride = 1;
  while (rows.length / stride > most) stride *= 2;
  return stride === 1 ? rows : rows.filter((_, i) => i % stride === 0 || i === rows.length - 1);
}

/** The unit of the time axis: [its name in words.axisTitles, seconds]. */
export function timeUnit(rows) {
  const longest = rows.at(-1)?.elapsed ?? 0;
  return longest > 10_800 ? ['hours', 3_600] : longest > 600 ? ['minutes', 60] : ['seconds', 1];
}

export const measured = (rows) => rows.filter((row) => row.heldout_elbo != null);

/** The newest row at or before a step, or undefined. */
export function rowAt(rows, step) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].step <= step) low = middle + 1;
    else high = middle;
  }
  return rows[low - 1];
}

/** The lowest and the highest of many values. */
export const extremes = (values) => values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);

/** The share of the lowest values to leave out: the first three reports of a young run, 5 % of an old one. */
export const early = (rows) => (rows < 4 ? 0 : Math.max(0.05, Math.min(0.3, 3 / rows)));

/** A range for values of which the first are far off, in round numbers; `recent` ones it holds in any case. */
export function robustRange(values, { low = 0.05, high = 1, floor = null, recent = [] } = {}) {
  const sorted = Float64Array.from(values.filter(Number.isFinite)).sort();
  if (!sorted.length) return [0, 1];
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * (sorted.length - 1)))];
  let [from, to] = [floor ?? at(low), Math.max(at(high), ...recent.filter(Number.isFinite))];
  const span = Math.max(to - from, Math.abs(to) * 0.02, 0.02);
  const step = niceStep(span / 8);
  from = floor ?? Math.floor((from - 0.03 * span) / step) * step;
  to = Math.ceil((to + 0.05 * span) / step) * step;
  return [from, to];
}

/** Whole rows as columns of KL per dimension, the most used dimension first. */
export function heatMap(rows, x) {
  const kept = thin(rows, MOST_COLUMNS);
  const newest = rows.at(-1).kl_per_dimension;
  const order = newest.map((_, i) => i).sort((a, b) => newest[b] - newest[a]);
  return { order, x: kept.map(x), z: order.map((i) => kept.map((row) => row.kl_per_dimension[i])) };
}
