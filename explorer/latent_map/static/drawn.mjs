// A drawn image as text: in the address, so that a link reproduces it, and in what torch is asked.

const LONGEST = 1_600; // characters of an address; larger images stay out of it

/** Bytes of an image, one a pixel: times `white` of the data (1 for binary pixels, else 255). */
function bytesOf(values, binary) {
  return Uint8Array.from(values, (value) => Math.round(value * (binary ? 1 : 255)));
}

function base64(bytes) {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** What torch is told of the pixels. */
export function pixelsOf(values, binary) {
  return base64(bytesOf(values, binary));
}

/** What the address says of them: bits, from the highest, or bytes; null where that would be too long. */
export function toAddress(values, binary) {
  let bytes = bytesOf(values, binary);
  if (binary) {
    const bits = new Uint8Array(Math.ceil(bytes.length / 8));
    bytes.forEach((bit, i) => { bits[i >> 3] |= bit << (7 - (i & 7)); });
    bytes = bits;
  }
  const text = base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
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
