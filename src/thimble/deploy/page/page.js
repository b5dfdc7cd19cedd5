// The page: an answer for an image, and the button that checks and measures.
import { checkFiles, checkGolden, checkPreprocessing, digest, fetched, sample } from "./check.js";
import { conditions, measured, median, quantile } from "./measure.js";
import { Member } from "./member.js";
import { npz, row } from "./npz.js";
import { decoded, preprocessed } from "./preprocess.js";

const $ = (id) => document.getElementById(id);
const text = (tag, words) => Object.assign(document.createElement(tag), { textContent: words });
const told = (name) => document.querySelector(`meta[name="thimble-${name}"]`)?.content;
const figure = (value) => Number(value.toPrecision(3)).toString();
const bytesOf = (artifact) => artifact.files.reduce((sum, file) => sum + file.bytes, 0);

const source = await (await fetched("manifest.json")).text();
const manifest = JSON.parse(source);
const { artifact } = manifest;
const threads = crossOriginIsolated ? Math.max(1, Math.min(Number(told("threads")) || manifest.runtime.threads, navigator.hardwareConcurrency || 1)) : 1;
let model = new Member(manifest.name, artifact, "model");

function failed(error) {
  $("problem").textContent = error.message ?? String(error);
  $("problem").hidden = false;
  document.body.dataset.state = "failed";
}

function progress(done, words) {
  $("progress").hidden = done >= 1;
  $("progress").value = done;
  $("status").textContent = words;
}

// ---- an answer -----------------------------------------------------------------------------------------------------

function scores(output) {
  const values = [...output.data].map(Number);
  if (manifest.answer.kind === "log probabilities") return values.map(Math.exp);
  if (manifest.answer.kind !== "logits" || !artifact.labels.length || values.length < 2) return values;
  const most = Math.max(...values), raised = values.map((value) => Math.exp(value - most)), sum = raised.reduce((a, b) => a + b);
  return raised.map((value) => value / sum);
}

async function answer(inputs) {
  await model.open(threads);
  const start = performance.now(), output = (await model.run(inputs))[manifest.answer.output], ms = performance.now() - start;
  const size = output.data.length / (manifest.golden.batch ?? 1), rows = scores({ data: output.data.slice(0, size) });
  const best = rows.map((score, i) => [artifact.labels.length === rows.length ? artifact.labels[i] : String(i), score]).sort((a, b) => b[1] - a[1]).slice(0, 5);
  $("answer").replaceChildren(...best.map(([label, score]) => {
    const item = document.createElement("li"), bar = Object.assign(document.createElement("meter"), { max: 1, value: Math.max(0, Math.min(1, score)) });
    item.append(text("span", label), bar, text("span", score.toFixed(3)));
    return item;
  }));
  $("took").textContent = `${figure(ms)} ms, this once; "Check and measure" says what it usually takes`;
}

async function answerImage(rgba) {
  const one = preprocessed(rgba, artifact.preprocess), batch = manifest.golden.batch ?? 1;
  await answer({ [artifact.inputs[0].name]: row({ ...one, dims: [1, ...one.dims] }, 0, batch) });
}

async function chosen(event, read) {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  $("problem").hidden = true;
  try {
    await read(file);
  } catch (error) {
    failed(new Error(`${file.name}: ${error.message}`));
  }
}

async function answerArrays(file) {
  const held = await npz(await file.arrayBuffer()), missing = artifact.inputs.find((one) => !held[one.name]);
  if (missing) throw new Error(`it has no array '${missing.name}'; the model takes ${artifact.inputs.map((one) => one.name).join(", ")}`);
  await answer(Object.fromEntries(artifact.inputs.map((one) => [one.name, row(held[one.name], 0, manifest.golden.batch ?? 1)])));
}

// ---- drawing: light on dark where the golden images are, else dark on light -----------------------------------------

