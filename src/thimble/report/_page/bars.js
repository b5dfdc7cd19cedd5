"use strict";
// Size or latency: one row a candidate with its name, its bar, its figure, and where there is one its interval.
(() => {
  const { textWidth, fitted, frame, mark, haloed, dimmed, spoken, bold, own } = charts;

  function values(rows, kind) {
    const figure = (row, i) => (kind === "latency" && row.latency ? row.latency[i] : null);
    return rows
      .map((row) => ({
        ...row,
        value: kind === "size" ? row.size : figure(row, 0), low: figure(row, 1), high: figure(row, 2),
        text: kind === "size" ? row.sizeText : row.speedText,
      }))
      .filter((row) => row.value !== null);
  }

  // Names stand left of the bars where there is room, else above them.
  function laidOut(rows, look, width) {
    const size = look.size, wide = width > 30 * size, step = size * (wide ? 1.6 : 2.7), thick = size * (wide ? 1 : 0.85);
    const longest = Math.max(...rows.map((row) => textWidth(row.name, size)));
    const left = wide ? Math.min(longest + size, width * 0.36) : size * 0.35;
    const right = Math.max(...rows.map((row) => textWidth(row.text, size * 0.9))) + size * 1.2;
    rows.forEach((row, i) => {
      row.short = fitted(row.name, size * (row.chosen ? 1.09 : 1), (wide ? left : width) - size);
      row.y = i * step + (wide ? step / 2 : step - thick);
      row.nameY = wide ? row.y : row.y - thick * 1.25;
      row.end = Math.max(row.value, row.high || 0);
    });
    return { wide, step, thick, left, right, plot: Math.max(4 * size, width - left - right), height: rows.length * step };
  }

  function bars(all, rows, kind, look, width) {
    const shown = values(rows, kind);
    if (!shown.length) return null;
    const { wide, step, thick, left, right, plot, height } = laidOut(shown, look, width), size = look.size;
    const most = Math.max(...shown.map((row) => row.end)), limit = look.limits[kind];
    const reference = values(all, kind).find((row) => row.baseline);
    const at = (field) => ({ scale: "x", field }), to = (value) => ({ scale: "x", value });
    const whisker = { stroke: look.ink, strokeWidth: { signal: "datum.high === null ? 0 : 1.6" }, aria: false };
    const cap = (end) => mark("rule", "rows", {
      ...whisker, x: at(end), y: { signal: `datum.y - ${thick * 0.28}` }, y2: { signal: `datum.y + ${thick * 0.28}` },
    });
    const figures = {
      x: { signal: `scale('x', datum.end) + ${size * 0.4}` }, y: "_y", text: "_text", baseline: "middle",
      fontSize: size * 0.9, fontWeight: bold,
    };
    const names = {
      x: wide ? -size * 0.6 : 0, y: "_nameY", text: "_short", align: wide ? "right" : "left", baseline: "middle",
      fontSize: size * (wide ? 0.95 : 0.9), fontWeight: bold,
    };
    return {
      ...frame(plot, height, { left, right, top: 6, bottom: size * 3 }),
      data: [{ name: "rows", values: shown }],
      scales: [{ name: "x", type: "linear", domain: [0, most], range: [0, plot], zero: true }],
      axes: [{
        orient: "bottom", scale: "x", grid: true, tickCount: Math.max(3, Math.round(plot / 90)),
        title: kind === "size" ? "MB" : "ms", titlePadding: 2,
      }],
      marks: [
        ...(limit !== null && limit < most ? [mark("rect", null, { x: to(limit), x2: plot, y: 0, y2: height, fill: look.shade })] : []),
        mark("rect", "rows", { x: 0, x2: at("value"), yc: "_y", height: thick, cornerRadius: 2, description: spoken("text") },
          { fill: own(look), fillOpacity: dimmed(1, 0.3) }),
        mark("rule", "rows", { ...whisker, x: at("low"), x2: at("high"), y: "_y" }),
        cap("low"),
        cap("high"),
        ...(reference && reference.value <= most ? [mark("rule", null, {
          x: to(reference.value), y: -4, y2: height, stroke: look.grey, strokeDash: [5, 4], strokeWidth: 1.2,
        })] : []),
        ...haloed("rows", figures, look, 0.35),
        ...haloed("rows", names, look, 0.35),
        mark("rect", "rows", {
          x: -left, x2: plot + right, yc: "_y", height: step, fill: "transparent", aria: false, cursor: "pointer",
        }, {}, { name: "points", interactive: true }),
      ],
    };
  }

  charts.bars = bars;
})();
