// What is on screen, in the address: a link reproduces it. Numbers are written in full.

import { base64url } from './packing.mjs';

const LONGEST = 2_000; // characters of a path; a longer one stays out of the address
// Safari throws at the 101st change of an address within 30 s: so many at once, then one each EVERY_MS, make 80 at most.
const AT_ONCE = 30;
const EVERY_MS = 600;

/** Writes a state into the page's query, leaving what is not ours alone; the newest one, a little later, where many come. */
export function writeUrl(manifest, state) {
  writer.write({ path: location.pathname, entries: entriesOf(manifest, state) });
}

/** [name, value] of what the address holds; without a value it is left out. */
function entriesOf(manifest, state) {
  const entries = [
    ['model', manifest.name],
    ['points', manifest.points === 'all' ? 'all' : ''],
    ['image', state.image === null ? '' : String(state.image)],
    ['drawn', state.drawn ?? ''],
    ['mode', state.mode],
    ['at', state.u.join(',')],
    ['scale', state.mode === 'gaussian' ? state.sigma.join(',') : ''],
    // Where a page opens with a layer on, none has to be said.
    ['layers', [...state.layers].join(',') || (manifest.tabs === 'elbo' ? 'none' : '')],
  ];
  if (manifest.tabs) entries.push(['tab', state.tab ?? '']);
  if (manifest.tabs === 'elbo') entries.push(['sort', state.sort ?? '']);
  if (manifest.tabs === 'latents') {
    entries.push(['map', state.map ?? ''], ['z', state.base ? Array.from(state.base).join(',') : ''], ['colour', state.colour ?? ''], ['shade', state.shade ?? '']);
    for (const name of ['near', 'view', 'way']) entries.push([name, state[name] ?? '']); // null: what the tab opens on
    entries.push(['stops', pathOf(state.stops ?? [])], ['select', state.picked ?? '']);
  }
  entries.push(['look', state.look?.join(',') ?? '']);
  entries.push(['zoom', state.zoom === manifest.zoom ? '' : state.zoom ? 'q' : 'map'], ['hide', [...state.hidden].sort((a, b) => a - b).join(',')]);
  return entries;
}

/** Changes the address as often as every browser allows; the last change is never lost, unless the page is another one by then. */
export class AddressWriter {
  /** @param {(change: {path, entries}) => void} put may throw; `now` and `later` are a clock and setTimeout */
  constructor(put, { now = () => performance.now(), later = (call, wait) => setTimeout(call, wait) } = {}) {
    Object.assign(this, { put, now, later, left: AT_ONCE, refilled: now() });
  }

  write(change) {
    this.pending = change;
    if (!this.waiting) this.flush();
  }

  flush() {
    this.waiting = false;
    const { pending } = this;
    if (!pending) return;
    const gained = (this.now() - this.refilled) / EVERY_MS;
    this.left = Math.min(this.left + gained, AT_ONCE);
    this.refilled = this.now();
    if (this.left >= 1) {
      this.left -= 1;
      try {
        this.put(pending);
        this.pending = undefined;
        return;
      } catch {
        this.left = 0; // the browser counts otherwise: it is asked again in a while
      }
    }
    this.waiting = true;
    this.later(() => this.flush(), EVERY_MS);
  }
}

const writer = new AddressWriter(({ path, entries }) => {
  if (location.pathname !== path) return;
  const url = new URL(location.href);
  for (const [name, value] of entries) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  history.replaceState(history.state, '', url);
});

/** The stops of a path, places in latent space (d), as explorer/page/address.py reads them. */
function pathOf(stops) {
  const numbers = Float32Array.from(stops.flatMap((z) => Array.from(z)));
  const text = base64url(new Uint8Array(numbers.buffer));
  return text.length <= LONGEST ? text : '';
}
