// The buttons that steer a run: pause, resume, stop, and slow motion.

import { h } from '../core/dom.mjs';
import { isOver } from './api.mjs';
import { words } from '../words/en/training.mjs';

function button(testid, [label, tip], onclick, extra = '') {
  return h('button', { type: 'button', class: `lt-button ${extra}`, title: tip, 'data-testid': testid, onclick }, label);
}

/** Pause, resume, stop with a question, and the way to the model. */
export class Steering {
  /** @param {{order(action: string): Promise}} actions; explore: where the finished model opens */
  constructor(actions, explore) {
    this.pause = button('job-pause', words.pause, () => actions.order('pause'));
    this.resume = button('job-resume', words.resume, () => actions.order('resume'), 'lt-primary');
    this.stop = button('job-stop', words.stop, () => this.ask(true));
    this.yes = button('job-stop-confirm', [words.sureKeep], () => {
      this.ask(false);
      actions.order('stop');
    }, 'lt-danger');
    this.no = button('job-stop-cancel', [words.no], () => {
      this.ask(false);
      this.stop.focus();
    });
    this.question = h('span', { class: 'lt-question', role: 'group', 'aria-label': words.sure }, h('span', {}, words.sure), this.yes, this.no);
    this.question.addEventListener('keydown', (event) => { if (event.key === 'Escape') this.no.click(); });
    this.explore = h('a', { class: 'lt-button lt-primary', href: explore, title: words.explore[1], 'data-testid': 'explore-link', target: '_self' }, words.explore[0]);
    this.element = h('div', { class: 'lt-steering' }, this.pause, this.resume, this.stop, this.question, this.explore);
    this.asking = false;
    this.show(null);
  }

  ask(yes) {
    this.asking = yes;
    this.show(this.job);
    if (yes) this.no.focus(); // the safe answer
  }

  show(job) {
    this.job = job;
    const orders = job?.orders ?? [];
    this.asking &&= orders.includes('stop');
    for (const order of ['pause', 'resume', 'stop']) this[order].hidden = this.asking || !orders.includes(order);
    this.question.hidden = !this.asking;
    const [label, tip] = job?.state === 'queued' && !job.started ? words.stopQueued : words.stop;
    this.stop.textContent = label;
    this.stop.title = tip;
    this.yes.textContent = job?.state === 'queued' && !job.started ? words.sureQueued : words.sureKeep;
    this.explore.hidden = !job?.model || !isOver(job);
  }
}

/** One minibatch, one epoch, so many steps a second. */
export class SlowMotion {
  /** @param {{order(action: string, pace?: number | null): Promise}} actions */
  constructor(actions) {
    this.step = button('job-step', words.oneStep, () => actions.order('step'));
    this.epoch = button('job-epoch', words.oneEpoch(), () => actions.order('epoch'));
    this.paces = words.paces.map(([pace, label, tip]) => {
      const node = button(`job-pace-${pace ?? 'full'}`, [label, tip], () => actions.order('pace', pace));
      node.dataset.pace = pace ?? '';
      return node;
    });
    this.element = h('div', { class: 'lt-slow', role: 'group', 'aria-label': words.slow },
      h('span', { class: 'lt-quiet' }, words.slow, h('span', { class: 'lt-narrow' }, words.narrowPerSecond)),
      h('div', { class: 'lt-segments' }, this.step, this.epoch),
      h('div', { class: 'lt-segments', role: 'group', 'aria-label': words.pace, 'data-testid': 'job-pace' }, ...this.paces),
      h('span', { class: 'lt-quiet lt-per-second' }, words.perSecond));
    this.show(null);
  }

  show(job) {
    const usable = Boolean(job?.orders.includes('pace'));
    this.element.hidden = !usable;
    this.epoch.title = words.oneEpoch(job?.steps_per_epoch)[1];
    words.paces.forEach(([pace], i) => {
      const pressed = usable && (job.pace ?? null) === pace;
      if (this.paces[i].getAttribute('aria-pressed') !== String(pressed)) this.paces[i].setAttribute('aria-pressed', pressed);
    });
  }
}
