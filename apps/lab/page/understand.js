// What is remembered, whether the gradient survives, and clipping.

import { CELLS, backward, clip, cloneNetwork, forward, lossGradients, makeNetwork, outputGradient, softmax, stateNorms } from "./cells.js";
import { drawSequence, makeRandom, randomWeights } from "./tasks.js";
import { cellAt, colours, drawLines, fillBars, find, legend, make, namesFit, setText, show } from "./views.js";

// Pixels of the picture of what is remembered: a column with its gap, and its height.
const COLUMN = 8, HEIGHT = 240;

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

let shown = [], namesOf = null;

/** Draw how much each step is remembered, as columns of which the largest fills the height. */
function drawSaliency(values, labels, text) {
  const canvas = find("#saliency canvas"), names = find("#saliency .symbols"), context = canvas.getContext("2d");
  const largest = Math.max(...values.filter(Number.isFinite), 1e-300);
  shown = { values, labels };
  if (namesOf !== labels) {
    namesOf = labels;
    names.replaceChildren(...(namesFit(labels, find("#saliency").clientWidth) ? labels.map((label) => make("span", {}, label)) : []));
    // A column and a gap of whole pixels; CSS makes the canvas as wide as the page.
    canvas.width = labels.length * COLUMN;
    canvas.height = HEIGHT;
  }
  context.clearRect(0, 0, canvas.width, HEIGHT);
  context.fillStyle = `rgb(${colours().negative.join()})`;
  values.forEach((value, index) => {
    const height = HEIGHT * (Math.min(1, value / largest) || 0);
    context.fillRect(index * COLUMN, HEIGHT - height, COLUMN - 1, height);
  });
  setText(find("#saliency-note"), text);
}

let remembering = null;

/** Show what is remembered at the current step. */
export function showRemembered(lab) {
  clearTimeout(remembering);
  // The gradient of a large layer takes longer than a frame.
  if (lab.network.units > 64) remembering = setTimeout(() => showGradient(lab), 200);
  else showGradient(lab);
}

function showGradient({ task, names, network, trace, t, labels, clamps, unit }) {
  setText(find("#target-step"), String(t));
  if (!t) return drawSaliency([], labels, "Nothing is read yet.");
  const chosen = find("#target").value, isNumber = task && !task.inputs, { outputs } = trace[t - 1];
  const target = !network.outputs ? unit : chosen === "top" ? outputs.indexOf(Math.max(...outputs)) : Number(chosen);
  const values = saliency(network, trace, t, target, isNumber, clamps);
  const farthest = values.reduce((most, value, index) => (value > values[most] ? index : most), 0), distance = t - 1 - farthest;
  const what = !network.outputs ? `h[${target}]` : isNumber ? "the predicted number" : `log p(${names.outputs[target]})`;
  const text = `Length of the exact gradient of ${what} by each input. It is largest, ${show(values[farthest])}, for step ${farthest + 1} “${labels[farthest]}”, ${distance} ${distance === 1 ? "step" : "steps"} back.`;
  return drawSaliency(values, labels, text);
}

/** Name the column under the pointer. */
export function setUpSaliency() {
  const canvas = find("#saliency canvas");
  canvas.onmousemove = (event) => {
    const index = Math.floor(cellAt(canvas, event)[1] / COLUMN), { values, labels } = shown;
    canvas.title = `step ${index + 1}, ${labels[index]}: ${index < values.length ? show(values[index]) : "not read yet"}`;
  };
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

/** Connect the sliders and draw the norms of all three cells of a task; returns what draws them again. */
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
    fillBars(find("#clipping"), gradients.map((norm, index) => {
      const clipped = Math.min(norm, limit), text = norm > limit ? `${show(norm, 2)} → ${show(clipped, 2)}` : show(norm, 2);
      return { name: titles[index], part: length(clipped), text, other: length(norm) };
    }));
  }

  find("#scale").oninput = find("#forget").oninput = find("#norm-weights").onchange = draw;
  find("#limit").oninput = drawClipping;
  draw();
  return draw;
}
