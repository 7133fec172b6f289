// The numbers of the place of the handle: how it becomes a z, what lies outside of the map, and how near data is.

import { h } from '../../core/dom.mjs';
import { doubted } from './doubt/believing.mjs';
import { words as all } from '../../words/en/latents.mjs';

const words = all.map.live;

export class Live {
  constructor(scene) {
    this.scene = scene;
    const names = ['back', 'kept', 'nearest', 'trip'];
    this.values = Object.fromEntries(names.map((name) => [name, h('output', { 'data-testid': `live-${name}` }, '–')]));
    this.labels = Object.fromEntries(names.map((name) => [name, h('span', { title: words[name][1] }, words[name][0])]));
    this.warning = h('p', { class: 'lx-doubt', 'data-testid': 'live-doubt' });
    this.element = h('div', { class: 'lx-place' }, h('div', { class: 'lx-live' }, ...names.flatMap((name) => [this.labels[name], this.values[name]])), this.warning);
  }

  /** Another map is shown. */
  refresh() {
    const { plane, manifest } = this.scene;
    [this.labels.kept.textContent, this.labels.kept.title] = plane.exact ? words.kept : words.spread;
    this.labels.kept.hidden = this.values.kept.hidden = plane.exact && manifest.latent <= 2;
  }

  /** @param found see Believing.measure */
  show({ z, trip, distance, times, doubt, said }) {
    const { plane, state } = this.scene;
    write(this.values.back, plane.exact ? words.exact : words.approximate(plane.neighbours));
    write(this.values.kept, plane.exact ? kept(plane, z) : plane.spread(state.u).toFixed(2));
    write(this.values.trip, plane.exact ? words.noTrip : words.tripValue(trip));
    this.values.trip.dataset.value = trip;
    if (said === undefined) return;
    write(this.values.nearest, words.nearestValue(distance, times));
    this.values.nearest.dataset.value = distance;
    write(this.warning, said);
    this.warning.dataset.doubt = doubted(doubt);
  }
}

/** How far z lies outside a plane, of how far from where that is told from: the origin, or what the plane goes through. */
function kept(plane, z) {
  const from = z.map((value, i) => value - (plane.origin?.[i] ?? 0));
  return (plane.origin ? words.keptAround : words.keptValue)(offPlane(plane, z), Math.hypot(...from));
}

/** How far z lies outside a plane. */
export function offPlane(plane, z) {
  const from = z.map((value, i) => value - (plane.origin?.[i] ?? 0));
  const u = plane.project(from);
  return Math.hypot(...from.map((value, i) => value - u[0] * plane.basis[i][0] - u[1] * plane.basis[i][1]));
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
