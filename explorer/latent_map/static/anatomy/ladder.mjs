// The ladder of bounds: IWAE-k of the q on screen for growing k, up to log p(x).
//
//   IWAE-k = E[ log (1/k) sum_i w_i ],   w = p(x|z) p(z) / q(z),   z ~ q      (Burda, Grosse & Salakhutdinov 2016)
//
// All rungs come from one pool of draws cut into disjoint groups of k consecutive ones, as in
// explorer/inference/ladder.py, so that within the pool they never fall. Draws are decoded in this page, a
// few at a time, whenever no drag wants the decoder.

import { h, nats, style } from '../dom.mjs';
import { latentsOf } from '../gaussian.mjs';
import { Drawing, label, line, linear, rect, tickLabels, ticks } from './chart.mjs';
import { Normals } from './random.mjs';
import { words as all } from './words_bounds.mjs';

const words = all.ladder;
export const KS = [1, 5, 50, 500, 5000];
const LAST = KS.at(-1);
const CHUNK = 256; // a drag that begins in the midst waits for no more
const POOL = { browser: 40_000, server: 10_000 }; // a server decodes for everybody
const PAINT_MS = 100;
const SCARCE = 0.01; // an effective sample size below this share of the draws
const FEW = 3; // groups whose scatter says something of how far the bound may be off
const LEAST = 0.01; // nats, to which log p(x) is known

/** log (sum of exp), and the effective sample size, of the weights in [from, to). */
function summed(logWeights, from, to) {
  let top = -Infinity;
  for (let i = from; i < to; i++) top = Math.max(top, logWeights[i]);
  if (!Number.isFinite(top)) return { log: top, effective: 0 };
  let sum = 0, square = 0;
  for (let i = from; i < to; i++) {
    const weight = Math.exp(logWeights[i] - top);
    sum += weight;
    square += weight * weight;
  }
  return { log: top + Math.log(sum), effective: (sum * sum) / square };
}

/** One bound as its groups come in: their mean, and its standard error (null where none can be known). */
class Rung {
  groups = 0;
  value = NaN;
  effective = 0; // mean over the groups
  squares = 0;

  constructor(k) {
    this.k = k;
  }

  add({ log, effective }) {
    const bound = log - Math.log(this.k);
    this.groups += 1;
    this.effective += (effective - this.effective) / this.groups;
    if (this.groups === 1) this.value = 0;
    if (!Number.isFinite(bound) || !Number.isFinite(this.value)) {
      this.value = -Infinity; // a group without any weight: the bound says nothing
      return;
    }
    const off = bound - this.value;
    this.value += off / this.groups;
    this.squares += off * (bound - this.value);
  }

  get error() {
    const spread = Math.sqrt(this.squares / (this.groups - 1) / this.groups);
    return this.groups > 1 && Number.isFinite(this.value) ? spread : null;
  }
}

/** The q whose ladder is shown: the one on screen, or the encoder's while a point is dragged. */
export function shownGaussian({ plane, anchor, state }) {
  const point = state.mode === 'point';
  const u = point ? plane.project(anchor.loc) : [...state.u];
  // A one-dimensional space has no second axis: any scale along it will do, but zero is none.
  const sigma = point ? plane.deviations(anchor.scale).map((own) => own || 1) : [...state.sigma];
  return { anchor, u, sigma, point };
}

/** log |det F| of q = N(m, F Fᵀ): the encoder's scales, each stretched along the map's axes. */
function logDeterminant(plane, scale, sigma) {
  const own = plane.deviations(scale);
  const stretch = own.reduce((sum, value, j) => sum + (value > 0 ? Math.log(sigma[j] / value) : 0), 0);
  return scale.reduce((sum, value) => sum + Math.log(value), stretch);
}

/** The pool of one q, drawn little by little. */
export class Pool {
  constructor(scene, q, size) {
    Object.assign(this, { scene, q, size });
    this.normals = new Normals(1);
    this.logWeights = new Float64Array(size);
    this.drawn = 0;
    this.rungs = KS.map((k) => new Rung(k));
    this.logDeterminant = logDeterminant(scene.plane, q.anchor.scale, q.sigma);
  }

  get done() {
    return this.drawn >= this.size;
  }

  async draw() {
    const { plane, engine } = this.scene;
    const { anchor, u, sigma } = this.q;
    const d = plane.dimensions;
    const count = Math.min(CHUNK, this.size - this.drawn);
    const nodes = this.normals.fill(new Float64Array(count * d));
    const z = latentsOf(plane, plane.lift(u, anchor.loc), anchor.scale, sigma, { count, nodes }).slice(d); // not the mean
    const { logLikelihood } = await engine.evaluate({ z, k: count, x: anchor.x, images: 0 });
    for (let k = 0; k < count; k++) {
      // log p(z) − log q(z), whose 2π cancel.
      let ratio = this.logDeterminant;
      for (let i = k * d; i < (k + 1) * d; i++) ratio += 0.5 * (nodes[i] * nodes[i] - z[i] * z[i]);
      const weight = logLikelihood[k] + ratio;
      this.logWeights[this.drawn + k] = Number.isNaN(weight) ? -Infinity : weight; // an overflow keeps a bound a bound
    }
    this.drawn += count;
    for (const rung of this.rungs) {
      for (let end = (rung.groups + 1) * rung.k; end <= this.drawn; end += rung.k) rung.add(summed(this.logWeights, end - rung.k, end));
    }
  }

