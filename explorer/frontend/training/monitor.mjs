// The view of a training run: a host gives addresses, this shows the run live and replays it.

import { h, script, style } from '../core/dom.mjs';
import { isOver, LiveRun } from './api.mjs';
import { SlowMotion, Steering } from './controls.mjs';
import { Curves } from './curves/curves.mjs';
import { Header } from './header.mjs';
import { Legend } from './curves/legend.mjs';
import { MovingMap } from './replay/moving_map.mjs';
import { Readout } from './readout.mjs';
import { Scrubber } from './replay/scrubber.mjs';
import { Snapshots } from './replay/snapshots.mjs';
import { Tiles } from './tiles.mjs';
import { words } from '../words/en/training.mjs';

const COMPARE_MS = 5_000;

export class Monitor {
  /**
   * @param {HTMLElement} root
   * @param {object} data { base, style, plotly, explore, compare: [{id, name, base}], refused }
   */
  constructor(root, data) {
    this.root = root;
    this.data = { compare: [], refused: [], ...data };
    this.snapshots = new Snapshots();
    this.build();
    this.started = this.start().catch((error) => this.fault(words.broken(error.message)));
  }

  build() {
    const order = (action, pace) => this.order(action, pace);
    this.steering = new Steering({ order }, this.data.explore);
    this.slow = new SlowMotion({ order });
    this.header = new Header(this.steering.element);
    this.map = new MovingMap();
    this.legend = new Legend({ hide: (label, yes) => this.map.hide(label, yes) });
    this.tiles = new Tiles();
    this.curves = new Curves({ picked: (place) => this.scrubber.takeNearest(place), drawn: () => this.ready() });
    this.readout = new Readout({ axis: (by) => this.curves.setAxis(by) });
    this.scrubber = new Scrubber({
      seek: (position, playing) => this.seek(position, playing),
      follow: () => this.follow(),
      playing: (yes) => { if (yes) this.snapshots.prefetch(this.scrubber.entries, () => !this.gone); },
    });
    this.mapTitle = h('h3', { class: 'lt-heading' });
    this.view = h('div', { class: 'lt', 'data-testid': 'training-view', 'data-state': 'unknown', 'data-ready': 'false', 'data-points': 0,
      role: 'region', 'aria-label': words.view },
    this.header.element,
    h('section', { class: 'lt-left' }, this.mapTitle, this.map.element, this.legend.element, this.tiles.element),
    h('section', { class: 'lt-right', 'aria-label': words.curves }, this.readout.element, this.curves.element),
    h('div', { class: 'lt-bottom' }, this.scrubber.element, this.slow.element));
    this.map.say(words.empty.asking);
  }

  async start() {
    await style(this.data.style);
    if (this.gone) return;
    this.root.replaceChildren(this.view);
    this.measure = () => this.view.style.setProperty('--above', `${Math.round(this.root.getBoundingClientRect().top + scrollY)}px`);
    this.watcher = new ResizeObserver(this.measure);
    this.watcher.observe(document.body);
    this.measure();
    this.map.restyle();
    this.run = new LiveRun(this.data.base, {
      changed: (news) => this.changed(news),
      trouble: (sentence) => this.say('line', sentence),
    });
    this.compare(this.data.compare, this.data.refused);
    script(this.data.plotly).then(() => this.curves.draw(), () => this.fault(words.notPlotted));
  }

  /** Other runs beside this one. @param {{id, name, base}[]} runs; refused: sentences about those that cannot be */
  compare(runs, refused) {
    this.data = { ...this.data, compare: runs, refused };
    if (!this.run) return; // start() has this still to do
    const kept = new Map(this.others?.map((other) => [other.base, other]));
    this.others = runs.map(({ name, base }) => {
      const other = kept.get(base) ?? { name, base, run: new LiveRun(base, { changed: () => this.run.job && this.drawCurves(), trouble: () => {} }, COMPARE_MS) };
      kept.delete(base);
      return other;
    });
    kept.forEach(({ run }) => run.destroy());
    if (this.run.job) this.drawCurves();
  }

  /** The server answered. */
  changed({ reset }) {
    if (this.gone) return;
    const { job, rows, snapshots } = this.run;
    this.view.dataset.state = job.state;
    this.view.dataset.points = rows.length;
    this.header.show(job, rows, this.troubles());
    this.steering.show(job);
    this.slow.show(job);
    this.scrubber.update(snapshots, isOver(job));
    this.drawCurves();
    if (reset) this.shown = undefined;
    if (job.heldout && snapshots.length) {
      if (this.scrubber.following) this.follow();
      else if (reset) this.seek(this.scrubber.position);
    } else {
      this.map.say(this.emptyWords(job));
    }
    this.ready();
  }

