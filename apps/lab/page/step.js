// The equations of the current step with their numbers, and where one number comes from.

import { CELLS, softmax } from "./cells.js";
import { bar, colour, find, make, show } from "./views.js";

const sub = (name) => make("sub", {}, name);
const vector = (name) => (record, n) => record.gates.subarray(name * n, name * n + n);

// Lines in the order of computation: name, terms of the formula (text, and the subscript of a weight), the numbers of a unit.
function preactivation(name, block, subscript, squash, gru) {
  const second = gru && ["d", subscript];
  const state = ["h′ U", subscript];
  const terms = [["x W", subscript], " + ", ["b", subscript], " + ", state, ...(second ? [" + ", second] : [])];
  return { name, block, squash, terms };
}

function linesOf(network) {
  const { cell } = network;
  if (cell === "simple_rnn") return [{ ...preactivation("h", 0, "", "tanh"), vector: (record) => record.h }];
  if (cell === "lstm") {
    const gates = [["i", "i", "σ"], ["f", "f", "σ"], ["g", "c", "tanh"], ["o", "o", "σ"]];
    return [
      ...gates.map(([name, subscript, squash], block) => preactivation(name, block, subscript, squash)),
      { name: "c", terms: [["f"], " ∗ ", ["c′"], " + ", ["i"], " ∗ ", ["g"]], vector: (record) => record.c },
      { name: "h", terms: [["o"], " ∗ ", ["tanh(c)"]], vector: (record) => record.h },
    ];
  }
  const candidate = network.resetAfter
    ? [["x W", "h"], " + ", ["b", "h"], " + ", ["r"], " ∗ (", ["h′ U", "h"], " + ", ["d", "h"], ")"]
    : [["x W", "h"], " + ", ["b", "h"], " + ", ["(r ∗ h′) U", "h"]];
  return [
    preactivation("z", 0, "z", "σ", network.resetAfter),
    preactivation("r", 1, "r", "σ", network.resetAfter),
    { name: "g", block: 2, squash: "tanh", terms: candidate },
    { name: "h", terms: [["z"], " ∗ ", ["h′"], " + (1 − ", ["z"], ") ∗ ", ["g"]], vector: (record) => record.h },
  ];
}

/** Numbers of the terms of a line for one unit, in the order of the formula, then the sum and the result. */
function numbersOf(network, line, record, j) {
  const { units: n, width, bias } = network, { gates, prev } = record;
  if (line.block === undefined) {
    if (line.name === "c") return [gates[n + j], prev.c[j], gates[j], gates[2 * n + j], record.c[j]];
    if (network.cell === "lstm") return [gates[3 * n + j], Math.tanh(record.c[j]), record.h[j]];
    return [gates[j], prev.h[j], gates[j], gates[2 * n + j], record.h[j]];
  }
  const at = line.block * n + j, d = network.resetAfter ? [bias[width + at]] : [];
  const state = record.fromState[at];
  const reset = network.resetAfter && line.block === 2 ? [gates[n + j]] : [];
  return [record.fromInput[at], bias[at], ...reset, state, ...d, record.a[at], gates[at]];
}

