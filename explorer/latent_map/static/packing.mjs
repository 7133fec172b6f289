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

/** Zeros and others as bits, from each byte's highest. */
export function packBits(mask) {
  const bytes = new Uint8Array(Math.ceil(mask.length / 8));
  mask.forEach((bit, i) => { if (bit) bytes[i >> 3] |= 1 << (7 - (i & 7)); });
  return bytes;
}
