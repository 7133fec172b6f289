// What the tabs of a page may see of the map and do to it.

import { switchTo } from './switching.mjs';
import { evaluate } from '../engine/terms.mjs';
import { writeUrl } from '../core/url.mjs';

/** The scene of a live map, see live_map.mjs. */
export function sceneOf(explore) {
  return {
    manifest: explore.manifest,
    plane: explore.plane,
    sheets: explore.sheets,
    get engine() { return explore.engine; },
    get anchor() { return explore.anchor; },
    get state() { return explore.state; },
    get overlay() { return explore.overlay; },
    get plot() { return explore.plot; },
    gone: () => explore.gone,
    /** Brings the map on screen, where the page is longer than that: something is to be done on it. */
    showMap: () => explore.view.stage.scrollIntoView({ block: 'nearest', behavior: 'smooth' }),
    /** What a person is in the midst of, see hands.mjs. */
    hands: explore.hands,
    idle: () => explore.measuring.idle(),
    request: () => explore.measuring.request('rest'),
    encoderAt: () => explore.encoderAt(),
    /** The last evaluation: { request, terms, slopes }, see terms.mjs. */
    last: () => explore.measuring.last,
    terms: () => explore.view.panel.terms ?? null,
    /** The standard error of the gap on screen, as digits. */
    gapError: () => explore.view.panel.gapError(),
    settled: () => explore.view.panel.rule === 'rest',
    encoder: () => explore.view.panel.encoder?.rest ?? null,
    /** Terms of another state for the same image, by the means of a drag. */
    evaluate: (state, stale) => evaluate(explore.engine, explore.plane, explore.anchor, state, explore.measuring.live(explore.anchor), stale),
    labelOf: (index) => explore.labelOf(index),
    choose: (index) => explore.choose(index),
    setMode: (mode) => explore.controls.setMode(mode),
    /** q moves there as if it were dragged; with `rest` it is let go there. */
    moveTo: ({ u, sigma }, { rest = true } = {}) => {
      explore.move({ u, sigma });
      if (rest) explore.rest();
    },
    rest: () => explore.rest(),
    mapping: explore.mapping,
    /** What is known of the map that is shown: of a fitted one how far each point is to be believed. */
    facts: () => explore.facts ?? null,
    setMap: (name) => switchTo(explore, name),
    /** What happens on the plot, see plot/plot.mjs: a tab may listen. */
    plotEvents: explore.plot.events,
    /** Layers over the map, (view, stale) -> images of the plot, see plot/plot.mjs, drawn anew as the view changes; null for none. */
    shade: (layer) => explore.background.setShade(layer),
    layersChanged: () => {
      if (explore.gone) return undefined; // a closed engine would be opened again
      explore.view.showLayers();
      return explore.background.draw();
    },
    from: () => explore.from(),
    z: () => explore.z(),
    goTo: (z, options) => explore.goTo(z, options),
    say: (text) => explore.view.say(text),
    /** Something of the state that only the tabs know of: the address holds it. */
    keep: (change) => {
      if (explore.gone) return; // the address is another map's by now
      Object.assign(explore.state, change);
      writeUrl(explore.manifest, explore.state);
    },
    trouble: (error) => explore.trouble(error),
  };
}
