// What a network answers at a step, and how it goes on with its own answers.

import { MAX_STEPS } from "./sequence.js";
import { find, show } from "./views.js";

const topOf = ({ outputs }) => outputs.indexOf(Math.max(...outputs));

/** Name of the likeliest output, or the predicted number; nothing for a layer without outputs. */
export function answerOf({ network, task, names }, record) {
  if (!network.outputs) return "";
  return task.outputs ? names.outputs[topOf(record)] ?? "?" : show(record.outputs[0], 2);
}

// Tasks whose answer is the next input.
const CONTINUED = ["hello", "sine"];

/** Connect the button with which the network reads its own answer; `reread` takes the new text, `goTo` the step after it. */
export function setUpContinue(lab, { reread, goTo, say }) {
  find("#continue").onclick = () => {
    const { task, trace, t } = lab, record = trace[t - 1];
    if (!record) return say("Nothing is read yet: take a step first.", true);
    if (t >= MAX_STEPS) return say(`The page shows ${MAX_STEPS} steps; go back to an earlier one.`, true);
    const answer = task.outputs ? task.outputs[topOf(record)] : record.outputs[0].toFixed(3);
    if (!record.outputs.every(Number.isFinite)) return say("The answer is not a number.", true);
    const read = task.outputs ? Array.from(lab.text) : lab.text.split(", ");
    reread([...read.slice(0, t), answer].join(task.outputs ? "" : ", "));
    return goTo(t + 1);
  };
}

export function showContinue(task) {
  find("#continue").hidden = !CONTINUED.includes(task?.name);
}
