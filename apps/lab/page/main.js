// The page: what is chosen, what follows from it, and when what is drawn.

import { CELLS, cloneNetwork, forward, makeNetwork } from "./cells.js";
import { applyChanges, describeChanges, isValidChange, setUpChange } from "./change.js";
import { Player } from "./play.js";
import { showReading } from "./read.js";
import { openRun } from "./run.js";
import { activeUnits, drawHistories, drawMaps } from "./see.js";
import { readSeries, readSymbols, setUpPad, symbolLabel } from "./sequence.js";
import { makeEquations, showChain, showDetail, showOutput } from "./step.js";
import { makeRandom, randomWeights, targetsOf } from "./tasks.js";
import { Training } from "./train.js";
import { drawSaliency, saliency, setUpNorms } from "./understand.js";
import { find, make, onTheme, options, show } from "./views.js";

const lab = { changes: [], unit: 0, t: 1, chosen: null, names: { inputs: [], outputs: [] } };
let tasks, run, player, training, equations, moveHistories, fillChange;

// Learning rates with which plain gradient descent learns the tasks.
const RATES = { hello: 2, brackets: 1, sine: 0.1, echo: 2 };

const isNumber = () => lab.task && !lab.task.inputs;

function say(text, isError = false) {
  find("#message").textContent = text;
  find("#message").className = isError ? "error" : "";
}
lab.say = say;

// Start

function chooseTask(name, cell, given = {}) {
  lab.task = tasks.find((task) => task.name === name) ?? null;
  find("#task").value = name;
  find("#about").textContent = lab.task ? lab.task.about : run.about;
  find("#text-form").hidden = isNumber();
  find("#text-title").textContent = lab.task ? "Text to read" : run.title;
  find("#series-form").hidden = !isNumber();
  find("#train").hidden = find("#norms-part").hidden = !lab.task;
  if (lab.task) {
    setUpNorms(lab.task);
    find("#rate").value = RATES[name];
    const names = (symbols) => Array.from(symbols, symbolLabel);
    const right = name === "hello" ? "Underlined: the letter that comes next." : "The right answer is underlined.";
    lab.names = { inputs: names(lab.task.inputs), outputs: names(lab.task.outputs), right };
    if (!readInput(given.text ?? lab.task.example)) readInput(lab.task.example);
    chooseCell(CELLS[cell] ? cell : "lstm", given);
  } else run.start(given);
}

function showCells(names, titles, chosen, onChoose) {
  const legendElement = find("#cells legend");
  legendElement.textContent = lab.task ? "Cell" : "Layer";
  find("#cells").replaceChildren(legendElement, ...names.map((name, index) => {
    const input = make("input", { type: "radio", name: "cell", value: name, checked: name === chosen });
    input.addEventListener("change", () => onChoose(name));
    return make("label", {}, input, ` ${titles[index]}`);
  }));
}

function chooseCell(cell, given = {}) {
  lab.cell = cell;
  showCells(Object.keys(CELLS), Object.values(CELLS).map(({ title }) => title), cell, (name) => chooseCell(name, { step: lab.t, unit: lab.unit }));
  training.reset();
  setBase(makeNetwork(lab.task.networks[cell]), given);
}

/** Take another network, and changes, step and unit of a link. */
function setBase(base, { changes = [], step = 1, unit = 0 } = {}) {
  player.pause();
  lab.base = base;
  lab.changes = changes.filter((change) => isValidChange(base, change));
  lab.t = Math.max(0, Math.min(lab.xs.length, step));
  lab.unit = Math.max(0, Math.min(base.units - 1, unit));
  lab.chosen = { name: "h", block: base.cell === "simple_rnn" ? 0 : undefined, unit: lab.unit };
  lab.shown = null;
  change();
  fillChange = setUpChange(lab);
  showReading(lab.network);
}

/** Read a text or a series; returns whether it could be read. */
function readInput(text) {
  const read = isNumber() ? readSeries(text) : readSymbols(text, lab.task.inputs);
  say(read.message, read.isError);
  if (!read.xs) return false;
  [lab.xs, lab.labels, lab.text] = [read.xs, read.labels, read.text];
  lab.targets = targetsOf(lab.task, isNumber() ? read.xs.map(([value]) => value) : read.symbols);
  find(isNumber() ? "#series" : "#text").value = read.text;
  if (isNumber()) setUpPad(read.xs.map(([value]) => value), (values) => reread(values.map((value) => value.toFixed(2)).join(", ")));
  return true;
}

function reread(text) {
  if (!lab.task) return run.read(text);
  if (!readInput(text)) return undefined;
  player.pause();
  lab.t = Math.max(1, Math.min(lab.t, lab.xs.length));
  lab.shown = null;
  return change();
}

