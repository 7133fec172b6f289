// What is on screen, in the address: a link reproduces it. Numbers are written in full.

import { base64url } from './packing.mjs';

const LONGEST = 2_000; // characters of a path; a longer one stays out of the address

/** Writes a state into the page's query, leaving what is not ours alone. */
export function writeUrl(manifest, state) {
  const url = new URL(location.href);
  const set = (name, value) => (value ? url.searchParams.set(name, value) : url.searchParams.delete(name));
  set('model', manifest.name);
  set('points', manifest.points === 'all' ? 'all' : '');
  set('image', state.image === null ? '' : String(state.image));
  set('drawn', state.drawn ?? '');
  set('mode', state.mode);
  set('at', state.u.join(','));
  set('scale', state.mode === 'gaussian' ? state.sigma.join(',') : '');
  // Where a page opens with a layer on, none has to be said.
  set('layers', [...state.layers].join(',') || (manifest.tabs === 'anatomy' ? 'none' : ''));
  if (manifest.tabs) set('tab', state.tab ?? '');
  if (manifest.tabs === 'latents') {
    set('map', state.map ?? '');
    set('z', state.base ? Array.from(state.base).join(',') : '');
    set('colour', state.colour ?? '');
    set('shade', state.shade ?? '');
    for (const name of ['near', 'view', 'way']) set(name, state[name] ?? ''); // null: what the tab opens on
    set('stops', pathOf(state.stops ?? []));
  }
  set('zoom', state.zoom === manifest.zoom ? '' : state.zoom ? 'q' : 'map');
  set('hide', [...state.hidden].sort((a, b) => a - b).join(','));
  history.replaceState(history.state, '', url);
}

/** The stops of a path, places in latent space (d), as explorer/view.py reads them. */
function pathOf(stops) {
  const numbers = Float32Array.from(stops.flatMap((z) => Array.from(z)));
  const text = base64url(new Uint8Array(numbers.buffer));
  return text.length <= LONGEST ? text : '';
}
