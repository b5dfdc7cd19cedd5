// Interleaved rounds, as Thimble measures everywhere: each member in turn, in a new random order each round; medians, no means.

const ROUNDS = 25, SLICE_MS = 60, MOST = 40, SETTLE_MS = 5, WARM_MS = 1000, LONGEST_MS = 10_000, FEWEST = 12;
export const TICKS = 20; // ticks of the clock that one timed sample lasts at least: an error of 5 % at most

export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// The smallest step of the clock in ms: browsers round it, to 0.005 where threads are allowed, else to 0.1 or 1.
export function tick() {
  let least = Infinity;
  for (const until = performance.now() + 30; performance.now() < until; ) {
    const start = performance.now();
    let next = start;
    while (next === start) next = performance.now();
    least = Math.min(least, next - start);
  }
  return least;
}

function steady(samples) {
  const width = Math.max(3, samples.length >> 2);
  if (samples.length < Math.max(FEWEST, 2 * width)) return false;
  const before = median(samples.slice(-2 * width, -width)), last = median(samples.slice(-width));
  return Math.abs(last - before) <= 0.02 * before;
}

async function warmed(member, step, warnings) {
  const start = performance.now(), samples = [];
  while (performance.now() - start < LONGEST_MS && !(steady(samples) && performance.now() - start > WARM_MS)) {
    const settle = samples.length ? SLICE_MS : 0; // small models become fast only after thousands of inferences
    samples.push(...(await member.ask("time", { count: 3, repeat: 1, settle })).samples);
  }
  const usual = Math.max(median(samples.slice(-20)), step / 10);
  member.repeat = Math.max(1, Math.ceil((TICKS * step) / usual));
  member.count = Math.max(1, Math.min(MOST, Math.round(SLICE_MS / (usual * member.repeat))));
  if (!steady(samples)) warnings.push({ code: "not-steady", text: `latency was not steady after ${LONGEST_MS / 1000} s of warm-up`, member: member.name });
  return samples;
}

function shuffled(members) {
  const order = [...members];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

// A measuring run of opened members with bound inputs, as Thimble stores one; the first member is the reference.
export async function measured(members, threads, environment, tell) {
  const began = new Date(), start = performance.now(), step = tick(), warnings = [], warmup_ms = {}, rounds = [];
  let hidden = document.hidden;
  const watch = () => (hidden ||= document.hidden);
  document.addEventListener("visibilitychange", watch);
  for (const member of members) {
    tell(0, `warming up ${member.name}`);
    warmup_ms[member.name] = await warmed(member, step, warnings);
  }
  for (let i = 0; i < ROUNDS; i++) {
    tell(i / ROUNDS, `round ${i + 1} of ${ROUNDS}`);
    const order = shuffled(members), samples_ms = {}, at_s = (performance.now() - start) / 1000;
    for (const one of order) samples_ms[one.name] = (await one.ask("time", { count: one.count, repeat: one.repeat, settle: SETTLE_MS })).samples;
    rounds.push({ order: order.map((one) => one.name), samples_ms, at_s });
  }
  document.removeEventListener("visibilitychange", watch);
  for (const { name, repeat } of members.filter((one) => one.repeat > 1)) {
    warnings.push({ code: "coarse-clock", text: `this browser's clock ticks in steps of ${+step.toFixed(4)} ms, so each time is the mean of ${repeat} inferences; single slow ones don't show`, member: name });
  }
  if (hidden) warnings.push({ code: "page-hidden", text: "the page was in the background for a while; browsers slow such pages down: measure again" });
  if (!crossOriginIsolated) warnings.push({ code: "one-thread", text: "this page may use one thread only: WebAssembly's threads need https (or localhost) and the headers that thimble serve sends" });
  const stamp = began.toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  const id = `${stamp}-${Math.floor(Math.random() * 2 ** 24).toString(16).padStart(6, "0")}`;
  const names = members.map((one) => one.name);
  return { id, members: names, reference: names[0], seed: 0, threads, batch: 1, rounds, environment, warnings, warmup_ms, started: began.toISOString().slice(0, 19) + "+00:00" };
}

// What a browser tells of the device; what it doesn't tell is left at "unknown" or 0.
export async function conditions(versions) {
  const told = (await navigator.userAgentData?.getHighEntropyValues?.(["architecture", "bitness", "model", "platformVersion", "fullVersionList"]).catch(() => null)) ?? {};
  const brand = told.fullVersionList?.findLast((one) => !/not.?a/i.test(one.brand));
  const agent = navigator.userAgent, system = told.platform ? `${told.platform} ${told.platformVersion ?? ""}`.trim() : agent.match(/\(([^)]*)\)/)?.[1] ?? "unknown";
  const [, name, version] = agent.match(/(Firefox|Edg|Chrome|Version)\/([\d.]+)/) ?? [];
  return {
    machine: told.model || "a browser", processor: [told.architecture, told.bitness].filter(Boolean).join(" ") || navigator.platform || "unknown",
    features: crossOriginIsolated ? ["wasm-simd", "wasm-threads"] : ["wasm-simd"], cores: navigator.hardwareConcurrency || 1,
    memory_mb: Math.round((navigator.deviceMemory ?? 0) * 1000), system, python: "", governor: "",
    versions: { ...versions, [(brand?.brand ?? name ?? "browser").toLowerCase()]: brand?.version ?? version ?? "unknown" },
  };
}
