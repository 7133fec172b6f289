// The gaps of many images as they come from the server, and their orders.

const COLUMNS = ['log_evidence', 'error', 'elbo', 'diagonal', 'full', 'exact'];
export const PARTS = ['full', 'extra', 'amortization'];
// What each quantity is the sum of, from below.
export const LAYERS = { inference: PARTS, approximation: ['full', 'extra'], amortization: ['amortization'], evidence: [] };

/** The table, or null where none was made. @throws Error with a sentence */
export async function loadGaps(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error((await response.text()) || `the server answered ${response.status}`);
  return readGaps(await response.arrayBuffer());
}

/** @returns null for an empty table, else {{n, made, binarisation, log_evidence, error, elbo, diagonal, full, exact}} columns Float32Array (n) */
export function readGaps(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const { columns, ...facts } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  if (!facts.n) return null;
  const table = { ...facts };
  columns.forEach((name, i) => { table[name] = new Float32Array(buffer, 4 + length + 4 * facts.n * i, facts.n); });
  if (COLUMNS.some((name) => !(name in table))) throw new Error('the table lacks a column');
  return table;
}

/** Where an image's nats are lost: they add up to its inference gap. */
export function partsOf(table, i) {
  return {
    full: table.log_evidence[i] - table.full[i],
    extra: table.full[i] - table.diagonal[i],
    amortization: table.diagonal[i] - table.elbo[i],
  };
}

export const QUANTITIES = {
  inference: (table, i) => table.log_evidence[i] - table.elbo[i],
  approximation: (table, i) => table.log_evidence[i] - table.diagonal[i],
  amortization: (table, i) => table.diagonal[i] - table.elbo[i],
  evidence: (table, i) => -table.log_evidence[i],
};

/** Images by a quantity, the largest first: Uint32Array (n). */
export function order(table, name) {
  const value = Float64Array.from({ length: table.n }, (_, i) => QUANTITIES[name](table, i));
  return Uint32Array.from(value.keys()).sort((a, b) => value[b] - value[a] || a - b);
}

/** Mean and its standard error over images (null for a single one). */
export function mean(table, value) {
  let sum = 0;
  for (let i = 0; i < table.n; i++) sum += value(table, i);
  const middle = sum / table.n;
  let squares = 0;
  for (let i = 0; i < table.n; i++) squares += (value(table, i) - middle) ** 2;
  return { mean: middle, error: table.n > 1 ? Math.sqrt(squares / (table.n - 1) / table.n) : null };
}

/** Square root with the sign of the value: a gap of a sampled log p(x) can be below zero within its error. */
export const signedRoot = (value) => Math.sign(value) * Math.sqrt(Math.abs(value));

/** Outer edges of layers, one Float64Array a layer in the order given: [above zero, below zero]. */
export function stacked(table, order, layers) {
  return [Math.max, Math.min].map((side) => {
    const total = new Float64Array(order.length);
    return layers.map((name) => {
      order.forEach((index, rank) => { total[rank] += side(partsOf(table, index)[name], 0); });
      return total.slice();
    });
  });
}

/** Round values for a square-root axis up to `high`: each a good deal above the one before. */
export function rootTicks(high) {
  const all = [];
  for (let power = -3; power < 7; power++) for (const digit of [1, 2, 5]) all.push(Number(`${digit}e${power}`));
  const kept = [];
  for (const value of all.filter((one) => one <= high).reverse()) {
    if (!kept.length || Math.sqrt(kept.at(-1) / high) - Math.sqrt(value / high) > 0.2) kept.push(value);
    if (Math.sqrt(value / high) < 0.2) break;
  }
  return [...kept, 0];
}
