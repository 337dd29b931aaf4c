// What a person gives: a text for networks of symbols, a series of numbers for the others.

import { oneHot } from "./tasks.js";
import { find, show } from "./views.js";

export const MAX_STEPS = 200;
export const symbolLabel = (symbol) => (symbol === " " ? "␣" : symbol);

const cut = (list) => (list.length > MAX_STEPS ? ` The first ${MAX_STEPS} of ${list.length} steps are read.` : "");

export function readSymbols(text, known) {
  const all = Array.from(text), kept = all.filter((symbol) => known.includes(symbol));
  const listed = Array.from(known, symbolLabel).join(" ");
  if (!kept.length) return { message: `Nothing to read: the network knows ${listed}`, isError: true };
  const left = [...new Set(all.filter((symbol) => !known.includes(symbol)))];
  const symbols = kept.slice(0, MAX_STEPS).map((symbol) => known.indexOf(symbol));
  const without = left.length ? `Left out ${left.slice(0, 8).map(symbolLabel).join(" ")}${left.length > 8 ? " …" : ""}: the network knows ${listed}.` : "";
  return {
    symbols,
    text: kept.slice(0, MAX_STEPS).join(""),
    xs: symbols.map((symbol) => oneHot(symbol, known.length)),
    labels: symbols.map((symbol) => symbolLabel(known[symbol])),
    message: `${without}${cut(kept)}`.trim(),
    isError: false,
  };
}

export function readSeries(given) {
  const texts = Array.isArray(given) ? given.map(String) : given.split(/[\s,;]+/).filter(Boolean);
  const values = texts.map((text) => Number(text.replace("−", "-")));
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (!values.length) return { message: "Nothing to read: type numbers between −1 and 1, or draw", isError: true };
  if (bad >= 0) return { message: `“${texts[bad]}”, number ${bad + 1}, is not a number`, isError: true };
  const outside = values.some((value) => Math.abs(value) > 1) ? "Some numbers lie outside −1 to 1, where the network was trained." : "";
  const kept = values.slice(0, MAX_STEPS);
  return {
    xs: kept.map((value) => Float64Array.of(value)),
    text: kept.map((value) => String(Number(value.toFixed(3)))).join(", "),
    labels: kept.map((value) => show(value, 1)),
    message: `${outside}${cut(values)}`.trim(),
    isError: false,
  };
}

const WAVES = {
  sine: (t) => 0.8 * Math.sin((2 * Math.PI * t) / 12),
  square: (t) => (t % 12 < 6 ? 0.7 : -0.7),
  pulse: (t) => (t === 4 ? 1 : 0),
};
const LENGTH = 36;

/** Show a series on the pad and let it be drawn over. */
export function setUpPad(values, onDraw) {
  const pad = find("#pad"), drawn = values.slice();
  const paint = () => {
    pad.width = pad.clientWidth || 600;
    pad.height = 144;
    const context = pad.getContext("2d"), style = getComputedStyle(pad);
    const point = (value, t) => [(pad.width * (t + 0.5)) / drawn.length, 72 - 66 * Math.max(-1, Math.min(1, value))];
    context.strokeStyle = style.getPropertyValue("--line");
    context.strokeRect(0, 72, pad.width, 0);
    context.strokeStyle = context.fillStyle = style.getPropertyValue("--negative");
    context.lineWidth = 2;
    context.beginPath();
    drawn.forEach((value, t) => context[t ? "lineTo" : "moveTo"](...point(value, t)));
    context.stroke();
    drawn.forEach((value, t) => { const [x, y] = point(value, t); context.fillRect(x - 2, y - 2, 4, 4); });
  };
  let last = null;
  const draw = (event) => {
    const box = pad.getBoundingClientRect();
    const t = Math.max(0, Math.min(drawn.length - 1, Math.floor(((event.clientX - box.left) / box.width) * drawn.length)));
    const value = Math.max(-1, Math.min(1, 1.09 * (1 - (2 * (event.clientY - box.top)) / box.height)));
    const from = last ?? [t, value];
    // A quick pointer skips steps; they lie on the line between.
    for (let each = Math.min(t, from[0]); each <= Math.max(t, from[0]); each++) {
      drawn[each] = t === from[0] ? value : from[1] + ((value - from[1]) * (each - from[0])) / (t - from[0]);
    }
    last = [t, value];
    paint();
  };
  pad.onpointerdown = (event) => { pad.setPointerCapture(event.pointerId); draw(event); };
  pad.onpointermove = (event) => { if (last) draw(event); };
  pad.onpointerup = pad.onpointercancel = () => {
    if (last) onDraw(drawn);
    last = null;
  };
  for (const button of document.querySelectorAll("[data-wave]")) {
    button.onclick = () => onDraw(Array.from({ length: LENGTH }, (_, t) => WAVES[button.dataset.wave](t)));
  }
  requestAnimationFrame(paint);
}