async function pad() {
  const canvas = $("pad"), context = canvas.getContext("2d", { willReadFrequently: true });
  const first = manifest.golden.images[0] && (await decoded(await (await fetched(manifest.golden.images[0])).blob()));
  const dark = first ? first.data.filter((_, i) => i % 4 === 0).reduce((a, b) => a + b, 0) / (first.data.length / 4) < 128 : false;
  const clear = () => {
    context.fillStyle = dark ? "#000" : "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
  };
  clear();
  Object.assign(context, { lineWidth: canvas.width / 9, lineCap: "round", lineJoin: "round", strokeStyle: dark ? "#fff" : "#000" });
  const place = (event) => [(event.offsetX * canvas.width) / canvas.clientWidth, (event.offsetY * canvas.height) / canvas.clientHeight];
  let drawing = false;
  canvas.onpointerdown = (event) => {
    drawing = true;
    canvas.setPointerCapture(event.pointerId);
    context.beginPath();
    context.moveTo(...place(event));
  };
  canvas.onpointermove = (event) => {
    if (!drawing) return;
    context.lineTo(...place(event));
    context.stroke();
  };
  canvas.onpointerup = () => {
    drawing = false;
    answerImage(context.getImageData(0, 0, canvas.width, canvas.height)).catch(failed);
  };
  $("clear").onclick = () => (clear(), $("answer").replaceChildren());
}

// ---- checking and measuring ----------------------------------------------------------------------------------------

async function members() {
  const found = [model], held = await npz(await (await fetched(manifest.golden.file)).arrayBuffer()), inputs = sample(manifest, held, 0);
  if (manifest.reference) {
    const name = manifest.name === "fp32" ? "reference" : "fp32";
    found.unshift(new Member(name, manifest.reference, "reference"));
  }
  for (const one of found) {
    const opened = await one.open(threads), start = performance.now();
    await one.run(inputs);
    one.first ??= performance.now() - start;
    one.load ??= opened.ms;
    await one.ask("bind", { inputs });
  }
  return found;
}

async function deflated(member) {
  if (!globalThis.CompressionStream) return bytesOf(member.artifact);
  let sum = 0;
  for (const file of member.artifact.files) {
    const stream = (await fetched(member.url(file.path))).body.pipeThrough(new CompressionStream("deflate-raw"));
    sum += (await new Response(stream).arrayBuffer()).byteLength;
  }
  return sum;
}

async function result() {
  document.body.dataset.state = "checking";
  const files = await checkFiles(manifest, progress);
  say(files === null ? "files: not compared, since this address is neither https nor this machine" : `files: ${files} unchanged`);
  const preprocessing = await checkPreprocessing(manifest);
  if (preprocessing) say(`preprocessing: ${preprocessing.images} images, largest difference ${figure(preprocessing.largest_difference)}`);
  await model.open(threads);
  const golden = await checkGolden(manifest, model, progress);
  const off = Object.entries(golden.largest_difference).map(([name, value]) => `${name} ${figure(value)} of ${figure(golden.tolerance[name].absolute)}`);
  say(`golden answers: ${golden.samples} hold; largest difference, of what is tolerated: ${off.join(", ")}`);
  document.body.dataset.state = "measuring";
  const all = await members();
  const run = await measured(all, threads, await conditions(manifest.ships), progress);
  show(run);
  const described = [];
  for (const one of all) described.push({ name: one.name, artifact: one.artifact, load_ms: one.load, first_inference_ms: one.first, deflated_bytes: await deflated(one), bundled: one === model });
  for (const one of all) if (one !== model) one.close();
  const sha256 = globalThis.crypto?.subtle ? await digest(new TextEncoder().encode(source)) : "";
  return { kind: "thimble-measurement", format: 1, bundle: manifest.name, recipe: manifest.recipe, manifest_sha256: sha256, files, golden, preprocessing, members: described, run };
}

function say(line) {
  $("checks").append(text("li", line));
}

