// A drawn image as text: in the address, so that a link reproduces it, and in what torch is asked.

import { base64, base64url, packBits } from './packing.mjs';

const LONGEST = 1_600; // characters of an address; larger images stay out of it

/** Bytes of an image, one a pixel: times `white` of the data (1 for binary pixels, else 255). */
function bytesOf(values, binary) {
  return Uint8Array.from(values, (value) => Math.round(value * (binary ? 1 : 255)));
}

/** What torch is told of the pixels. */
export function pixelsOf(values, binary) {
  return base64(bytesOf(values, binary));
}

/** What the address says of them: bits, from the highest, or bytes; null where that would be too long. */
export function toAddress(values, binary) {
  const bytes = bytesOf(values, binary);
  const text = base64url(binary ? packBits(bytes) : bytes);
  return text.length <= LONGEST ? text : null;
}

/** The image an address speaks of, float32 (D); null where it is not one of this many pixels. */
export function fromAddress(text, pixels, binary) {
  let raw;
  try {
    raw = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  } catch {
    return null;
  }
  const bytes = Uint8Array.from(raw, (character) => character.charCodeAt(0));
  if (bytes.length !== (binary ? Math.ceil(pixels / 8) : pixels)) return null;
  if (!binary) return Float32Array.from(bytes, (value) => value / 255);
  return Float32Array.from({ length: pixels }, (_, i) => (bytes[i >> 3] >> (7 - (i & 7))) & 1);
}
