// What one reads first: what the run is, how it is, how far it has come, and what has to be said about it.

import { h } from '../core/dom.mjs';
import { isOver } from './api.mjs';
import { words } from '../words/en/training.mjs';

const SILENT_SECONDS = 30;

export class Header {
  constructor(steering) {
    this.chip = h('span', { class: 'lt-chip', 'data-testid': 'job-state' });
    this.name = h('strong', { class: 'lt-name' });
    this.summary = h('span', { class: 'lt-quiet lt-summary' });
    this.live = h('span', { class: 'lt-unseen', role: 'status' });
    this.fill = h('i');
    this.bar = h('div', { class: 'lt-progress', role: 'progressbar', 'aria-label': words.progress, 'aria-valuemin': 0, 'aria-valuemax': 100 }, this.fill);
    this.facts = Object.fromEntries(['epoch', 'step', 'spent', 'left', 'rate', 'device'].map((name) => [name, h('span', { 'data-testid': `fact-${name}` })]));
    this.factLine = h('div', { class: 'lt-facts' }, ...Object.values(this.facts));
    this.banner = h('div', { class: 'lt-banner', 'data-testid': 'job-message', role: 'status', hidden: true });
    this.element = h('header', { class: 'lt-header' },
      h('div', { class: 'lt-title' }, this.chip, this.name, this.summary, this.live),
      steering, this.bar, this.factLine, this.banner);
  }

  show(job, rows, trouble) {
    const row = rows.at(-1) ?? job?.progress ?? null;
    const state = job?.phase ?? 'unknown';
    const label = state === 'queued' && job.place ? words.place(job.place) : words.states[state];
    if (this.chip.textContent !== label) {
      this.chip.textContent = label;
      this.live.textContent = job ? `${job.name}: ${label}` : label;
    }
    this.chip.dataset.state = state;
    if (job) {
      write(this.name, job.name);
      write(this.summary, words.summary(job.config));
      this.summary.title = this.summary.textContent;
    }
    this.progress(job, row);
    this.say(job, trouble);
  }

  progress(job, row) {
    const share = job?.state === 'done' ? 1 : (row?.fraction ?? 0);
    this.fill.style.transform = `scaleX(${share})`;
    this.bar.setAttribute('aria-valuenow', (100 * share).toFixed(0));
    const { facts } = this;
    const moving = job?.state === 'running' && row;
    write(facts.epoch, row ? words.epoch(row.epoch, job?.config.training.epochs) : '');
    write(facts.step, row ? words.step(row.step) : '');
    write(facts.spent, row ? words.spent(row.elapsed) : '');
    write(facts.left, row && !isOver(job) && row.fraction < 1 ? words.left(row.remaining) : '');
    write(facts.rate, moving ? words.rate(row.images_per_second) : '');
    write(facts.device, job?.device ?? '');
    facts.device.title = job?.speed ?? '';
  }

  say(job, trouble) {
    const silent = job?.state === 'running' && job.beat > SILENT_SECONDS ? [words.silent(Math.round(job.beat / 10) * 10)] : [];
    const guest = job && !job.mine && !isOver(job) ? [words.guest] : [];
    const said = [
      ...(job?.message ? [[job.message, job.state === 'failed' ? 'fault' : 'note']] : []),
      ...[trouble].flat().filter(Boolean).map((text) => [text, 'trouble']),
      ...silent.map((text) => [text, 'trouble']),
      ...[...(job?.notes ?? []), ...guest].map((text) => [text, 'note']),
    ];
    const key = JSON.stringify(said);
    if (key === this.said) return;
    this.said = key;
    this.banner.hidden = said.length === 0;
    this.banner.replaceChildren(...said.map(([text, kind]) => h('p', { class: `lt-say lt-say-${kind}` }, text)));
  }
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
