// Where else a network is in the state of the current step: what such places share is what the state holds.

import { forward } from "./cells.js";
import { symbolLabel } from "./sequence.js";
import { drawSequence, makeRandom } from "./tasks.js";
import { fillBlocks, find, setText, show } from "./views.js";

const SEQUENCES = 60, LENGTH = 24, SHOWN = 6, BEFORE = 8, AFTER = 3;

let places = [], placesOf = null, sequences = [], sequencesOf = null;

/** New sequences of a task: their inputs, and the name of each step. */
function drawSequences(task) {
  const random = makeRandom(11), name = (x) => (task.inputs ? symbolLabel(task.inputs[x.indexOf(1)]) : show(x[0], 1));
  return Array.from({ length: SEQUENCES }, () => {
    const { inputs } = drawSequence(task, LENGTH, random);
    return { inputs, labels: inputs.map(name) };
  });
}

/** States to search: of new sequences of the task, or, for a layer of a run, of the sequence shown. */
function findPlaces({ task, network, clamps, start, trace, labels }) {
  if (!task) return trace.map(({ h }, t) => ({ h, t, labels }));
  if (sequencesOf !== task) [sequences, sequencesOf] = [drawSequences(task), task];
  return sequences.flatMap((sequence) => forward(network, sequence.inputs, { start, clamps }).map(({ h }, t) => ({ h, t, labels: sequence.labels })));
}

/** Steps whose states are nearest to h, by the root mean square of the difference; not the step itself. */
function nearest(h, own) {
  const near = [];
  for (const place of places) {
    if (place.h === own) continue;
    let sum = 0;
    for (let j = 0; j < h.length; j++) sum += (h[j] - place.h[j]) ** 2;
    if (near.length === SHOWN && !(sum < near.at(-1).sum)) continue;
    near.push({ ...place, sum });
    near.sort((one, other) => one.sum - other.sum);
    near.length = Math.min(near.length, SHOWN);
  }
  return near;
}

export function showSimilar(lab) {
  const record = lab.trace[lab.t - 1], element = find("#similar"), gap = lab.task?.inputs ? "" : " ";
  setText(find("#similar-step"), String(lab.t));
  if (!record) return fillBlocks(element, [["p", "Nothing is read yet."]]);
  if (placesOf !== lab.trace) [places, placesOf] = [findPlaces(lab), lab.trace];
  const rows = nearest(record.h, record.h).map(({ labels, t, sum }) => [
    labels.slice(Math.max(0, t - BEFORE), t).join(gap), labels[t], labels.slice(t + 1, t + 1 + AFTER).join(gap), show(Math.sqrt(sum / record.h.length)),
  ]);
  return fillBlocks(element, rows.length ? [["table", [["read before", "step", "next", "difference"], ...rows]]] : [["p", "There is no other step."]]);
}

/** Say which states are searched. */
export const describeSimilar = (task) => (task ? `${SEQUENCES} new sequences of the task` : "the sequence above");
