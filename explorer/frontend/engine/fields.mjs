// The fields of the images that were on screen last, from the server: see field.mjs.

import { unpacked } from '../core/data.mjs';
import { fetchOf } from './evidence.mjs';
import { Field } from '../maths/field.mjs';

const BUDGET = 16 << 20; // bytes

export class Fields {
  /** @param manifest see explorer/serving/space/manifest.py; a budget in bytes */
  constructor(manifest, budget = BUDGET) {
    this.manifest = manifest;
    this.budget = budget;
    this.known = new Map(); // by image, the one that was wanted last at the end
  }

  /** The field of an image where it is here already, else null. */
  of(anchor) {
    return this.known.get(nameOf(anchor))?.field ?? null;
  }

  /** The field of an image, fetched once; null where there is none, the server is silent, or another image's is wanted. */
  want(anchor) {
    if (!this.manifest.field) return Promise.resolve(null);
    const name = nameOf(anchor);
    const entry = this.known.get(name) ?? this.ask(anchor);
    this.known.delete(name);
    this.known.set(name, entry);
    return entry.coming;
  }

  ask(anchor) {
    this.cancel(); // whoever leafs through the images wants the last of them alone
    const asking = (this.asking = new AbortController());
    const entry = {};
    const over = () => { if (this.asking === asking) this.asking = undefined; };
    entry.coming = fetchOf(this.manifest.field, anchor, asking.signal).then((buffer) => {
      over();
      const { facts, values } = unpacked(buffer);
      entry.field = new Field(facts, values);
      this.forget();
      return entry.field;
    }).catch(() => {
      over();
      if (this.known.get(nameOf(anchor)) === entry) this.known.delete(nameOf(anchor)); // tried again the next time
      return null;
    });
    return entry;
  }

  /** The oldest go where all together are too large. */
  forget() {
    let bytes = 0;
    for (const [name, { field }] of [...this.known].reverse()) {
      bytes += field?.bytes ?? 0;
      if (bytes > this.budget && field) this.known.delete(name);
    }
  }

  cancel() {
    this.asking?.abort();
    this.asking = undefined;
  }
}

/** An image of the data set by its number, a drawn one by its pixels. */
function nameOf({ index, pixels }) {
  return pixels ?? index;
}
