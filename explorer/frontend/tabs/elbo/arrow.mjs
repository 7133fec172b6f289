// The gradient of the ELBO on the map: an arrow at the mean, one at each scale, and the best Gaussians' ellipses.

import { h } from '../../core/dom.mjs';
import { gradientOf } from './climb.mjs';

const LONGEST = 110; // pixels
const NAMES = ['mean', 'scale-0', 'scale-1'];

export class Arrow {
  constructor(scene) {
    this.scene = scene;
    this.visible = true;
    this.shown = false;
    this.lines = NAMES.map((name) => h('svg:path', { class: `lx-arrow lx-arrow-${name}`, 'data-testid': `arrow-${name}` }));
    this.ellipses = ['diagonal', 'full'].map((name) => h('svg:ellipse', { class: `lx-ellipse lx-best-${name}` }));
    this.group = h('svg:g', { class: 'lx-arrows' }, ...this.ellipses, ...this.lines);
  }

  attach() {
    const { overlay } = this.scene;
    if (overlay && this.group.parentNode !== overlay.svg) overlay.svg.append(this.group);
    return overlay;
  }

  setShown(shown) {
    this.shown = shown;
    this.place();
  }

  setVisible(visible, button) {
    this.visible = visible;
    button.setAttribute('aria-pressed', visible);
    this.place();
  }

  forget() {
    this.gradient = this.best = undefined;
    this.place();
  }

  /** From the slopes of the last terms, where latent space has at most two dimensions. */
  take(last) {
    if (last?.slopes) this.gradient = gradientOf(last.slopes, last.request);
    else if (last?.request.mode !== 'gaussian' || last.request.rule === 'live') this.gradient = undefined; // torch's comes at rest
    this.place();
  }

  set(gradient) {
    this.gradient = gradient;
    this.place();
  }

  showBest(best) {
    this.best = best;
    this.place();
  }

  place() {
    const overlay = this.attach();
    if (!overlay?.state) return;
    const on = this.shown && this.visible && this.scene.state.mode === 'gaussian';
    this.placeBest(on);
    const { u, sigma } = this.scene.state;
    const from = this.scene.plot.toPixels(u);
    const g = on ? this.gradient : undefined;
    if (!g?.every(Number.isFinite)) {
      for (const line of this.lines) line.setAttribute('d', '');
      return;
    }
    const [x, y] = [g[0], -g[1]];
    // In nats a scale of q, and by its logarithm: the length is an impression. While q is dragged the direction is as
    // good as the few nodes it comes from; at rest it is torch's.
    const strength = Math.hypot(g[0] * sigma[0], g[1] * sigma[1]);
    this.line(0, from, [x, y], 16 * Math.log1p(4 * strength), 17);
    [0, 1].forEach((j) => {
      const handle = overlay.scales[j].at;
      if (!handle) return;
      const up = overlay.sides[j] * Math.sign(g[2 + j]); // outward where a wider q is better
      this.line(1 + j, handle, j === 0 ? [up, 0] : [0, -up], 10 * Math.log1p(4 * Math.abs(g[2 + j] * sigma[j])), 8);
    });
  }

  line(k, [x, y], [dx, dy], length, clearance) {
    const norm = Math.hypot(dx, dy);
    const size = Math.min(length, LONGEST);
    if (!norm || size < 3) {
      this.lines[k].setAttribute('d', '');
      return;
    }
    const [ux, uy] = [dx / norm, dy / norm];
    const [ax, ay] = [x + clearance * ux, y + clearance * uy];
    const [bx, by] = [ax + size * ux, ay + size * uy];
    const head = Math.min(9, size);
    const barb = (side) => `L ${bx - head * (ux - side * 0.55 * uy)} ${by - head * (uy + side * 0.55 * ux)}`;
    this.lines[k].setAttribute('d', `M ${ax} ${ay} L ${bx} ${by} M ${bx} ${by} ${barb(1)} M ${bx} ${by} ${barb(-1)}`);
  }

  placeBest(on) {
    const { overlay, plot } = this.scene;
    ['diagonal', 'full'].forEach((name, i) => {
      const found = this.best?.[name];
      this.ellipses[i].style.display = on && found ? '' : 'none';
      if (!on || !found) return;
      overlay.shape(this.ellipses[i], plot.toPixels(found.u), found.covariance, 1);
    });
  }

  destroy() {
    this.group.remove();
  }
}
