// The numbers at the place that is shown; at the same time the curves' legend.

import { h, nats } from '../core/dom.mjs';
import { measured, rowAt, TERMS } from './curves/curve_data.mjs';
import { OVERLAYS } from './curves/curves.mjs';
import { words } from '../words/en/training.mjs';

export class Readout {
  /** @param {{axis(by: string)}} actions */
  constructor(actions) {
    this.cells = {};
    const cell = (set, term) => (this.cells[`${set}-${term}`] = h('td', { 'data-testid': `${set}-${term.replace('log_likelihood', 'reconstruction')}` }, '–'));
    const heads = TERMS.map((term) => h('th', { scope: 'col', title: words.termTips[term] },
      h('i', { class: `lt-swatch lt-${term}` }), words.terms[term]));
    const rows = Object.entries(words.sets).map(([set, [label, tip]]) => h('tr', {},
      h('th', { scope: 'row', title: tip }, h('i', { class: `lt-line lt-line-${set}` }), label), ...TERMS.map((term) => cell(set, term))));
    const table = h('table', { class: 'lt-numbers' },
      h('thead', {}, h('tr', {}, h('td', { class: 'lt-quiet', title: words.reset }, words.unit), ...heads)), h('tbody', {}, ...rows));
    this.axes = ['elapsed', 'step'].map((by) => h('button', { type: 'button', class: 'lt-button', title: words.axis[by][1],
      'aria-pressed': by === 'elapsed', 'data-testid': `axis-${by}`,
      onclick: () => {
        this.axes.forEach((node, i) => node.setAttribute('aria-pressed', ['elapsed', 'step'][i] === by));
        actions.axis(by);
      } }, words.axis[by][0]));
    this.remark = h('p', { class: 'lt-remark', title: words.beta.tip, 'data-testid': 'loss-remark' });
    this.compared = h('p', { class: 'lt-compared', hidden: true });
    this.element = h('div', { class: 'lt-readout' }, table,
      h('div', { class: 'lt-segments', role: 'group', 'aria-label': words.axis.label }, ...this.axes), this.remark, this.compared);
  }

  /** Numbers of the newest report at or before a place; of the newest of all where there is none. */
  show(rows, job, place) {
    const row = place ? rowAt(rows, place.step) : rows.at(-1);
    const heldout = place ? rowAt(measured(rows), place.step) : measured(rows).at(-1);
    for (const term of TERMS) {
      this.write(`train-${term}`, row?.[term]);
      this.write(`heldout-${term}`, heldout?.[`heldout_${term}`]);
    }
    const remark = remarkOn(job?.config.training, row);
    if (this.remark.textContent !== remark) this.remark.textContent = remark;
  }

  write(name, value) {
    const cell = this.cells[name];
    const text = value == null ? '–' : nats(value, Math.abs(value) < 1_000 ? 2 : 1);
    if (cell.textContent === text) return;
    cell.textContent = text;
    cell.dataset.value = value ?? '';
  }

  /** Names of the runs laid over this one, and why others are not. */
  compare(others, refused) {
    this.compared.hidden = others.length + refused.length === 0;
    const chips = others.map(({ name, rows }, i) => {
      const line = h('i', { class: 'lt-line' });
      line.style.borderTopColor = OVERLAYS[i % OVERLAYS.length];
      const last = measured(rows).at(-1);
      return h('span', { class: 'lt-other' }, line, name, h('b', {}, last ? nats(last.heldout_elbo, 2) : '–'));
    });
    this.compared.replaceChildren(
      ...(others.length ? [h('span', { class: 'lt-quiet' }, words.compared), ...chips] : []),
      ...refused.map((sentence) => h('span', { class: 'lt-refused' }, sentence)));
  }
}

/** How the loss differs from -ELBO at a row, in words; empty where it does not. */
export function remarkOn(training, row) {
  if (!training) return '';
  const { beta, free_bits: bits } = training;
  const now = row?.beta ?? (training.kl_warm_up > 0 ? 0 : beta);
  const said = [];
  if (now < beta - 1e-9) said.push(words.beta.rising(now, beta));
  else if (beta !== 1) said.push(words.beta.other(beta));
  if (bits > 0) said.push(words.beta.freeBits(bits));
  return said.length ? words.beta.all(said) : '';
}
