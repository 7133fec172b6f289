// Whether what is on screen can be believed: measured as the handle moves, and said over the map where it cannot, whichever
// tab is shown.

import { h } from '../../../core/dom.mjs';
import { judge, roundTrip, trustOf, verdictOf } from './trust.mjs';
import { words as all } from '../../../words/en/latents.mjs';

const words = all.map.live;

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
   * Of the place of the handle: { z, trip, distance, times, most, doubt, verdict, said }, the last six where it is known what is
   * usual: `doubt` is the largest of all doubts, 0 to 1, `most` its name.
   */
  measure() {
    const { plane, state, anchor } = this.scene;
    if (this.gone || this.scene.gone() || !anchor || !state.u) return;
    const z = this.scene.z();
    const found = { z, trip: roundTrip(plane, state.u, z) };
    if (this.trust?.knows(plane)) {
      const judged = judge(this.trust, plane, state.u, z);
      const said = judged.verdict === 'near' ? words.near : words[judged.verdict][judged.most];
      Object.assign(found, judged, { said });
      this.chip.hidden = judged.verdict !== 'doubted';
      if (!this.chip.hidden && this.chip.textContent !== said) this.chip.textContent = said;
    }
    this.listeners.forEach(({ measured }) => measured(found));
  }
}

/** Whether a doubt is so large that a place is not to be believed. */
export const doubted = (doubt) => verdictOf(doubt) === 'doubted';
