// Binary files from the server, read with typed arrays. All are little-endian, as every
// browser's machine is.

async function bytes(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(await response.text() || `${url} could not be loaded (${response.status}).`);
  return response.arrayBuffer();
}

const parsed = async (url) => JSON.parse(text.decode(await bytes(url)));
const text = new TextDecoder();

/** Codes on the map: u float32 (n, 2) and labels uint8 (n). */
export async function loadPoints(manifest) {
  const buffer = await bytes(manifest.codes);
  return {
    u: new Float32Array(buffer, 0, 2 * manifest.count),
    labels: new Uint8Array(buffer, 8 * manifest.count, manifest.count),
  };
}

/** Every posterior mean in latent space, float32 (n, d): fetched when something is looked for among them. */
export async function loadCodes(manifest) {
  return new Float32Array(await bytes(manifest.latents));
}

/** The rules of an expectation by name: nodes float64 (k, d), weights float64 (k). */
export async function loadRules(manifest) {
  const d = manifest.latent;
  const entries = Object.entries(manifest.rules).map(async ([name, { url, nodes: count, replicates }]) => {
    const buffer = await bytes(url);
    const nodes = new Float64Array(buffer, 0, count * d);
    return [name, { count, replicates, nodes, weights: new Float64Array(buffer, 8 * count * d, count) }];
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** A column over all images by its name: { facts, values float32 (n) }. */
export async function loadColumn(manifest, name) {
  return unpacked(await bytes(manifest.column.replace('{name}', name)));
}

/** How far a plane is to be believed: { facts, points: { trustworthiness, continuity }, float32 of the first images }. */
export async function loadTrust(manifest, name) {
  const { facts, values } = unpacked(await bytes(manifest.trust.replace('{name}', name)));
  return { ...facts, points: { trustworthiness: values.subarray(0, facts.fitted), continuity: values.subarray(facts.fitted) } };
}

/** Images and posteriors in sheets of a few hundred, fetched when one of them is needed. */
export class Sheets {
  constructor(manifest) {
    this.manifest = manifest;
    this.pixels = manifest.imageShape.reduce((a, b) => a * b);
    this.images = new Map();
    this.latents = new Map();
    this.owns = new Map();
  }

  rows(sheet) {
    return Math.min(this.manifest.sheet.size, this.manifest.count - sheet * this.manifest.sheet.size);
  }

  once(cache, sheet, url, load = bytes) {
    if (!cache.has(sheet)) {
      const loading = load(url);
      loading.catch(() => cache.delete(sheet)); // a lost connection is tried again next time
      cache.set(sheet, loading);
    }
    return cache.get(sheet);
  }

  /** Grey or colour values uint8 (D) of one image, and what the likelihood sees of it, float32 (D). */
  async image(index) {
    const { size, images } = this.manifest.sheet;
    const sheet = Math.floor(index / size);
    const row = index % size;
    const rows = this.rows(sheet);
    const buffer = await this.once(this.images, sheet, `${images}${sheet}.bin`);
    const D = this.pixels;
    const grey = new Uint8Array(buffer, row * D, D);
    if (this.manifest.observed === 'grey') return { grey, x: Float32Array.from(grey, (value) => value / 255) };
    const stride = Math.ceil(D / 8);
    const bits = new Uint8Array(buffer, rows * D + row * stride, stride);
    return { grey, x: Float32Array.from({ length: D }, (_, i) => (bits[i >> 3] >> (7 - (i & 7))) & 1) };
  }

  /** What a person's own picture came with: { file, cells: one a column of manifest.own, null where unknown }; null of others. */
  async own(index) {
    const { own } = this.manifest;
    if (!own) return null;
    const sheet = Math.floor(index / this.manifest.sheet.size);
    const row = index % this.manifest.sheet.size;
    const { files, columns } = await this.once(this.owns, sheet, own.url.replace('{sheet}', sheet), parsed);
    return { file: files[row] ?? '', cells: columns.map((cells) => cells[row]) };
  }

  /** Mean and scales of q(z|x), float32 (d) each. */
  async posterior(index) {
    const { size, latents } = this.manifest.sheet;
    const sheet = Math.floor(index / size);
    const row = index % size;
    const rows = this.rows(sheet);
    const buffer = await this.once(this.latents, sheet, `${latents}${sheet}.bin`);
    const d = this.manifest.latent;
    return {
      loc: new Float32Array(buffer, 4 * row * d, d),
      scale: new Float32Array(buffer, 4 * (rows + row) * d, d),
    };
  }
}

/** What travels with some facts about it: { facts, values float32 }; see `packed` in explorer/serving/elbo_page/answers.py. */
export function unpacked(buffer) {
  const length = new Uint32Array(buffer, 0, 1)[0];
  return { facts: JSON.parse(text.decode(new Uint8Array(buffer, 4, length))), values: new Float32Array(buffer, 4 + length) };
}

/** A fitted map: { facts, u float32 (2n), trustworthiness and continuity float32 (facts.fitted), ruler (d d) or null }. */
export async function loadMap(manifest, name) {
  const { facts, values } = unpacked(await bytes(manifest.map.replace('{name}', name)));
  const { count, fitted } = facts;
  const rest = 2 * count + 2 * fitted;
  return {
    facts, u: values.subarray(0, 2 * count), trustworthiness: values.subarray(2 * count, 2 * count + fitted),
    continuity: values.subarray(2 * count + fitted, rest), ruler: values.length > rest ? values.subarray(rest) : null,
  };
}
