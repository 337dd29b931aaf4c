// One number: the weights and products that make it, and what it reaches.

import { CELLS } from "./cells.js";
import { lineOf, numeric } from "./step.js";
import { fillBlocks, find, show } from "./views.js";

/** Show one number: the weights and products that make it, and what it reaches. */
export function showDetail(network, record, chosen, names) {
  const element = find("#detail");
  if (!record) return fillBlocks(element, [["p", "Nothing is read yet: take a step."]]);
  const { units: n, width, kernel, recurrent_kernel: u } = network, { name, block, unit } = chosen;
  const content = [["b", numeric(network, lineOf(network, name), record, unit)]];
  if (block !== undefined) {
    const at = block * n + unit, resetBefore = network.cell === "gru" && !network.resetAfter && block === 2;
    const inputs = [...record.x.keys()].filter((k) => record.x[k] !== 0).map((k) => [k, record.x[k], kernel[k * width + at]]);
    content.push(["h4", "From the input: x × W"], products(inputs.map(([k, x, w]) => [names.inputs[k] ?? `x[${k}]`, x, w]), record.fromInput[at]));
    const state = Array.from(record.prev.h, (value, k) => [`h′[${k}]`, resetBefore ? value * record.gates[n + k] : value, u[k * width + at]]);
    content.push(["h4", `From the state: ${resetBefore ? "r ∗ h′" : "h′"} × U`], products(state, record.fromState[at]));
  }
  content.push(["h4", "It reaches"], reach(network, record, chosen, names));
  return fillBlocks(element, content);
}

function products(rows, total) {
  // A large layer has more rows than anyone reads: the largest products are shown, and the rest is added up.
  const order = rows.length > 24 ? [...rows].sort((one, other) => Math.abs(other[1] * other[2]) - Math.abs(one[1] * one[2])) : rows;
  const shown = order.slice(0, 24), rest = order.slice(24).reduce((sum, [, x, w]) => sum + x * w, 0);
  const lines = shown.map(([label, x, w]) => [label, show(x), "×", show(w), "=", show(x * w)]);
  if (order.length > 24) lines.push([`${order.length - 24} more`, "", "", "", "", show(rest)]);
  return ["table", [...lines, ["sum", "", "", "", "=", show(total)]]];
}

function reach(network, record, { name, block, unit: j }, names) {
  const { units: n, width, gates } = { ...network, gates: record.gates };
  if (name === "h") {
    const { blocks } = CELLS[network.cell];
    const rows = blocks.map((gate, b) => {
      const row = Array.from({ length: n }, (_, k) => [k, network.recurrent_kernel[j * width + b * n + k]]);
      const [k, w] = row.reduce((most, each) => (Math.abs(each[1]) > Math.abs(most[1]) ? each : most));
      return [`${gate} next step`, `most: unit ${k}`, "×", show(w), "=", show(record.h[j] * w)];
    });
    if (network.outputs) {
      for (let m = 0; m < network.outputs; m++) {
        const w = network.output_kernel[j * network.outputs + m];
        rows.push([`output ${names.outputs[m] ?? ""}`, show(record.h[j]), "×", show(w), "=", show(record.h[j] * w)]);
      }
    }
    return ["table", rows];
  }
  if (name === "c") return ["p", `h[${j}] = o ∗ tanh(c) = ${show(record.h[j])}, and the next step's c[${j}], times f.`];
  if (network.cell === "lstm") {
    const text = {
      i: `i ∗ g = ${show(gates[j] * gates[2 * n + j])}, its part of c[${j}]`,
      f: `f ∗ c′ = ${show(gates[n + j] * record.prev.c[j])}, what stays of c′[${j}]`,
      g: `i ∗ g = ${show(gates[j] * gates[2 * n + j])}, its part of c[${j}]`,
      o: `o ∗ tanh(c) = ${show(record.h[j])} = h[${j}]`,
    };
    return ["p", text[name]];
  }
  const text = {
    z: `z ∗ h′ = ${show(gates[j] * record.prev.h[j])}, what stays of h′[${j}]; (1 − z) ∗ g = ${show((1 - gates[j]) * gates[2 * n + j])}, what is new`,
    r: network.resetAfter ? `r times the state's part of the candidate g[${j}]` : `r ∗ h′[${j}] = ${show(gates[n + j] * record.prev.h[j])}, which all candidates read`,
    g: `(1 − z) ∗ g = ${show((1 - gates[j]) * gates[2 * n + j])}, its part of h[${j}]`,
  };
  return ["p", text[name]];
}
