// Columns over all images: what points are coloured by, and selections are compared in.
//
// A column: { name, label, tip, values float32 (n), kinds: names where values are positions among them, note }.

import { ask } from '../evidence.mjs';
import { words as all } from './words.mjs';

const words = all.columns;
const MEASURED = ['kl', 'reconstruction', 'elbo', 'log_evidence', 'gap'];

export class Columns {
  constructor(scene) {
    this.scene = scene;
    this.known = new Map();
    this.brought = [];
    this.listeners = [];
    this.loading = this.load();
  }

  /** Called when there are other columns than before. */
  listen(listener) {
    this.listeners.push(listener);
  }

  /** Names with their labels, in groups: [[group, [[name, label], ...]], ...]. */
  list() {
    const { manifest } = this.scene;
    const facts = this.scene.facts();
    const groups = [[words.groups.model, MEASURED.map((name) => [name, words.labels[name][0]])]];
    if (facts) groups.push([words.groups.map, ['trustworthiness', 'continuity'].map((name) => [name, words.labels[name][0]])]);
    groups.push([words.groups.latent, Array.from({ length: manifest.latent }, (_, i) => [`z_${i + 1}`, words.coordinate(i + 1)])]);
    if (this.brought.length) groups.push([words.groups.brought, this.brought.map(({ name }) => [`own ${name}`, name])]);
    return groups;
  }

  /** A column by its name. Rejects with a sentence. */
  async find(name) {
    const { manifest } = this.scene;
    if (name === 'trustworthiness' || name === 'continuity') return this.ofMap(name);
    if (name.startsWith('own ')) {
      const found = this.brought.find((column) => `own ${column.name}` === name);
      if (!found) throw new Error(words.gone);
      return found;
    }
    if (!this.known.has(name)) {
      const finding = name.startsWith('z_') ? this.coordinate(Number(name.slice(2))) : this.measured(name);
      this.known.set(name, finding);
      finding.catch(() => this.known.delete(name));
    }
    return this.known.get(name);
  }

  /** How far each point's place on this map is to be believed. */
  ofMap(name) {
    const facts = this.scene.facts();
    if (!facts) throw new Error(words.flat);
    const values = new Float32Array(this.scene.manifest.count).fill(NaN);
    values.set(facts.points[name]);
    const [label, tip] = words.labels[name];
    return { name, label, tip, values, note: facts.fitted < values.length ? words.fitted(facts.fitted) : '' };
  }

  async coordinate(number) {
    const codes = await this.scene.mapping.codes();
    const d = this.scene.manifest.latent;
    const values = Float32Array.from({ length: this.scene.manifest.count }, (_, row) => codes[row * d + number - 1]);
    return { name: `z_${number}`, label: words.coordinate(number), tip: words.coordinateTip, values, note: '' };
  }

  async measured(name) {
    const response = await fetch(`${this.scene.manifest.column}${name}.bin?model=${encodeURIComponent(this.scene.manifest.name)}`);
    if (!response.ok) throw new Error(await response.text());
    const buffer = await response.arrayBuffer();
    const length = new Uint32Array(buffer, 0, 1)[0];
    const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const [label, tip] = words.labels[name];
    const values = new Float32Array(buffer, 4 + length);
    if (facts.known === 0) throw new Error(words.unmeasured(this.scene.manifest.name));
    return { name, label, tip, values, note: words.made(facts, values.length) };
  }

  async load() {
    const response = await fetch(this.scene.manifest.table);
    if (response.ok) this.take(await response.json());
  }

  /** Brings a CSV, as text; null forgets what was brought. Resolves with sentences on it. */
  async bring(csv) {
    const found = await ask(this.scene.manifest.table, { csv });
    this.take(found);
    return found.remarks;
  }

  take({ columns }) {
    this.brought = columns.map(({ name, values, kinds }) => ({
      name, label: name, tip: words.own, note: '', kinds, raw: values, values: Float32Array.from(values, (value) => value ?? NaN),
    }));
    for (const listener of this.listeners) listener();
  }
}