// What follows from network, changes and sequence

function change() {
  Object.assign(lab, applyChanges(lab.base, lab.changes));
  retrace();
  find("#changes").textContent = describeChanges(lab.changes);
  find("#undo").disabled = find("#reset").disabled = !lab.changes.length;
  saveLink();
}

function retrace() {
  if (!lab.base) return;
  const { network, start, clamps, xs } = lab;
  lab.trace = forward(network, xs, { start, clamps });
  lab.before = find("#compare").checked ? forward(lab.base, xs) : null;
  lab.trace.forEach((record, t) => { record.target = lab.targets?.[t] ?? null; });
  if (!lab.shown) {
    lab.shown = activeUnits(lab.trace, 16);
    if (!lab.shown.includes(lab.unit)) lab.unit = lab.chosen.unit = lab.shown[0];
    options(find("#unit"), lab.shown.map((unit) => [unit, unit]), lab.unit);
    equations = makeEquations(network, lab.shown, inspect);
    lab.equationsOf = network;
    showTargets();
  } else if (lab.equationsOf !== network) {
    equations = makeEquations(network, lab.shown, inspect);
    lab.equationsOf = network;
  }
  player.phases = equations.phases;
  drawAll();
}

function drawAll() {
  drawMaps(lab.network, lab.trace, lab.before, lab.mapUnits = activeUnits(lab.trace, 64), lab.labels, (step, unit) => {
    if (lab.shown.includes(unit)) choose(unit);
    goTo(step);
  });
  drawUnit();
}

function drawUnit() {
  moveHistories = drawHistories(lab.network, lab.trace, lab.unit, lab.labels);
  move();
}

/** Draw what depends on the current step. */
function move() {
  const { t, trace, network, labels } = lab, record = trace[t - 1] ?? null, before = lab.before?.[t - 1] ?? null;
  find("#cursor").max = trace.length;
  find("#cursor").value = t;
  find("#where").textContent = `${t} of ${trace.length}`;
  find("#input-now").textContent = record ? `Step ${t} reads x = ${labels[t - 1]}.` : "Nothing is read yet.";
  find("#maps").style.setProperty("--cursor", t / trace.length);
  equations.fill(record, lab.unit);
  showChain(trace, t, labels, answerOf, lab.width);
  find("#output-title").textContent = lab.names.outputs.length ? "Output: softmax" : "Output";
  showOutput(network, record, before, lab.names, record?.target);
  showDetail(network, record, lab.chosen, lab.names);
  moveHistories(t);
  drawRemembered();
  lab.atStep?.(t);
}

function answerOf(record) {
  if (!lab.network.outputs) return "";
  if (isNumber()) return show(record.outputs[0], 2);
  return lab.names.outputs[record.outputs.indexOf(Math.max(...record.outputs))] ?? "?";
}

function showTargets() {
  const names = lab.network.outputs ? lab.names.outputs : [];
  if (!lab.network.outputs) options(find("#target"), [["unit", "h of the chosen unit"]]);
  else if (isNumber()) options(find("#target"), [["number", "the predicted number"]]);
  else options(find("#target"), [["top", "log p of the likeliest output"], ...names.map((name, m) => [m, `log p(${name})`])], find("#target").value);
}

let remembering = null;
function drawRemembered() {
  clearTimeout(remembering);
  // The gradient of a large layer takes longer than a frame.
  if (lab.network.units > 64) remembering = setTimeout(drawSaliencyNow, 200);
  else drawSaliencyNow();
}

function drawSaliencyNow() {
  const { network, trace, t, labels, clamps } = lab;
  find("#target-step").textContent = t;
  if (!t) return drawSaliency([], labels, "Nothing is read yet.");
  const chosen = find("#target").value, { outputs } = trace[t - 1];
  const target = !network.outputs ? lab.unit : chosen === "top" ? outputs.indexOf(Math.max(...outputs)) : Number(chosen);
  const values = saliency(network, trace, t, target, isNumber(), clamps), [farthest] = [...values.keys()].sort((one, other) => values[other] - values[one]);
  const what = !network.outputs ? `h[${target}]` : isNumber() ? "the predicted number" : `log p(${lab.names.outputs[target]})`;
  const text = `Length of the exact gradient of ${what} by each input. It is largest, ${show(values[farthest])}, for step ${farthest + 1} “${labels[farthest]}”, ${t - 1 - farthest} ${t - 2 === farthest ? "step" : "steps"} back.`;
  return drawSaliency(values, labels, text);
}

// What a person does

function goTo(t) {
  if (!lab.trace) return;
  lab.t = Math.max(0, Math.min(lab.trace.length, t));
  move();
  saveLink();
}

