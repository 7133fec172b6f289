// What is dragged: the mean of q (or the point z) and the two scales, as elements over the
// plot that are moved by a transform, with the ellipses of the encoder's q and of one's own.
//
// Ellipses are to scale, however small or wide. What can be taken is apart from them, and neutral: corners around
// the mean, and a handle for each scale, on a leader where the ellipse's own end cannot be taken (see leaders.mjs).

import { h } from '../core/dom.mjs';
import { dragged, rest } from './leaders.mjs';
import { words } from '../words/en/map.mjs';

const CORNERS = 'M1 10V1H10M24 1H33V10M33 24V33H24M10 33H1V24'; // of the mean's grip

export class Overlay {
  /** @param {{move({u?, sigma?}, event), hold(handle, held), release(byKey)}} events */
  constructor(plot, events) {
    this.plot = plot;
    this.events = events;
    const ellipse = (name, k) => h('svg:ellipse', { class: `lx-ellipse lx-${name} lx-at-${k}` });
    this.encoder = [ellipse('encoder', 1), ellipse('encoder', 2)];
    this.own = [ellipse('own', 1), ellipse('own', 2)];
    this.arms = [h('svg:line', { class: 'lx-arm' }), h('svg:line', { class: 'lx-arm' })];
    this.dot = h('svg:circle', { class: 'lx-dot', r: 1 });
    this.point = h('svg:circle', { class: 'lx-point', r: 4 });
    this.svg = h('svg:svg', { class: 'lx-shapes', 'aria-hidden': 'true' },
      ...this.encoder, ...this.own.toReversed(), ...this.arms, this.dot, this.point);
    const corners = (kind) => h('svg:path', { class: `lx-corners-${kind}`, d: CORNERS });
    this.mean = h('button', { class: 'lx-handle lx-mean', type: 'button', 'data-testid': 'latent-handle', title: words.ellipses },
      h('svg:svg', { width: 34, height: 34, 'aria-hidden': 'true' }, corners('halo'), corners('line')));
    this.scales = [0, 1].map((j) => h('button', {
      class: `lx-handle lx-scale lx-scale-${j}`, type: 'button', 'data-testid': `latent-scale-${j}`, title: words.leader,
    }));
    this.sides = [1, 1];
    this.held = [null, null]; // places of the scales' handles while they are held
    this.element = h('div', { class: 'lx-overlay' }, this.svg, ...this.scales, this.mean);
    this.grab(this.mean, (from, by) => ({ u: this.plot.toMap([from.at[0] + by[0], from.at[1] + by[1]]) }));
    this.scales.forEach((handle, j) => this.grab(handle, (from, by) => this.stretch(j, from, by), () => this.letGo(j)));
    this.mean.addEventListener('keydown', (event) => this.moveByKey(event));
    this.scales.forEach((handle, j) => handle.addEventListener('keydown', (event) => this.scaleByKey(event, j)));
  }

  /** Draws a state: { u, sigma, mode, exact, own: [xx, xy, yy], encoder: { u, covariance } }. */
  place(state) {
    this.state = state;
    const at = this.plot.toPixels(state.u);
    move(this.mean, at);
    this.mean.setAttribute('aria-label', words.handle(state.u));
    // On a curved map q has no extent: it is moved, and not stretched.
    const gaussian = state.mode === 'gaussian' && state.exact;
    const centre = this.plot.toPixels(state.encoder.u);
    put(this.dot, { cx: centre[0], cy: centre[1] });
    put(this.point, { cx: at[0], cy: at[1] });
    this.point.style.display = gaussian ? 'none' : '';
    this.encoder.forEach((node, i) => {
      node.style.display = state.exact ? '' : 'none';
      this.shape(node, centre, state.encoder.covariance, i + 1);
    });
    [0, 1].forEach((j) => {
      this.own[j].style.display = this.arms[j].style.display = this.scales[j].style.display = gaussian ? '' : 'none';
      if (!gaussian) return;
      this.shape(this.own[j], at, state.own, j + 1);
      this.placeScale(j, at, state.sigma[j] * this.plot.unit());
    });
  }

