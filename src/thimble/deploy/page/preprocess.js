// From an image to a network's input, as thimble.core.preprocess does it with Pillow and NumPy.
// Resampling is Pillow 13's: weights in fixed point of 22 bits, one side after the other, 8 bits in between: the same pixels exactly.

const BITS = 22;

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function cubic(x) {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

// Each filter's reach in pixels, and its weight at a distance.
const FILTERS = {
  box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  hamming: [1, (x) => (Math.abs(x) >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)))],
  bicubic: [2, (x) => cubic(Math.abs(x))],
  lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

// For each output pixel along one side: the first input pixel, and the weights of those from there on, in fixed point.
function weights(from, to, filter) {
  const [reach, weight] = FILTERS[filter];
  const scale = from / to;
  const wide = Math.max(1, scale);
  const support = reach * wide;
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    const found = [];
    let sum = 0;
    for (let x = first; x < end; x++) {
      found.push(weight((x - center + 0.5) * (1 / wide)));
      sum += found[found.length - 1];
    }
    return [first, found.map((w) => Math.trunc((sum ? w / sum : w) * 2 ** BITS + (w < 0 ? -0.5 : 0.5)))];
  });
}

function clipped(sum) {
  return Math.min(255, Math.max(0, Math.floor(sum / 2 ** BITS)));
}

// One side of an image {data, width, height, channels} resampled; `across` is its width, else its height.
function resampled(image, to, filter, across) {
  const { data, width, height, channels } = image;
  const length = across ? width : height;
  if (length === to) return image;
  const table = weights(length, to, filter);
  const [w, h] = across ? [to, height] : [width, to];
  const out = new Uint8Array(w * h * channels);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [first, shares] = table[across ? x : y];
      const start = (across ? y * width + first : first * width + x) * channels;
      const step = across ? channels : width * channels;
      for (let c = 0; c < channels; c++) {
        let sum = 2 ** (BITS - 1);
        for (let k = 0; k < shares.length; k++) sum += data[start + k * step + c] * shares[k];
        out[(y * w + x) * channels + c] = clipped(sum);
      }
    }
  }
  return { data: out, width: w, height: h, channels };
}

function nearest(image, width, height) {
  const places = (from, to) => {
    const found = [];
    for (let i = 0, at = (from / to) * 0.5; i < to; i++, at += from / to) found.push(Math.min(from - 1, Math.floor(at)));
    return found;
  };
  const [columns, rows, n] = [places(image.width, width), places(image.height, height), image.channels];
  const out = new Uint8Array(width * height * n);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < n; c++) out[(y * width + x) * n + c] = image.data[(rows[y] * image.width + columns[x]) * n + c];
  return { data: out, width, height, channels: n };
}

// Whether the pass down comes first: since Pillow 13 where an image loses more than twice as many rows as columns.
function downFirst(image, width, height) {
  const rows = image.height - height, columns = image.width - width;
  return rows > 0 && rows > 2 * columns;
}

function resized(image, width, height, filter) {
  if (width === image.width && height === image.height) return image;
  if (filter === "nearest") return nearest(image, width, height);
  if (downFirst(image, width, height)) return resampled(resampled(image, height, filter, false), width, filter, true);
  return resampled(resampled(image, width, filter, true), height, filter, false);
}

// The middle of an image; where it is smaller, what lies outside is 0.
function cropped(image, width, height) {
  const left = Math.floor((image.width - width) / 2), top = Math.floor((image.height - height) / 2), n = image.channels;
  const out = new Uint8Array(width * height * n);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [u, v] = [x + left, y + top];
      if (u < 0 || v < 0 || u >= image.width || v >= image.height) continue;
      for (let c = 0; c < n; c++) out[(y * width + x) * n + c] = image.data[(v * image.width + u) * n + c];
    }
  return { data: out, width, height, channels: n };
}

// Python's round: halves go to the even number.
function rounded(value) {
  const low = Math.floor(value), rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low;
}

// The whole image scaled to fit, in the middle of bars of one grey value.
function letterboxed(image, width, height, spec) {
  const share = Math.min(width / image.width, height / image.height), n = image.channels;
  const made = resized(image, Math.max(1, rounded(image.width * share)), Math.max(1, rounded(image.height * share)), spec.resample);
  const left = Math.floor((width - made.width) / 2), top = Math.floor((height - made.height) / 2);
  const out = new Uint8Array(width * height * n).fill(spec.pad);
  for (let y = 0; y < made.height; y++)
    out.set(made.data.subarray(y * made.width * n, (y + 1) * made.width * n), ((y + top) * width + left) * n);
  return { data: out, width, height, channels: n };
}

// RGBA on white as RGB, or as grey by Pillow's weights.
function flat(rgba, grey) {
  const count = rgba.width * rgba.height, n = grey ? 1 : 3;
  const out = new Uint8Array(count * n);
  for (let i = 0; i < count; i++) {
    const alpha = rgba.data[4 * i + 3];
    const [r, g, b] = [0, 1, 2].map((c) => (alpha === 255 ? rgba.data[4 * i + c] : Math.round((rgba.data[4 * i + c] * alpha + 255 * (255 - alpha)) / 255)));
    if (grey) out[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    else out.set([r, g, b], 3 * i);
  }
  return { data: out, width: rgba.width, height: rgba.height, channels: n };
}

// An upright image {data: RGBA, width, height} as the network takes it: {data, dims} without the batch.
export function preprocessed(rgba, spec) {
  const height = spec.size, width = spec.width ?? spec.size;
  let image = flat(rgba, spec.channels === "grey");
  if (spec.resize === null && (spec.pad ?? null) !== null) image = letterboxed(image, width, height, spec);
  else if (spec.resize === null) image = resized(image, width, height, spec.resample);
  else {
    const short = Math.min(image.width, image.height);
    const side = (length) => Math.trunc((spec.resize * length) / short);
    image = cropped(resized(image, side(image.width), side(image.height), spec.resample), width, height);
  }
  const n = image.channels, count = width * height, chw = spec.layout === "chw";
  const data = spec.dtype === "uint8" ? new Uint8Array(count * n) : new Float32Array(count * n);
  const of = (values, c) => Math.fround(values[values.length === 1 ? 0 : c]);
  for (let i = 0; i < count; i++)
    for (let c = 0; c < n; c++) {
      let value = image.data[i * n + (spec.channels === "bgr" ? n - 1 - c : c)];
      if (spec.dtype !== "uint8") {
        value = Math.fround(Math.fround(value * Math.fround(spec.scale)) / 255);
        value = Math.fround(Math.fround(value - of(spec.mean, c)) / of(spec.std, c));
      }
      data[chw ? c * count + i : i * n + c] = value;
    }
  return { data, dims: chw ? [n, height, width] : [height, width, n], type: spec.dtype };
}

// The pixels of an image file, upright, without the browser's colour management.
export async function decoded(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none", imageOrientation: "from-image" });
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}