/** Build the equations of a network; returns functions that fill in a step and light a term. */
export function makeEquations(network, shownUnits, onInspect) {
  const lines = linesOf(network), lit = [];
  const parts = lines.map((line) => {
    const formula = make("div", { className: "formula" }, make("b", {}, line.name), line.squash ? ` = ${line.squash}(` : " = ");
    const own = line.terms.map((term) => {
      if (typeof term === "string") return term;
      const span = make("span", {}, term[0], ...(term[1] ? [sub(term[1])] : []));
      lit.push([span]);
      return span;
    });
    formula.append(...own, line.squash ? ")" : "");
    const chips = shownUnits.map((unit) => {
      const chip = make("button", { type: "button" });
      const inspect = (chosen) => onInspect({ name: line.name, block: line.block, unit }, chosen);
      chip.addEventListener("mouseenter", () => inspect(false));
      chip.addEventListener("focus", () => inspect(false));
      chip.addEventListener("click", () => inspect(true));
      return chip;
    });
    const row = make("div", { className: "vector", role: "group", ariaLabel: `${line.name}, one number for each unit` }, ...chips);
    lit.push([formula.firstChild, ...chips]);
    const numbers = make("div", { className: "numbers" });
    return { line, chips, numbers, element: make("div", { className: "equation" }, formula, row, numbers) };
  });
  find("#equations").replaceChildren(...parts.map(({ element }) => element));

  function fill(record, unit) {
    for (const { line, chips, numbers } of parts) {
      const values = record ? (line.vector ?? vector(line.block))(record, network.units) : null;
      chips.forEach((chip, index) => {
        const value = values ? values[shownUnits[index]] : NaN;
        // Two digits are enough to compare; the exact number stands below and in the detail.
        chip.textContent = !values ? "·" : Math.abs(value) < 0.005 ? "0.00" : show(value, 2);
        chip.style.background = values ? colour(value, 0.55) : "";
        chip.setAttribute("aria-label", `${line.name} of unit ${shownUnits[index]}: ${values ? show(value) : "nothing read yet"}`);
        chip.setAttribute("aria-pressed", String(shownUnits[index] === unit));
      });
      numbers.textContent = record ? numeric(network, line, record, unit) : " ";
    }
  }

  function light(phase) {
    lit.forEach((elements, index) => elements.forEach((element) => element.classList.toggle("lit", index === phase)));
  }
  return { fill, light, phases: lit.length };
}

function numeric(network, line, record, unit) {
  const values = numbersOf(network, line, record, unit), texts = values.map((value) => show(value)), result = texts.pop();
  const name = `${line.name}[${unit}] = `;
  const signed = (text) => (text.startsWith("−") ? `(${text})` : text);
  if (line.block === undefined) {
    if (line.name === "c") return `${name}${texts[0]} ∗ ${signed(texts[1])} + ${texts[2]} ∗ ${signed(texts[3])} = ${result}`;
    if (network.cell === "lstm") return `${name}${texts[0]} ∗ ${signed(texts[1])} = ${result}`;
    return `${name}${texts[0]} ∗ ${signed(texts[1])} + (1 − ${texts[2]}) ∗ ${signed(texts[3])} = ${result}`;
  }
  const sum = texts.pop();
  // A gate that is held does not follow from its equation.
  if ((record.clamps[line.name]?.[unit] ?? null) !== null) return `${name}${result}, held; free it would be ${line.squash}(${sum})`;
  if (network.resetAfter && line.block === 2) {
    return `${name}tanh(${texts[0]} + ${signed(texts[1])} + ${texts[2]} ∗ (${texts[3]} + ${signed(texts[4])})) = tanh(${sum}) = ${result}`;
  }
  return `${name}${line.squash}(${texts.map((text, index) => (index ? signed(text) : text)).join(" + ")}) = ${line.squash}(${sum}) = ${result}`;
}

const heading = (text) => make("h4", {}, text);
const paragraph = (text) => make("p", {}, text);

function table(rows) {
  return make("table", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((text) => make("td", {}, text)))));
}

/** Show one number: the weights and products that make it, and what it reaches. */
export function showDetail(network, record, chosen, names) {
  const element = find("#detail");
  if (!record) {
    element.replaceChildren(paragraph("Nothing is read yet: take a step."));
    return;
  }
  const { units: n, width, kernel, recurrent_kernel: u } = network, { name, block, unit } = chosen;
  const line = linesOf(network).find((each) => each.name === name);
  const content = [make("b", {}, numeric(network, line, record, unit))];
  if (block !== undefined) {
    const at = block * n + unit, resetBefore = network.cell === "gru" && !network.resetAfter && block === 2;
    const inputs = [...record.x.keys()].filter((k) => record.x[k] !== 0).map((k) => [k, record.x[k], kernel[k * width + at]]);
    content.push(heading("From the input: x × W"), products(inputs.map(([k, x, w]) => [names.inputs[k] ?? `x[${k}]`, x, w]), record.fromInput[at]));
    const state = Array.from(record.prev.h, (value, k) => [`h′[${k}]`, resetBefore ? value * record.gates[n + k] : value, u[k * width + at]]);
    content.push(heading(`From the state: ${resetBefore ? "r ∗ h′" : "h′"} × U`), products(state, record.fromState[at]));
  }
  content.push(heading("It reaches"), ...reach(network, record, chosen, names));
  element.replaceChildren(...content);
}

