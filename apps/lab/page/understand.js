// What is remembered, whether the gradient survives, and clipping.

import { CELLS, backward, clip, cloneNetwork, forward, lossGradients, makeNetwork, outputGradient, softmax, stateNorms } from "./cells.js";
import { drawSequence, makeRandom, randomWeights } from "./tasks.js";
import { bar, drawLines, find, legend, make, namesFit, show } from "./views.js";

/**
 * How much an output at step T changes with each input up to it: Euclidean norm of its gradient by x.
 * The target is a class, whose log-probability is taken, the predicted number, or a hidden unit of a layer without outputs.
 */
export function saliency(network, trace, t, target, isNumber, clamps) {
  const dhs = Array(t).fill(null);
  if (!network.outputs) dhs[t - 1] = Float64Array.from({ length: network.units }, (_, j) => Number(j === target));
  else {
    const d = isNumber ? [1] : softmax(trace[t - 1].outputs).map((value, m) => Number(m === target) - value);
    dhs[t - 1] = outputGradient(network, d);
  }
  const { inputs } = backward(network, trace.slice(0, t), dhs, { clamps, weights: false });
  return inputs.map((gradient) => Math.hypot(...gradient));
}

let columns = [], columnsOf = null;
export function drawSaliency(values, labels, text) {
  const largest = Math.max(...values.filter(Number.isFinite), 1e-300);
  if (columnsOf !== labels) {
    const isNamed = namesFit(labels, find("#saliency").clientWidth);
    columns = labels.map((label) => make("div", {}, make("i"), isNamed ? label : ""));
    columnsOf = labels;
    find("#saliency").replaceChildren(...columns);
  }
  columns.forEach((column, index) => {
    const isRead = index < values.length;
    column.title = isRead ? `step ${index + 1}, ${labels[index]}: ${show(values[index])}` : "not read yet";
    // Unlike its height, its scale needs no new layout.
    column.firstChild.style.transform = `scaleY(${isRead ? Math.min(1, values[index] / largest) || 0 : 0})`;
    column.className = index === values.length - 1 ? "now" : "";
  });
  find("#saliency-note").textContent = text;
}

/** Recurrent weights scaled, and the bias of the forget gate (LSTM) or update gate (GRU) raised. */
export function altered(network, scale, bias) {
  const copy = cloneNetwork(network), n = network.units;
  copy.recurrent_kernel.forEach((value, at) => { copy.recurrent_kernel[at] = value * scale; });
  const from = { lstm: n, gru: 0 }[network.cell];
  if (from !== undefined) for (let j = 0; j < n; j++) copy.bias[from + j] += bias;
  return copy;
}

const DISTANCE = 40;

/** Connect the sliders and draw the norms of all three cells of a task. */
export function setUpNorms(task) {
  const number = (selector) => Number(find(selector).value);
  const { inputs, targets } = drawSequence(task, DISTANCE, makeRandom(5));
  const cells = Object.keys(CELLS), trained = cells.map((cell) => makeNetwork(task.networks[cell]));
  const random = cells.map((cell, index) => {
    const { units, features, outputs } = trained[index];
    return makeNetwork(randomWeights(cell, units, features, outputs, CELLS[cell].blocks.length, makeRandom(index + 1)));
  });
  const titles = cells.map((cell) => CELLS[cell].title);
  let gradients = [];

  function draw() {
    const chosen = find("#norm-weights").value === "random" ? random : trained;
    const networks = chosen.map((network) => altered(network, number("#scale"), number("#forget")));
    find("#scale-value").textContent = show(number("#scale"), 2);
    find("#forget-value").textContent = show(number("#forget"), 1);
    const lines = networks.map((network) => stateNorms(network, forward(network, inputs)));
    drawLines(find("#norms"), lines, { log: true, low: -9, high: 6, xTitle: "distance" });
    legend(find("#norms-legend"), titles.map((title, index) => `${title}: ${show(lines[index].at(-1))} after ${DISTANCE} steps`));
    gradients = networks.map((network) => clip(lossGradients(network, inputs, targets, !task.inputs).gradients));
    drawClipping();
  }

  function drawClipping() {
    const limit = 10 ** number("#limit");
    find("#limit-value").textContent = show(limit, 2);
    // Lengths are on a scale of powers of ten, from 0.001 to 1000.
    const length = (value) => (Math.log10(Math.max(value, 1e-3)) + 3) / 6;
    find("#clipping").replaceChildren(...gradients.map((norm, index) => {
      const clipped = Math.min(norm, limit);
      return bar(titles[index], length(clipped), norm > limit ? `${show(norm, 2)} → ${show(clipped, 2)}` : show(norm, 2), length(norm));
    }));
  }

  find("#scale").oninput = find("#forget").oninput = find("#norm-weights").onchange = draw;
  find("#limit").oninput = drawClipping;
  draw();
}
