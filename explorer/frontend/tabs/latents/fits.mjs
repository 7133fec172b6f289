// Fitted maps: which there are, the form that asks for another, and how far it is.

import { h } from '../../core/dom.mjs';
import { ask } from '../../engine/evidence.mjs';
import { words as all } from '../../words/en/latents.mjs';

const words = all.map;
const POLL_MS = 700;

class Gone extends Error {}

/** The plain map first, then by the images, then others, and at last those that were told the labels. */
const rank = ({ settings: { metric, supervised } }) => 3 * supervised + (metric === 'euclidean' ? 0 : metric === 'decoded' ? 1 : 2);

export class Fits {
  /** @param events { show(name): a map is wanted on screen, welcome(): whether one that is done may take the place of what is shown } */
  constructor(scene, events) {
    this.scene = scene;
    this.events = events;
    this.maps = [];
    this.select = h('select', { class: 'lx-select lx-grow', 'aria-label': words.maps, 'data-testid': 'umap-choice', onchange: () => events.show(`umap-${this.select.value}`) });
    this.another = h('button', { type: 'button', class: 'lx-button', title: words.first[1], 'aria-expanded': 'false', 'data-testid': 'umap-another',
      onclick: () => this.open(this.form.hidden) }, words.first[0]);
    this.form = this.makeForm();
    this.said = h('p', { class: 'lx-quiet', role: 'status', 'data-testid': 'umap-status' });
    this.fault = h('p', { class: 'lx-caution', role: 'alert', hidden: true, 'data-testid': 'umap-fault' });
    this.progress = h('progress', { max: 1, value: 0, hidden: true, 'data-testid': 'umap-progress', 'aria-label': words.kinds.umap[0] });
    this.stop = h('button', { type: 'button', class: 'lx-button', title: words.stop[1], hidden: true, 'data-testid': 'umap-stop', onclick: () => this.end() }, words.stop[0]);
    this.element = h('div', { class: 'lx-fits' }, h('div', { class: 'lx-row' }, this.select, this.another), this.form,
      h('div', { class: 'lx-row lx-fit-state' }, this.progress, this.said, this.stop), this.fault);
  }

  makeForm() {
    const { umap } = this.scene.manifest;
    const field = (key, input) => h('label', { class: 'lx-field', title: words.settings[key][1] }, words.settings[key][0], input);
    const number = (key, value, more) => h('input', { type: 'number', class: 'lx-number', value, 'data-testid': `umap-${key}`, ...more });
    this.inputs = {
      neighbours: number('neighbours', umap.neighbours, { min: 2, max: umap.most_neighbours, step: 1 }),
      min_distance: number('min_distance', umap.min_distance, { min: 0, max: 0.99, step: 0.05 }),
      metric: h('select', { class: 'lx-select', 'data-testid': 'umap-metric' }, ...umap.metrics.map((name) => h('option', { value: name }, words.metric(name)))),
      seed: number('seed', umap.seed, { min: 0, step: 1 }),
      supervised: h('input', { type: 'checkbox', 'data-testid': 'umap-supervised' }),
    };
    return h('form', { class: 'lx-fit-form', hidden: true, novalidate: true, onsubmit: (event) => { event.preventDefault(); this.submit(); },
      oninput: () => { this.fault.hidden = true; } },
      ...Object.entries(this.inputs).map(([key, input]) => field(key, input)),
      h('button', { type: 'submit', class: 'lx-button', 'data-testid': 'umap-fit' }, words.fit));
  }

  open(wanted) {
    this.form.hidden = !wanted;
    this.another.setAttribute('aria-expanded', wanted);
  }

  /** Looks what there is; resolves with the map to show first, or null. */
  load() {
    this.looking ??= this.look().finally(() => { this.looking = undefined; });
    return this.looking;
  }

  async look() {
    const response = await fetch(this.scene.manifest.maps);
    if (!response.ok) throw new Error(await response.text());
    const { maps, fits } = await response.json();
    if (this.gone) return null;
    this.maps = maps.sort((a, b) => rank(a) - rank(b));
    this.fill();
    const active = fits.find(({ state, own }) => own && (state === 'waiting' || state === 'running'));
    if (active && !this.watched) this.watch(active.id);
    const failed = fits.findLast(({ state, own }) => own && state === 'failed');
    if (!maps.length && !active) {
      this.said.textContent = words.none;
      this.open(true);
      if (failed) this.tell(failed);
    }
    return maps[0] ? `umap-${maps[0].id}` : null;
  }

