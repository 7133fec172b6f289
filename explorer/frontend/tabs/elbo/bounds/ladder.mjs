// The ladder of bounds: IWAE-k of the q on screen for growing k, up to log p(x). Draws are decoded in this page,
// a few at a time, whenever no drag wants the decoder; what they give is shown as it comes.

import { h, nats, style } from '../../../core/dom.mjs';
import { Drawing, label, line, linear, rect, tickLabels, ticks } from '../chart.mjs';
import { KS, Pool, shownGaussian } from './pool.mjs';
import { words as all } from '../../../words/en/bounds.mjs';

const words = all.ladder;
const LAST = KS.at(-1);
const PAINT_MS = 100;
const SCARCE = 0.01; // an effective sample size below this share of the draws
const FEW = 8; // groups: the scatter of fewer is too uncertain to say how far the bound may be off
const LEAST = 0.02; // nats: log p(x) is known to 0.01

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
      if (!this.pool?.is(q)) this.pool = new Pool(this.scene, q);
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
    const title = h('svg:text', { x: known.value === undefined ? 2 : 22, y: 12, class: 'lx-ladder-evidence', 'data-testid': 'ladder-evidence' }, known.text, h('svg:title', {}, known.tip ?? ''));
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
      known.value === undefined ? null : line(2, 8, 16, 8, 'lx-ladder-line'),
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
