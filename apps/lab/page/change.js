// Changes of a network: weights, start state, clamped gates. A change is a short list, so that a link can hold it.

import { CELLS, cloneNetwork, zeroState } from "./cells.js";
import { cellAt, drawMap, find, largest, options, show } from "./views.js";

/**
 * Apply changes to a copy of a network: [weights' name, index, value], ["h" or "c", unit, start value],
 * ["clamp", gate, unit or -1 for all, value or null].
 */
export function applyChanges(base, changes) {
  const network = cloneNetwork(base), start = zeroState(base), clamps = {};
  for (const [name, first, second, third] of changes) {
    if (name === "clamp") {
      clamps[first] ??= Array(base.units).fill(null);
      if (second < 0) clamps[first].fill(third);
      else clamps[first][second] = third;
    } else if (name === "h" || name === "c") start[name][first] = second;
    else network[name][first] = second;
  }
  return { network, start, clamps };
}

/** Whether a change from a link fits a network. */
export function isValidChange(network, change) {
  if (!Array.isArray(change)) return false;
  const [name, first, second, third] = change;
  const isUnit = (unit) => Number.isInteger(unit) && unit >= 0 && unit < network.units;
  if (name === "clamp") return gatesOf(network).includes(first) && (second === -1 || isUnit(second)) && (third === null || Number.isFinite(third));
  if (name === "h" || name === "c") return CELLS[network.cell].states.includes(name) && isUnit(first) && Number.isFinite(second);
  return network[name] instanceof Float64Array && Number.isInteger(first) && first >= 0 && first < network[name].length && Number.isFinite(second);
}

const gatesOf = ({ cell }) => ({ simple_rnn: [], lstm: ["i", "f", "o"], gru: ["z", "r"] })[cell];

const BLOCK_NAMES = { lstm: ["i", "f", "c", "o"], gru: ["z", "r", "h"], simple_rnn: [""] };

/** Fill the controls for a network and connect them; `lab` has network, start, changes, names, and add(change). */
export function setUpChange(lab) {
  const { network, names } = lab, { cell, units } = network, blocks = BLOCK_NAMES[cell], all = [...Array(units).keys()];
  const matrices = [
    ["kernel", "W, from the input"], ["recurrent_kernel", "U, from the state"], ["bias", "b, bias"],
    ...(network.resetAfter ? [["second", "d, bias of the state"]] : []),
    ...(network.outputs ? [["output_kernel", "output weights"], ["output_bias", "output bias"]] : []),
    ["h", "start state h"], ...(cell === "lstm" ? [["c", "start cell c"]] : []),
  ];
  options(find("#matrix"), matrices, find("#matrix").value || "recurrent_kernel");
  options(find("#block"), blocks.map((name, b) => [b, name || "–"]), find("#block").value);
  const gates = gatesOf(network);
  find("#clamps").hidden = !gates.length;
  options(find("#clamp-gate"), gates.map((gate) => [gate, gate]), find("#clamp-gate").value);
  options(find("#clamp-unit"), [[-1, "all units"], ...all.map((unit) => [unit, `unit ${unit}`])], find("#clamp-unit").value);

  function fillEnds() {
    const matrix = find("#matrix").value, isOutput = matrix.startsWith("output");
    const from = { kernel: Array.from({ length: network.features }, (_, k) => [k, names.inputs[k] ?? `x[${k}]`]) };
    from.recurrent_kernel = from.output_kernel = all.map((unit) => [unit, `unit ${unit}`]);
    options(find("#from"), from[matrix] ?? [[0, "–"]], find("#from").value);
    const to = isOutput ? Array.from({ length: network.outputs }, (_, m) => [m, names.outputs[m] ?? "output"]) : all.map((unit) => [unit, `unit ${unit}`]);
    options(find("#to"), to, find("#to").value);
    find("#from").disabled = !from[matrix];
    find("#block").disabled = isOutput || matrix === "h" || matrix === "c" || blocks.length === 1;
    fillValue();
  }

  // Name, index and width of the map of what the controls name.
  function place() {
    const [matrix, block, from, to] = ["#matrix", "#block", "#from", "#to"].map((selector) => find(selector).value);
    if (matrix === "h" || matrix === "c") return [matrix, Number(to)];
    if (matrix === "output_kernel") return [matrix, Number(from) * network.outputs + Number(to)];
    if (matrix === "output_bias") return [matrix, Number(to)];
    const at = Number(block) * units + Number(to);
    if (matrix === "second") return ["bias", network.width + at];
    return [matrix, matrix === "bias" ? at : Number(from) * network.width + at];
  }

  const valueAt = ([name, index]) => (name === "h" || name === "c" ? lab.start[name][index] : lab.network[name][index]);

  function fillValue() {
    const value = valueAt(place());
    find("#value").value = String(Number(value.toFixed(4)));
    find("#slide").value = value;
    drawWeights();
  }

  function shape() {
    const [name] = place(), block = Number(find("#block").value) * units;
    if (name === "kernel" || name === "recurrent_kernel") return { rows: name === "kernel" ? network.features : units, columns: units, at: (r, k) => r * network.width + block + k };
    if (name === "output_kernel") return { rows: units, columns: network.outputs, at: (r, k) => r * network.outputs + k };
    if (name === "bias") return { rows: 1, columns: units, at: (r, k) => (find("#matrix").value === "second" ? network.width : 0) + block + k };
    return { rows: 1, columns: name === "output_bias" ? network.outputs : units, at: (r, k) => k };
  }

  function drawWeights() {
    const [name] = place(), { rows, columns, at } = shape();
    const values = Array.from({ length: rows }, (_, r) => Array.from({ length: columns }, (_, k) => valueAt([name, at(r, k)])));
    const limit = largest(values, 1e-9);
    drawMap(find("#weights"), values, limit, 16);
    find("#weights").title = `strongest colour: ±${show(limit, 2)}`;
  }

  function set(text) {
    const value = text.trim() === "" ? NaN : Number(text.replace("−", "-").replace(",", "."));
    if (!Number.isFinite(value)) {
      lab.say(`“${text}” is not a number; the weight stays ${show(valueAt(place()))}`, true);
      fillValue();
      return;
    }
    lab.add([...place(), value]);
  }

  find("#matrix").onchange = find("#block").onchange = find("#from").onchange = find("#to").onchange = fillEnds;
  find("#value").onchange = (event) => set(event.target.value);
  find("#slide").oninput = (event) => set(event.target.value);
  find("#weights").onclick = (event) => {
    const [row, column] = cellAt(find("#weights"), event);
    if (!find("#from").disabled) find("#from").value = row;
    find("#to").value = column;
    fillValue();
  };
  const clamp = (value) => () => lab.add(["clamp", find("#clamp-gate").value, Number(find("#clamp-unit").value), value]);
  find("#open").onclick = clamp(1);
  find("#shut").onclick = clamp(0);
  find("#free").onclick = clamp(null);
  fillEnds();
  return fillValue;
}

/** One sentence on the last changes. */
export function describeChanges(changes) {
  if (!changes.length) return "Nothing is changed.";
  const [name, first, second, third] = changes.at(-1);
  const held = third === null ? "free" : third ? "open" : "shut";
  const last = name === "clamp" ? `gate ${first} of ${second < 0 ? "all units" : `unit ${second}`} ${held}` : `${name}[${first}] = ${show(second)}`;
  return `${changes.length} ${changes.length === 1 ? "change" : "changes"}; the last: ${last}`;
}
