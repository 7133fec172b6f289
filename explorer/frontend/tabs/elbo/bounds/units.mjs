// Rate and units: what each latent dimension costs and carries, the rate's two parts, and where the codes
// of all images lie against the prior. The data set's side is the server's, see explorer/serving/space/summary.py.

import { h, style } from '../../../core/dom.mjs';
import { words as map } from '../../../words/en/map.mjs';
import { Drawing, label, line, linear, rect, tickLabels, ticks } from '../chart.mjs';
import { shownGaussian } from './pool.mjs';
import { unitName, words as all } from '../../../words/en/bounds.mjs';

const words = all.units;
const FACTOR = 20; // full colour where images are so many times denser or rarer than the prior
const RARE = 10; // a hole: images are more than so many times rarer
const DENSER = [224, 123, 26]; // orange and blue, told apart with the common kinds of colour blindness
const RARER = [47, 127, 214];
const NEGLIGIBLE = [-9, -7]; // nats: where both densities are below the first nothing is drawn, above the second all
const CEILING = 0.95; // of log n
const LOG_2PI = Math.log(2 * Math.PI);

/** KL( N(m, s²) ‖ N(0, 1) ) of each dimension, nats. */
export function klByDimension(mean, scale) {
  return Array.from(mean, (m, i) => 0.5 * (scale[i] ** 2 + m * m - 1) - Math.log(scale[i]));
}

/** The KL of each dimension for the q on screen, or for the encoder's where it does not fall into such parts. */
export function ownKl(scene) {
  const { plane, anchor, state } = scene;
  const encoder = () => klByDimension(anchor.loc, anchor.scale);
  if (state.mode === 'point') return { kl: encoder(), of: 'encoder', tip: words.ownTip.point };
  if (plane.dimensions > 2) return { kl: encoder(), of: 'encoder', tip: words.ownTip.plane };
  const { u, sigma } = shownGaussian(scene);
  return { kl: klByDimension(plane.lift(u, anchor.loc), sigma), of: 'q', tip: words.ownTip.q };
}

/**
 * log q(u) − log p(u) in every bin of the map, from the server's log q(u); with log of the larger of the two,
 * and the share of the prior's samples that fall into holes.
 */
export function againstPrior({ density, side, range: [x0, x1, y0, y1] }, dimensions) {
  const square = (low, high, i) => (low + ((i + 0.5) / side) * (high - low)) ** 2;
  let prior = 0, holes = 0;
  const bins = density.map((log, at) => {
    const x = square(x0, x1, at % side);
    const y = dimensions > 1 ? square(y0, y1, Math.floor(at / side)) : 0; // the map's second axis is none of the space's
    const logPrior = -0.5 * (x + y + Math.min(dimensions, 2) * LOG_2PI);
    const mass = Math.exp(logPrior);
    prior += mass;
    if (log - logPrior < -Math.log(RARE)) holes += mass;
    return { ratio: log - logPrior, weight: Math.max(log, logPrior) };
  });
  return { bins, holes: holes / prior };
}

export class Units {
  name = 'units';
  label = words.label;

  constructor(scene) {
    this.scene = scene;
    this.order = 'kl';
    this.styled = style(new URL('./bounds.css', import.meta.url).href);
    this.message = h('p', { role: 'status', class: 'lx-quiet' }, words.waiting);
    this.content = h('div', { class: 'lx-units-content', hidden: true });
    this.element = h('div', { class: 'lx-units', 'data-testid': 'units' }, this.message, this.content);
  }

  show() {
    this.visible = true;
    this.load();
    this.render();
  }

  hide() {
    this.visible = false;
  }

  changed(what) {
    if (!this.visible || what === 'evidence' || what === 'theme' || what === 'placed') return;
    // Above two dimensions the bars are the encoder's own: they do not move with q.
    if (this.scene.manifest.latent > 2 && (what === 'moved' || (what === 'terms' && !this.scene.settled()))) return;
    this.soon();
    // Its reconstruction is there once it has been decoded.
    if (what !== 'moved') this.scene.idle().then(() => this.soon());
  }

  destroy() {
    this.gone = true;
    cancelAnimationFrame(this.frame);
    this.chart?.destroy();
  }

  load() {
    if (this.loading) return;
    write(this.message, words.waiting);
    this.loading = this.fetch().catch((error) => {
      this.loading = undefined; // tried again when the tab is opened again
      this.message.textContent = words.failed(error.message);
    });
  }

