// Whether what is on screen can be believed: measured as the handle moves, and said over the map where it cannot, whichever
// tab is shown.

import { h } from '../dom.mjs';
import { doubts, emptiness, roundTrip, trustOf } from './trust.mjs';
import { words as all } from './words.mjs';

const words = all.map.live;
const DOUBTED = 0.5; // from here on a place is rather not believed
const WARY = 0.1; // less doubt than this is none

export class Believing {
  constructor(scene) {
    this.scene = scene;
    this.listeners = [];
    this.chip = h('p', { class: 'lx-doubted', role: 'status', hidden: true, 'data-testid': 'map-doubt' });
  }

  /** Called with what was measured, see measure(), and with the fault where there is no measuring. */
  listen(measured, failed) {
    this.listeners.push({ measured, failed });
  }

  changed(what) {
    if (what === 'open') this.scene.plot.element.parentNode.append(this.chip);
    if (what === 'open' || what === 'map') this.learn();
    if (what === 'moved' || what === 'anchor') this.soon();
    if (what === 'rest' || what === 'map') this.measure();
  }

  destroy() {
    this.gone = true;
    cancelAnimationFrame(this.frame);
  }

  /** What is usual among the codes and on this map: then the numbers beside it can be told. */
  async learn() {
    const { plane } = this.scene;
    try {
      const trust = await trustOf(this.scene);
      await trust.know(plane);
      this.trust = trust;
      this.measure();
    } catch (error) {
      if (!this.gone) this.listeners.forEach(({ failed }) => failed(error));
    }
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.measure();
    });
  }

  /**
   * Of the place of the handle: { z, trip, distance, times, most, doubt, said }, the last five where it is known what is
   * usual: `doubt` is the largest of all doubts, 0 to 1, `most` its name.
   */
  measure() {
    const { plane, state, anchor } = this.scene;
    if (this.gone || this.scene.gone() || !anchor || !state.u) return;
    const z = this.scene.z();
    const found = { z, trip: roundTrip(plane, state.u, z) };
    if (this.trust) {
      const { distance, times, far } = this.trust.nearest(z);
      const stray = plane.exact ? 0 : plane.stray(state.u, z);
      const [[most, doubt]] = Object.entries(doubts(far, found.trip, emptiness(plane, state.u), stray)).sort(([, a], [, b]) => b - a);
      const said = doubt > DOUBTED ? words.doubted[most] : doubt > WARY ? words.wary[most] : words.near;
      Object.assign(found, { distance, times, most, doubt, said });
      this.chip.hidden = doubt <= DOUBTED;
      if (!this.chip.hidden && this.chip.textContent !== said) this.chip.textContent = said;
    }
    this.listeners.forEach(({ measured }) => measured(found));
  }
}

/** Whether a doubt is so large that a place is not to be believed. */
export const doubted = (doubt) => doubt > DOUBTED;
