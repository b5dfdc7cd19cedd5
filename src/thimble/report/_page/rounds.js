"use strict";
// Every timing of one member of a run, and the reference's below it: a drift that both show is the machine's.
charts.rounds = (run, members, look, width) => {
  const padding = { left: look.size * 3.6, right: look.size * 0.8, top: look.size * 1.4, bottom: look.size * 2.9 };
  const plot = width - padding.left - padding.right, high = look.size * 8, gap = look.size * 2.2;
  const timings = (member) => run.ms[member.key].flatMap((samples, i) => samples.map((ms) => ({ at: run.at[i], ms })));
  const panels = members.map((member) => ({ ...member, values: timings(member) })).filter((panel) => panel.values.length);
  if (!panels.length) return null;
  const start = Math.min(...run.at), end = Math.max(...run.at, start + 1);
  const title = {
    anchor: "start", frame: "group", fontSize: look.size * 0.86, fontWeight: "normal", color: look.soft, font: look.font, offset: 3,
  };
  return {
    ...charts.frame(plot, panels.length * (high + gap) - gap, padding),
    scales: [{ name: "x", type: "linear", domain: [start, end], range: [0, plot], zero: false }],
    axes: [{ orient: "bottom", scale: "x", title: "seconds since the run began", tickCount: 6 }],
    marks: panels.map((panel, i) => charts.mark("group", null, { y: i * (high + gap), width: plot, height: high }, {}, {
      title: { text: panel.title, ...title },
      data: [{ name: `panel${i}`, values: panel.values }],
      scales: [{ name: `y${i}`, type: "linear", domain: { data: `panel${i}`, field: "ms" }, range: [high, 0], zero: false, nice: true }],
      axes: [{ orient: "left", scale: `y${i}`, grid: true, tickCount: 4, title: "ms" }],
      marks: [charts.mark("symbol", `panel${i}`, {
        x: { scale: "x", field: "at" }, y: { scale: `y${i}`, field: "ms" }, size: look.size * 1.2,
        fill: panel.colour, fillOpacity: 0.6, aria: false,
      })],
    })),
  };
};
