// What is dragged: the mean of q (or the point z) and the two scales, as elements over the
// plot that are moved by a transform, with the ellipses of the encoder's q and of one's own.

import { h } from './dom.mjs';
import { dragged, side, standing } from './scale_handle.mjs';
import { words } from './words.mjs';

export class Overlay {
  /** @param {{move({u?, sigma?}, event), hold(handle, held), release(byKey)}} events */
  constructor(plot, events) {
    this.plot = plot;
    this.events = events;
    const ellipse = (name) => h('svg:ellipse', { class: `lx-ellipse lx-${name}` });
    this.encoder = [ellipse('encoder'), ellipse('encoder')];
    this.own = [ellipse('own'), ellipse('own')];
    this.arms = [h('svg:line', { class: 'lx-arm' }), h('svg:line', { class: 'lx-arm' })];
    this.ring = h('svg:circle', { class: 'lx-ring', r: 2.5 });
    this.svg = h('svg:svg', { class: 'lx-shapes', 'aria-hidden': 'true' },
      ...this.encoder, ...this.own, ...this.arms, this.ring);
    this.mean = h('button', { class: 'lx-handle lx-mean', type: 'button', 'data-testid': 'latent-handle', title: words.ellipses });
    this.scales = [0, 1].map((j) =>
      h('button', { class: `lx-handle lx-scale lx-scale-${j}`, type: 'button', 'data-testid': `latent-scale-${j}` }));
    this.element = h('div', { class: 'lx-overlay' }, this.svg, ...this.scales, this.mean);
    this.sides = [1, 1]; // of the mean, on which the scales' handles stand
    this.grab(this.mean, ({ at }, by) => ({ u: this.plot.toMap([at[0] + by[0], at[1] + by[1]]) }));
    this.scales.forEach((handle, j) => this.grab(handle, ({ sigma }, by) => ({ sigma: this.sigmaAt(j, sigma, by) })));
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
    this.ring.setAttribute('cx', centre[0]);
    this.ring.setAttribute('cy', centre[1]);
    this.encoder.forEach((node) => { node.style.display = state.exact ? '' : 'none'; });
    this.encoder.forEach((node, i) => this.shape(node, centre, state.encoder.covariance, i + 1));
    const unit = this.plot.unit();
    [0, 1].forEach((j) => {
      this.own[j].style.display = this.arms[j].style.display = this.scales[j].style.display = gaussian ? '' : 'none';
      if (!gaussian) return;
      this.shape(this.own[j], at, state.own, j + 1);
      if (!this.scales[j].classList.contains('lx-held')) this.sides[j] = side(this.room(j, 1), this.room(j, -1));
      const far = this.sides[j] * standing(2 * state.sigma[j] * unit, this.room(j, this.sides[j]));
      const end = j === 0 ? [at[0] + far, at[1]] : [at[0], at[1] - far];
      move(this.scales[j], end);
      this.scales[j].setAttribute('aria-label', words.scale(this.plot.axisNames[j], state.sigma[j]));
      const [x1, y1, x2, y2] = [...at, ...end];
      for (const [name, value] of Object.entries({ x1, y1, x2, y2 })) this.arms[j].setAttribute(name, value);
    });
  }

  shape(node, at, [xx, xy, yy], deviations) {
    const unit = this.plot.unit();
    const middle = (xx + yy) / 2;
    const spread = Math.hypot((xx - yy) / 2, xy);
    node.setAttribute('rx', deviations * unit * Math.sqrt(Math.max(middle + spread, 0)));
    node.setAttribute('ry', deviations * unit * Math.sqrt(Math.max(middle - spread, 0)));
    // The screen's y points down, hence the minus.
    const angle = (-Math.atan2(2 * xy, xx - yy) / 2) * (180 / Math.PI);
    node.setAttribute('transform', `translate(${at[0]} ${at[1]}) rotate(${angle})`);
  }

  /** A scale within the bounds that the server and the address keep to. */
  clamp(sigma) {
    const [least, most] = this.plot.manifest.sigma;
    return Math.min(Math.max(sigma, least), most);
  }

  /** Pixels from the mean to the plot's edge, along an axis of the map or against it. */
  room(j, way) {
    const [x, y] = this.plot.toPixels(this.state.u);
    const { left, top, width, height } = this.plot.frame();
    const after = j === 0 ? left + width - x : y - top;
    return way > 0 ? after : (j === 0 ? width : height) - after;
  }

  /** The scales after the pointer has gone by so many pixels, from where it took a handle at these. */
  sigmaAt(j, from, by) {
    const full = 2 * this.plot.unit();
    const outwards = this.sides[j] * (j === 0 ? by[0] : -by[1]);
    const sigma = [...this.state.sigma];
    sigma[j] = this.clamp(dragged(from[j] * full, outwards, this.room(j, this.sides[j])) / full);
    return sigma;
  }

  /** Lets a handle be dragged by mouse, pen or finger; the grip stays where it was taken. */
  grab(handle, change) {
    let start = null;
    handle.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || start) return; // a second finger does not take what the first one holds
      handle.setPointerCapture(event.pointerId);
      handle.focus({ preventScroll: true });
      start = { id: event.pointerId, pointer: [event.clientX, event.clientY], at: handle.at, sigma: this.state.sigma };
      handle.classList.add('lx-held');
      this.events.hold(handle, true);
      event.preventDefault();
    });
    handle.addEventListener('pointermove', (event) => {
      if (event.pointerId !== start?.id) return;
      const by = [event.clientX - start.pointer[0], event.clientY - start.pointer[1]];
      this.events.move(change(start, by), event);
    });
    const end = (event) => {
      if (event.pointerId !== start?.id) return;
      start = null;
      handle.classList.remove('lx-held');
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

function move(handle, at) {
  handle.at = at;
  handle.style.transform = `translate(${at[0]}px, ${at[1]}px)`;
}