  emptyWords(job) {
    if (job.state === 'queued') return words.empty.queued(job.place ?? 1);
    return isOver(job) ? words.empty.none : words.empty.starting;
  }

  drawCurves() {
    const { job, rows } = this.run;
    const others = (this.others ?? []).map(({ name, run }) => ({ name, rows: run.rows }));
    this.curves.update(rows, job, others);
    this.readout.compare(others, this.data.refused);
    this.readout.show(rows, job, this.place);
  }

  /** Held-out labels and originals, once a run. */
  prepare() {
    const { heldout, config } = this.run.job;
    const identity = JSON.stringify(heldout);
    if (this.prepared?.identity !== identity) {
      this.snapshots.describe(heldout);
      const there = this.snapshots.heldout().then(({ labels, originals }) => {
        if (this.gone) return;
        const [title, tip] = words.map(config.model.latent);
        this.mapTitle.textContent = title;
        this.mapTitle.title = tip;
        this.map.describe(labels, heldout.classes, config.model.latent);
        this.legend.describe(heldout.classes);
        this.tiles.describe(heldout, originals);
      });
      there.catch(() => { this.prepared = undefined; });
      this.prepared = { identity, there };
    }
    return this.prepared.there;
  }

  /** The newest picture, moving there from the last. */
  follow() {
    this.place = null;
    this.curves.mark(null);
    this.readout.show(this.run.rows, this.run.job, null);
    this.want(this.run.snapshots.at(-1));
  }

  /**
   * A place in the run, between two pictures while it plays. Gives false where the picture has not come yet.
   */
  seek(position, playing = false) {
    const { snapshots } = this.run;
    const entry = snapshots[Math.floor(position)];
    if (!entry) return false;
    this.place = entry;
    this.curves.mark(entry);
    this.readout.show(this.run.rows, this.run.job, entry);
    if (!playing) {
      this.want(entry);
      return true;
    }
    const next = snapshots[Math.floor(position) + 1] ?? entry;
    const [a, b] = [this.snapshots.peek(entry), this.snapshots.peek(next)];
    if (!a || !b) {
      Promise.all([entry, next].map((one) => this.snapshots.load(one))).catch((error) => {
        this.scrubber.halt();
        this.say('picture', words.hiccup(error.message));
      });
      return false;
    }
    this.show(entry, a, () => this.map.showBetween(a.codes, b.codes, position % 1));
    return true;
  }

  /** Shows a picture as soon as it is there; the newest wish wins. */
  async want(entry) {
    if (!entry) return;
    this.wanted = entry;
    if (this.fetching) return;
    this.fetching = true;
    while (this.wanted && !this.gone) {
      const now = this.wanted;
      this.wanted = undefined;
      if (now.url === this.shown) continue;
      try {
        await this.prepare();
        const picture = await this.snapshots.load(now);
        if (this.gone) break;
        this.show(now, picture, () => this.map.show(picture.codes));
        this.say('picture', null);
      } catch (error) {
        this.say('picture', words.hiccup(error.message));
      }
    }
    this.fetching = false;
  }

  show(entry, picture, draw) {
    draw();
    if (this.shown === entry.url) return;
    this.shown = entry.url;
    this.map.say('');
    this.map.canvas.setAttribute('aria-label', words.mapLabel(entry, this.run.job.heldout.count));
    this.map.element.dataset.step = entry.step;
    this.tiles.show(picture);
    this.ready();
  }

  async order(action, pace) {
    this.say('order', await this.run.order(action, pace));
  }

  /** Something has to be said until it is taken back: null takes it back. */
  say(topic, sentence) {
    this.sayings = { ...this.sayings, [topic]: sentence };
    if (this.run && !this.gone) this.header.show(this.run.job, this.run.rows, this.troubles());
  }

  troubles() {
    return Object.values(this.sayings ?? {}).filter(Boolean);
  }

  fault(sentence) {
    if (this.gone) return;
    if (this.view.isConnected) this.say('fault', sentence);
    else this.root.textContent = sentence;
  }

  ready() {
    const { job, rows, snapshots } = this.run ?? {};
    const ready = Boolean(job) && (!rows.length || Boolean(this.curves.drawn)) && (!snapshots.length || Boolean(this.shown));
    if (ready && this.view.dataset.ready !== 'true') this.view.dataset.ready = 'true';
  }

  restyle() {
    // Streamlit sets its colours after it has called us.
    requestAnimationFrame(() => {
      if (this.gone || !this.view.isConnected) return;
      this.map.restyle();
      this.legend.restyle();
      this.curves.restyle();
    });
  }

  destroy() {
    this.gone = true;
    this.watcher?.disconnect();
    this.run?.destroy();
    this.others?.forEach(({ run }) => run.destroy());
    for (const part of [this.map, this.tiles, this.curves, this.scrubber]) part.destroy();
    this.view.remove();
  }
}
