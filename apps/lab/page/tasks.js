// The tasks of networks.py, for training in the browser, and a random generator that a seed repeats.

/** Uniform numbers in [0, 1); mulberry32. */
export function makeRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const oneHot = (index, width) => Float64Array.from({ length: width }, (_, k) => Number(k === index));

const WORDS = ["hello", "help", "hollow", "low", "yellow"];
const MAX_DEPTH = 4, ECHO_DISTANCE = 3;

export function countBrackets(symbols) {
  let depth = 0;
  return symbols.map((symbol) => (depth = Math.min(MAX_DEPTH, Math.max(0, depth + (symbol === 0 ? 1 : -1)))));
}

/** Draw a sequence: inputs, and targets with null where none counts. */
export function drawSequence(task, length, random) {
  const pick = (count) => Math.floor(random() * count);
  if (!task.inputs) {
    const height = 0.4 + 0.6 * random(), period = 8 + 12 * random(), phase = 2 * Math.PI * random();
    const value = (t) => height * Math.sin(phase + (2 * Math.PI * t) / period);
    const times = Array.from({ length }, (_, t) => t);
    return { inputs: times.map((t) => Float64Array.of(value(t))), targets: times.map((t) => (t < 2 ? null : value(t + 1))) };
  }
  let symbols, targets;
  if (task.name === "hello") {
    const text = Array.from({ length }, () => WORDS[pick(WORDS.length)]).join(" ");
    const ids = Array.from(text.slice(0, length + 1), (letter) => task.inputs.indexOf(letter));
    [symbols, targets] = [ids.slice(0, -1), ids.slice(1)];
  } else {
    symbols = Array.from({ length }, () => pick(task.inputs.length));
    targets = task.name === "brackets" ? countBrackets(symbols) : symbols.map((_, t) => (t < ECHO_DISTANCE ? null : symbols[t - ECHO_DISTANCE]));
  }
  return { inputs: symbols.map((symbol) => oneHot(symbol, task.inputs.length)), targets };
}

/** Rows with the right answer known, for what the page shows: the target of each step of a given sequence, or null. */
export function targetsOf(task, symbols) {
  if (task.name === "brackets") return countBrackets(symbols);
  if (task.name === "echo") return symbols.map((_, t) => (t < ECHO_DISTANCE ? null : symbols[t - ECHO_DISTANCE]));
  return symbols.map((_, t) => symbols[t + 1] ?? null);
}

/** Random weights as Keras' initializers make them: Glorot-uniform kernels, an orthogonal recurrent kernel, forget bias 1. */
export function randomWeights(cell, units, features, outputs, blocks, random) {
  const uniform = (rows, columns) => {
    const limit = Math.sqrt(6 / (rows + columns));
    return Array.from({ length: rows * columns }, () => limit * (2 * random() - 1));
  };
  const width = blocks * units, bias = Array(width * (cell === "gru" ? 2 : 1)).fill(0);
  if (cell === "lstm") bias.fill(1, units, 2 * units);
  return {
    cell, units, features, outputs,
    kernel: uniform(features, width),
    recurrent_kernel: orthogonalRows(units, width, random).flat(),
    bias,
    output_kernel: uniform(units, outputs),
    output_bias: Array(outputs).fill(0),
  };
}

function orthogonalRows(rows, columns, random) {
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const result = [];
  while (result.length < rows) {
    let row = Array.from({ length: columns }, normal);
    for (const other of result) {
      const along = row.reduce((sum, value, k) => sum + value * other[k], 0);
      row = row.map((value, k) => value - along * other[k]);
    }
    const norm = Math.hypot(...row);
    if (norm > 1e-6) result.push(row.map((value) => value / norm));
  }
  return result;
}
