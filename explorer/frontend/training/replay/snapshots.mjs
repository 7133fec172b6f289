// What the model looked like along the way: fetched when it is wanted, kept afterwards.

import { words } from '../../words/en/training.mjs';

const AT_ONCE = 4;

export class Snapshots {
  constructor() {
    this.kept = new Map();
    this.ready = new Map();
  }

  /** What all snapshots share. @param {object} facts the job's `heldout` */
  describe(facts) {
    this.facts = facts;
    this.pixels = facts.imageShape.reduce((a, b) => a * b, 1);
  }

  /** Labels of the held-out images, and the originals of the reconstructions. */
  async heldout() {
    const { count, reconstructions, url } = this.facts;
    const bytes = new Uint8Array(await get(url));
    if (bytes.length !== count + reconstructions * this.pixels) throw new Error(words.mismatch);
    return { labels: bytes.subarray(0, count), originals: bytes.subarray(count) };
  }

  /** Codes Float32Array (n, 2), samples and reconstructions Uint8Array, channel after channel. */
  load({ url }) {
    if (!this.kept.has(url)) {
      const loading = get(url).then((buffer) => {
        const decoded = this.decode(buffer);
        this.ready.set(url, decoded);
        return decoded;
      });
      loading.catch(() => this.kept.delete(url));
      this.kept.set(url, loading);
    }
    return this.kept.get(url);
  }

  /** One that is here already, or undefined. */
  peek(entry) {
    return entry && this.ready.get(entry.url);
  }

  /** Has all of them come, a few at a time, in their order. */
  async prefetch(entries, wanted = () => true) {
    const waiting = entries.filter((entry) => !this.ready.has(entry.url));
    const fetchers = Array.from({ length: AT_ONCE }, async () => {
      while (waiting.length && wanted()) await this.load(waiting.shift()).catch(() => {});
    });
    await Promise.all(fetchers);
  }

  decode(buffer) {
    const { count, samples, reconstructions } = this.facts;
    const codes = 8 * count;
    const middle = codes + samples * this.pixels;
    if (buffer.byteLength !== middle + reconstructions * this.pixels) throw new Error(words.mismatch);
    return {
      codes: new Float32Array(buffer, 0, 2 * count),
      samples: new Uint8Array(buffer, codes, samples * this.pixels),
      reconstructions: new Uint8Array(buffer, middle),
    };
  }
}

async function get(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${answer.status}.`);
  return answer.arrayBuffer();
}
