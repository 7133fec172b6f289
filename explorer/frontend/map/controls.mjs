// What the buttons around the map do: what is dragged, layers, classes, the view, the pad.

import { writeUrl } from '../core/url.mjs';

export class Controls {
  /** @param explore the map, see live_map.mjs */
  constructor(explore) {
    this.explore = explore;
    this.state = explore.state;
  }

  setMode(mode) {
    const { explore } = this;
    this.state.mode = mode;
    explore.view.setMode(mode);
    explore.place();
    explore.measuring.encoder().catch((error) => explore.trouble(error));
    explore.measuring.push('live');
    explore.rest();
  }

  toggleLayer(name) {
    const { explore, state } = this;
    toggle(state.layers, name);
    writeUrl(explore.manifest, state);
    if (name === 'posterior') return explore.weighing.setVisible(state.layers.has('posterior'));
    return explore.background.draw();
  }

  toggleClass(label) {
    toggle(this.state.hidden, label);
    writeUrl(this.explore.manifest, this.state);
    this.explore.plot.setHidden(this.state.hidden);
  }

  toggleZoom() {
    const { explore, state } = this;
    state.zoom = !state.zoom;
    writeUrl(explore.manifest, state);
    return state.zoom ? explore.zoom() : explore.look(explore.range());
  }

  /** The whole map, from wherever a swipe or a zoom has led. */
  showWhole() {
    const { explore, state } = this;
    if (state.zoom) return explore.view.pressZoom();
    return explore.look(explore.range());
  }

  /** The pad comes or goes; it comes with the whole map, over which q will wander. */
  toggleSketch() {
    const { explore } = this;
    if (!explore.sketching.open && this.state.zoom) explore.view.pressZoom();
    return explore.sketching.toggle().catch((error) => explore.trouble(error));
  }

  choose(index) {
    this.explore.choose(index);
  }

  step(by) {
    return this.explore.choosing.step(by);
  }

  stay() {
    this.explore.choosing.stay();
  }

  returnToEncoder() {
    this.explore.returnToEncoder();
  }
}

function toggle(set, value) {
  if (!set.delete(value)) set.add(value);
}
