// Whether a file moves: a GIF, PNG or WebP of several frames. No DOM here.

const text = (bytes, at, length) => String.fromCharCode(...bytes.subarray(at, at + length));

/** More than one image descriptor (GIF89a, sections 19 to 25). */
function gifMoves(bytes) {
  const skipBlocks = (at) => {
    while (at < bytes.length && bytes[at] > 0) at += bytes[at] + 1;
    return at + 1;
  };
  const table = (flags) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  let frames = 0;
  let at = 13 + table(bytes[10]);
  while (at < bytes.length && frames < 2) {
    if (bytes[at] === 0x21) at = skipBlocks(at + 2);
    else if (bytes[at] === 0x2c) {
      frames += 1;
      at = skipBlocks(at + 11 + table(bytes[at + 9]));
    } else break;
  }
  return frames > 1;
}

/** A chunk acTL with two frames or more before the first IDAT (PNG, third edition, 11.3.6.1). */
function pngMoves(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const kind = text(bytes, at + 4, 4);
    if (kind === 'acTL') return view.getUint32(at + 8) > 1;
    if (kind === 'IDAT') return false;
    at += 12 + view.getUint32(at);
  }
  return false;
}

/** @param {Uint8Array} bytes a whole file */
export function moves(bytes) {
  if (text(bytes, 0, 4) === 'GIF8') return gifMoves(bytes);
  if (text(bytes, 1, 3) === 'PNG') return pngMoves(bytes);
  if (text(bytes, 0, 4) === 'RIFF' && text(bytes, 8, 8) === 'WEBPVP8X') return (bytes[20] & 2) !== 0;
  return false;
}
