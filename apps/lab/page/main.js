// The page: what is chosen, what follows from it, and when what is drawn.

import { answerOf, setUpContinue, showContinue } from "./answer.js";
import { CELLS, cloneNetwork, forward, makeNetwork } from "./cells.js";
import { applyChanges, describeChanges, isValidChange, setUpChange } from "./change.js";
import { showDetail } from "./detail.js";
import { readLink, restoreControls, saveLink, setUpLink } from "./link.js";
import { Player } from "./play.js";
import { showReading } from "./read.js";
import { openRun } from "./run.js";
import { activeUnits, drawHistories, drawMaps, moveMaps } from "./see.js";
import { readSeries, readSymbols, setUpPad, symbolLabel } from "./sequence.js";
import { describeSimilar, showSimilar } from "./similar.js";
import { makeEquations, showChain, showOutput } from "./step.js";
import { makeRandom, randomWeights, targetsOf } from "./tasks.js";
import { Training } from "./train.js";
import { setUpNorms, setUpSaliency, showRemembered } from "./understand.js";
import { find, make, onTheme, options, setText, show } from "./views.js";

const lab = { changes: [], unit: 0, t: 1, chosen: null, names: { inputs: [], outputs: [] } };
let tasks, run, player, training, equations, moveHistories, fillChange, drawNorms;

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
  find("#similar-where").textContent = describeSimilar(lab.task);
  showContinue(lab.task);
  find("#train").hidden = find("#norms-part").hidden = !lab.task;
  if (lab.task) {
    drawNorms = setUpNorms(lab.task);
    find("#rate").value = RATES[name];
    const names = (symbols) => Array.from(symbols, symbolLabel);
    const right = name === "hello" ? "✓ is the letter that comes next." : "✓ is the right answer.";
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
  player.stop();
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
  player.stop();
  lab.t = Math.max(1, Math.min(lab.t, lab.xs.length));
  lab.shown = null;
  return change();
}

// What follows from network, changes and sequence

function change(isPlaying = false) {
  Object.assign(lab, applyChanges(lab.base, lab.changes));
  retrace(isPlaying);
  find("#changes").textContent = describeChanges(lab.changes);
  find("#undo").disabled = find("#reset").disabled = !lab.changes.length;
  saveLink(lab);
}

function retrace(isPlaying = false) {
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
  drawAll(isPlaying);
}

function drawAll(isPlaying = false) {
  if (!isPlaying || inView.has("#maps")) drawMaps(lab.network, lab.trace, lab.before, lab.mapUnits = activeUnits(lab.trace, 64), lab.labels, (step, unit) => {
    if (lab.shown.includes(unit)) choose(unit);
    goTo(step);
  });
  drawUnit(isPlaying);
}

function drawUnit(isPlaying = false) {
  if (!isPlaying || inView.has("#histories")) moveHistories = drawHistories(lab.network, lab.trace, lab.unit, lab.labels);
  move(isPlaying);
}

// Parts of the page that change with the step, and what draws them.
const PARTS = {
  "#chain": () => showChain(lab.trace, lab.t, lab.labels, (record) => answerOf(lab, record), lab.width),
  "#equations": (record) => equations.fill(record, lab.unit),
  "#output": (record) => showOutput(lab.network, record, lab.before?.[lab.t - 1] ?? null, lab.names, record?.target),
  "#detail": (record) => showDetail(lab.network, record, lab.chosen, lab.names),
  "#maps": () => moveMaps(lab.t / lab.trace.length),
  "#histories": () => moveHistories(lab.t),
  "#saliency": () => showRemembered(lab),
  "#similar": () => showSimilar(lab),
};
const inView = new Set();

/** Draw what depends on the current step; while the network plays, only what is in the window. */
function move(isPlaying = false) {
  const { t, trace, labels } = lab, record = trace[t - 1] ?? null;
  find("#cursor").max = trace.length;
  find("#cursor").value = t;
  setText(find("#where"), `${t} of ${trace.length}`);
  setText(find("#input-now"), record ? `Step ${t} reads x = ${labels[t - 1]}.` : "Nothing is read yet.");
  setText(find("#output-title"), lab.names.outputs.length ? "Output: softmax" : "Output");
  for (const [part, draw] of Object.entries(PARTS)) if (!isPlaying || inView.has(part)) draw(record);
}

function showTargets() {
  const names = lab.network.outputs ? lab.names.outputs : [];
  if (!lab.network.outputs) options(find("#target"), [["unit", "h of the chosen unit"]]);
  else if (isNumber()) options(find("#target"), [["number", "the predicted number"]]);
  else options(find("#target"), [["top", "log p of the likeliest output"], ...names.map((name, m) => [m, `log p(${name})`])], find("#target").value);
}

// What a person does

function goTo(t, isPlaying = false) {
  if (!lab.trace) return;
  lab.t = Math.max(0, Math.min(lab.trace.length, t));
  move(isPlaying);
  saveLink(lab);
}

function choose(unit) {
  lab.unit = unit;
  lab.chosen = { ...lab.chosen, unit };
  find("#unit").value = unit;
  drawUnit();
  saveLink(lab);
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

function openLink() {
  const { network, cell, isBroken, ...given } = readLink();
  if (isBroken) say("The changes in the link cannot be read; the network is untouched.", true);
  const names = [...tasks.map(({ name }) => name), ...(run ? ["run"] : [])];
  restoreControls();
  chooseTask(names.includes(network) ? network : run ? "run" : tasks[0].name, cell, given);
  if (!lab.trace || !lab.task) return;
  // Its choices are those of the network.
  restoreControls();
  showRemembered(lab);
}

function connect() {
  player = new Player(lab, { goTo, light: (phase) => equations?.light(phase) });
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) inView[isIntersecting ? "add" : "delete"](`#${target.id}`);
  });
  for (const part of Object.keys(PARTS)) observer.observe(find(part));
  setUpSaliency();
  setUpLink(lab);
  setUpContinue(lab, { reread, goTo, say });
  training = new Training(Object.assign(Object.create(lab), {
    begin: () => cloneNetwork(lab.network),
    show: (network, isPlaying) => { lab.base = network; lab.changes = []; change(isPlaying); fillChange(); },
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
  find("#compare").onchange = () => retrace();
  find("#target").onchange = () => showRemembered(lab);
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
    const width = find("#step").clientWidth;
    if (!lab.trace || width === lab.width) return;
    lab.width = width;
    drawAll();
    training.draw();
    if (lab.task) drawNorms();
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
