// The decoder in a worker: latents in, images and log-likelihoods out. Messages queue here
// one behind the other; which of them is still wanted is decided on the page.

let ort;
let session;

const calls = {
  async load({ runtime, decoder }) {
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

  async evaluate({ z, k, x, images }) {
    const { mean, log_likelihood: logLikelihood } = await session.run({
      z: new ort.Tensor('float32', z, [k, z.length / k]),
      x: new ort.Tensor('float32', x, [1, x.length]),
    });
    // Slices, so that only the images that were asked for cross to the page.
    return { mean: mean.data.slice(0, images * x.length), logLikelihood: logLikelihood.data.slice() };
  },
};

let last = Promise.resolve();

self.onmessage = ({ data: { id, call, args } }) => {
  last = last.then(async () => {
    try {
      const result = await calls[call](args);
      self.postMessage({ id, result }, result ? [result.mean.buffer, result.logLikelihood.buffer] : []);
    } catch (error) {
      self.postMessage({ id, error: String(error?.message ?? error) });
    }
  });
};

self.postMessage({ hello: true });
