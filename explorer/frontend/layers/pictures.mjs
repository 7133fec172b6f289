// Pictures of what places in latent space decode to.

import { paint } from './layers.mjs';

/** Puts grey or colour values in [0, 1], float32 (D), on a canvas of the images' size. */
export function show(canvas, values, channels) {
  const context = canvas.getContext('2d');
  const tile = context.createImageData(canvas.width, canvas.height);
  paint(tile.data, values, channels);
  context.putImageData(tile, 0, 0);
}

/** The same for bytes, as the data set has them. */
export function showBytes(canvas, bytes, channels) {
  show(canvas, Float32Array.from(bytes, (value) => value / 255), channels);
}

/** Decodes latents z float32 (k, d) 64 at a time: images float32 (k, D). */
export async function decoded({ engine, anchor }, z, d) {
  const count = z.length / d;
  let images;
  for (let first = 0; first < count; first += 64) {
    const k = Math.min(64, count - first);
    const { mean } = await engine.evaluate({ z: z.slice(first * d, (first + k) * d), k, x: anchor.x, images: k });
    images ??= new Float32Array((mean.length / k) * count);
    images.set(mean, (mean.length / k) * first);
  }
  return images;
}
