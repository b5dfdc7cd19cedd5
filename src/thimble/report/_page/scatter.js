"use strict";
// Quality against size or latency, better upwards. What lies far below all others stands on the lower edge with an arrow.
(() => {
  const { STAR, shortened, frame, mark, haloed, dimmed, spoken, bold, own, spread, place } = charts;
  const APART = 0.6; // how close two points may come, in letters
  const LOG_FROM = 6; // a wider ratio of the extremes is drawn on a logarithmic axis

  function widened(values, share) {
    const low = Math.min(...values), high = Math.max(...values), room = (high - low) * share || Math.abs(high) * 0.05 || 1;
    return [low - room, high + room];
  }

  // The axes' ends, and functions from a figure to its pixel.
  function scales(data, xs, qualities, plot, height) {
    const least = Math.min(...xs), most = Math.max(...xs), logarithmic = least > 0 && most > LOG_FROM * least;
    const x = logarithmic ? [least / 1.25, most * 1.25] : widened(xs, 0.1), y = widened(qualities, 0.12);
    if (!logarithmic && x[0] < 0) x[0] = 0;
    if (data.percent && data.up) y[1] = Math.min(y[1], 100 + 0.03 * (100 - y[0]));
    if (!data.up) y.reverse();
    const share = (v) => (logarithmic ? Math.log(v / x[0]) / Math.log(x[1] / x[0]) : (v - x[0]) / (x[1] - x[0]));
    const toX = (v) => plot * share(v), toY = (v) => Math.min(height, Math.max(0, height * (1 - (v - y[0]) / (y[1] - y[0]))));
    return { logarithmic, x, y, toX, toY };
  }

  // The corners of the line that joins what no other beats in these two figures.
  function frontier(points, value, sign, plot) {
    const corners = [];
    let best = -Infinity;
    for (const point of [...points].sort((a, b) => value(a) - value(b) || sign * (b.quality[0] - a.quality[0]))) {
      if (sign * point.quality[0] <= best) continue;
      if (corners.length) corners.push({ x: point.x, y: corners[corners.length - 1].y });
      corners.push({ x: point.x, y: point.y });
      best = sign * point.quality[0];
    }
    return [...corners, { x: plot, y: corners[corners.length - 1].y }];
  }

  function beyond(limit, floor, scale, plot, height) {
    const shades = [];
    if (limit !== null && limit < scale.x[1]) shades.push({ x: scale.toX(Math.max(limit, scale.x[0])), x2: plot, y: 0, y2: height });
    if (floor !== null && scale.toY(floor) < height) shades.push({ x: 0, x2: plot, y: scale.toY(floor), y2: height });
    return shades;
  }

  function axes(data, kind, scale, plot) {
    const ticks = [1, 2, 5].flatMap((digit) => [-3, -2, -1, 0, 1, 2, 3, 4, 5].map((power) => digit * 10 ** power));
    const inside = scale.logarithmic ? { format: "~g", values: ticks.filter((tick) => tick >= scale.x[0] && tick <= scale.x[1]) } : {};
    const title = kind === "size" ? "size (MB)" : "latency (ms)";
    return [
      { orient: "bottom", scale: "x", grid: true, title, tickCount: Math.max(3, Math.round(plot / 90)), ...inside },
      { orient: "left", scale: "y", grid: true, title: data.metric, tickCount: 5 },
    ];
  }

  function marks(kind, look) {
    const area = (look.size * 0.62) ** 2 * 1.6;
    const acrossLatency = mark("rule", "rows", { x: "_lLow", x2: "_lHigh", y: "_y", stroke: "_colour", strokeWidth: 1.6, aria: false },
      { strokeOpacity: { signal: "lit === datum.id ? 1 : lit === null ? 0.5 : 0.1" } });
    const letters = { fontWeight: bold, fontSize: look.size * 0.84 };
    const names = { x: "_midX", y: "_midY", text: "_short", align: "center", baseline: "middle", ...letters };
    return [
      mark("rect", "shades", { x: "_x", x2: "_x2", y: "_y", y2: "_y2", fill: look.shade }),
      mark("line", "edge", { x: "_x", y: "_y", stroke: look.soft, strokeWidth: 1.3, strokeDash: [2, 3] }),
      mark("rule", "rows", { x: "_x", y: "_qLow", y2: "_qHigh", stroke: "_colour", aria: false }, {
        strokeOpacity: { signal: "datum.low ? 0 : lit === datum.id ? 1 : lit === null ? 0.28 : 0.08" },
        strokeWidth: { signal: "lit === datum.id ? 2 : 1.2" },
      }),
      ...(kind === "latency" ? [acrossLatency] : []),
      mark("symbol", "rows", {
        x: "_x", y: "_y", shape: "circle", size: area * 4.2, fill: "transparent", stroke: look.ink,
        strokeWidth: { signal: "datum.chosen ? 1.8 : 0" }, aria: false,
      }),
      mark("symbol", "rows", {
        x: "_x", y: "_y", shape: { signal: `datum.baseline ? '${STAR}' : datum.shape` },
        size: { signal: `datum.baseline ? ${area * 1.5} : ${area}` },
        stroke: look.paper, strokeWidth: 1, cursor: "pointer", description: spoken("text"), ariaRoleDescription: "candidate",
      }, { fill: own(look), fillOpacity: dimmed(1, 0.25) }, { name: "points", interactive: true }),
      mark("rule", "names", {
        x: "_x", y: "_y", x2: "_endX", y2: "_endY", stroke: look.soft, strokeWidth: { signal: "datum.leader ? 0.8 : 0" }, aria: false,
      }, { strokeOpacity: dimmed(1, 0.2) }),
      ...haloed("names", names, look, 0.3),
    ];
  }

  function scatter(data, rows, kind, look, width) {
    const value = (row) => (kind === "size" ? row.size : row.latency[0]), sign = data.up ? 1 : -1;
    const points = rows.filter((row) => row.quality && row.size !== null && (kind === "size" || row.latency)).map((row) => ({ ...row }));
    if (!points.length) return null;
    const padding = { left: look.size * 3.6, right: look.size * 0.8, top: look.size * 0.7, bottom: look.size * 2.9 };
    const plot = width - padding.left - padding.right;
    const height = Math.min(Math.max(plot * 0.62, 16 * look.size), 32 * look.size) * (points.length > 20 ? 1.4 : 1);
    const isLow = (row) => data.floor !== null && sign * row.quality[0] < sign * data.floor;
    const high = points.filter((row) => !isLow(row));
    const scale = scales(data, points.map(value), (high.length ? high : points).map((row) => row.quality[0]), plot, height);
    for (const row of points) {
      const low = isLow(row);
      Object.assign(row, {
        low, x: scale.toX(value(row)), y: low ? height : scale.toY(row.quality[0]), shape: low ? "triangle-down" : row.shape,
        text: `${row.sizeText}; ${row.latencyText}; ${row.qualityText}`,
        short: shortened(row.name, 30) + (low ? `: ${row.qualityText.split(" (")[0]}` : ""),
        rank: (row.chosen ? 8 : 0) + (row.baseline ? 4 : 0) + (row.frontier ? 2 : 0),
        qLow: scale.toY(row.quality[1]), qHigh: scale.toY(row.quality[2]),
        lLow: kind === "latency" ? scale.toX(row.latency[1]) : 0, lHigh: kind === "latency" ? scale.toX(row.latency[2]) : 0,
      });
    }
    const edge = frontier(points, value, sign, plot);
    spread(points, APART * look.size, plot, height);
    return {
      ...frame(plot, height, padding),
      data: [
        { name: "rows", values: points },
        { name: "edge", values: edge },
        { name: "names", values: place(points, edge, look, plot, height) },
        { name: "shades", values: beyond(look.limits[kind], look.limits.quality, scale, plot, height) },
      ],
      scales: [
        { name: "x", type: scale.logarithmic ? "log" : "linear", domain: scale.x, range: [0, plot], nice: false, zero: false },
        { name: "y", type: "linear", domain: scale.y, range: [height, 0], nice: false, zero: false },
      ],
      axes: axes(data, kind, scale, plot),
      marks: marks(kind, look),
    };
  }

  charts.scatter = scatter;
})();
