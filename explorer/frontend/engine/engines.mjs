// Two engines behind one interface, and one that begins as the first and goes on as the second:
//
//   await engine.ready
//   await engine.evaluate({ z, k, x, images })  ->  { mean, logLikelihood }
//   await engine.encode(x)                      ->  { loc, scale }
//
// z float32 (k, d); x float32 (D), the anchor; images: how many of the first latents' mean
// images are wanted. mean float32 (images, D); logLikelihood float32 (k), nats.

import { pixelsOf } from '../core/drawn.mjs';
import { ask } from './evidence.mjs';
import { words } from '../words/en/map.mjs';

const absolute = (url) => new URL(url, document.baseURI).href;

/** onnxruntime-web in a worker of this page. */
export class BrowserEngine {
  kind = 'browser';

  /** @param {(error: Error) => void} died called once, when the worker stops for good */
  constructor(manifest, died = () => {}) {
    this.manifest = manifest;
    this.died = () => {}; // who makes an engine hears of a refused worker by `ready`
    this.waiting = new Map();
    this.next = 0;
    // Resolves once the worker runs: a heavy script inserted before that would hold it up.
    this.begun = new Promise((resolve) => { this.begin = resolve; });
    try {
      this.worker = new Worker(new URL('./decoder.worker.mjs', import.meta.url), { type: 'module' });
    } catch (error) {
      this.die(refusal(error, 'worker'));
      this.ready = Promise.reject(this.dead);
      return;
    }
    this.died = died;
    this.worker.onmessage = ({ data: { hello, id, result, error, refused } }) => {
      if (hello) {
        this.running = true;
        this.begin();
        return;
      }
      const job = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) job?.resolve(result);
      else job?.reject(refusal(new Error(error), refused));
    };
    this.worker.onerror = (event) => {
      event.preventDefault?.(); // it is dealt with here
      this.die(refusal(new Error(event.message || words.engineFaults.stopped), this.running ? 'failed' : 'worker'));
    };
    const runtime = Object.fromEntries(Object.entries(manifest.runtime).map(([name, url]) => [name, absolute(url)]));
    this.ready = this.call('load', { runtime, decoder: absolute(manifest.decoder) });
  }

  call(call, args) {
    if (this.dead) return Promise.reject(this.dead);
    return new Promise((resolve, reject) => {
      const id = this.next++;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, call, args });
    });
  }

  /** Nothing more comes from the worker: who waits for it, and who asks later, is told. */
  die(error) {
    if (this.dead) return;
    this.dead = error;
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
    this.begin();
    this.died(error);
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
    this.died = () => {};
    this.worker?.terminate();
    this.die(new Error('closed'));
  }
}

/** An error with why the browser's engine cannot be: 'wasm', 'worker' or 'failed', see words.instead. */
function refusal(error, why = 'failed') {
  return Object.assign(error, { why });
}

const PATIENCE_MS = [10_000, 60_000]; // without a sign of life: at first, and after waiting in vain again and again
const BACKOFF_MS = [500, 15_000]; // before a connection is tried again

/** How long to wait before the next try after so many failures: at random, so that a class does not come back all at once. */
export function backoff(failures, chance = Math.random()) {
  return failures ? chance * Math.min(BACKOFF_MS[0] * 2 ** failures, BACKOFF_MS[1]) : 0;
}

/** The server's device over a binary WebSocket; the protocol is in explorer/serving/space/engine.py. */
export class ServerEngine {
  kind = 'server';
  begun = Promise.resolve();

  constructor(manifest) {
    this.manifest = manifest;
    this.waiting = new Map();
    this.next = 1;
    this.failures = 0;
    this.ready = this.connect();
  }

