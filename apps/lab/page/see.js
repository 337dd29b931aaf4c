// The whole sequence at a glance: maps of states and gates, one unit's history, the path of the state.

import { CELLS, pca } from "./cells.js";
import { cellAt, drawLines, drawMap, drawPath, find, largest, legend, make, namesFit, show } from "./views.js";

const TITLES = {
  simple_rnn: { h: "h, hidden state" },
  lstm: { i: "i, input gate", f: "f, forget gate", g: "g, cell candidate", o: "o, output gate", h: "h, hidden state", c: "c, cell" },
  gru: { z: "z, update gate", r: "r, reset gate", g: "g, candidate", h: "h, hidden state" },
};
const IS_TANH = { h: true, g: true };

export const gateTitle = (cell, block) => TITLES[cell][block];

/** Values of a state or gate by name, (units) of each step. */
export function valuesOf(network, record, name) {
  if (name === "h" || name === "c") return record[name];
  const block = CELLS[network.cell].blocks.indexOf(name);
  return record.gates.subarray(block * network.units, (block + 1) * network.units);
}

/** The units that vary most over a sequence, in their order. */
export function activeUnits(trace, count) {
  const units = [...trace[0].h.keys()];
  if (units.length <= count) return units;
  const spread = units.map((j) => {
    const mean = trace.reduce((sum, record) => sum + record.h[j], 0) / trace.length;
    return trace.reduce((sum, record) => sum + (record.h[j] - mean) ** 2, 0);
  });
  return units.sort((one, other) => spread[other] - spread[one]).slice(0, count).sort((one, other) => one - other);
}

/** Draw all maps; `before` is the untouched network's trace, to compare, or null. Calls onChoose(step, unit). */
export function drawMaps(network, trace, before, units, labels, onChoose) {
  const names = [...CELLS[network.cell].states, ...CELLS[network.cell].blocks.filter((name) => name !== "h")];
  const maps = find("#maps");
  // Two maps side by side, but for a phone.
  const width = maps.clientWidth / (maps.clientWidth > 850 || (before && innerWidth > 750) ? 2 : 1);
  maps.classList.toggle("compare", Boolean(before));
  maps.replaceChildren(...names.flatMap((name) => {
    const rowsOf = (records) => units.map((unit) => records.map((record) => valuesOf(network, record, name)[unit]));
    const rows = rowsOf(trace), limit = name === "c" ? largest([...rows, ...(before ? rowsOf(before) : [])], 1) : 1;
    const title = `${TITLES[network.cell][name]}`, range = name === "c" ? `±${show(limit, 2)}` : IS_TANH[name] ? "−1 to 1" : "0 to 1";
    const all = [oneMap(title, range, rows, limit, labels, units, onChoose, width)];
    if (before) all.push(oneMap(`${title}, untouched`, range, rowsOf(before), limit, labels, units, onChoose, width));
    return all;
  }));
}

function oneMap(title, range, rows, limit, labels, units, onChoose, width) {
  const canvas = make("canvas", { className: "pixels" });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${title}: ${rows.length} units by ${rows[0].length} steps`);
  drawMap(canvas, rows, limit);
  canvas.addEventListener("click", (event) => {
    const [row, column] = cellAt(canvas, event);
    onChoose(column + 1, units[row]);
  });
  canvas.addEventListener("mousemove", (event) => {
    const [row, column] = cellAt(canvas, event);
    canvas.title = `unit ${units[row]}, step ${column + 1} (${labels[column]}): ${show(rows[row][column])}`;
  });
  const symbols = make("div", { className: "symbols", ariaHidden: "true" }, ...(namesFit(labels, width) ? labels.map((label) => make("span", {}, label)) : []));
  return make("div", { className: "map" }, make("div", { className: "map-title" }, make("span", {}, title), make("span", {}, range)), make("div", { className: "map-frame" }, canvas, make("i")), symbols);
}

/** Fade in all maps what was not read yet; `part` of the steps was read. */
export function moveMaps(part) {
  for (const cover of document.querySelectorAll("#maps i")) cover.style.transform = `translateX(${(100 * part).toFixed(3)}%)`;
}

/** Draw the history of one unit and the path of the state; returns a function that moves both to a step. */
export function drawHistories(network, trace, unit, labels) {
  const { states, blocks } = CELLS[network.cell], names = [...states, ...blocks.filter((name) => name !== "h" && name !== "g")];
  find("#history-title").textContent = `Unit ${unit} over time`;
  const lines = names.map((name) => trace.map((record) => valuesOf(network, record, name)[unit]));
  const all = lines.flat().filter(Number.isFinite);
  const moveLine = drawLines(find("#history"), lines, { low: Math.min(-1, ...all), high: Math.max(1, ...all), from: 1 });
  legend(find("#history-legend"), names);
  const { coordinates, explained } = pca(trace.map((record) => record.h));
  const movePath = drawPath(find("#path"), coordinates, labels);
  find("#path-note").textContent = `Principal components of h over this sequence; they hold ${show(100 * explained[0], 0)} % and ${show(100 * explained[1], 0)} % of its variance.`;
  return (t) => {
    moveLine(t - 1);
    movePath(t - 1);
  };
}