  is({ anchor, u, sigma, point }) {
    const same = (a, b) => a.every((value, i) => value === b[i]);
    return this.q.anchor === anchor && this.q.point === point && same(this.q.u, u) && same(this.q.sigma, sigma);
  }
}

export class Ladder {
  name = 'ladder';
  label = words.label;

  constructor(scene) {
    this.scene = scene;
    this.styled = style(new URL('./bounds.css', import.meta.url).href);
    this.rungs = [];
    this.rows = KS.map((k) => this.row(k));
    this.chart = new Drawing('lx-ladder-chart', (...box) => this.paint(...box));
    this.intro = h('p');
    this.state = h('span', { 'data-testid': 'ladder-draws' });
    this.size = h('span', { title: words.effectiveTip, class: 'lx-ladder-size', 'data-testid': 'ladder-effective' });
    this.remark = h('p', { class: 'lx-ladder-remark', 'data-testid': 'ladder-remark', role: 'status', hidden: true });
    const head = h('tr', {}, ...words.heads.map((text, i) => h('th', { scope: 'col', title: words.headTips[i] }, text)));
    this.element = h('div', { class: 'lx-ladder', 'data-testid': 'ladder' },
      this.intro, this.chart.element,
      h('table', {}, h('thead', {}, head), h('tbody', {}, ...this.rows.map((row) => row.element))),
      h('p', { class: 'lx-quiet lx-ladder-facts' }, this.size, this.state), this.remark);
    this.render();
  }

  row(k) {
    const [value, error, groups] = ['td', 'td', 'td'].map((tag) => h(tag));
    const name = h('th', { scope: 'row' }, all.count(k), k === 1 ? h('small', {}, ` ${words.elbo}`) : null);
    return { k, value, error, groups, element: h('tr', { 'data-testid': `ladder-k-${k}` }, name, value, error, groups) };
  }

  show() {
    this.visible = true;
    this.render();
    this.begin();
  }

  hide() {
    this.visible = false;
  }

  changed(what) {
    const was = this.moving;
    if (what === 'moved') this.moving = true;
    else if (what === 'rest' || what === 'anchor') this.moving = false;
    else if (what !== 'evidence') return;
    if (!this.visible || (was && this.moving && what !== 'evidence')) return; // drawn once, not in every frame of a drag
    this.render();
    this.begin();
  }

  destroy() {
    this.gone = true;
    clearTimeout(this.painting);
    this.chart.destroy();
  }

  get wanted() {
    return this.visible && !this.moving && !this.gone;
  }

  begin() {
    if (!this.wanted || this.running) return;
    this.running = true;
    this.trouble = undefined;
    this.run()
      .catch((error) => { this.trouble = error; })
      .finally(() => {
        this.running = false;
        if (!this.gone) this.render();
      });
  }

  /** Draws for as long as the tab is looked at and q rests, until the pool of the q on screen is full. */
  async run() {
    for (;;) {
      await this.scene.idle();
      if (!this.wanted) return;
      const q = shownGaussian(this.scene);
      if (!this.pool?.is(q)) this.pool = new Pool(this.scene, q, POOL[this.scene.engine.kind] ?? POOL.server);
      if (this.pool.done) return;
      await this.pool.draw();
      this.soon();
    }
  }

  soon() {
    this.painting ??= setTimeout(() => {
      this.painting = undefined;
      this.render();
    }, PAINT_MS);
  }

  render() {
    if (this.gone || !this.visible) return;
    const q = shownGaussian(this.scene);
    const pool = this.pool?.q.anchor === q.anchor ? this.pool : undefined; // never another image's
    const stale = !pool?.is(q);
    const point = this.scene.state.mode === 'point';
    write(this.intro, words.intro[point ? 'encoder' : 'yours'] + words.meaning);
    this.rungs = (pool?.rungs ?? []).filter((rung) => rung.groups > 0);
    Object.assign(this.element.dataset, { stale, draws: stale ? 0 : pool.drawn, done: !stale && pool.done });
    for (const row of this.rows) this.fill(row, this.rungs.find((rung) => rung.k === row.k));
    const last = this.rungs.find((rung) => rung.k === LAST);
    write(this.size, last ? words.effective(last.effective, LAST) : pool ? words.noGroup(LAST) : '');
    this.size.setAttribute('data-value', last?.effective ?? '');
    write(this.state, this.progress(pool, stale));
    this.remark.hidden = stale || !last || !this.heavy(last);
    write(this.remark, this.remark.hidden ? '' : words.heavy);
    this.chart.redraw();
  }

