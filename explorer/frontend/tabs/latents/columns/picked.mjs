// Selected images as a short text, for the address; explorer/serving/http/address_values.py checks what it reads.
//
// "c3.5": all of these classes and no other image. "d…" and "b…", in base64url, the shorter of both: the gaps between the
// images' numbers, seven bits a byte, the lowest first, a high bit where more follow; or a bit for each image.

import { base64url, bytesOf, packBits, unpackBits } from '../../../core/packing.mjs';

const LONGEST = 2_000; // characters; more stay out of the address

/** A mask uint8 (n) of images with labels (n) as text; "" where none is selected, null where it would be too long. */
export function pack(mask, labels) {
  if (!mask.includes(1)) return '';
  const classes = wholeClasses(mask, labels);
  if (classes) return `c${classes.join('.')}`;
  const [gaps, bits] = [steps(mask), packBits(mask)];
  const text = gaps.length < bits.length ? `d${base64url(Uint8Array.from(gaps))}` : `b${base64url(bits)}`;
  return text.length <= LONGEST ? text : null;
}

/** The mask (labels.length) that a text stands for. */
export function unpack(text, labels) {
  if (text[0] === 'c') {
    const classes = new Set(text.slice(1).split('.').map(Number));
    return Uint8Array.from(labels, (label) => Number(classes.has(label)));
  }
  const bytes = bytesOf(text.slice(1));
  if (text[0] === 'b') return unpackBits(bytes, labels.length);
  const mask = new Uint8Array(labels.length);
  let [last, step, shift] = [-1, 0, 0];
  for (const byte of bytes) {
    step |= (byte & 127) << shift;
    shift = byte & 128 ? shift + 7 : 0;
    if (shift) continue;
    last += 1 + step;
    step = 0;
    if (last < mask.length) mask[last] = 1;
  }
  return mask;
}

/** The classes of a mask that holds all of their images and no other; null where it is not so. */
function wholeClasses(mask, labels) {
  const kinds = [];
  for (let i = 0; i < mask.length; i++) kinds[labels[i]] = (kinds[labels[i]] ?? 0) | (mask[i] ? 1 : 2);
  return kinds.includes(3) ? null : kinds.flatMap((kind, label) => (kind === 1 ? [label] : []));
}

function steps(mask) {
  const bytes = [];
  let last = -1;
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue;
    let step = i - last - 1;
    for (; step > 127; step >>= 7) bytes.push((step & 127) | 128);
    bytes.push(step);
    last = i;
  }
  return bytes;
}
