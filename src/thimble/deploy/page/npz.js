// NumPy's .npz files: a zip archive of arrays. Each is given as {data, dims, type}, the type by ONNX Runtime's name.

const TYPES = {
  "<f4": ["float32", Float32Array], "<f8": ["float64", Float64Array], "<f2": ["float16", globalThis.Float16Array ?? Uint16Array],
  "|u1": ["uint8", Uint8Array], "|i1": ["int8", Int8Array], "|b1": ["bool", Uint8Array], "<u2": ["uint16", Uint16Array],
  "<i2": ["int16", Int16Array], "<i4": ["int32", Int32Array], "<u4": ["uint32", Uint32Array], "<i8": ["int64", BigInt64Array],
  "<u8": ["uint64", BigUint64Array],
};

function array(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(0) !== 0x934e554d) throw new Error("it holds something that is no NumPy array");
  const wide = bytes[6] > 1, length = wide ? view.getUint32(8, true) : view.getUint16(8, true), start = (wide ? 12 : 10) + length;
  const head = new TextDecoder().decode(bytes.subarray(wide ? 12 : 10, start));
  const [, descr] = head.match(/'descr': '([^']+)'/) ?? [], [, shape] = head.match(/'shape': \(([^)]*)\)/) ?? [];
  if (!TYPES[descr] || shape === undefined || head.includes("'fortran_order': True")) throw new Error(`arrays of type ${descr} can't be read here`);
  const [type, Kind] = TYPES[descr];
  return { data: new Kind(bytes.slice(start).buffer), dims: shape.split(",").map((s) => s.trim()).filter(Boolean).map(Number), type };
}

export async function npz(buffer) {
  const bytes = new Uint8Array(buffer), view = new DataView(buffer);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new Error("it is no .npz file");
  const arrays = {};
  for (let i = 0, at = view.getUint32(end + 16, true); i < view.getUint16(end + 10, true); i++) {
    const method = view.getUint16(at + 10, true), size = view.getUint32(at + 20, true), local = view.getUint32(at + 42, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + view.getUint16(at + 28, true)));
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    let content = bytes.subarray(start, start + size);
    if (method === 8) {
      const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
      content = new Uint8Array(await new Response(stream).arrayBuffer());
    }
    arrays[name.replace(/\.npy$/, "")] = array(content);
    at += 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return arrays;
}

// One sample (row `i`) of an array, as a batch of `batch`.
export function row(found, i, batch = 1) {
  const size = found.data.length / found.dims[0], one = found.data.subarray(i * size, (i + 1) * size);
  const data = new found.data.constructor(size * batch);
  for (let b = 0; b < batch; b++) data.set(one, b * size);
  return { data, dims: [batch, ...found.dims.slice(1)], type: found.type };
}
