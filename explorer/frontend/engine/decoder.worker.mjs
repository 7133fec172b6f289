// The decoder in a worker: latents in, images and log-likelihoods out; and the encoder, once it is
// asked for. Messages queue here one behind the other; which of them is still wanted is decided on the page.

let ort;
let session;
let encoding;

const calls = {
  async load({ runtime, decoder }) {
    if (!assembles()) throw Object.assign(new Error('WebAssembly is refused.'), { refused: 'wasm' });
    const loading = fetch(decoder).then((response) => {
      if (!response.ok) throw new Error(`The decoder could not be loaded (${response.status}).`);
      return response.arrayBuffer();
    });
    loading.catch(() => {}); // awaited below
    ort = await import(runtime.ort);
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = { mjs: runtime.mjs, wasm: runtime.wasm };
    session = await ort.InferenceSession.create(new Uint8Array(await loading), { executionProviders: ['wasm'] });
  },

  async loadEncoder({ encoder }) {
    const response = await fetch(encoder);
    if (!response.ok) throw new Error(`The encoder could not be loaded (${response.status}).`);
    encoding = await ort.InferenceSession.create(new Uint8Array(await response.arrayBuffer()), { executionProviders: ['wasm'] });
  },

  async encode({ x }) {
    const { loc, scale } = await encoding.run({ x: new ort.Tensor('float32', x, [1, x.length]) });
    return { loc: loc.data.slice(), scale: scale.data.slice() };
  },

  async evaluate({ z, k, x, images }) {
    const { mean, log_likelihood: logLikelihood } = await session.run({
      z: new ort.Tensor('float32', z, [k, z.length / k]),
      x: new ort.Tensor('float32', x, [1, x.length]),
    });
    // Slices, so that only the images that were asked for cross to the page.
    return { mean: mean.data.slice(0, images * x.length), logLikelihood: logLikelihood.data.slice() };
  },
};

/** Whether WebAssembly runs here: some browsers and policies refuse it. */
function assembles() {
  try {
    return Boolean(new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))); // the smallest there is
  } catch {
    return false;
  }
}

let last = Promise.resolve();

self.onmessage = ({ data: { id, call, args } }) => {
  last = last.then(async () => {
    try {
      const result = await calls[call](args);
      self.postMessage({ id, result }, Object.values(result ?? {}).map((values) => values.buffer));
    } catch (error) {
      self.postMessage({ id, error: String(error?.message ?? error), refused: error?.refused });
    }
  });
};

self.postMessage({ hello: true });
