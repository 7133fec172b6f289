// The one file that knows Streamlit. Its default export is called again whenever data or the
// theme changes, so it keeps one map an element and a manifest.

const maps = new WeakMap();

export default function ({ parentElement, data }) {
  const { manifest, state, notices } = data;
  // The state is where a map starts; afterwards it lives in the map and in the address.
  const identity = JSON.stringify([manifest.entry, manifest.terms, state.engine]);
  const before = maps.get(parentElement);
  if (before?.identity === identity) {
    before.map.then((map) => map.restyle());
  } else {
    before?.map.then((map) => map.destroy());
    const root = parentElement.querySelector('.lx-root');
    const entry = new URL(manifest.entry, document.baseURI).href;
    const map = import(entry).then(({ Explore }) => new Explore(root, manifest, state, notices));
    maps.set(parentElement, { identity, map });
  }
  return () => {
    maps.get(parentElement)?.map.then((map) => map.destroy());
    maps.delete(parentElement);
  };
}
