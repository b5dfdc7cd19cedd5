"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);
  const views = new Map();
  let lit = null;

  // ---- theme ------------------------------------------------------------------------------------------------------
  const remembered = { get: () => { try { return localStorage.getItem("thimble-theme"); } catch { return null; } },
    set: (value) => { try { localStorage.setItem("thimble-theme", value); } catch { /* a page from a file may have no storage */ } } };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  function nameTheme() { one("#theme").textContent = theme() === "dark" ? "Light" : "Dark"; }
  if (remembered.get()) root.dataset.theme = remembered.get();
  nameTheme();
  one("#theme").addEventListener("click", () => {
    root.dataset.theme = theme() === "dark" ? "light" : "dark";
    remembered.set(root.dataset.theme);
    nameTheme();
    draw();
  });
  dark.addEventListener("change", () => { nameTheme(); draw(); });

  // ---- table: filter, sort, copy ----------------------------------------------------------------------------------
  const body = one("#table tbody");
  const lines = all("tr", body);
  const pressed = (kind) => all(`.chip[data-filter="${kind}"][aria-pressed="true"]`).map((chip) => chip.dataset.value);
  function passes(line) {
    const row = data.rows[Number(line.dataset.id)], words = one("#search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const runtimes = pressed("runtime"), techniques = pressed("technique"), own = line.dataset.techniques.split("|");
    const text = `${row.name} ${row.recipe} ${row.runtime}`.toLowerCase();
    if (runtimes.length && !runtimes.includes(line.dataset.runtime)) return false;
    if (techniques.length && !techniques.some((name) => own.includes(name))) return false;
    return words.every((word) => text.includes(word));
  }
  function filter() {
    lines.forEach((line) => { line.hidden = !passes(line); });
    const count = lines.filter((line) => !line.hidden).length;
    const all = `${count} candidate${count === 1 ? "" : "s"}`;
    one("#shown").textContent = count === lines.length ? all : `${count} of ${lines.length} candidates`;
    return draw();
  }
  one("#search").addEventListener("input", filter);
  all(".chip").forEach((chip) => chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
    filter();
  }));

  const heads = all("#table thead th");
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((other) => other.setAttribute("aria-sort", other === head ? (up ? "ascending" : "descending") : "none"));
    const key = (line) => (line.children[column] && line.children[column].dataset.sort) || "";
    lines.sort((a, b) => {
      const mine = key(a), other = key(b);
      if (!mine || !other) return mine === other ? a.dataset.id - b.dataset.id : mine ? -1 : 1;
      const order = column < 2 ? mine.localeCompare(other, undefined, { numeric: true }) : Number(mine) - Number(other);
      return (up ? order : -order) || a.dataset.id - b.dataset.id;
    });
    body.append(...lines);
  }));

  async function copy(button, text) {
    let done = true;
    try { await navigator.clipboard.writeText(text); } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
    }
    const label = button.dataset.label || (button.dataset.label = button.textContent);
    button.textContent = done ? "Copied" : "Could not copy";
    button.dataset.copied = text;
    setTimeout(() => { button.textContent = label; }, 1500);
  }
  const visible = () => lines.filter((line) => !line.hidden).map((line) => Number(line.dataset.id));
  const shownLines = (head, line) => [...head, ...visible().map(line)].join("\n") + "\n";
  one("#copy-csv").addEventListener("click", (event) => copy(event.currentTarget, shownLines([data.csv[0]], (id) => data.csv[id + 1])));
  one("#copy-markdown").addEventListener("click", (event) => {
    copy(event.currentTarget, shownLines(data.markdown[0], (id) => data.markdown[id + 1][0]));
  });

  // ---- pictures ---------------------------------------------------------------------------------------------------
  function look() {
    const style = getComputedStyle(root), colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const names = ["ink", "soft", "line", "grid", "paper", "shade", "grey"];
    const colours = Object.fromEntries(names.map((name) => [name, colour(name)]));
    return { ...colours, size: parseFloat(style.fontSize) * 0.86, font: getComputedStyle(document.body).fontFamily, limits: data.limits };
  }
  function specOf(kind, rows, style, width) {
    if (kind === "size" || kind === "latency") return charts.bars(data.rows, rows, kind, style, width);
    return charts.scatter(data, rows, kind.split("-")[1], style, width);
  }
  async function show(box, spec, style) {
    if (views.has(box)) { views.get(box).finalize(); views.delete(box); }
    box.replaceChildren();
    const turn = box.turn = (box.turn || 0) + 1;
    if (!spec) { box.textContent = visible().length ? "Not measured." : "The filters leave no candidate."; return; }
    const inside = document.createElement("div");
    const { view } = await vegaEmbed(inside, spec, {
      mode: "vega", renderer: "svg", actions: false, ast: true, hover: false, tooltip: false, defaultStyle: false, logLevel: 1,
      config: charts.config(style),
    });
    if (box.turn !== turn) { view.finalize(); return; }
    box.replaceChildren(inside);
    const svg = inside.querySelector("svg");
    svg.setAttribute("aria-hidden", box.getAttribute("role") === "img" ? "true" : "false");
    const at = (item) => item && item.mark && item.mark.name === "points" ? item.datum.id : null;
    view.addEventListener("mousemove", (event, item) => { if (at(item) === null) quiet(); else light(at(item), event.clientX, event.clientY); });
    view.addEventListener("mouseout", quiet);
    view.addEventListener("click", (event, item) => { if (at(item) !== null) light(at(item), event.clientX, event.clientY); });
    views.set(box, view);
  }
  async function draw() {
    if (!window.vegaEmbed) return;
    const style = look(), shown = visible(), rows = data.rows.filter((row) => shown.includes(row.id));
    await Promise.all([
      ...all(".picture .canvas").map((box) => show(box, specOf(box.parentElement.dataset.picture, rows, style, box.clientWidth), style)),
      ...all("details[open] .rounds").map((box) => drawRounds(box, style)),
    ]);
    root.dataset.drawn = root.dataset.drawn || String(Math.round(performance.now())); // milliseconds since the page was opened
  }
  function drawRounds(box, style = look()) {
    const row = data.rows[Number(box.closest("details").dataset.id)], run = data.runs[Number(box.dataset.run)];
    const reference = data.rows.find((other) => other.key === run.reference);
    const panel = (other) => ({ key: other.key, title: other.name, colour: other.baseline ? style.grey : other.colour });
    const panels = reference && reference.id !== row.id && run.ms[reference.key] ? [panel(row), panel(reference)] : [panel(row)];
    return show(box, charts.rounds(run, panels, style, box.clientWidth), style);
  }

  // ---- pointing at a candidate ------------------------------------------------------------------------------------
  // The picture through which the keyboard walks: the candidate stays while the page scrolls (going to a picture may scroll it).
  let walked = null;
  const tip = one("#tip");
  function light(id, x, y, by = null) {
    [lit, walked] = [id, by];
    const row = data.rows[id], name = document.createElement("b"), recipe = document.createElement("code");
    name.textContent = row.name;
    recipe.textContent = row.recipe;
    const known = [["size", row.sizeText], ["latency", row.latencyText], [data.metricName, row.qualityText], ["drop", row.dropText]];
    const figures = known.filter(([, text]) => text).map(([label, text]) => {
      const line = document.createElement("div");
      line.textContent = `${label} ${text}`;
      return line;
    });
    const runtime = document.createElement("div");
    runtime.textContent = row.runtime;
    tip.replaceChildren(name, recipe, runtime, ...figures);
    tip.hidden = false;
    place(x, y);
    mark();
  }
  function place(x, y) {
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(6, Math.min(x + 14, innerWidth - box.width - 6))}px`;
    tip.style.top = `${y + 16 + box.height > innerHeight ? Math.max(6, y - box.height - 12) : Math.max(6, y + 16)}px`;
  }
  function beside(box) { const area = box.getBoundingClientRect(); return [area.left + 24, area.top + 12]; }
  function quiet() { walked = null; if (lit === null) return; lit = null; tip.hidden = true; mark(); }
  function mark() {
    for (const [box, view] of views) if (!box.classList.contains("rounds") && view.signal("lit") !== lit) view.signal("lit", lit).run();
    lines.forEach((line) => line.classList.toggle("lit", Number(line.dataset.id) === lit));
  }
  all(".picture .canvas").forEach((box) => {
    box.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") quiet();
      if (event.key === "Enter" && lit !== null) location.hash = `c-${lit}`;
      if (!step) return;
      event.preventDefault();
      const ids = visible().filter((id) => data.rows[id].size !== null), index = ids.indexOf(lit);
      const next = index < 0 ? (step > 0 ? 0 : ids.length - 1) : (index + step + ids.length) % ids.length;
      light(ids[next], ...beside(box), box);
    });
    box.addEventListener("blur", quiet);
  });
  lines.forEach((line) => {
    line.addEventListener("mouseenter", () => { lit = Number(line.dataset.id); mark(); });
    line.addEventListener("mouseleave", quiet);
  });
  document.addEventListener("scroll", () => { if (walked) place(...beside(walked)); else quiet(); }, { passive: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") quiet(); });

  // ---- details ----------------------------------------------------------------------------------------------------
  all("#details details").forEach((box) => box.addEventListener("toggle", () => {
    if (box.open) all(".rounds", box).filter((rounds) => !views.has(rounds)).forEach((rounds) => drawRounds(rounds));
  }));
  function follow() {
    const box = /^#c-\d+$/.test(location.hash) && one(location.hash);
    all("details.target").forEach((other) => other.classList.remove("target"));
    if (box) { box.open = true; box.classList.add("target"); box.scrollIntoView(); }
  }
  addEventListener("hashchange", follow);

  // ---- legend, first drawing, new widths --------------------------------------------------------------------------
  const legend = one("#legend");
  function entry(shape, colour, words) {
    const item = document.createElement("li");
    const [svg, path] = ["svg", "path"].map((name) => document.createElementNS("http://www.w3.org/2000/svg", name));
    svg.setAttribute("viewBox", "-.7 -.7 1.4 1.4");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", charts.symbol(shape));
    path.setAttribute("fill", colour);
    svg.append(path);
    item.append(svg, words);
    legend.append(item);
  }
  if (legend) {
    entry("star", "var(--grey)", "baseline");
    data.runtimes.forEach((runtime) => entry(runtime.shape, runtime.colour, runtime.name));
    if (Object.values(data.limits).some((limit) => limit !== null)) entry("square", "#d55e0066", "beyond a limit");
  }
  filter();
  follow();
  let wide = innerWidth, waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === wide) return;
    wide = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(draw, 120);
  });
  addEventListener("beforeprint", () => draw());
})();
