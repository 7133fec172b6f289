// The one file that knows Streamlit. Its default export is called again whenever data or the
// theme changes, so it keeps one map an element and a manifest.

const maps = new WeakMap();
let last = null; // the map opened last, as a promise: another page goes on from what it showed

// Another model, or more points of the same one, for the same screen: what has a meaning there is kept.
function carriedOver(old, manifest, state) {
  const { image, drawn, mode, layers, u, sigma, map, base, hidden, zoom, tab, colour, shade, near, view, way, stops, look, sort, picked } = old.state;
  const there = image !== null && image < manifest.count;
  const same = there && old.manifest.name === manifest.name;
  return {
    ...state, mode, zoom, tab, layers: [...layers], image: there ? image : 0, drawn: `${manifest.imageShape}` === `${old.manifest.imageShape}` ? drawn : null,
    u: same ? u : null, sigma: same ? sigma : null, map: same ? map : null, base: same ? base : null, hidden: same ? [...hidden] : [],
    colour: same ? colour : null, shade, near, view, way, stops: same ? stops : null, look: same ? look : null,
    sort, picked: same ? picked : null,
  };
}

/** Another page, opened by its name and not by an address of its own: what has a meaning there goes along. */
function goesAlong(left, manifest, state) {
  const asked = new URLSearchParams(location.search);
  if (left.manifest.name !== manifest.name || ['image', 'drawn', 'at'].some((name) => asked.has(name))) return state;
  const { image, drawn, mode, hidden, u, sigma, map, base } = left.state;
  if (image !== null && image >= manifest.count) return state;
  const opening = map === null && !base; // another map's places mean nothing on this one
  return { ...state, mode, image: image ?? 0, drawn, hidden: [...hidden], u: opening ? u : null, sigma: opening ? sigma : null };
}

export default function ({ parentElement, data: [data] }) {
  const { manifest, notices } = data;
  const identity = JSON.stringify([manifest.entry, manifest.name, manifest.terms]); // a copy of a model has the same terms
  const before = maps.get(parentElement);
  if (before?.identity === identity) {
    before.map.then((map) => map.restyle(), () => {});
  } else {
    const root = parentElement.querySelector('.lx-root');
    const gone = last;
    const map = (async () => {
      const [old, left] = await Promise.all([before?.map, gone?.catch(() => null)]);
      // The state in the data is where a visit begins; afterwards it lives in the map.
      const state = old ? carriedOver(old, manifest, data.state) : left ? goesAlong(left, manifest, data.state) : data.state;
      old?.destroy();
      const { LiveMap } = await import(new URL(manifest.entry, document.baseURI).href);
      return new LiveMap(root, manifest, state, old ? [] : notices);
    })();
    // A front end that could not be loaded is tried again at the next chance.
    map.catch((error) => {
      maps.delete(parentElement);
      root.textContent = `The map could not be loaded: ${error.message} Reload the page.`;
    });
    maps.set(parentElement, { identity, map });
    last = map;
  }
  return () => {
    maps.get(parentElement)?.map.then((map) => map.destroy(), () => {});
    maps.delete(parentElement);
  };
}
