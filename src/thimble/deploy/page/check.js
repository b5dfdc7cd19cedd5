// Proves that the bundle gives here what it gave where it was made: its files, its preprocessing and its golden answers.
import { npz, row } from "./npz.js";
import { decoded, preprocessed } from "./preprocess.js";

const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const fetched = async (path) => {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} is missing`);
  return answer;
};
export const digest = async (buffer) => hex(await crypto.subtle.digest("SHA-256", buffer));

// How many files have the SHA-256 that the manifest says; null where the browser computes none (http, and not this machine).
export async function checkFiles(manifest, tell) {
  if (!globalThis.crypto?.subtle) return null;
  for (const [i, file] of manifest.files.entries()) {
    tell(i / manifest.files.length, `reading ${file.path}`);
    const content = await (await fetched(file.path)).arrayBuffer();
    // index.html is served with a line more by thimble serve, and is what runs already
    if (file.path !== "index.html" && (await digest(content)) !== file.sha256) throw new Error(`${file.path} is changed: its SHA-256 is not the manifest's`);
  }
  return manifest.files.length;
}

export function difference(have, want) {
  let largest = 0;
  for (let i = 0; i < want.length; i++) {
    const [one, other] = [Number(have[i]), Number(want[i])];
    if (Number.isFinite(one) !== Number.isFinite(other)) return Infinity;
    if (Number.isFinite(one)) largest = Math.max(largest, Math.abs(one - other));
  }
  return largest;
}

const argmax = (values) => values.reduce((best, value, i) => (value > values[best] ? i : best), 0);

// The largest difference of each output over all golden samples; throws where one is farther away than its tolerance.
export async function checkGolden(manifest, member, tell) {
  const { golden } = manifest, held = await npz(await (await fetched(golden.file)).arrayBuffer()), largest_difference = {};
  let same = 0;
  for (let i = 0; i < golden.samples; i++) {
    tell(i / golden.samples, `golden sample ${i + 1} of ${golden.samples}`);
    const outputs = await member.run(sample(manifest, held, i));
    for (const [name, key] of Object.entries(golden.outputs)) {
      const want = row(held[key], i), have = outputs[name]?.data;
      if (!have || have.length < want.data.length) throw new Error(`golden sample ${i}: output '${name}' is missing or has another shape`);
      const off = difference(have, want.data), limit = golden.tolerance[name].absolute;
      if (!(off <= limit)) throw new Error(`golden sample ${i}: output '${name}' differs by ${off.toPrecision(3)}; the tolerance is ${limit.toPrecision(3)}`);
      largest_difference[name] = Math.max(largest_difference[name] ?? 0, off);
    }
    const first = Object.keys(golden.outputs)[0], base = golden.baseline[first];
    if (base) {
      const want = row(held[base], i).data;
      same += argmax([...outputs[first].data].slice(0, want.length)) === argmax([...want]);
    }
  }
  return { samples: golden.samples, largest_difference, tolerance: golden.tolerance, ...(Object.keys(golden.baseline).length ? { same_answer_as_baseline: same } : {}) };
}

// The inputs of a golden sample by name.
export function sample(manifest, held, i) {
  const { golden } = manifest;
  return Object.fromEntries(Object.entries(golden.inputs).map(([name, key]) => [name, row(held[key], i, golden.batch ?? 1)]));
}

// How far the golden images, preprocessed here, lie from the golden inputs: 0, or the rounding of another Pillow than 13.
export async function checkPreprocessing(manifest) {
  const { golden, artifact } = manifest;
  if (!artifact.preprocess || !golden.images.length) return null;
  const held = await npz(await (await fetched(golden.file)).arrayBuffer()), key = Object.values(golden.inputs)[0], spec = artifact.preprocess;
  const step = spec.dtype === "uint8" ? 1 : spec.scale / 255 / Math.min(...spec.std);
  let largest = 0;
  for (const [i, path] of golden.images.entries()) {
    const found = preprocessed(await decoded(await (await fetched(path)).blob()), spec);
    largest = Math.max(largest, difference(found.data, row(held[key], i).data));
    if (!(largest <= 1.001 * step)) throw new Error(`${path}: this browser gives an input that differs by ${largest.toPrecision(3)}; one step of a pixel is ${step.toPrecision(3)}`);
  }
  return { images: golden.images.length, largest_difference: largest };
}
