// The curves of a run, drawn by plotly: three panels over one axis, redrawn once a second at most.
// The place of the scrubber is a line of our own over them, moved without plotly.

import { isDark } from '../../core/colours.mjs';
import { h } from '../../core/dom.mjs';
import { early, extremes, measured, robustRange, thin, timeUnit } from './curve_data.mjs';
import { dimensionTraces } from '../dimensions.mjs';
import { words } from '../../words/en/training.mjs';

const EVERY_MS = 1_000;
const MARGIN = { l: 52, r: 10, t: 20, b: 38 };
const BETWEEN = 22; // pixels between two panels, for a title
const HEIGHTS = [0.5, 0.22, 0.28];
export const OVERLAYS = ['#0f8a5f', '#b5489a', '#7a6ff0', '#c2410c'];

export class Curves {
  /** @param {{picked(x: {step?: number, elapsed?: number})}} events a place on a curve was clicked */
  constructor(events) {
    this.events = events;
    this.plot = h('div', { class: 'lt-plot' });
    this.cursor = h('i', { class: 'lt-cursor', hidden: true, 'aria-hidden': 'true' });
    this.empty = h('p', { class: 'lt-empty' }, words.empty.curves);
    this.element = h('div', { class: 'lt-curves' }, this.plot, this.cursor, this.empty);
    this.by = 'elapsed';
    this.rows = [];
    this.others = [];
    this.revision = 0;
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.element);
  }

  /** @param others [{name, rows}] further runs, for their held-out ELBO */
  update(rows, job, others) {
    Object.assign(this, { rows, job, others });
    this.empty.hidden = rows.length > 0;
    if (!this.waiting) this.waiting = setTimeout(() => this.draw(), Math.max(0, (this.drawn ?? 0) + EVERY_MS - performance.now()));
  }

  setAxis(by) {
    this.by = by;
    this.revision += 1;
    this.all = false;
    this.draw();
  }

  x = (row) => (this.by === 'step' ? row.step : row.elapsed / timeUnit(this.rows)[1]);

  draw() {
    clearTimeout(this.waiting);
    this.waiting = undefined;
    const { clientWidth: width, clientHeight: height } = this.element;
    if (this.gone || !this.rows.length || !globalThis.Plotly || !width || !height) return;
    this.drawn = performance.now();
    this.size = [width, height];
    const dimensions = dimensionTraces(this.rows, this.x, this.element);
    const traces = [...this.terms(), ...this.compared(), ...dimensions.traces];
    const options = { displayModeBar: false, doubleClick: false, responsive: false, showTips: false };
    globalThis.Plotly.react(this.plot, traces, this.layout(dimensions), options).then(() => this.placeCursor());
    if (!this.listening) this.listen();
    this.events.drawn?.();
  }

  listen() {
    this.listening = true;
    this.plot.on('plotly_doubleclick', () => {
      this.all = this.zoomed || !this.all;
      this.zoomed = false;
      this.revision += 1;
      this.draw();
    });
    this.plot.on('plotly_relayout', (change) => {
      if (Object.keys(change).some((key) => key.includes('axis'))) this.zoomed = true;
      this.placeCursor();
    });
    this.plot.on('plotly_click', ({ points: [point] }) => {
      this.events.picked(this.by === 'step' ? { step: point.x } : { elapsed: point.x * timeUnit(this.rows)[1] });
    });
  }

  colours() {
    const styles = getComputedStyle(this.element);
    const value = (name, otherwise) => styles.getPropertyValue(name).trim() || otherwise;
    return {
      text: styles.color, family: styles.fontFamily, line: value('--st-border-color', '#d5dbe3'),
      elbo: styles.color, log_likelihood: value('--reconstruction', '#4682b4'), kl: value('--kl', '#d98b1f'),
    };
  }

  /** Training and held-out lines of each term. */
  terms() {
    const colours = this.colours();
    const train = thin(this.rows);
    const heldout = thin(measured(this.rows));
    return ['log_likelihood', 'elbo', 'kl'].flatMap((term) => {
      const common = { type: 'scatter', yaxis: term === 'kl' ? 'y2' : 'y', showlegend: false,
        hovertemplate: `%{y:.2f} ${words.nats}<extra>%{fullData.name}</extra>` };
      return [
        { ...common, mode: train.length > 1 ? 'lines' : 'markers', name: `${words.terms[term]}, ${words.sets.train[0]}`, opacity: 0.6,
          x: train.map(this.x), y: train.map((row) => row[term]), line: { color: colours[term], width: 1 } },
        { ...common, mode: heldout.length > 40 ? 'lines' : 'lines+markers', name: `${words.terms[term]}, ${words.sets.heldout[0]}`,
          x: heldout.map(this.x), y: heldout.map((row) => row[`heldout_${term}`]),
          line: { color: colours[term], width: 2.2 }, marker: { size: 4, color: colours[term] } },
      ];
    });
  }

  compared() {
    return this.others.filter(({ rows }) => rows.length).map(({ name, rows }, i) => {
      const kept = thin(measured(rows));
      return { type: 'scatter', mode: 'lines', yaxis: 'y', name: name.replaceAll('<', ''), showlegend: false,
        x: kept.map(this.x), y: kept.map((row) => row.heldout_elbo), line: { color: OVERLAYS[i % OVERLAYS.length], width: 2, dash: 'dashdot' },
        hovertemplate: `%{y:.2f} ${words.nats}<extra>%{fullData.name}</extra>` };
    });
  }

  layout(dimensions) {
    const { text, line, family } = this.colours();
    const [width, height] = this.size;
    const inner = height - MARGIN.t - MARGIN.b;
    const room = inner - 2 * BETWEEN;
    const domains = [];
    let top = 1;
    for (const share of HEIGHTS) {
      const bottom = Math.max(0, top - (share * room) / inner);
      domains.push([bottom, top]);
      top = bottom - BETWEEN / inner;
    }
    const axis = { gridcolor: line, griddash: 'dot', linecolor: line, zeroline: false, tickfont: { size: 12 }, nticks: 5, automargin: false };
    const [unit] = timeUnit(this.rows);
    const title = (label, domain) => ({ text: label, xref: 'paper', yref: 'paper', x: 0, y: domain[1], xanchor: 'left', yanchor: 'bottom',
      showarrow: false, font: { size: 12, color: text }, captureevents: false });
    return {
      width, height, margin: MARGIN, uirevision: this.revision, showlegend: false, hovermode: 'closest',
      dragmode: matchMedia('(pointer: coarse)').matches ? false : 'zoom',
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', font: { color: text, family, size: 12 },
      hoverlabel: { font: { size: 12 } },
      xaxis: { ...axis, anchor: 'y3', range: this.span(), nticks: 8,
        title: { text: words.axisTitles[this.by === 'step' ? 'step' : unit], font: { size: 12 }, standoff: 4 } },
      yaxis: { ...axis, domain: domains[0], nticks: 6, ...this.range(['elbo', 'log_likelihood'], { low: early(this.rows.length) }) },
      yaxis2: { ...axis, domain: domains[1], nticks: 4, ...this.range(['kl'], { low: 0, high: 0.98, floor: 0 }) },
      yaxis3: { ...axis, domain: domains[2], nticks: 4, ...dimensions.axis },
      shapes: this.shapes(domains),
      annotations: [
        title(words.panels.terms, domains[0]), title(words.panels.kl, domains[1]), title(dimensions.title, domains[2]),
        ...dimensions.annotations,
      ],
    };
  }

  span() {
    const runs = [this.rows, ...this.others.map(({ rows }) => rows).filter((rows) => rows.length)];
    const last = Math.max(...runs.map((rows) => this.x(rows.at(-1))));
    return [0, last || 1];
  }

  range(terms, options) {
    const heldout = measured(this.rows);
    const values = terms.flatMap((term) => [...this.rows.map((row) => row[term]), ...heldout.map((row) => row[`heldout_${term}`])]);
    const recent = this.rows.slice(this.rows.length >> 1).flatMap((row) => terms.map((term) => row[term]));
    const others = terms.includes('elbo') ? this.others.flatMap(({ rows }) => measured(rows).map((row) => row.heldout_elbo)) : [];
    return { range: robustRange([...values, ...others], this.all ? { low: 0, floor: options.floor } : { ...options, recent: extremes(recent) }) };
  }

  /** Where beta had not reached its final value: a faint band over all panels. */
  shapes() {
    const final = this.job?.config.training.beta ?? 1;
    const rising = this.rows.filter((row) => row.beta < final - 1e-9);
    if (!rising.length) return [];
    const until = this.rows[rising.length] ?? rising.at(-1);
    return [{ type: 'rect', xref: 'x', yref: 'paper', x0: 0, x1: this.x(until), y0: 0, y1: 1, layer: 'below', line: { width: 0 },
      fillcolor: isDark(this.element) ? 'rgba(255,255,255,0.05)' : 'rgba(20,40,80,0.045)' }];
  }

  /** Marks a place of the run; null takes the mark away. @param {{step, elapsed} | null} place */
  mark(place) {
    this.place = place;
    this.placeCursor();
  }

  placeCursor() {
    const range = this.place && this.plot.layout?.xaxis?.range;
    const across = this.size && this.size[0] - MARGIN.l - MARGIN.r;
    const share = range ? (this.x(this.place) - range[0]) / (range[1] - range[0]) : -1;
    const at = MARGIN.l + share * across;
    const inside = at >= MARGIN.l - 1 && at <= MARGIN.l + across + 1;
    this.cursor.hidden = !inside;
    if (inside) this.cursor.style.transform = `translateX(${at}px)`;
  }

  restyle() {
    this.draw();
  }

  destroy() {
    this.gone = true;
    clearTimeout(this.waiting);
    this.watcher.disconnect();
    globalThis.Plotly?.purge(this.plot);
  }
}