  async fetch() {
    const response = await fetch(this.scene.manifest.units);
    if (!response.ok) throw new Error(await response.text());
    const facts = await response.json();
    if (this.gone) return;
    await this.styled;
    this.facts = facts;
    this.build();
    this.message.hidden = true;
    this.content.hidden = false;
    this.render();
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.render();
    });
  }

  build() {
    const { n, kl, variance, threshold } = this.facts;
    this.chart = new Drawing('lx-units-chart', (...box) => this.paint(...box));
    this.own = h('span', { class: 'lx-key lx-key-own' });
    const buttons = kl.length > 2 ? this.switch() : null;
    this.image = h('p', { title: words.imageTip, 'data-testid': 'units-image' });
    this.content.append(
      h('div', { class: 'lx-units-bars' },
        h('div', { class: 'lx-units-head' }, h('strong', {}, words.title), buttons),
        h('p', { class: 'lx-quiet lx-keys' }, h('span', { class: 'lx-key lx-key-mean' }, words.mean(n)), this.own),
        this.chart.element),
      this.aggregate(),
      h('div', { class: 'lx-units-said' },
        h('p', { title: words.activityTip(threshold), 'data-testid': 'units-active' }, words.activity(kl, variance, threshold)), this.rate(), this.image, this.density));
  }

  switch() {
    const buttons = Object.entries(words.orders).map(([order, [text, tip]]) =>
      h('button', {
        type: 'button', class: 'lx-button', title: tip, 'aria-pressed': order === this.order, 'data-testid': `units-by-${order}`,
        onclick: () => {
          this.order = order;
          for (const button of buttons) button.setAttribute('aria-pressed', button.dataset.testid === `units-by-${order}`);
          this.render();
        },
      }, text));
    return h('div', { class: 'lx-segments', role: 'group', 'aria-label': words.order }, ...buttons);
  }

  /** The mean rate as one bar of two parts. */
  rate() {
    const { n, rate, information, marginal, error } = this.facts;
    const parts = [['information', information], ['marginal', marginal]];
    const total = parts.reduce((sum, [, value]) => sum + Math.max(value, 0), 0) || 1;
    const strip = parts.map(([name, value]) => h('i', { class: `lx-rate-${name}`, style: `flex: ${Math.max(value, 0) / total}` }));
    const full = information > CEILING * Math.log(n);
    const ceiling = full ? h('p', { class: 'lx-quiet', 'data-testid': 'units-ceiling' }, words.ceiling(n)) : null;
    const keys = parts.map(([name, value]) => {
      const [text, tip] = words[name];
      const facts = { 'data-testid': `units-${name}`, 'data-value': value, 'data-error': error };
      return h('span', { class: `lx-key lx-key-${name}`, title: tip, ...facts }, words.part(text, value, error, full && (name === 'information' ? '≥' : '≤')));
    });
    return h('div', { class: 'lx-rate' },
      h('p', { title: words.rateTip, 'data-testid': 'units-rate', 'data-value': rate }, words.rate(n, rate)),
      h('div', { class: 'lx-rate-strip', 'aria-hidden': 'true' }, ...strip), h('p', { class: 'lx-quiet lx-keys' }, ...keys), ceiling);
  }

  /** q(u) against p(u) on the map, with the prior's circles. */
  aggregate() {
    const { side, range: [x0, x1, y0, y1] } = this.facts;
    const { plane } = this.scene;
    const { bins, holes } = againstPrior(this.facts, plane.dimensions);
    const canvas = h('canvas', { width: side, height: side });
    const picture = new ImageData(side, side);
    bins.forEach(({ ratio, weight }, at) => {
      const row = side - 1 - Math.floor(at / side); // the map's second axis points up
      const fade = Math.min(Math.max((weight - NEGLIGIBLE[0]) / (NEGLIGIBLE[1] - NEGLIGIBLE[0]), 0), 1);
      const strength = Math.min(Math.abs(ratio) / Math.log(FACTOR), 1);
      picture.data.set([...(ratio > 0 ? DENSER : RARER), 255 * strength * fade], 4 * (row * side + (at % side)));
    });
    canvas.getContext('2d').putImageData(picture, 0, 0);
    this.place = h('svg:path', { class: 'lx-aggregate-place' });
    const rings = [1, 2, 3].flatMap((r) => plane.dimensions > 1
      ? [h('svg:circle', { cx: 0, cy: 0, r, class: 'lx-aggregate-prior', 'data-r': r })]
      : [-r, r].map((x) => line(x, -y0, x, -y1, 'lx-aggregate-prior', { 'data-r': r })));
    const svg = h('svg:svg', { viewBox: `${x0} ${-y1} ${x1 - x0} ${y1 - y0}`, 'aria-hidden': 'true' }, ...rings, this.place);
    const said = words.density(holes, RARE, plane.dimensions > 2);
    this.density = h('p', { 'data-testid': 'units-density' }, said);
    const [rarer, alike, denser] = words.scale;
    const [across, up] = map.axes[plane.kind];
    return h('figure', { class: 'lx-aggregate', title: words.aggregateTip, 'data-testid': 'aggregate', 'data-holes': holes },
      h('figcaption', {}, words.aggregate),
      h('div', { class: 'lx-aggregate-picture', role: 'img', 'aria-label': `${words.aggregateTip} ${said}`,
        style: `aspect-ratio: ${(x1 - x0) / (y1 - y0)}`, title: `${words.aggregateTip}\n→ ${across}, ↑ ${up}` }, canvas, svg),
      h('div', { class: 'lx-aggregate-scale', 'aria-hidden': 'true' }, h('span', {}, rarer(FACTOR)), h('span', {}, alike), h('span', {}, denser(FACTOR))));
  }

  render() {
    if (this.gone || !this.visible || !this.facts) return;
    const own = ownKl(this.scene);
    this.kl = own.kl;
    write(this.own, words.own[own.of]);
    this.own.title = own.tip;
    this.chart.redraw();
    const { u } = shownGaussian(this.scene);
    this.place.setAttribute('d', `M${u[0]} ${-u[1]}h0`);
    write(this.image, this.terms());
  }

  /** This image's own rate and distortion, as the panel has them. */
  terms() {
    if (this.scene.state.mode === 'point') return words.imagePoint;
    const terms = this.scene.terms?.();
    return Number.isFinite(terms?.elbo) ? words.image(terms) : '';
  }

  paint(width, height) {
    const { kl: mean, variance, threshold } = this.facts;
    const d = mean.length;
    const order = mean.map((_, i) => i);
    if (this.order === 'kl') order.sort((a, b) => mean[b] - mean[a]);
    const top = Math.max(0.1, ...mean, ...this.kl.filter(Number.isFinite)) * 1.04;
    const marks = ticks(0, top, 3);
    const texts = tickLabels(marks);
    const left = 9 + 6.9 * Math.max(...texts.map((text) => text.length));
    const y = linear([0, top], [height - 16, 6]);
    const step = Math.min((width - left) / d, 64);
    const wide = Math.min(0.4 * step, 18);
    const every = everyName(step, d);
    this.chart.describe(order.map((i) => unit(i, this)).join(' '));
    return [
      ...marks.flatMap((mark, i) => [line(left, y(mark), width, y(mark), 'lx-rule'), label(left - 4, y(mark) + 4, 'end', texts[i])]),
      ...order.map((i, at) => {
        const x = left + (at + 0.5) * step;
        const active = variance[i] > threshold;
        const bar = (from, value, name) => rect(from, y(value), wide, y(0) - y(value), name);
        const facts = { 'data-testid': `unit-${i}`, 'data-mean': mean[i], 'data-own': this.kl[i], 'data-variance': variance[i], 'data-active': active };
        return h('svg:g', { class: active ? 'lx-unit-bars' : 'lx-unit-bars lx-unit-idle', ...facts },
          h('svg:title', {}, unit(i, this)),
          rect(x - step / 2, 0, step, height, 'lx-unit-reach'),
          bar(x - wide, mean[i], 'lx-unit-mean'), bar(x, Number.isFinite(this.kl[i]) ? this.kl[i] : top, 'lx-unit-own'),
          at % every === 0 ? label(x, height - 3, 'middle', unitName(i)) : null);
      }),
    ];
  }
}

/** Of names of d dimensions that stand `step` pixels apart, every n-th has room: a z, and a small figure for each digit. */
export function everyName(step, d) {
  return Math.ceil((8 + 5 * String(d).length) / step);
}

function unit(i, { facts: { kl, variance, threshold }, kl: own }) {
  return words.unit(i, kl[i], own[i], variance[i], variance[i] > threshold);
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