  progress(pool, stale) {
    if (this.trouble) return words.failed(this.trouble.message);
    if (this.moving) return words.moving;
    if (stale) return words.waiting;
    return words.drawn(pool.drawn, pool.size) + (pool.done && this.scene.engine.kind === 'server' ? words.server : '');
  }

  fill(row, rung) {
    const error = rung?.error ?? null;
    const decimals = error !== null && error < 0.0095 ? 3 : 2;
    write(row.value, rung ? nats(rung.value, decimals) : '–');
    write(row.error, error === null ? '–' : error < 0.0005 ? '<0.001' : nats(error, decimals));
    write(row.groups, rung ? all.count(rung.groups) : '0');
    row.error.title = !rung || error !== null ? '' : rung.groups === 1 ? words.oneGroup : words.noWeight;
    if (rung && error === null) write(row.error, words.unknown);
    const facts = { value: rung?.value ?? '', error: error ?? '', groups: rung?.groups ?? 0 };
    for (const [name, value] of Object.entries(facts)) row.element.setAttribute(`data-${name}`, value);
  }

  /** Whether a few draws carry the sum, by the weights themselves or by what is missing. */
  heavy(last) {
    if (last.effective < SCARCE * LAST) return true;
    const { evidence } = this.scene.anchor;
    if (!evidence || last.error === null || last.groups < FEW) return false;
    return evidence.value - last.value > Math.max(LEAST, 3 * Math.hypot(last.error, evidence.error ?? 0));
  }

  /** What is known of log p(x): its value, the half-width of its band, and a sentence. */
  line() {
    const { evidence } = this.scene.anchor;
    if (!evidence) return { text: words.evidence.waiting };
    const { value, method } = evidence;
    if (!Number.isFinite(value)) return { text: words.evidence.none };
    const error = evidence.error ?? 0;
    const exact = method === 'quadrature' && error < 0.005;
    const text = exact ? words.evidence.exact(nats(value)) : words.evidence.estimate(nats(value), error >= 0.005 ? nats(error) : '');
    return { value, error, text, tip: words.evidence.tip[method] };
  }

  paint(width, height) {
    const known = this.line();
    const rungs = this.rungs.filter((rung) => Number.isFinite(rung.value));
    this.chart.describe(words.chart(this.rungs, known.text));
    const title = h('svg:text', { x: 4, y: 12, class: 'lx-ladder-evidence', 'data-testid': 'ladder-evidence' }, known.text, h('svg:title', {}, known.tip ?? ''));
    const ends = rungs.flatMap(({ value, error }) => [value - (error ?? 0), value + (error ?? 0)]);
    if (known.value !== undefined) ends.push(known.value - known.error, known.value + known.error);
    if (!ends.length) return [title];
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    const room = 0.06 * (high - low) || 0.5;
    const range = [low - room, high + room];
    const marks = ticks(...range, height > 140 ? 5 : 4);
    const texts = tickLabels(marks);
    const left = 12 + 6.9 * Math.max(...texts.map((text) => text.length));
    const y = linear(range, [height - 34, 22]);
    const x = linear([0, Math.log10(LAST)], [left + 10, width - 20]);
    const at = (k) => x(Math.log10(k));
    return [
      title,
      ...marks.flatMap((mark, i) => [line(left, y(mark), width, y(mark), 'lx-rule'), label(left - 5, y(mark) + 4, 'end', texts[i])]),
      ...KS.map((k) => label(at(k), height - 18, 'middle', all.count(k))),
      label((left + width) / 2, height - 3, 'middle', 'k'),
      ...(known.value === undefined ? [] : [
        rect(left, y(known.value + known.error), width - left, y(known.value - known.error) - y(known.value + known.error), 'lx-ladder-band'),
        line(left, y(known.value), width, y(known.value), 'lx-ladder-line'),
      ]),
      rungs.length > 1 ? h('svg:polyline', { class: 'lx-ladder-climb', points: rungs.map(({ k, value }) => `${at(k)},${y(value)}`).join(' ') }) : null,
      ...rungs.flatMap((rung) => this.mark(rung, at(rung.k), y)),
    ];
  }

  mark({ k, value, error }, x, y) {
    const bar = error === null ? [] : [
      line(x, y(value - error), x, y(value + error), 'lx-ladder-error'),
      ...[value - error, value + error].map((end) => line(x - 4, y(end), x + 4, y(end), 'lx-ladder-error')),
    ];
    const point = h('svg:circle', { cx: x, cy: y(value), r: 3.6, class: error === null ? 'lx-ladder-point lx-hollow' : 'lx-ladder-point' },
      h('svg:title', {}, `k = ${all.count(k)}: ${nats(value)}${error === null ? '' : ` ± ${nats(error, 3)}`}`));
    return [...bar, point];
  }
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
