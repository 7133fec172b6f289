// Columns over all images: what points are coloured by, and selections are compared in.
//
// A column: { name, label, tip, values float32 (n), kinds: names where values are positions among them, note }.

import { loadColumn, loadTrust } from '../../../core/data.mjs';
import { ask, sentence } from '../../../engine/evidence.mjs';
import { words as all } from '../../../words/en/latents.mjs';

const words = all.columns;
const CHANGING = ['reconstruction', 'elbo', 'log_evidence', 'gap']; // from a table beside the model, which may have more images tomorrow
const MEASURED = ['kl', 'reconstruction', 'elbo', 'log_evidence', 'gap'];

/** There is no such column here: asking again will not help. */
export class NoColumn extends Error {}

export class Columns {
  constructor(scene) {
    this.scene = scene;
    this.known = new Map();
    this.brought = [];
    this.listeners = [];
    // The page is there without a table: why is said where one of its columns is asked for.
    this.loaded = this.load().catch((error) => { this.fault = error; });
  }

  /** Called when there are other columns than before. */
  listen(listener) {
    this.listeners.push(listener);
  }

  /** Names with their labels, in groups: [[group, [[name, label], ...]], ...]. */
  list() {
    const { manifest } = this.scene;
    const groups = [[words.groups.model, MEASURED.map((name) => [name, words.labels[name][0]])]];
    if (this.scene.plane.kind !== 'identity') groups.push([words.groups.map, ['trustworthiness', 'continuity'].map((name) => [name, words.labels[name][0]])]);
    const own = manifest.own?.columns ?? [];
    if (own.length) groups.push([words.groups.set, own.map((name) => [`set ${name}`, name])]);
    if (manifest.testCount < manifest.count) groups.push([words.groups.parts, [['split', words.split.label]]]);
    groups.push([words.groups.latent, Array.from({ length: manifest.latent }, (_, i) => [`z_${i + 1}`, words.coordinate(i + 1)])]);
    if (this.brought.length) groups.push([words.groups.brought, this.brought.map(({ name }) => [`own ${name}`, name])]);
    return groups;
  }

  /** A column by its name; `anew` where it may have changed since it was asked for. Rejects with a sentence. */
  async find(name, { anew = false } = {}) {
    if (name === 'trustworthiness' || name === 'continuity') return this.ofMap(name);
    if (name.startsWith('own ')) {
      const found = this.brought.find((column) => `own ${column.name}` === name);
      if (found) return found;
      throw this.fault && !this.taken ? new Error(words.unread(this.fault.message)) : new NoColumn(words.gone);
    }
    if (!this.known.has(name) || (anew && CHANGING.includes(name))) {
      const finding = name.startsWith('z_') ? this.coordinate(Number(name.slice(2)))
        : name.startsWith('set ') ? this.ofSet(name) : name === 'split' ? this.split() : this.measured(name);
      this.known.set(name, finding);
      finding.catch(() => this.known.delete(name));
    }
    return this.known.get(name);
  }

  /** How far each point's place on this map is to be believed: a fitted map says so, of a plane the server measures it. */
  async ofMap(name) {
    const { manifest, state, plane } = this.scene;
    if (plane.kind === 'identity') throw new NoColumn(words.itself);
    const facts = this.scene.facts() ?? (await this.trustOf(state.map ?? 'pca'));
    const values = new Float32Array(manifest.count).fill(NaN);
    values.set(facts.points[name]);
    const mean = facts.points[name].reduce((sum, value) => sum + value, 0) / facts.fitted;
    const [label, tip] = words.labels[name];
    return { name, label, tip, values, note: words.trusted(mean, facts.fitted < values.length) };
  }

  trustOf(plane) {
    const key = `trust ${plane}`;
    if (!this.known.has(key)) {
      const finding = loadTrust(this.scene.manifest, plane);
      this.known.set(key, finding);
      finding.catch(() => this.known.delete(key));
    }
    return this.known.get(key);
  }

  async coordinate(number) {
    const codes = await this.scene.mapping.codes();
    const d = this.scene.manifest.latent;
    const values = Float32Array.from({ length: this.scene.manifest.count }, (_, row) => codes[row * d + number - 1]);
    return { name: `z_${number}`, label: words.coordinate(number), tip: words.coordinateTip, values, note: '' };
  }

  /** A column that the pictures came with. */
  async ofSet(name) {
    const { manifest } = this.scene;
    const label = name.slice(4);
    const at = manifest.own?.columns.indexOf(label) ?? -1;
    if (at < 0) throw new NoColumn(words.notOfSet);
    const { facts, values } = await loadColumn(manifest, `own-${at}`);
    return { name, label, tip: words.ofSet, values, kinds: facts.kinds ?? undefined, note: '', at };
  }

  /** Of which part of the data set each image is. */
  async split() {
    const { count, testCount } = this.scene.manifest;
    if (testCount >= count) throw new NoColumn(words.split.alone);
    const values = Float32Array.from({ length: count }, (_, index) => Number(index >= testCount));
    return { name: 'split', label: words.split.label, tip: words.split.tip, values, kinds: words.split.kinds, note: '' };
  }

  async measured(name) {
    const { facts, values } = await loadColumn(this.scene.manifest, name);
    const [label, tip] = words.labels[name];
    if (facts.made === 'nothing') throw new NoColumn(words.unmeasured(this.scene.manifest.name));
    return { name, label, tip, values, unit: words.unit, note: words.made(facts) };
  }

  /** The table of an earlier visit, unless another was brought while it was on its way. */
  async load() {
    const response = await fetch(this.scene.manifest.table);
    if (!response.ok) throw new Error(await sentence(response));
    const found = await response.json();
    if (!this.taken) this.take(found);
  }

  /** Brings a CSV, as text; null forgets what was brought. Resolves with sentences on it. */
  async bring(csv) {
    const found = await ask(this.scene.manifest.table, { csv });
    this.take(found);
    return found.remarks;
  }

  take({ columns }) {
    this.taken = true;
    this.brought = columns.map(({ name, values, kinds }) => ({
      name, label: name, tip: words.own, note: '', kinds, raw: values, values: Float32Array.from(values, (value) => value ?? NaN),
    }));
    for (const listener of this.listeners) listener();
  }
}
