// A file to pixels, within limits; what cannot be read is a sentence.

import { h } from '../core/dom.mjs';
import { moves } from './formats.mjs';
import { words } from '../words/en/pad.mjs';

export const MAX_BYTES = 20e6;
export const MAX_PIXELS = 64e6;
const MAX_SIDE = 1_024; // more than twice what the pad can hold
const THIN = 50; // sides in this proportion

/** An error whose message is for people. */
export class Unreadable extends Error {}

/** Sizes as shown, the EXIF orientation applied, from the head of the file: nothing is decoded yet. */
async function measure(file, name) {
  const url = URL.createObjectURL(file);
  try {
    const image = h('img');
    await new Promise((resolve, reject) => {
      image.onload = resolve;
      image.onerror = () => reject(new Unreadable(words.faults[file.type.startsWith('image/') ? 'broken' : 'stranger'](name)));
      image.src = url;
    });
    const { naturalWidth: width, naturalHeight: height } = image;
    if (!(width > 0 && height > 0)) throw new Unreadable(words.faults.broken(name));
    if (width * height > MAX_PIXELS) throw new Unreadable(words.faults.large(name, width, height, MAX_PIXELS));
    // The vector formats have no bitmap of their own: the browser draws them.
    return { width, height, source: file.type === 'image/svg+xml' ? image : file };
  } finally {
    URL.revokeObjectURL(url);
  }
}

/**
 * The first frame of a picture.
 *
 * @param {Blob} file
 * @returns { name, width, height, moving, thin, pixels: { data: RGBA bytes, width, height } }, the pixels
 *   of a large picture made smaller
 * @throws {Unreadable} with a sentence
 */
export async function readPicture(file) {
  const name = file.name ? `“${file.name}”` : words.pasted;
  if (file.size === 0) throw new Unreadable(words.faults.empty(name));
  if (file.size > MAX_BYTES) throw new Unreadable(words.faults.heavy(name, file.size, MAX_BYTES));
  const { width, height, source } = await measure(file, name);
  let bitmap;
  try {
    bitmap = await createImageBitmap(source);
  } catch {
    throw new Unreadable(file.type === 'image/svg+xml' ? words.faults.unsized(name) : words.faults.broken(name));
  }
  try {
    const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
    const [w, t] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
    const context = h('canvas', { width: w, height: t }).getContext('2d', { willReadFrequently: true });
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, 0, 0, w, t);
    return {
      name, width, height,
      moving: moves(new Uint8Array(await file.arrayBuffer())),
      thin: Math.max(width / height, height / width) > THIN,
      pixels: context.getImageData(0, 0, w, t),
    };
  } catch {
    throw new Unreadable(words.faults.failed(name));
  } finally {
    bitmap.close();
  }
}
