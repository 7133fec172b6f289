// The codes of the held-out images while the model learns. A canvas of our own rather than plotly's
// points: a thousand of them and the axes move in every frame, which plotly is not made for.

import { classColour, isDark } from '../../core/colours.mjs';
import { h } from '../../core/dom.mjs';
import { drawAxes } from '../../plot/axes.mjs';
import { rise } from '../../plot/labels.mjs';
import { between, extentOf, follow } from '../view_range.mjs';
import { words } from '../../words/en/training.mjs';

const MOVE_MS = 400;
const LEAST = 2.4; // the prior's rings are in view from the start
const INSET = { left: 40, right: 8, top: 8, bottom: 34 };
const MOST_LABELS = 24;
const still = matchMedia('(prefers-reduced-motion: reduce)');
const ease = (t) => (t < 0.5 ? 2 * t * t : 1 - 2 * (1 - t) ** 2);

export class MovingMap {
  constructor() {
    this.canvas = h('canvas', { role: 'img', 'aria-label': words.map(2)[0] });
    this.empty = h('p', { class: 'lt-empty' });
    this.element = h('div', { class: 'lt-stage', 'data-testid': 'training-map' }, this.canvas, this.empty);
    this.hidden = new Set();
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.element);
  }

  /** @param {Uint8Array} labels of the held-out images; classes: their names; latent: d */
  describe(labels, classes, latent) {
    Object.assign(this, { labels, classes, latent });
    this.members = classes.map(() => []);
    labels.forEach((label, i) => this.members[label]?.push(i));
  }

  say(sentence) {
    if (this.empty.textContent !== sentence) this.empty.textContent = sentence;
    this.empty.hidden = !sentence;
  }

  hide(label, yes) {
    if (yes) this.hidden.add(label);
    else this.hidden.delete(label);
    this.draw();
  }

  /** Codes Float32Array (n, 2), reached by a movement or at once. */
  show(codes, { move = true } = {}) {
    const placed = this.latent === 1 ? spread(codes) : codes;
    const at = !move || still.matches || document.hidden || !this.codes;
    this.from = at ? placed : this.codes;
    this.to = placed;
    this.began = performance.now();
    if (at) this.codes = placed;
    this.aim(at && (!this.view || still.matches || document.hidden));
    this.run();
  }

  /** A place between two snapshots, for a replay. */
  showBetween(a, b, share) {
    this.show(share && !still.matches ? mixed(this.latent === 1 ? spread(a) : a, this.latent === 1 ? spread(b) : b, share) : a, { move: false });
  }

  /** Where the view has to go for what is shown. */
  aim(atOnce) {
    if (!this.width || !this.to) return;
    this.goal = follow(this.goal ?? null, extentOf(this.to), this.aspect(), LEAST);
    if (atOnce || !this.view) this.view = this.goal;
  }

  aspect() {
    const [w, t] = [this.width - INSET.left - INSET.right, this.height - INSET.top - INSET.bottom];
    const shorter = Math.min(w, t);
    return [w / shorter, t / shorter];
  }

  run() {
    if (this.frame || this.gone) return;
    if (document.hidden) {
      this.draw();
      return;
    }
    this.last = performance.now();
    const step = (now) => {
      this.frame = undefined;
      if (this.gone || !this.to) return;
      const share = Math.min(Math.max((now - this.began) / MOVE_MS, 0), 1);
      if (this.codes !== this.to) this.codes = share < 1 ? mixed(this.from, this.to, ease(share)) : this.to;
      const near = this.goal && Math.abs(Math.log(this.view.reach / this.goal.reach)) < 0.002 &&
        Math.hypot(this.view.x - this.goal.x, this.view.y - this.goal.y) < 0.002 * this.goal.reach;
      if (this.goal) this.view = near || still.matches ? this.goal : between(this.view, this.goal, 1 - Math.exp(-(now - this.last) / 130));
      this.last = now;
      this.draw();
      if (this.codes !== this.to || (this.goal && this.view !== this.goal)) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height || (width === this.width && height === this.height)) return;
    Object.assign(this, { width, height });
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.aim(true);
    this.draw();
  }

  restyle() {
    const styles = getComputedStyle(this.element);
    const value = (name) => styles.getPropertyValue(name).trim();
    this.dark = isDark(this.element);
    this.paint = { text: styles.color, line: value('--st-border-color') || '#d5dbe3', ground: value('--st-background-color') || '#fff',
      prior: '#e0529c', family: styles.fontFamily };
    this.draw();
  }

  draw() {
    if (!this.width || !this.codes || !this.view) return;
    if (!this.paint) {
      this.restyle();
      return;
    }
    const context = this.canvas.getContext('2d');
    const ratio = this.canvas.width / this.width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    const w = this.width - INSET.left - INSET.right;
    const t = this.height - INSET.top - INSET.bottom;
    const unit = Math.min(w, t) / 2 / this.view.reach;
    const place = {
      x: (value) => INSET.left + w / 2 + (value - this.view.x) * unit,
      y: (value) => INSET.top + t / 2 - (value - this.view.y) * unit,
    };
    this.axes(context, w, t, unit);
    context.font = `12px ${this.paint.family}`;
    context.save();
    context.beginPath();
    context.rect(INSET.left, INSET.top, w, t);
    context.clip();
    if (this.latent <= 2) this.prior(context, place, unit);
    this.points(context, place);
    this.names(context, place);
    context.restore();
  }

  axes(context, w, t, unit) {
    const { x, y } = this.view;
    const [across, up] = [w / 2 / unit, t / 2 / unit];
    const frame = { left: INSET.left, top: INSET.top, width: w, height: t, view: [x - across, x + across, y - up, y + up] };
    drawAxes(context, frame, this.paint, { names: words.axes(this.latent), numbers: 12, opacity: 0.8, bottom: this.height, flat: this.latent === 1 });
  }

  prior(context, place, unit) {
    context.strokeStyle = this.paint.prior;
    context.lineWidth = 1.5;
    for (const [radius, dash] of [[1, []], [2, [6, 4]]]) {
      context.setLineDash(dash);
      context.beginPath();
      if (this.latent === 2) context.arc(place.x(0), place.y(0), radius * unit, 0, 2 * Math.PI);
      for (const side of this.latent === 1 ? [-radius, radius] : []) {
        context.moveTo(place.x(side), 0);
        context.lineTo(place.x(side), this.height);
      }
      context.stroke();
    }
    context.setLineDash([]);
  }

  points(context, place) {
    const radius = this.labels.length > 3_000 ? 1.5 : this.labels.length > 600 ? 2.2 : 3;
    context.globalAlpha = 0.78;
    this.members.forEach((indices, label) => {
      if (this.hidden.has(label)) return;
      context.fillStyle = classColour(label, this.dark);
      context.beginPath();
      for (const i of indices) {
        const [x, y] = [place.x(this.codes[2 * i]), place.y(this.codes[2 * i + 1])];
        context.moveTo(x + radius, y);
        context.arc(x, y, radius, 0, 2 * Math.PI);
      }
      context.fill();
    });
    context.globalAlpha = 1;
  }

  /** Each class by name at its middle, where there is room: colours alone do not tell everybody. */
  names(context, place) {
    if (this.classes.length > MOST_LABELS) return;
    const taken = [];
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    this.members.forEach((indices, label) => {
      if (!indices.length || this.hidden.has(label)) return;
      const [x, y] = [place.x(middle(indices, this.codes, 0)), place.y(middle(indices, this.codes, 1)) - rise(this.labels.length)];
      const name = this.classes[label];
      const half = context.measureText(name).width / 2 + 3;
      const box = [x - half, x + half, y - 8, y + 8];
      if (taken.some(([l, r, a, b]) => box[0] < r && l < box[1] && box[2] < b && a < box[3])) return;
      taken.push(box);
      context.globalAlpha = 0.8;
      context.fillStyle = this.paint.ground;
      context.beginPath();
      context.roundRect(box[0], box[2], 2 * half, 16, 3);
      context.fill();
      context.globalAlpha = 1;
      context.fillStyle = this.paint.text;
      context.fillText(name, x, y + 0.5);
    });
  }

  destroy() {
    this.gone = true;
    cancelAnimationFrame(this.frame);
    this.watcher.disconnect();
  }
}

function mixed(from, to, share) {
  if (from.length !== to.length) return to;
  const codes = new Float32Array(to.length);
  for (let i = 0; i < codes.length; i++) codes[i] = from[i] + (to[i] - from[i]) * share;
  return codes;
}

/** One latent dimension: the same small height for the same image, so that points do not hide each other. */
function spread(codes) {
  const placed = Float32Array.from(codes);
  for (let i = 1; i < placed.length; i += 2) placed[i] = 2 * ((i * 0.618034) % 1) - 1;
  return placed;
}

function middle(indices, codes, offset) {
  const values = Float32Array.from(indices, (i) => codes[2 * i + offset]).sort();
  return values[values.length >> 1];
}
