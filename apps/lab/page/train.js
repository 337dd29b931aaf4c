// Training in the page: plain gradient descent on new sequences of a task.

import { clip, descend, lossGradients } from "./cells.js";
import { drawSequence, makeRandom } from "./tasks.js";
import { drawLines, find, show } from "./views.js";

const BATCH_SIZE = 16, LENGTH = 20;

/** One step on `BATCH_SIZE` new sequences; returns the loss before it and the norm of the gradient. */
export function trainStep(network, task, random, rate, limit) {
  let loss = 0, total = null;
  for (let row = 0; row < BATCH_SIZE; row++) {
    const { inputs, targets } = drawSequence(task, LENGTH, random);
    const found = lossGradients(network, inputs, targets, !task.inputs);
    loss += found.loss / BATCH_SIZE;
    for (const values of Object.values(found.gradients)) values.forEach((value, at) => { values[at] = value / BATCH_SIZE; });
    if (total === null) total = found.gradients;
    else for (const [name, values] of Object.entries(found.gradients)) values.forEach((value, at) => { total[name][at] += value; });
  }
  const norm = clip(total, limit);
  if (Number.isFinite(norm)) descend(network, total, rate);
  return { loss, norm };
}

/** Connects the buttons. `lab` has the task, `begin()`, which returns the network to train, and `show(network, isPlaying)`. */
export class Training {
  constructor(lab) {
    this.lab = lab;
    this.losses = [];
    this.left = 0;
    find("#train-run").onclick = () => (this.left ? this.interrupt() : this.run());
    find("#train-new").onclick = () => { this.reset(); this.lab.randomize(); };
    find("#train-back").onclick = () => { this.reset(); this.lab.restore(); };
  }

  /** Forget the losses, for another network. */
  reset() {
    this.pause();
    this.losses = [];
    this.random = makeRandom(1);
    this.draw();
    find("#train-note").textContent = `A training step reads ${BATCH_SIZE} sequences of ${LENGTH} steps.`;
  }

  pause() {
    this.left = 0;
    find("#train-run").textContent = "Train 300 steps";
  }

  interrupt() {
    this.pause();
    // What was not in the window is drawn now.
    this.lab.show(this.network, false);
  }

  run() {
    const rate = Number(find("#rate").value), limit = Number(find("#train-limit").value);
    if (!(rate > 0) || !(limit > 0) || rate === Infinity) {
      find("#train-note").textContent = "Learning rate and clipping norm must be numbers above 0.";
      return;
    }
    this.network = this.lab.begin();
    [this.rate, this.limit, this.left] = [rate, limit, 300];
    find("#train-run").textContent = "Pause";
    requestAnimationFrame(() => this.frame());
  }

  frame() {
    const until = performance.now() + 14;
    let last = null;
    while (this.left && performance.now() < until) {
      last = trainStep(this.network, this.lab.task, this.random, this.rate, this.limit);
      this.losses.push(last.loss);
      this.left -= 1;
      if (!Number.isFinite(last.loss) || !Number.isFinite(last.norm)) break;
    }
    if (!last) return;
    const broken = !Number.isFinite(last.loss) || !Number.isFinite(last.norm);
    if (broken) this.left = 0;
    find("#train-note").textContent = broken
      ? "The loss is no longer a number: lower the learning rate and take new random weights."
      : `Step ${this.losses.length}: loss ${show(last.loss)}, norm of the gradient ${show(last.norm)}${last.norm > this.limit ? `, clipped to ${show(this.limit)}` : ""}.`;
    this.draw();
    this.lab.show(this.network, this.left > 0);
    if (this.left) requestAnimationFrame(() => this.frame());
    else this.pause();
  }

  draw() {
    drawLines(find("#loss"), [this.losses.length ? this.losses : [null, null]], { low: 0, from: 1, xTitle: "training step" });
  }
}