  fill() {
    this.select.hidden = !this.maps.length;
    [this.another.textContent, this.another.title] = this.maps.length ? words.another : words.first;
    this.select.replaceChildren(...this.maps.map((map) => h('option', { value: map.id }, words.fitted(map))));
    const shown = this.scene.state.map;
    if (shown?.startsWith('umap-')) this.select.value = shown.slice(5);
  }

  async submit() {
    const { neighbours, min_distance: distance, metric, seed, supervised } = this.inputs;
    const number = (input) => (input.value === '' ? null : Number(input.value)); // nothing is not zero
    const settings = { neighbours: number(neighbours), min_distance: number(distance), metric: metric.value, seed: number(seed), supervised: supervised.checked };
    this.fault.hidden = true;
    try {
      const found = await ask(this.scene.manifest.maps, { action: 'fit', settings });
      if (found.state === 'done') return await this.arrived(found.id);
      this.watch(found.id);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Follows a fit until it ends; what is shown meanwhile can be used as before. */
  watch(id) {
    this.watched = id;
    clearTimeout(this.timer);
    const stale = () => this.gone || this.watched !== id;
    const poll = async () => {
      let found;
      try {
        const response = await fetch(this.scene.manifest.maps);
        if (response.status === 404) throw new Gone(await response.text()); // the server holds another model under this name
        found = await response.json();
      } catch (error) {
        if (stale()) return;
        if (error instanceof Gone) {
          this.watched = undefined;
          this.tell(null);
          return this.fail(error);
        }
        this.timer = setTimeout(poll, 4 * POLL_MS); // the server may be back soon
        return;
      }
      if (stale()) return;
      if (found.maps.some((map) => map.id === id)) return this.arrived(id).catch((error) => this.fail(error));
      const fit = found.fits.find((one) => one.id === id);
      if (!fit && !found.known) { // the data folder is away: it may come back
        this.timer = setTimeout(poll, 4 * POLL_MS);
        return;
      }
      this.tell(fit);
      if (fit && (fit.state === 'waiting' || fit.state === 'running')) this.timer = setTimeout(poll, POLL_MS);
      else this.watched = undefined;
    };
    poll();
  }

  fail(error) {
    if (this.gone) return;
    this.fault.textContent = words.unfitted(error.message);
    this.fault.hidden = false;
  }

  tell(fit) {
    const active = fit?.state === 'waiting' || fit?.state === 'running';
    this.progress.hidden = !active;
    this.stop.hidden = !active || !fit.own || fit.stopping; // nobody stops what another person asked for, nor twice
    if (!fit) {
      this.said.textContent = '';
      this.began = undefined;
      return;
    }
    this.progress.value = fit.progress;
    // From when this page first saw it run: the server's clock may be another.
    if (fit.state === 'running') this.began ??= { at: performance.now(), progress: fit.progress };
    else this.began = undefined;
    const spent = this.began ? (performance.now() - this.began.at) / 1000 : 0;
    const done = fit.progress - (this.began?.progress ?? 0);
    const left = done > 0.1 && spent > 3 ? Math.max(1, Math.round((spent * (1 - fit.progress)) / done)) : null;
    const said = words.states[fit.state];
    this.said.textContent = active && fit.stopping ? words.states.stopping : fit.state === 'running' ? said(fit.progress, left) : typeof said === 'function' ? said(fit.message) : said;
  }

  async arrived(id) {
    this.watched = undefined;
    this.fault.hidden = true;
    this.tell({ state: 'done', progress: 1 });
    this.open(false);
    await this.load();
    const why = this.maps.find((map) => map.id === id)?.message;
    // Nobody's drag, line or lasso is to end on another map: there it waits in the list.
    if (!this.events.welcome()) {
      this.said.textContent = words.states.waits(why);
      return;
    }
    this.select.value = id;
    await this.events.show(`umap-${id}`);
    this.said.textContent = words.states.done(why);
  }

  async end() {
    try {
      this.tell(await ask(this.scene.manifest.maps, { action: 'stop', id: this.watched }));
    } catch (error) {
      this.fail(error);
    }
  }

  destroy() {
    this.gone = true;
    clearTimeout(this.timer);
  }
}
