// Two engines behind one interface:
//
//   await engine.ready
//   await engine.evaluate({ z, k, x, images })  ->  { mean, logLikelihood }
//   await engine.encode(x)                      ->  { loc, scale }
//
// z float32 (k, d); x float32 (D), the anchor; images: how many of the first latents' mean
// images are wanted. mean float32 (images, D); logLikelihood float32 (k), nats.

import { pixelsOf } from './drawn.mjs';
import { ask } from './evidence.mjs';
import { words } from './words.mjs';

const PATIENCE_MS = 10_000;
const absolute = (url) => new URL(url, document.baseURI).href;

/** onnxruntime-web in a worker of this page. */
export class BrowserEngine {
  kind = 'browser';

  constructor(manifest) {
    this.manifest = manifest;
    this.waiting = new Map();
    this.next = 0;
    this.worker = new Worker(new URL('./decoder.worker.mjs', import.meta.url), { type: 'module' });
    // Resolves once the worker runs: a heavy script inserted before that would hold it up.
    this.begun = new Promise((resolve) => { this.begin = resolve; });
    this.worker.onmessage = ({ data: { hello, id, result, error } }) => {
      if (hello) return this.begin();
      const job = this.waiting.get(id);
      this.waiting.delete(id);
      error === undefined ? job?.resolve(result) : job?.reject(new Error(error));
    };
    this.worker.onerror = (event) => this.fail(new Error(event.message || 'The decoder could not be started.'));
    const runtime = Object.fromEntries(Object.entries(manifest.runtime).map(([name, url]) => [name, absolute(url)]));
    this.ready = this.call('load', { runtime, decoder: absolute(manifest.decoder) });
  }

  call(call, args) {
    return new Promise((resolve, reject) => {
      const id = this.next++;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, call, args });
    });
  }

  fail(error) {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
    this.begin();
  }

  evaluate(args) {
    return this.call('evaluate', args);
  }

  /** Fetches the encoder, which only a drawn image needs. */
  encoder() {
    this.encoding ??= this.call('loadEncoder', { encoder: absolute(this.manifest.encoder) }).catch((error) => {
      this.encoding = undefined; // tried again with the next stroke
      throw error;
    });
    return this.encoding;
  }

  async encode(x) {
    await this.encoder();
    return this.call('encode', { x });
  }

  close() {
    this.worker.terminate();
    this.fail(new Error('closed'));
  }
}

/** The server's device over a binary WebSocket; the protocol is in explorer/serving/engine.py. */
export class ServerEngine {
  kind = 'server';
  begun = Promise.resolve();

  constructor(manifest) {
    this.manifest = manifest;
    this.waiting = new Map();
    this.next = 1;
    this.ready = this.connect();
  }

  connect() {
    const url = new URL(this.manifest.socket, document.baseURI);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = (this.socket = new WebSocket(url));
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => this.receive(data);
    // The end of an old socket says nothing of the one that took its place.
    socket.onclose = () => this.socket === socket && this.fail(new Error(words.engineFaults.lost));
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error(words.engineFaults.unreachable));
    });
  }

  receive(data) {
    if (typeof data === 'string') return this.fail(new Error(data));
    const [id, k, D, images] = new Uint32Array(data, 0, Math.min(4, data.byteLength / 4));
    const word = data.byteLength === 8 ? k : undefined; // 0: it waits its turn; 1: newer messages took its place
    if (word === 0) return this.listen();
    const job = this.waiting.get(id);
    this.waiting.delete(id);
    this.listen();
    if (word === 1) return job?.reject(new Error(words.engineFaults.lost));
    job?.resolve({
      mean: new Float32Array(data, 16, images * D),
      logLikelihood: new Float32Array(data, 16 + 4 * images * D, k),
    });
  }

  /** A link that died without a word (a laptop that slept) would hold every later drag up: silence ends it. */
  listen() {
    clearTimeout(this.patience);
    if (!this.waiting.size) return;
    const { socket } = this;
    this.patience = setTimeout(() => {
      if (this.socket === socket) this.fail(new Error(words.engineFaults.lost));
      socket.close();
    }, PATIENCE_MS);
  }

  fail(error) {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
    this.listen();
  }

  async evaluate({ z, k, x, images }) {
    if (this.socket.readyState > WebSocket.OPEN) this.ready = this.connect(); // after a lost connection
    await this.ready;
    const id = this.next++;
    const message = new ArrayBuffer(20 + 4 * (z.length + x.length));
    new Uint32Array(message, 0, 5).set([id, k, z.length / k, x.length, images]);
    new Float32Array(message, 20).set(z);
    new Float32Array(message, 20 + 4 * z.length).set(x);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.socket.send(message);
      if (this.waiting.size === 1) this.listen();
    });
  }

  async encode(x) {
    const { loc, scale } = await ask(this.manifest.encode, { pixels: pixelsOf(x, this.manifest.observed === 'binary') });
    return { loc: Float32Array.from(loc), scale: Float32Array.from(scale) };
  }

  close() {
    this.socket.onclose = null;
    this.socket.close();
    this.fail(new Error('closed'));
  }
}

/** The engine a manifest names, or the one the person asked for. */
export function openEngine(manifest, wanted) {
  return (wanted ?? manifest.engine) === 'server' ? new ServerEngine(manifest) : new BrowserEngine(manifest);
}
