// Holds one opened model in a thread of its own, with a WebAssembly memory of its own, and times it: nothing else runs there.
import * as ort from "./runtime/ort.wasm.min.mjs";

ort.env.wasm.wasmPaths = new URL("./runtime/", import.meta.url).href;
let session = null, feeds = {};

const tensors = (inputs) => Object.fromEntries(Object.entries(inputs).map(([name, one]) => [name, new ort.Tensor(one.type, one.data, one.dims)]));
const now = () => performance.now();

const actions = {
  async open({ model, beside, threads }) {
    ort.env.wasm.numThreads = threads;
    const start = now();
    const externalData = beside.map(([path, url]) => ({ path, data: url }));
    session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"], ...(beside.length ? { externalData } : {}) });
    return { ms: now() - start, threads: ort.env.wasm.numThreads };
  },
  async run({ inputs }) {
    const found = await session.run(tensors(inputs));
    return { outputs: Object.fromEntries(Object.entries(found).map(([name, one]) => [name, { data: one.data, dims: one.dims, type: one.type }])) };
  },
  bind({ inputs }) {
    feeds = tensors(inputs);
    return {};
  },
  // Milliseconds of `count` samples, each the mean of `repeat` inferences; untimed ones go before, since others took the caches.
  async time({ count, repeat, settle }) {
    for (const until = now() + settle; now() < until; ) await session.run(feeds);
    const samples = [];
    for (let i = 0; i < count; i++) {
      const start = now();
      for (let k = 0; k < repeat; k++) await session.run(feeds);
      samples.push((now() - start) / repeat);
    }
    return { samples };
  },
};

onmessage = async ({ data: { id, what, ...given } }) => {
  try {
    postMessage({ id, ...(await actions[what](given)) });
  } catch (error) {
    postMessage({ id, error: String(error?.message ?? error) });
  }
};
