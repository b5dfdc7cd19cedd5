"use strict";
// What all pictures share: the measure of texts, the parts of a Vega specification, colours and symbols. Positions are
// worked out in pixels by these scripts, so that names and marks keep out of each other's way; Vega draws them.
window.charts = (() => {
  const canvas = document.createElement("canvas").getContext("2d");
  const STAR = "M0,-1 .24,-.33 .95,-.31 .39,.12 .59,.81 0,.4 -.59,.81 -.39,.12 -.95,-.31 -.24,-.33Z";

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

  // The look of axes and texts; `look` holds the page's size of letters and its colours in the present theme.
  function config(look) {
    const size = look.size * 0.86;
    return {
      background: null,
      font: look.font,
      axis: {
        labelColor: look.soft, titleColor: look.soft, gridColor: look.grid, domainColor: look.line, tickColor: look.line,
        labelFontSize: size, titleFontSize: size, titleFontWeight: "normal", labelFont: look.font, titleFont: look.font,
      },
      text: { font: look.font },
    };
  }

  // The frame of a picture whose inside is `width` x `height`. `lit` is the id of the candidate that is pointed at.
  function frame(width, height, padding) {
    return { width, height, padding, autosize: "none", signals: [{ name: "lit", value: null }] };
  }

  // A mark for each item of a data set (or one by itself). A number or text is a value, `_name` a field, else an encoding.
  function mark(type, data, enter, update = {}, more = {}) {
    const channel = (given) => {
      if (typeof given === "string" && given.startsWith("_")) return { field: given.slice(1) };
      return given !== null && typeof given === "object" && !Array.isArray(given) ? given : { value: given };
    };
    const channels = (given) => Object.fromEntries(Object.entries(given).map(([name, value]) => [name, channel(value)]));
    const from = data ? { from: { data } } : {};
    return { type, interactive: false, ...from, encode: { enter: channels(enter), update: channels(update) }, ...more };
  }

  // A text with a halo in the paper's colour, so that it reads on top of lines.
  function haloed(data, enter, look, low) {
    return [
      mark("text", data, { ...enter, stroke: look.paper, strokeWidth: 3.5, strokeOpacity: 0.85, fill: look.paper, aria: false }),
      mark("text", data, enter, { fill: look.ink, fillOpacity: dimmed(1, low) }),
    ];
  }

  const dimmed = (full, low) => ({ signal: `lit === null || lit === datum.id ? ${full} : ${low}` });
  const spoken = (key) => ({ signal: `datum.name + ', ' + datum.${key}` });
  const bold = { signal: "datum.chosen ? 700 : 400" };
  const own = (look) => ({ signal: `datum.baseline ? '${look.grey}' : datum.colour` });

  function symbol(shape) {
    return {
      circle: "M-.5,0A.5,.5,0,1,1,.5,0A.5,.5,0,1,1,-.5,0Z",
      square: "M-.45,-.45H.45V.45H-.45Z",
      diamond: "M0,-.6 .5,0 0,.6 -.5,0Z",
      "triangle-up": "M0,-.5 .55,.45 -.55,.45Z",
      "triangle-down": "M0,.5 .55,-.45 -.55,-.45Z",
      "triangle-left": "M-.5,0 .45,-.55 .45,.55Z",
      "triangle-right": "M.5,0 -.45,-.55 -.45,.55Z",
      cross: "M-.17,-.5H.17V-.17H.5V.17H.17V.5H-.17V.17H-.5V-.17H-.17Z",
      star: "M0,-.6 .14,-.2 .57,-.19 .23,.07 .35,.49 0,.24 -.35,.49 -.23,.07 -.57,-.19 -.14,-.2Z",
    }[shape];
  }

  return { STAR, textWidth, shortened, fitted, config, frame, mark, haloed, dimmed, spoken, bold, own, symbol };
})();
