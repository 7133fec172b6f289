// Bytes as text, for addresses and for what the server is told.

const PIECE = 8_192; // a call takes only so many arguments

/** Bytes as base64. */
export function base64(bytes) {
  let text = '';
  for (let first = 0; first < bytes.length; first += PIECE) text += String.fromCharCode(...bytes.subarray(first, first + PIECE));
  return btoa(text);
}

/** The same in letters that an address leaves as they are. */
export function base64url(bytes) {
  return base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The bytes of base64 in either alphabet. */
export function bytesOf(text) {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
}

/** A mask (n) of bits as packBits lays them. */
export function unpackBits(bytes, n) {
  return Uint8Array.from({ length: n }, (_, i) => ((bytes[i >> 3] ?? 0) >> (7 - (i & 7))) & 1);
}

/** Zeros and others as bits, from each byte's highest. */
export function packBits(mask) {
  const bytes = new Uint8Array(Math.ceil(mask.length / 8));
  mask.forEach((bit, i) => { if (bit) bytes[i >> 3] |= 1 << (7 - (i & 7)); });
  return bytes;
}