  /** A scale's handle, and its leader from the ellipse's end. */
  placeScale(j, at, end) {
    const { left, top, width, height } = this.plot.frame();
    const rooms = j === 0 ? [left + width - at[0], at[0] - left] : [at[1] - top, top + height - at[1]];
    const resting = rest(end, rooms, this.sides[j]);
    if (this.held[j] === null) this.sides[j] = resting.side;
    const place = this.held[j] ?? resting.place;
    const along = (far) => (j === 0 ? [at[0] + this.sides[j] * far, at[1]] : [at[0], at[1] - this.sides[j] * far]);
    const [[x1, y1], [x2, y2]] = [along(end), along(place)];
    put(this.arms[j], { x1, y1, x2, y2 });
    this.scales[j].place = place;
    move(this.scales[j], [x2, y2]);
    this.scales[j].setAttribute('aria-label', words.scale(this.plot.axisNames[j], this.state.sigma[j]));
  }

  /** An ellipse of so many standard deviations of a covariance [xx, xy, yy] of the map, to scale; its centre in pixels. */
  shape(node, [x, y], [xx, xy, yy], deviations) {
    const size = deviations * this.plot.unit();
    const middle = (xx + yy) / 2;
    const spread = Math.hypot((xx - yy) / 2, xy);
    // The screen's y points down, hence the minus.
    const angle = (-Math.atan2(2 * xy, xx - yy) / 2) * (180 / Math.PI);
    put(node, {
      rx: size * Math.sqrt(Math.max(middle + spread, 0)), ry: size * Math.sqrt(Math.max(middle - spread, 0)),
      transform: `translate(${x} ${y}) rotate(${angle})`,
    });
  }

  /** A scale within the bounds that the server and the address keep to. */
  clamp(sigma) {
    const [least, most] = this.plot.manifest.sigma;
    return Math.min(Math.max(sigma, least), most);
  }

  /** What is changed where a scale's handle was dragged by so many pixels. */
  stretch(j, from, by) {
    const unit = this.plot.unit();
    const place = from.place + this.sides[j] * (j === 0 ? by[0] : -by[1]);
    const end = dragged({ end: from.sigma[j] * unit, place: from.place }, place);
    const sigma = [...this.state.sigma];
    sigma[j] = this.clamp(end / unit);
    this.held[j] = place;
    return { sigma };
  }

  letGo(j) {
    this.held[j] = null;
    this.place(this.state);
  }

  /** Lets a handle be dragged by mouse, pen or finger; the grip stays where it was taken. */
  grab(handle, change, letGo = () => {}) {
    let start = null;
    handle.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || start) return; // a second finger does not take what the first one holds
      handle.setPointerCapture(event.pointerId);
      handle.focus({ preventScroll: true });
      const from = { at: handle.at, place: handle.place, sigma: this.state.sigma };
      start = { id: event.pointerId, pointer: [event.clientX, event.clientY], from };
      handle.classList.add('lx-held');
      this.events.hold(handle, true);
      event.preventDefault();
    });
    handle.addEventListener('pointermove', (event) => {
      if (event.pointerId !== start?.id) return;
      const by = [event.clientX - start.pointer[0], event.clientY - start.pointer[1]];
      this.events.move(change(start.from, by), event);
    });
    const end = (event) => {
      if (event.pointerId !== start?.id) return;
      start = null;
      handle.classList.remove('lx-held');
      letGo();
      this.events.hold(handle, false);
      this.events.release();
    };
    handle.addEventListener('pointerup', end);
    handle.addEventListener('pointercancel', end);
  }

  moveByKey(event) {
    const step = event.shiftKey ? 12 : 2; // pixels
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (!by) return;
    event.preventDefault();
    this.events.move({ u: this.plot.toMap([this.mean.at[0] + by[0], this.mean.at[1] + by[1]]) }, event);
    this.events.release(true);
  }

  scaleByKey(event, j) {
    const grow = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!grow) return;
    event.preventDefault();
    const sigma = [...this.state.sigma];
    sigma[j] = this.clamp(sigma[j] * (event.shiftKey ? 1.25 : 1.04) ** grow);
    this.events.move({ sigma }, event);
    this.events.release(true);
  }
}

function put(node, attributes) {
  for (const name in attributes) node.setAttribute(name, attributes[name]);
}

function move(handle, at) {
  handle.at = at;
  handle.style.transform = `translate(${at[0]}px, ${at[1]}px)`;
}