function products(rows, total) {
  // A large layer has more rows than anyone reads: the largest products are shown, and the rest is added up.
  const order = rows.length > 24 ? [...rows].sort((one, other) => Math.abs(other[1] * other[2]) - Math.abs(one[1] * one[2])) : rows;
  const shown = order.slice(0, 24), rest = order.slice(24).reduce((sum, [, x, w]) => sum + x * w, 0);
  const lines = shown.map(([label, x, w]) => [label, show(x), "×", show(w), "=", show(x * w)]);
  if (order.length > 24) lines.push([`${order.length - 24} more`, "", "", "", "", show(rest)]);
  return table([...lines, ["sum", "", "", "", "=", show(total)]]);
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
    return [table(rows)];
  }
  if (name === "c") return [paragraph(`h[${j}] = o ∗ tanh(c) = ${show(record.h[j])}, and the next step's c[${j}], times f.`)];
  if (network.cell === "lstm") {
    const text = {
      i: `i ∗ g = ${show(gates[j] * gates[2 * n + j])}, its part of c[${j}]`,
      f: `f ∗ c′ = ${show(gates[n + j] * record.prev.c[j])}, what stays of c′[${j}]`,
      g: `i ∗ g = ${show(gates[j] * gates[2 * n + j])}, its part of c[${j}]`,
      o: `o ∗ tanh(c) = ${show(record.h[j])} = h[${j}]`,
    };
    return [paragraph(text[name])];
  }
  const text = {
    z: `z ∗ h′ = ${show(gates[j] * record.prev.h[j])}, what stays of h′[${j}]; (1 − z) ∗ g = ${show((1 - gates[j]) * gates[2 * n + j])}, what is new`,
    r: network.resetAfter ? `r times the state's part of the candidate g[${j}]` : `r ∗ h′[${j}] = ${show(gates[n + j] * record.prev.h[j])}, which all candidates read`,
    g: `(1 − z) ∗ g = ${show((1 - gates[j]) * gates[2 * n + j])}, its part of h[${j}]`,
  };
  return [paragraph(text[name])];
}

/** Softmax over the outputs as bars, or the number that is predicted; `other` is the untouched network's record. */
export function showOutput(network, record, other, names, target) {
  const element = find("#output");
  find("#output-note").textContent = "";
  if (!network.outputs) return element.replaceChildren(paragraph("The rest of the model is not shown here: the layer's output is h."));
  if (!record) return element.replaceChildren(paragraph("Nothing is read yet."));
  if (!names.outputs.length) {
    const rows = [paragraph(`Predicted next value: ${show(record.outputs[0])}`)];
    if (other) rows.push(paragraph(`Untouched network: ${show(other.outputs[0])}`));
    if (target !== null && target !== undefined) rows.push(paragraph(`Next value: ${show(target)}`));
    return element.replaceChildren(...rows);
  }
  find("#output-note").textContent = `${names.right}${other ? " Orange: the untouched network." : ""}`;
  const probabilities = softmax(record.outputs), before = other && softmax(other.outputs);
  element.replaceChildren(...probabilities.map((value, m) => {
    const row = bar(names.outputs[m], value, `${(100 * value).toFixed(1)} %`, before ? before[m] : null);
    if (m === target) {
      row.classList.add("right");
      row.title = names.right;
      row.firstChild.append(make("span", { className: "hidden" }, " (underlined)"));
    }
    return row;
  }));
  return undefined;
}

/** The unrolled network around the current step. */
export function showChain(trace, t, labels, answers, width) {
  const count = Math.max(3, Math.min(trace.length, Math.floor(width / 84)));
  const first = Math.max(0, Math.min(trace.length - count, t - Math.ceil(count / 2)));
  find("#chain").replaceChildren(...trace.slice(first, first + count).map((record, offset) => {
    const index = first + offset;
    const strip = make("span", { className: "strip" });
    for (const value of record.h.slice(0, 16)) {
      const cell = make("i");
      cell.style.background = colour(value);
      strip.append(cell);
    }
    const box = make("div", { className: "box" }, make("small", {}, `h step ${index + 1}`), strip);
    const name = index === t - 1 ? "link now" : index >= t ? "link later" : "link";
    return make("div", { className: name }, make("span", {}, index < t && answers(record) ? `${answers(record)} ↑` : ""), box, make("span", {}, `↑ ${labels[index]}`));
  }));
}
