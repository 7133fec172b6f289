// The pad's canvas: strokes onto it, planes onto it, and planes off it.

import { h } from '../core/dom.mjs';
import { area } from './normalise.mjs';

const SIDE = 448; // pixels of the longer side, or the whole multiple of the image's below it

export class Surface {
  /** @param shape [channels, height, width] of the model's images */
  constructor([channels, height, width]) {
    this.channels = channels;
    this.size = [width, height];
    // A whole multiple, so that an image put onto the pad comes off it unchanged.
    this.multiple = Math.max(1, Math.floor(SIDE / Math.max(width, height)));
    this.width = width * this.multiple;
    this.height = height * this.multiple;
    this.unit = Math.max(this.width, this.height) / 28; // widths and steps are in these
    this.canvas = h('canvas', { width: this.width, height: this.height });
    this.context = this.canvas.getContext('2d', { willReadFrequently: true });
    this.context.lineCap = 'round';
    this.context.lineJoin = 'round';
    this.wipe();
  }

  wipe() {
    this.context.fillStyle = '#000';
    this.context.fillRect(0, 0, this.width, this.height);
  }

  /** A stroke's first touch is a dot. */
  begin(point, width, colour) {
    const { context } = this;
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.arc(point[0], point[1], width / 2, 0, 2 * Math.PI);
    context.fill();
    this.last = point;
    this.middle = point;
  }

  /** Quadratic curves between the middles of the points, which are their controls. */
  extend(point) {
    const { context, last } = this;
    const middle = [(last[0] + point[0]) / 2, (last[1] + point[1]) / 2];
    context.beginPath();
    context.moveTo(...this.middle);
    context.quadraticCurveTo(...last, ...middle);
    context.stroke();
    this.last = point;
    this.middle = middle;
  }

  finish() {
    this.context.beginPath();
    this.context.moveTo(...this.middle);
    this.context.lineTo(...this.last);
    this.context.stroke();
  }

  /** The canvas as bytes, channel after channel: a quarter of what a browser keeps. */
  bytes() {
    const { data } = this.context.getImageData(0, 0, this.width, this.height);
    const count = data.length / 4;
    const bytes = new Uint8Array(this.channels * count);
    for (let c = 0; c < this.channels; c++) for (let i = 0; i < count; i++) bytes[c * count + i] = data[4 * i + c];
    return bytes;
  }

  /** The reverse. */
  show(bytes) {
    const image = this.context.createImageData(this.width, this.height);
    const count = this.width * this.height;
    for (let i = 0; i < count; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = bytes[(this.channels === 3 ? c * count : 0) + i];
      image.data[4 * i + 3] = 255;
    }
    this.context.putImageData(image, 0, 0);
  }

  /** Values channel after channel, of the image's size or of the canvas's, as the canvas's bytes. */
  toBytes(planes) {
    const bytes = new Uint8Array(this.channels * this.width * this.height);
    planes.forEach(({ data, width }, c) => {
      const multiple = this.width / width;
      for (let y = 0, i = c * this.width * this.height; y < this.height; y++) {
        const row = Math.floor(y / multiple) * width;
        for (let x = 0; x < this.width; x++, i++) bytes[i] = Math.round(255 * data[row + Math.floor(x / multiple)]);
      }
    });
    return bytes;
  }

  /** A plane for each channel, of the canvas's size. */
  planes(bytes) {
    const count = this.width * this.height;
    return Array.from({ length: this.channels }, (_, c) => {
      const data = new Float32Array(count);
      for (let i = 0; i < count; i++) data[i] = bytes[c * count + i] / 255; // in every frame: `from` takes ten times as long
      return { data, width: this.width, height: this.height };
    });
  }

  /** Of the image's size: the whole canvas, averaged by area. */
  small(plane) {
    return area(plane, { x: 0, y: 0, width: this.width, height: this.height }, ...this.size);
  }
}
