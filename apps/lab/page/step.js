// The equations of the current step with their numbers, the output, and the unrolled network.

import { CELLS, softmax } from "./cells.js";
import { colour, fillBars, fillBlocks, find, isDark, make, setText, show } from "./views.js";

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

export const lineOf = (network, name) => linesOf(network).find((line) => line.name === name);

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
      chips.forEach((chip, index) => fillChip(chip, line.name, shownUnits[index], values ? values[shownUnits[index]] : null, unit));
      setText(numbers, record ? numeric(network, line, record, unit) : " ");
    }
  }

  function light(phase) {
    lit.forEach((elements, index) => elements.forEach((element) => element.classList.toggle("lit", index === phase)));
  }
  return { fill, light, phases: lit.length };
}

function fillChip(chip, name, unit, value, chosen) {
  const isRead = value !== null;
  // Two digits are enough to compare; the exact number stands below and in the detail.
  setText(chip, !isRead ? "·" : Math.abs(value) < 0.005 ? "0.00" : show(value, 2));
  const background = isRead ? colour(value, 0.5) : "", pressed = String(unit === chosen);
  if (chip.shade !== background) chip.style.background = chip.shade = background;
  chip.setAttribute("aria-label", `${name} of unit ${unit}: ${isRead ? show(value) : "nothing read yet"}`);
  if (chip.getAttribute("aria-pressed") !== pressed) chip.setAttribute("aria-pressed", pressed);
}

/** An equation with the numbers of one unit. */
export function numeric(network, line, record, unit) {
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

/** Softmax over the outputs as bars, or the number that is predicted; `other` is the untouched network's record. */
export function showOutput(network, record, other, names, target) {
  const element = find("#output"), isNumber = !names.outputs.length;
  const note = network.outputs && record && !isNumber ? `${names.right}${other ? " Orange: the untouched network." : ""}` : "";
  setText(find("#output-note"), note);
  find("#softmax-note").hidden = !note;
  if (!network.outputs) return fillBlocks(element, [["p", "The rest of the model is not shown here: the layer's output is h."]]);
  if (!record) return fillBlocks(element, [["p", "Nothing is read yet."]]);
  if (isNumber) {
    const rows = [["p", `Predicted next value: ${show(record.outputs[0])}`]];
    if (other) rows.push(["p", `Untouched network: ${show(other.outputs[0])}`]);
    if (target !== null && target !== undefined) rows.push(["p", `Next value: ${show(target)}`]);
    return fillBlocks(element, rows);
  }
  const before = other && softmax(other.outputs);
  return fillBars(element, softmax(record.outputs).map((value, m) => ({
    name: names.outputs[m], part: value, text: `${(100 * value).toFixed(1)} %`, other: before ? before[m] : null,
    right: m === target ? names.right : "",
  })));
}

let links = [], linksOf = null;

function makeLinks(labels) {
  links = labels.map((label, index) => {
    const answer = make("span", { className: "answer" }), strip = make("span", { className: "strip" });
    const box = make("div", { className: "box" }, make("small", {}, `h step ${index + 1}`), strip);
    return { answer, strip, element: make("div", { className: "link" }, answer, box, make("span", {}, `↑ ${label}`)), record: null, isDark: null };
  });
  linksOf = labels;
  find("#chain .links").replaceChildren(...links.map(({ element }) => element));
}

function fillLink(link, record, answers) {
  if (link.record === record && link.isDark === isDark()) return;
  const shown = record.h.subarray(0, 16), part = 100 / shown.length;
  const stops = Array.from(shown, (value, j) => `${colour(value)} ${(j * part).toFixed(2)}% ${((j + 1) * part).toFixed(2)}%`);
  link.strip.style.background = `linear-gradient(90deg, ${stops.join()})`;
  const answer = answers(record);
  setText(link.answer, answer && `${answer} ↑`);
  Object.assign(link, { record, isDark: isDark() });
}

/**
 * Mark the current step in the unrolled network. It turns a page when the step leaves the window, as moving it at every
 * step is hard to read and slow to paint; only links in the window are filled in.
 */
export function showChain(trace, t, labels, answers, width) {
  const count = Math.min(trace.length, Math.max(3, Math.floor(width / 84)));
  const hop = Math.max(1, count - 2), first = Math.max(0, Math.min(trace.length - count, Math.floor((t - 1) / hop) * hop - 1));
  if (linksOf !== labels) makeLinks(labels);
  const track = find("#chain .track"), [, later, now] = track.children, part = 100 / count;
  if (track.style.getPropertyValue("--count") !== String(count)) track.style.setProperty("--count", count);
  for (const [element, position] of [[track, -first * part], [later, t * part], [now, 100 * (t - 1)]]) {
    element.style.transform = `translateX(${position.toFixed(3)}%)`;
  }
  now.hidden = t === 0;
  for (let index = first; index < first + count; index++) fillLink(links[index], trace[index], answers);
}