function show(run) {
  const rows = run.members.map((name) => {
    const times = run.rounds.flatMap((round) => round.samples_ms[name]);
    const ratios = run.rounds.map((round) => median(round.samples_ms[run.reference]) / median(round.samples_ms[name]));
    const ratio = name === run.reference ? "1" : `${figure(median(ratios))} (${figure(quantile(ratios, 0.25))} to ${figure(quantile(ratios, 0.75))})`;
    const line = document.createElement("tr");
    line.append(...[name, figure(median(times)), figure(quantile(times, 0.95)), ratio].map((cell) => text("td", cell)));
    return line;
  });
  $("figures").tBodies[0].replaceChildren(...rows);
  $("figures").hidden = false;
  const how = `${run.rounds.length} rounds, ${run.threads} ${run.threads > 1 ? "threads" : "thread"}; speedup: the median round, and the middle half of them`;
  $("warnings").replaceChildren(text("li", how), ...run.warnings.map((one) => text("li", one.text)));
}

async function send(body) {
  const address = told("results");
  if (!address) return "";
  const answer = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body }).catch(() => null);
  return answer?.ok ? "; sent to the computer that serves this page" : "; it could not be sent to the computer: save it";
}

$("measure").onclick = async () => {
  $("measure").disabled = true;
  $("problem").hidden = true;
  $("checks").replaceChildren();
  const lock = await navigator.wakeLock?.request("screen").catch(() => null);
  try {
    const found = await result(), body = JSON.stringify(found, null, 1);
    window.result = found;
    Object.assign($("save"), { hidden: false, download: `${manifest.name}-browser.json`, href: URL.createObjectURL(new Blob([body], { type: "application/json" })) });
    progress(1, `measured${await send(body)}`);
    document.body.dataset.state = "measured";
  } catch (error) {
    progress(1, "");
    failed(error);
  }
  lock?.release();
  $("measure").disabled = false;
};

// ---- the start -----------------------------------------------------------------------------------------------------

async function offline() {
  if (!isSecureContext || !navigator.serviceWorker) {
    $("offline").textContent = "This address is neither https nor this machine: the page needs its network, and has one thread.";
    return;
  }
  await navigator.serviceWorker.register(`sw.js?v=${(await digest(new TextEncoder().encode(source))).slice(0, 16)}`);
  await navigator.serviceWorker.ready;
  $("offline").textContent = "The page now works without a network.";
  document.body.dataset.offline = "ready";
  if (!crossOriginIsolated && !sessionStorage.reloaded) {
    sessionStorage.reloaded = "once"; // now the service worker sends the headers that threads need
    location.reload();
  }
}

async function start() {
  document.title = $("name").textContent = manifest.name;
  const images = Boolean(artifact.preprocess);
  for (const one of document.querySelectorAll(".image")) one.hidden = !images;
  for (const one of document.querySelectorAll(".tensor")) one.hidden = images;
  $("file").onchange = $("camera").onchange = (event) => chosen(event, async (file) => answerImage(await decoded(file)));
  $("arrays").onchange = (event) => chosen(event, answerArrays);
  for (const [i, path] of manifest.golden.images.slice(0, 8).entries()) {
    const button = document.createElement("button"), picture = Object.assign(new Image(), { src: path, alt: `golden sample ${i + 1}` });
    button.append(picture);
    button.onclick = async () => answerImage(await decoded(await (await fetched(path)).blob())).catch(failed);
    $("golden").append(button);
  }
  if (images) await pad();
  await model.open(threads);
  const size = bytesOf(artifact) / 1e6, web = manifest.ships["onnxruntime-web"];
  $("about").textContent = `${manifest.recipe || "as given"}: ${figure(size)} MB in ONNX Runtime Web ${web}, ${threads} ${threads > 1 ? "threads" : "thread"}. Images stay on this device.`;
  $("measure").disabled = false;
  document.body.dataset.state = "ready";
  offline().catch((error) => ($("offline").textContent = `The page needs its network: ${error.message}`));
  if (told("auto")) $("measure").click();
}

start().catch(failed);