  async connect() {
    const wait = backoff(this.failures);
    if (wait) await new Promise((resolve) => setTimeout(resolve, wait));
    if (this.closed) throw new Error('closed');
    const url = new URL(this.manifest.socket, document.baseURI);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = (this.socket = new WebSocket(url));
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => this.receive(data);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      // The end of an old socket says nothing of the one that took its place.
      socket.onclose = () => {
        reject(new Error(words.engineFaults.unreachable));
        if (this.socket === socket) this.lose(words.engineFaults.lost);
      };
    });
  }

  receive(data) {
    this.heard = performance.now();
    if (typeof data === 'string') {
      this.fail(new Error(data));
      return;
    }
    this.failures = 0;
    const [id, k, D, images] = new Uint32Array(data, 0, Math.min(4, data.byteLength / 4));
    const word = data.byteLength === 8 ? k : undefined; // 0: it waits its turn; 1: newer messages took its place
    if (word === 0) return;
    const job = this.waiting.get(id);
    this.waiting.delete(id);
    if (word === 1) {
      job?.reject(new Error(words.engineFaults.lost));
      return;
    }
    job?.resolve({
      mean: new Float32Array(data, 16, images * D),
      logLikelihood: new Float32Array(data, 16 + 4 * images * D, k),
    });
  }

  fail(error) {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  /** The connection is gone: the next evaluation waits for another one. */
  lose(sentence) {
    this.socket = undefined;
    this.failures += 1;
    this.fail(new Error(sentence));
  }

  /** A link that died without a word (a laptop that slept) would hold every later drag up; a long queue at the server is none. */
  watch() {
    clearTimeout(this.watching);
    const patience = Math.min(PATIENCE_MS[0] * 2 ** this.failures, PATIENCE_MS[1]);
    this.watching = setTimeout(() => {
      if (!this.waiting.size) return;
      const silent = performance.now() - Math.max(this.heard ?? 0, this.asked);
      if (silent < patience - 50) {
        this.watch();
        return;
      }
      const { socket } = this;
      this.lose(words.engineFaults.lost);
      socket?.close();
    }, patience);
  }

  async evaluate({ z, k, x, images }) {
    if (!this.socket && !this.connecting) {
      this.connecting = this.ready = this.connect();
      this.ready.catch(() => {}).finally(() => { this.connecting = undefined; });
    }
    await this.ready;
    const { socket } = this;
    if (socket?.readyState !== WebSocket.OPEN) throw new Error(words.engineFaults.lost); // it went while this one waited for it
    const id = this.next++;
    const message = new ArrayBuffer(20 + 4 * (z.length + x.length));
    new Uint32Array(message, 0, 5).set([id, k, z.length / k, x.length, images]);
    new Float32Array(message, 20).set(z);
    new Float32Array(message, 20 + 4 * z.length).set(x);
    if (!this.waiting.size) this.asked = performance.now();
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      socket.send(message);
      this.watch();
    });
  }

  async encode(x) {
    const { loc, scale } = await ask(this.manifest.encode, { pixels: pixelsOf(x, this.manifest.observed === 'binary') });
    return { loc: Float32Array.from(loc), scale: Float32Array.from(scale) };
  }

  close() {
    this.closed = true;
    clearTimeout(this.watching);
    const { socket } = this;
    this.socket = undefined;
    socket?.close();
    this.fail(new Error('closed'));
  }
}

/** The browser's engine, and the server's by itself where the browser refuses or loses it. */
export class EitherEngine {
  /** @param {(engine: EitherEngine) => void} turned called when the server takes over */
  constructor(manifest, turned = () => {}, engines = { BrowserEngine, ServerEngine }) {
    this.manifest = manifest;
    this.turned = turned;
    this.engines = engines;
    this.engine = new engines.BrowserEngine(manifest, (error) => this.turn(error));
    this.begun = this.engine.begun;
    this.ready = this.engine.ready.catch((error) => this.turn(error).ready.catch(() => { throw error; }));
  }

  get kind() {
    return this.engine.kind;
  }

  /** The server's engine from now on; `why` says what stopped the browser's. */
  turn(error) {
    if (this.engine.kind === 'server' || this.closed) return this.engine;
    const before = this.engine;
    this.why = error.why ?? 'failed';
    this.engine = new this.engines.ServerEngine(this.manifest);
    this.engine.ready.catch(() => {}); // said where it is awaited
    before.close();
    this.turned(this);
    return this.engine;
  }

  /** Does something with the engine there is, once more with the server's where the browser's died of it. */
  async ask(what) {
    const { engine } = this;
    try {
      return await what(engine);
    } catch (error) {
      if (engine === this.engine || this.closed) throw error;
      return what(this.engine);
    }
  }

  evaluate(args) {
    return this.ask((engine) => engine.evaluate(args));
  }

  encode(x) {
    return this.ask((engine) => engine.encode(x));
  }

  /** Fetches the encoder ahead, where it is wanted here. */
  async encoder() {
    await this.engine.encoder?.();
  }

  close() {
    this.closed = true;
    this.engine.close();
  }
}

/** The engine a manifest names, or the one the person asked for. */
export function openEngine(manifest, wanted, turned) {
  return (wanted ?? manifest.engine) === 'server' ? new ServerEngine(manifest) : new EitherEngine(manifest, turned);
}
