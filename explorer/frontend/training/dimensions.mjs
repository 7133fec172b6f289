// KL of each latent dimension over the run: lines while one can tell them apart, else a heat map.

import { classColour, isDark } from '../core/colours.mjs';
import { extremes, heatMap, LINES, robustRange, thin } from './curves/curve_data.mjs';
import { words } from '../words/en/training.mjs';

const DASHES = ['solid', '6px,3px'];
const NAMED = 6; // lines with their name at the end
const subscript = (n) => [...String(n)].map((digit) => '₀₁₂₃₄₅₆₇₈₉'[digit]).join('');
const name = (i) => `z${subscript(i + 1)}`;

/** Traces of the third panel, its title, its axis and what is written into it. */
export function dimensionTraces(rows, x, element) {
  const newest = rows.at(-1).kl_per_dimension;
  const counted = rows.findLast(({ heldout_active: active }) => active != null);
  const panel = newest.length > LINES ? words.panels.sorted : words.panels.dimensions;
  const title = counted ? `${panel} · ${words.active(counted.heldout_active, newest.length)}` : panel;
  return { title, ...(newest.length > LINES ? heat(rows, x, element) : lines(rows, x, element)) };
}

function lines(rows, x, element) {
  const dark = isDark(element);
  const kept = thin(rows);
  const at = kept.map(x);
  const newest = rows.at(-1).kl_per_dimension;
  const common = { type: 'scatter', yaxis: 'y3', mode: kept.length > 1 ? 'lines' : 'markers', showlegend: false,
    hovertemplate: `%{y:.2f} ${words.nats}<extra>%{fullData.name}</extra>` };
  const traces = newest.map((_, i) => ({
    ...common, name: name(i), x: at, y: kept.map((row) => row.kl_per_dimension[i]),
    line: { color: classColour(i, dark), width: 1.6, dash: DASHES[Math.floor(i / 10) % 2] },
    marker: { color: classColour(i, dark) },
  }));
  const values = rows.flatMap((row) => row.kl_per_dimension);
  const recent = extremes(rows.slice(rows.length >> 1).flatMap((row) => row.kl_per_dimension));
  const range = robustRange(values, { low: 0, high: 0.985, floor: 0, recent });
  return { traces, axis: { range }, annotations: newest.length > NAMED ? [] : labels(newest, range, element, dark) };
}

/** Names at the ends of the lines, pushed apart where lines end together. */
function labels(newest, [, top], element, dark) {
  const least = (16 / (element.clientHeight * 0.2)) * top;
  const places = apart(newest, least, top - least);
  return newest.map((_, i) => ({
    xref: 'paper', x: 1, xanchor: 'right', yref: 'y3', y: places[i], yanchor: 'bottom', text: name(i), showarrow: false,
    captureevents: false, font: { size: 12, color: classColour(i, dark) },
  }));
}

/** Places near values (n), in their order, at least so far apart, and none above `most` while there is room below. */
export function apart(values, least, most) {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const places = values.slice();
  order.forEach((i, k) => { if (k) places[i] = Math.max(places[i], places[order[k - 1]] + least); });
  let above = most + least;
  for (const i of order.toReversed()) above = places[i] = Math.min(places[i], above - least);
  return places;
}

function heat(rows, x, element) {
  const { order, x: at, z } = heatMap(rows, x);
  const styles = getComputedStyle(element);
  const dark = isDark(element);
  const [, top] = robustRange(z.flat(), { low: 0, high: 0.98, floor: 0 });
  const full = dark ? '#ffd08a' : '#7a3d00';
  const trace = {
    type: 'heatmap', yaxis: 'y3', x: at, y: order.map((_, k) => k + 1), z, zmin: 0, zmax: top, zsmooth: false,
    colorscale: [[0, styles.getPropertyValue('--st-secondary-background-color').trim() || '#f3f5f8'], [0.5, '#d98b1f'], [1, full]],
    customdata: order.map((i) => at.map(() => name(i))),
    hovertemplate: `%{z:.2f} ${words.nats}<extra>%{customdata}</extra>`,
    colorbar: { thickness: 8, len: 0.24, y: 0, yanchor: 'bottom', x: 1.005, xpad: 2, outlinewidth: 0, nticks: 3, tickfont: { size: 12 } },
  };
  return { traces: [trace], axis: { range: [order.length + 0.5, 0.5], nticks: 4 }, annotations: [] };
}
