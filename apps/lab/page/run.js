// Layers of the run with which the lab was started: the server reads a text, the page computes what follows.

import { makeNetwork } from "./cells.js";
import { find, show } from "./views.js";

function floats(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

const rowsOf = (values, width) => Array.from({ length: values.length / width }, (_, t) => Float64Array.from(values.subarray(t * width, (t + 1) * width)));

// The layer's own outputs are of all steps, or of the last.
function compare(outputs, trace) {
  if (!outputs.length) return "";
  const first = trace.length - outputs.length;
  const difference = Math.max(...outputs.map((row, t) => Math.max(...row.map((value, j) => Math.abs(value - trace[first + t].h[j])))));
  return `The states computed in this page differ from the layer's own by at most ${show(difference, 6)}.`;
}

/** Ask the server for its run; null if it has none. */
export async function openRun(lab, { showCells, setBase, say }) {
  const description = await fetch("run").then((response) => response.json());
  if (!description) return null;
  let layer = description.layers[0].path, latest = 0;

  async function read(text, given = {}) {
    say("Reading …");
    const number = ++latest;
    const response = await fetch("run/read", { method: "POST", body: JSON.stringify({ layer, text }) });
    const answer = await response.json();
    // Another text, or another network, was chosen in the meantime.
    if (number !== latest || lab.task) return;
    if (!response.ok) {
      say(answer.error, true);
      return;
    }
    const { network: plain } = answer;
    const weights = Object.fromEntries(["kernel", "recurrent_kernel", "bias"].filter((name) => plain[name]).map((name) => [name, floats(plain[name])]));
    const network = makeNetwork({ ...plain, ...weights });
    [lab.xs, lab.labels, lab.text, lab.cell] = [rowsOf(floats(answer.inputs), plain.features), answer.labels, answer.text, layer];
    lab.targets = null;
    lab.names = { inputs: [], outputs: [] };
    find("#text").value = answer.text;
    showCells(description.layers.map(({ path }) => path), description.layers.map(({ title }) => title), layer, (path) => {
      layer = path;
      read(find("#text").value);
    });
    setBase(network, { step: lab.xs.length, ...given });
    say(`${answer.message}${compare(rowsOf(floats(answer.outputs), plain.units), lab.trace)}`);
  }

  const start = (given) => {
    if (description.layers.some(({ path }) => path === given.cell)) layer = given.cell;
    return read(given.text ?? description.example, given.text === undefined ? {} : given);
  };
  return { ...description, read, start };
}