function choose(unit) {
  lab.unit = unit;
  lab.chosen = { ...lab.chosen, unit };
  find("#unit").value = unit;
  drawUnit();
  saveLink();
}

function inspect(chosen, isChoice) {
  if (chosen.name === lab.chosen.name && chosen.unit === lab.chosen.unit && !(isChoice && chosen.unit !== lab.unit)) return;
  lab.chosen = chosen;
  if (isChoice && chosen.unit !== lab.unit) choose(chosen.unit);
  showDetail(lab.network, lab.trace[lab.t - 1] ?? null, chosen, lab.names);
}

lab.add = (added) => {
  const last = lab.changes.at(-1);
  const isSame = last && added[0] !== "clamp" && last[0] === added[0] && last[1] === added[1];
  lab.changes = [...(isSame ? lab.changes.slice(0, -1) : lab.changes), added];
  say("");
  change();
  fillChange();
};

function dropChanges(changes) {
  lab.changes = changes;
  change();
  fillChange();
}

// The address holds what is seen

let saving = null;
function saveLink() {
  clearTimeout(saving);
  // Browsers refuse many changes of the address in a short time.
  saving = setTimeout(() => {
    const values = { network: lab.task?.name ?? "run", cell: lab.cell, text: lab.text, step: lab.t, unit: lab.unit };
    if (lab.changes.length) values.changes = JSON.stringify(lab.changes);
    history.replaceState(null, "", `#${new URLSearchParams(values)}`);
  }, 250);
}

function openLink() {
  const values = new URLSearchParams(location.hash.slice(1));
  let changes = [];
  try {
    changes = JSON.parse(values.get("changes") ?? "[]");
  } catch {
    say("The changes in the link cannot be read; the network is untouched.", true);
  }
  const given = { changes: Array.isArray(changes) ? changes : [], step: Math.trunc(Number(values.get("step") ?? 1)) || 0, unit: Math.trunc(Number(values.get("unit"))) || 0 };
  if (values.has("text")) given.text = values.get("text");
  const names = [...tasks.map(({ name }) => name), ...(run ? ["run"] : [])];
  const name = names.includes(values.get("network")) ? values.get("network") : run ? "run" : tasks[0].name;
  chooseTask(name, values.get("cell"), given);
}

function connect() {
  player = new Player(lab, { goTo, light: (phase) => equations?.light(phase), saved: saveLink });
  training = new Training(Object.assign(Object.create(lab), {
    begin: () => cloneNetwork(lab.network),
    show: (network) => { lab.base = network; lab.changes = []; change(); fillChange(); },
    randomize: () => {
      const { cell, units, features, outputs } = lab.base;
      setBase(makeNetwork(randomWeights(cell, units, features, outputs, CELLS[cell].blocks.length, makeRandom(Date.now()))), { step: lab.t, unit: lab.unit });
    },
    restore: () => { chooseCell(lab.cell, { step: lab.t, unit: lab.unit }); },
  }));
  find("#task").onchange = (event) => chooseTask(event.target.value, lab.cell);
  find("#text-form").onsubmit = (event) => {
    event.preventDefault();
    reread(find("#text").value);
  };
  find("#series").onchange = (event) => reread(event.target.value);
  find("#unit").onchange = (event) => choose(Number(event.target.value));
  find("#undo").onclick = () => dropChanges(lab.changes.slice(0, -1));
  find("#reset").onclick = () => dropChanges([]);
  find("#compare").onchange = retrace;
  find("#target").onchange = drawRemembered;
  // The address holds what is seen, so the links inside the page only scroll.
  for (const link of document.querySelectorAll("nav a")) link.onclick = (event) => {
    event.preventDefault();
    const part = find(link.getAttribute("href"));
    part.scrollIntoView();
    part.setAttribute("tabindex", "-1");
    part.focus({ preventScroll: true });
  };
  onTheme(() => { drawAll(); fillChange(); });
  addEventListener("hashchange", openLink);
  addEventListener("resize", () => {
    lab.width = find("#step").clientWidth;
    if (lab.trace) move();
  });
}

async function open() {
  const stored = await fetch("networks.json").then((response) => response.json());
  tasks = stored.tasks;
  run = await openRun(lab, { showCells, setBase, say });
  options(find("#task"), [...tasks.map(({ name, title }) => [name, title]), ...(run ? [["run", `Your run: ${run.name}`]] : [])]);
  connect();
  find("main").hidden = false;
  lab.width = find("#step").clientWidth;
  openLink();
}

open().catch((error) => {
  find("main").replaceWith(make("p", { className: "error", textContent: `The lab cannot start: ${error.message}` }));
  throw error;
});
