// log p(x) of an image, and its true posterior where latent space has one or two dimensions.
//
// { method, value, error, ... }: for "quadrature" also the masses of p(z|x) on a grid of square bins
// (grid: { low, bin, sides, mass, levels, shares }), its mean, deviations and peak; for "importance" the
// number of draws and their effective size. Made by the server; see explorer/serving/elbo_page/answers.py.

import { unpacked } from '../core/data.mjs';

function read(buffer) {
  const { facts, values } = unpacked(buffer);
  if (facts.method !== 'quadrature') return facts;
  const { low, bin, sides, levels, shares } = facts;
  const mass = values.subarray(0, sides.reduce((a, b) => a * b));
  return { ...facts, grid: { low, bin, sides, levels, shares, mass } };
}

export async function fetchEvidence(manifest, anchor, signal) {
  return read(await fetchOf(manifest.evidence, anchor, signal));
}

/** The bytes that the server has for an anchor: an image of the data set by its number, a drawn one by its pixels. */
export async function fetchOf(url, anchor, signal) {
  const asking = anchor.pixels ? posted(url, { pixels: anchor.pixels }, signal) : fetch(`${url}/${anchor.index}.bin`, { signal });
  return (await accepted(asking)).arrayBuffer();
}

/** What the server says about a request that it refused. */
export async function sentence(response) {
  const said = await response.text();
  try {
    return JSON.parse(said).error;
  } catch {
    return said;
  }
}

/** A response that is an answer; rejects with the server's sentence where it is a refusal. */
async function accepted(asking) {
  const response = await asking;
  if (!response.ok) throw new Error(await sentence(response));
  return response;
}

function posted(url, state, signal) {
  return accepted(fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(state), signal }));
}

/** The server's JSON for a state on the map, at one of the manifest's addresses. */
export async function ask(url, state, signal) {
  return (await posted(url, state, signal)).json();
}

/** The file, as a blob, that the server makes of a state. */
export async function fetchFile(url, state) {
  return (await posted(url, state)).blob();
}

/** What a request for torch says of a state: the drawn image's pixels, or the number of one of the data set; where. */
export function stateFor({ anchor, mode, u, sigma }, place = { u, sigma }) {
  const image = anchor.pixels ? { pixels: anchor.pixels } : { image: anchor.index };
  return { ...image, mode, ...place };
}
