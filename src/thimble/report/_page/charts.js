"use strict";
// Vega specifications of the page's pictures. Positions are worked out here, in pixels, so that names and marks can
// keep out of each other's way; Vega draws axes, marks and the labels that fit.
window.charts = (() => {
  const canvas = document.createElement("canvas").getContext("2d");
  const APART = 9;

  function textWidth(text, size) {
    canvas.font = `${size}px system-ui, sans-serif`;
    return canvas.measureText(text).width;
  }

  function shortened(text, length) {
    if (text.length <= length) return text;
    const tail = Math.floor((length - 1) / 2);
    return text.slice(0, length - 1 - tail) + "…" + text.slice(text.length - tail);
  }

  // The text with as much of its middle cut out as it takes to fit into so many pixels.
  function fitted(text, size, room) {
    let length = text.length, short = text;
    while (length > 5 && textWidth(short, size) > room) short = shortened(text, --length);
    return short;
  }

  function config(look) {
    return {
      background: null,
      font: look.font,
      axis: { labelColor: look.soft, titleColor: look.soft, gridColor: look.grid, domainColor: look.line, tickColor: look.line,
        labelFontSize: look.size * 0.86, titleFontSize: look.size * 0.86, titleFontWeight: "normal", labelFont: look.font, titleFont: look.font },
      text: { font: look.font },
    };
  }

  const dimmed = (full, low) => ({ signal: `lit === null || lit === datum.id ? ${full} : ${low}` });
  const said = (key) => ({ signal: `datum.name + ', ' + datum.${key}` });
  const base = (width, height, padding) => ({ width, height, padding, autosize: "none", signals: [{ name: "lit", value: null }] });

  // One row a candidate: its name, its bar, its figure, and where there is one its interval.
  function bars(all, rows, kind, look, width) {
    const own = rows.map((row) => ({ ...row, value: kind === "size" ? row.size : row.latency && row.latency[0],
      low: kind === "latency" && row.latency ? row.latency[1] : null, high: kind === "latency" && row.latency ? row.latency[2] : null,
      text: kind === "size" ? row.sizeText : row.speedText })).filter((row) => row.value !== null);
    if (!own.length) return null;
    const wide = width > 30 * look.size, step = look.size * (wide ? 1.6 : 2.7), thick = look.size * (wide ? 1 : 0.85);
    const nameRoom = wide ? Math.min(Math.max(...own.map((row) => textWidth(row.name, look.size))) + look.size, width * 0.36) : look.size * 0.35;
    const names = own.map((row) => fitted(row.name, look.size, wide ? nameRoom - look.size : width - look.size));
    const textRoom = Math.max(...own.map((row) => textWidth(row.text, look.size * 0.9))) + look.size * 1.2;
    const plot = Math.max(4 * look.size, width - nameRoom - textRoom);
    own.forEach((row, i) => Object.assign(row, { short: names[i], y: i * step + (wide ? step / 2 : step - thick) }));
    const most = Math.max(...own.map((row) => Math.max(row.value, row.high || 0)));
    const x = { name: "x", type: "linear", domain: [0, most], range: [0, plot], zero: true };
    const at = (field) => ({ scale: "x", field });
    const line = (value, colour, dash) => ({ type: "rule", interactive: false, encode: { enter: { x: { scale: "x", value }, y: { value: -4 }, y2: { value: own.length * step },
      stroke: { value: colour }, strokeDash: { value: dash }, strokeWidth: { value: 1.2 } } } });
    const first = all.find((row) => row.baseline);
    const reference = first && (kind === "size" ? first.size : first.latency && first.latency[0]);
    const limit = look.limits[kind];
    return {
      ...base(plot, own.length * step, { left: nameRoom, right: textRoom, top: 6, bottom: look.size * 3 }),
      data: [{ name: "rows", values: own }],
      scales: [x],
      axes: [{ orient: "bottom", scale: "x", grid: true, tickCount: Math.max(2, Math.round(plot / 90)), title: kind === "size" ? "MB" : "ms", titlePadding: 2 }],
      marks: [
        ...(limit !== null && limit < most ? [{ type: "rect", interactive: false, encode: { enter: { x: { scale: "x", value: limit }, x2: { value: plot }, y: { value: 0 },
          y2: { value: own.length * step }, fill: { value: look.shade } } } }] : []),
        { type: "rect", from: { data: "rows" }, encode: { enter: { x: { value: 0 }, x2: at("value"), yc: { field: "y" }, height: { value: thick }, cornerRadius: { value: 2 },
          description: said("text") }, update: { fill: { signal: `datum.baseline ? '${look.grey}' : datum.colour` }, fillOpacity: dimmed(1, 0.3) } } },
        { type: "rule", interactive: false, from: { data: "rows" }, encode: { enter: { x: at("low"), x2: at("high"), y: { field: "y" }, stroke: { value: look.ink },
          strokeWidth: { signal: "datum.high === null ? 0 : 1.6" } } } },
        ...["low", "high"].map((end) => ({ type: "rule", interactive: false, from: { data: "rows" }, encode: { enter: { x: at(end), y: { signal: `datum.y - ${thick * 0.28}` },
          y2: { signal: `datum.y + ${thick * 0.28}` }, stroke: { value: look.ink }, strokeWidth: { signal: "datum.high === null ? 0 : 1.6" } } } })),
        ...(reference !== null && reference !== undefined && reference <= most ? [line(reference, look.grey, [5, 4])] : []),
        ...[look.paper, null].map((halo) => ({ type: "text", interactive: false, from: { data: "rows" }, encode: { enter: {
          x: { signal: `scale('x', max(datum.value, datum.high)) + ${look.size * 0.4}` }, y: { field: "y" }, text: { field: "text" }, baseline: { value: "middle" },
          fontSize: { value: look.size * 0.9 }, fontWeight: { signal: "datum.chosen ? 700 : 400" }, stroke: { value: halo }, strokeWidth: { value: halo ? 4 : 0 } },
          update: { fill: { value: halo || look.ink }, fillOpacity: halo ? { value: 1 } : dimmed(1, 0.35) } } })),
        { type: "text", interactive: false, from: { data: "rows" }, encode: { enter: { text: { field: "short" }, fontSize: { value: look.size * (wide ? 0.95 : 0.9) },
          baseline: { value: "middle" }, fontWeight: { signal: "datum.chosen ? 700 : 400" },
          x: { value: wide ? -look.size * 0.6 : 0 }, align: { value: wide ? "right" : "left" }, y: wide ? { field: "y" } : { signal: `datum.y - ${thick * 1.25}` } },
          update: { fill: { value: look.ink }, fillOpacity: dimmed(1, 0.35) } } },
        { type: "rect", name: "points", from: { data: "rows" }, encode: { enter: { x: { value: -nameRoom }, x2: { value: plot + textRoom }, yc: { field: "y" }, height: { value: step },
          fill: { value: "transparent" }, aria: { value: false }, cursor: { value: "pointer" } } } },
      ],
    };
  }

  // Points that would cover one another are pushed apart.
  function spread(points, distance, width, height) {
    for (let round = 0; round < 60; round++) {
      let still = true;
      for (let i = 0; i < points.length; i++) for (let j = 0; j < i; j++) {
        let dx = points[i].x - points[j].x, dy = points[i].y - points[j].y, gap = Math.hypot(dx, dy);
        if (gap >= distance - 1e-6) continue;
        still = false;
        const push = (distance - gap) / 2;
        if (gap < 1e-6) { dx = Math.cos(2.4 * i); dy = Math.sin(2.4 * i); gap = 1; }
        points[i].x += push * dx / gap; points[i].y += push * dy / gap;
        points[j].x -= push * dx / gap; points[j].y -= push * dy / gap;
      }
      if (still) break;
    }
    for (const point of points) { point.x = Math.min(Math.max(point.x, 0), width); point.y = Math.min(Math.max(point.y, 0), height); }
  }

  const DIRECTIONS = [0, 180, 35, -35, 145, -145, 90, -90, 15, -15, 165, -165, 60, -60, 120, -120].map((angle) => angle * Math.PI / 180);
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

  function crosses(box, from, to) {
    let low = 0, high = 1;
    for (const [start, end, least, most] of [[from.x, to.x, box.left, box.right], [from.y, to.y, box.top, box.bottom]]) {
      if (start === end) { if (start <= least || start >= most) return false; continue; }
      const near = (least - start) / (end - start), far = (most - start) / (end - start);
      low = Math.max(low, Math.min(near, far));
      high = Math.min(high, Math.max(near, far));
    }
    return low < high;
  }

  // A place for each name that has one: over no other name, no point, and not outside. The others are named by pointing.
  function place(points, edge, look, width, height) {
    const size = look.size * 0.84, tall = size * 1.15, reach = Math.min(look.size * 9, width * 0.2), taken = [], leaders = [], placed = [];
    const radius = (point) => look.size * (point.chosen ? 0.85 : 0.45);
    const markers = points.map((point) => ({ left: point.x - radius(point), right: point.x + radius(point), top: point.y - radius(point), bottom: point.y + radius(point) }));
    const crowd = (point) => points.filter((other) => Math.hypot(point.x - other.x, point.y - other.y) < 4 * look.size).length;
    const order = points.map((point, i) => ({ point, i, rank: point.rank * 100 + crowd(point) })).sort((a, b) => b.rank - a.rank || a.i - b.i);
    for (const { point, i } of order) {
      const wide = textWidth(point.short, size) * (point.chosen ? 1.09 : 1) + 4, blocked = [...taken, ...markers.filter((_, j) => j !== i)];
      let best = null;
      for (let away = radius(point) + 3; away < reach && !(best && away > best.cost); away += Math.max(5, 0.2 * away)) for (const angle of DIRECTIONS) {
        const shift = (part) => Math.max(-1, Math.min(1, 1.5 * part));
        const midX = point.x + away * Math.cos(angle) + wide / 2 * shift(Math.cos(angle)), midY = point.y - away * Math.sin(angle) - tall / 2 * shift(Math.sin(angle));
        const box = { left: midX - wide / 2, right: midX + wide / 2, top: midY - tall / 2, bottom: midY + tall / 2 };
        if (box.left < 0 || box.right > width || box.top < -tall / 2 || box.bottom > height || blocked.some((other) => meet(box, other)) || leaders.some(([from, to]) => crosses(box, from, to))) continue;
        const end = { x: Math.min(Math.max(point.x, box.left), box.right), y: Math.min(Math.max(point.y, box.top), box.bottom) };
        let cost = Math.hypot(end.x - point.x, end.y - point.y) + 40 * blocked.filter((other) => crosses(other, point, end)).length;
        for (let k = 1; k < edge.length; k++) if (crosses(box, edge[k - 1], edge[k])) cost += 12;
        if (!best || cost < best.cost) best = { cost, box, end, midX, midY };
      }
      if (!best) continue;
      taken.push(best.box);
      leaders.push([point, best.end]);
      const near = crowd(point) > 1 && points.some((other) => other !== point && Math.hypot(point.x - other.x, point.y - other.y) < 1.5 * look.size);
      placed.push({ ...point, midX: best.midX, midY: best.midY, endX: best.end.x, endY: best.end.y, leader: near || best.cost > 1.4 * look.size });
    }
    return placed;
  }

  function domainOf(values, share) {
    const low = Math.min(...values), high = Math.max(...values);
    const room = (high - low) * share || Math.abs(high) * 0.05 || 1;
    return [low - room, high + room];
  }

  // Quality against size or latency, better upwards; what lies far below stands on the edge with an arrow.
  function scatter(data, rows, kind, look, width) {
    const value = (row) => kind === "size" ? row.size : row.latency[0];
    const own = rows.filter((row) => row.quality && row.size !== null && (kind === "size" || row.latency)).map((row) => ({ ...row }));
    if (!own.length) return null;
    const padding = { left: look.size * 3.6, right: look.size * 0.8, top: look.size * 0.7, bottom: look.size * 2.9 };
    const plot = width - padding.left - padding.right, height = Math.min(Math.max(plot * 0.62, 16 * look.size), 32 * look.size) * (own.length > 20 ? 1.4 : 1);
    const sign = data.up ? 1 : -1, isLow = (row) => data.floor !== null && sign * row.quality[0] < sign * data.floor;
    const xs = own.map(value), shown = own.filter((row) => !isLow(row)).map((row) => row.quality[0]);
    const logarithmic = Math.min(...xs) > 0 && Math.max(...xs) > 6 * Math.min(...xs);
    const xDomain = logarithmic ? [Math.min(...xs) / 1.25, Math.max(...xs) * 1.25] : domainOf(xs, 0.1);
    if (!logarithmic && xDomain[0] < 0) xDomain[0] = 0;
    const yDomain = domainOf(shown.length ? shown : own.map((row) => row.quality[0]), 0.12);
    if (data.percent && data.up) yDomain[1] = Math.min(yDomain[1], 100 + 0.03 * (100 - yDomain[0]));
    if (!data.up) yDomain.reverse();
    const xScale = (v) => plot * (logarithmic ? Math.log(v / xDomain[0]) / Math.log(xDomain[1] / xDomain[0]) : (v - xDomain[0]) / (xDomain[1] - xDomain[0]));
    const yScale = (v) => Math.min(height, Math.max(0, height * (1 - (v - yDomain[0]) / (yDomain[1] - yDomain[0]))));
    for (const row of own) {
      const low = isLow(row);
      Object.assign(row, { x: xScale(value(row)), y: low ? height : yScale(row.quality[0]), low, text: `${row.sizeText}; ${row.latencyText}; ${row.qualityText}`,
        shape: row.baseline ? "stroke" : low ? "triangle-down" : row.shape, short: shortened(row.name, 30) + (low ? `: ${row.qualityText.split(" (")[0]}` : ""),
        rank: (row.chosen ? 8 : 0) + (row.baseline ? 4 : 0) + (row.frontier ? 2 : 0),
        qLow: yScale(row.quality[1]), qHigh: yScale(row.quality[2]), lLow: kind === "latency" ? xScale(row.latency[1]) : 0, lHigh: kind === "latency" ? xScale(row.latency[2]) : 0 });
    }
    const edge = [];
    let best = -Infinity;
    for (const row of [...own].sort((a, b) => value(a) - value(b) || sign * (b.quality[0] - a.quality[0]))) {
      if (sign * row.quality[0] <= best) continue;
      if (edge.length) edge.push({ x: row.x, y: edge[edge.length - 1].y });
      edge.push({ x: row.x, y: row.y });
      best = sign * row.quality[0];
    }
    edge.push({ x: plot, y: edge[edge.length - 1].y });
    spread(own, APART * look.size / 15, plot, height);
    const shades = [];
    const xLimit = look.limits[kind], yLimit = look.limits.quality;
    if (xLimit !== null && xLimit < xDomain[1]) shades.push({ x: Math.max(0, xScale(Math.max(xLimit, xDomain[0]))), x2: plot, y: 0, y2: height });
    if (yLimit !== null && yScale(yLimit) < height) shades.push({ x: 0, x2: plot, y: yScale(yLimit), y2: height });
    const area = (look.size * 0.62) ** 2 * 1.6;
    const names = place(own, edge, look, plot, height);
    return {
      ...base(plot, height, padding),
      data: [{ name: "rows", values: own }, { name: "edge", values: edge }, { name: "names", values: names }, { name: "shades", values: shades }],
      scales: [{ name: "x", type: logarithmic ? "log" : "linear", domain: xDomain, range: [0, plot], nice: false, zero: false },
        { name: "y", type: "linear", domain: yDomain, range: [height, 0], nice: false, zero: false }],
      axes: [{ orient: "bottom", scale: "x", grid: true, title: kind === "size" ? "size (MB)" : "latency (ms)", tickCount: Math.max(3, Math.round(plot / 90)),
        ...(logarithmic ? { format: "~g", values: [1, 2, 5].flatMap((digit) => [-3, -2, -1, 0, 1, 2, 3, 4, 5].map((power) => digit * 10 ** power)).filter((tick) => tick >= xDomain[0] && tick <= xDomain[1]) } : {}) },
      { orient: "left", scale: "y", grid: true, title: data.metric, tickCount: 5 }],
      marks: [
        { type: "rect", interactive: false, from: { data: "shades" }, encode: { enter: { x: { field: "x" }, x2: { field: "x2" }, y: { field: "y" }, y2: { field: "y2" }, fill: { value: look.shade } } } },
        { type: "line", interactive: false, from: { data: "edge" }, encode: { enter: { x: { field: "x" }, y: { field: "y" }, stroke: { value: look.soft }, strokeWidth: { value: 1.3 }, strokeDash: { value: [2, 3] } } } },
        { type: "rule", interactive: false, from: { data: "rows" }, encode: { enter: { x: { field: "x" }, y: { field: "qLow" }, y2: { field: "qHigh" }, stroke: { field: "colour" } },
          update: { strokeOpacity: { signal: "datum.low ? 0 : lit === datum.id ? 1 : lit === null ? 0.28 : 0.08" }, strokeWidth: { signal: "lit === datum.id ? 2 : 1.2" } } } },
        ...(kind === "latency" ? [{ type: "rule", interactive: false, from: { data: "rows" }, encode: { enter: { x: { field: "lLow" }, x2: { field: "lHigh" }, y: { field: "y" }, stroke: { field: "colour" } },
          update: { strokeOpacity: { signal: "lit === datum.id ? 1 : lit === null ? 0.5 : 0.1" }, strokeWidth: { value: 1.6 } } } }] : []),
        { type: "symbol", interactive: false, from: { data: "rows" }, encode: { enter: { x: { field: "x" }, y: { field: "y" }, shape: { value: "circle" }, size: { value: area * 4.2 }, fill: { value: "transparent" },
          stroke: { value: look.ink }, strokeWidth: { signal: "datum.chosen ? 1.8 : 0" } } } },
        { type: "symbol", name: "points", from: { data: "rows" }, encode: { enter: { x: { field: "x" }, y: { field: "y" }, shape: { signal: `datum.baseline ? '${STAR}' : datum.shape` },
          size: { signal: `datum.baseline ? ${area * 1.5} : ${area}` }, stroke: { value: look.paper }, strokeWidth: { value: 1 }, cursor: { value: "pointer" }, description: said("text"), ariaRoleDescription: { value: "candidate" } },
        update: { fill: { signal: `datum.baseline ? '${look.grey}' : datum.colour` }, fillOpacity: dimmed(1, 0.25) } } },
        { type: "rule", interactive: false, from: { data: "names" }, encode: { enter: { x: { field: "x" }, y: { field: "y" }, x2: { field: "endX" }, y2: { field: "endY" }, stroke: { value: look.soft },
          strokeWidth: { signal: "datum.leader ? 0.8 : 0" } }, update: { strokeOpacity: dimmed(1, 0.2) } } },
        ...[look.paper, null].map((halo) => ({ type: "text", interactive: false, from: { data: "names" }, encode: { enter: { x: { field: "midX" }, y: { field: "midY" }, text: { field: "short" },
          align: { value: "center" }, baseline: { value: "middle" }, fontSize: { value: look.size * 0.84 }, fontWeight: { signal: "datum.chosen ? 700 : 400" }, stroke: { value: halo },
          strokeWidth: { value: halo ? 3 : 0 }, strokeOpacity: { value: 0.8 } }, update: { fill: { value: look.ink }, fillOpacity: halo ? { value: 0 } : dimmed(1, 0.3) } } })),
      ],
    };
  }
  const STAR = "M0,-1 0.24,-0.33 0.95,-0.31 0.39,0.12 0.59,0.81 0,0.4 -0.59,0.81 -0.39,0.12 -0.95,-0.31 -0.24,-0.33Z";

  // Every timing of one member over the run, and the reference's below it: drift of the machine shows in both.
  function rounds(run, names, look, width) {
    const padding = { left: look.size * 3.6, right: look.size * 0.8, top: look.size * 1.4, bottom: look.size * 2.9 };
    const plot = width - padding.left - padding.right, high = look.size * 8, gap = look.size * 2.2;
    const panels = names.map((member, i) => ({ ...member, offset: i * (high + gap),
      values: run.ms[member.key].flatMap((samples, at) => samples.map((ms) => ({ at: run.at[at], ms }))) })).filter((panel) => panel.values.length);
    if (!panels.length) return null;
    return {
      ...base(plot, panels.length * (high + gap) - gap, padding),
      scales: [{ name: "x", type: "linear", domain: [Math.min(...run.at), Math.max(...run.at, Math.min(...run.at) + 1)], range: [0, plot], zero: false }],
      axes: [{ orient: "bottom", scale: "x", title: "seconds since the run began", tickCount: 6 }],
      marks: panels.map((panel, i) => ({
        type: "group", encode: { enter: { y: { value: panel.offset }, width: { value: plot }, height: { value: high } } },
        title: { text: panel.title, anchor: "start", frame: "group", fontSize: look.size * 0.86, fontWeight: "normal", color: look.soft, font: look.font, offset: 3 },
        data: [{ name: `panel${i}`, values: panel.values }],
        scales: [{ name: `y${i}`, type: "linear", domain: { data: `panel${i}`, field: "ms" }, range: [high, 0], zero: false, nice: true }],
        axes: [{ orient: "left", scale: `y${i}`, grid: true, tickCount: 4, title: "ms" }],
        marks: [{ type: "symbol", interactive: false, from: { data: `panel${i}` }, encode: { enter: { x: { scale: "x", field: "at" }, y: { scale: `y${i}`, field: "ms" }, size: { value: look.size * 1.2 },
          fill: { value: panel.colour }, fillOpacity: { value: 0.6 }, aria: { value: false } } } }],
      })),
    };
  }

  function symbol(shape) {
    return { circle: "M-.5,0A.5,.5,0,1,1,.5,0A.5,.5,0,1,1,-.5,0Z", square: "M-.45,-.45H.45V.45H-.45Z", diamond: "M0,-.6 .5,0 0,.6 -.5,0Z", "triangle-up": "M0,-.5 .55,.45 -.55,.45Z",
      "triangle-down": "M0,.5 .55,-.45 -.55,-.45Z", "triangle-left": "M-.5,0 .45,-.55 .45,.55Z", "triangle-right": "M.5,0 -.45,-.55 -.45,.55Z",
      cross: "M-.17,-.5H.17V-.17H.5V.17H.17V.5H-.17V.17H-.5V-.17H-.17Z",
      star: "M0,-.6 .14,-.2 .57,-.19 .23,.07 .35,.49 0,.24 -.35,.49 -.23,.07 -.57,-.19 -.14,-.2Z" }[shape];
  }

  return { bars, scatter, rounds, config, symbol };
})();
