// What is on screen, in the address: a link reproduces it. Numbers are written in full.

/** Writes a state into the page's query, leaving what is not ours alone. */
export function writeUrl(manifest, state) {
  const url = new URL(location.href);
  const set = (name, value) => (value ? url.searchParams.set(name, value) : url.searchParams.delete(name));
  set('model', manifest.name);
  set('points', manifest.points === 'all' ? 'all' : '');
  set('image', String(state.image));
  set('mode', state.mode);
  set('at', state.u.join(','));
  set('scale', state.mode === 'gaussian' ? state.sigma.join(',') : '');
  set('layers', [...state.layers].join(','));
  set('hide', [...state.hidden].sort((a, b) => a - b).join(','));
  history.replaceState(history.state, '', url);
}
