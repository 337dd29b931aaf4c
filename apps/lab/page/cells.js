// The mathematics: one step of each cell, a sequence, exact gradients by back-propagation through time, PCA.
// Weights have Keras' layout: kernel (features, blocks * units), recurrent (units, blocks * units), row after row.

export const CELLS = {
  simple_rnn: { title: "SimpleRNN", blocks: ["h"], states: ["h"] },
  lstm: { title: "LSTM", blocks: ["i", "f", "g", "o"], states: ["h", "c"] },
  gru: { title: "GRU", blocks: ["z", "r", "g"], states: ["h"] },
};

const WEIGHTS = ["kernel", "recurrent_kernel", "bias", "output_kernel", "output_bias"];
const sigmoid = (a) => 1 / (1 + Math.exp(-a));

/** Make a network of plain arrays of weights; absent biases are zero. A GRU's bias has two rows with reset_after. */
export function makeNetwork(plain) {
  const { cell, units, features, outputs = 0 } = plain;
  const width = CELLS[cell].blocks.length * units;
  const resetAfter = cell === "gru" && plain.reset_after !== false;
  const weights = { bias: new Float64Array(width * (resetAfter ? 2 : 1)), output_bias: new Float64Array(outputs) };
  for (const name of WEIGHTS) if (plain[name]) weights[name] = Float64Array.from(plain[name]);
  return { cell, units, features, outputs, width, resetAfter, ...weights };
}

export function cloneNetwork(network) {
  const copy = { ...network };
  for (const name of WEIGHTS) if (network[name]) copy[name] = network[name].slice();
  return copy;
}

/** Row vector times matrix, x (rows) by w (rows, width). */
export function product(x, w, width, result = new Float64Array(width)) {
  for (let k = 0; k < x.length; k++) {
    const value = x[k];
    if (value === 0) continue;
    for (let j = 0, at = k * width; j < width; j++, at++) result[j] += value * w[at];
  }
  return result;
}

export function zeroState(network) {
  return { h: new Float64Array(network.units), c: new Float64Array(network.units) };
}

/**
 * One step. `clamps` holds gates at given values: {f: [null, 1, ...]}, null for what stays free.
 * Returns every term of the equations: fromInput = x W, fromState = h_prev U (r * h_prev in a GRU's candidate without
 * resetAfter), a = pre-activations, gates = activations, and the new state.
 */
export function step(network, x, prev, clamps = {}) {
  const { cell, units: n, width, bias } = network;
  const fromInput = product(x, network.kernel, width);
  const resetBefore = cell === "gru" && !network.resetAfter;
  const fromState = product(prev.h, network.recurrent_kernel, width);
  const a = new Float64Array(width), gates = new Float64Array(width);
  const activate = (block, j, value, squash) => {
    const at = block * n + j, clamp = clamps[CELLS[cell].blocks[block]]?.[j] ?? null;
    a[at] = value;
    gates[at] = clamp === null ? squash(value) : clamp;
  };
  const h = new Float64Array(n), c = cell === "lstm" ? new Float64Array(n) : prev.c;
  if (cell === "simple_rnn") {
    for (let j = 0; j < n; j++) activate(0, j, fromInput[j] + bias[j] + fromState[j], Math.tanh);
    h.set(gates);
  } else if (cell === "lstm") {
    for (let j = 0; j < n; j++) {
      for (let b = 0; b < 4; b++) {
        const at = b * n + j;
        activate(b, j, fromInput[at] + bias[at] + fromState[at], b === 2 ? Math.tanh : sigmoid);
      }
      c[j] = gates[n + j] * prev.c[j] + gates[j] * gates[2 * n + j];
      h[j] = gates[3 * n + j] * Math.tanh(c[j]);
    }
  } else {
    const second = network.resetAfter ? bias.subarray(width) : new Float64Array(width);
    for (let b = 0; b < 2; b++) {
      for (let j = 0; j < n; j++) {
        const at = b * n + j;
        activate(b, j, fromInput[at] + bias[at] + fromState[at] + second[at], sigmoid);
      }
    }
    if (resetBefore) {
      const reset = prev.h.map((value, k) => value * gates[n + k]);
      fromState.set(product(reset, network.recurrent_kernel, width).subarray(2 * n), 2 * n);
    }
    for (let j = 0; j < n; j++) {
      const at = 2 * n + j;
      const state = resetBefore ? fromState[at] : gates[n + j] * (fromState[at] + second[at]);
      activate(2, j, fromInput[at] + bias[at] + state, Math.tanh);
      h[j] = gates[j] * prev.h[j] + (1 - gates[j]) * gates[at];
    }
  }
  return { x, prev, fromInput, fromState, a, gates, h, c, clamps };
}

/** Run a sequence; returns a record of `step` for each x, with `outputs` where the network has an output layer. */
export function forward(network, xs, { start = zeroState(network), clamps = {} } = {}) {
  let state = start;
  return xs.map((x) => {
    const record = step(network, x, state, clamps);
    state = { h: record.h, c: record.c };
    if (network.outputs) record.outputs = product(record.h, network.output_kernel, network.outputs, network.output_bias.slice());
    return record;
  });
}

export function softmax(logits) {
  const largest = Math.max(...logits), exps = Array.from(logits, (value) => Math.exp(value - largest));
  const total = exps.reduce((sum, value) => sum + value, 0);
  return exps.map((value) => value / total);
}

/** Gradients of one step: from those of its h and c to those of its pre-activations and of the state before it. */
function stepBack(network, record, dh, dc, clamps) {
  const { cell, units: n, width, recurrent_kernel: u } = network, { gates, prev } = record;
  // da of a gate; for a GRU's candidate also ds, of h_prev U + d, which the reset gate has multiplied.
  const da = new Float64Array(width), ds = da.slice();
  const direct = { h: new Float64Array(n), c: new Float64Array(n) };
  const free = (block, j) => (clamps[CELLS[cell].blocks[block]]?.[j] ?? null) === null;
  const slope = (block, j) => {
    const y = gates[block * n + j], isTanh = cell === "simple_rnn" || block === 2;
    return free(block, j) ? (isTanh ? 1 - y * y : y * (1 - y)) : 0;
  };
  for (let j = 0; j < n; j++) {
    if (cell === "simple_rnn") {
      ds[j] = da[j] = dh[j] * slope(0, j);
    } else if (cell === "lstm") {
      const [i, f, g, o] = [0, 1, 2, 3].map((b) => gates[b * n + j]), out = Math.tanh(record.c[j]);
      const d = dc[j] + dh[j] * o * (1 - out * out);
      da[j] = d * g * slope(0, j);
      da[n + j] = d * prev.c[j] * slope(1, j);
      da[2 * n + j] = d * i * slope(2, j);
      da[3 * n + j] = dh[j] * out * slope(3, j);
      direct.c[j] = d * f;
    } else {
      const z = gates[j], g = gates[2 * n + j];
      da[j] = dh[j] * (prev.h[j] - g) * slope(0, j);
      da[2 * n + j] = dh[j] * (1 - z) * slope(2, j);
      direct.h[j] = dh[j] * z;
    }
  }
  if (cell === "lstm") ds.set(da);
  if (cell === "gru") {
    const second = network.bias.subarray(width);
    for (let j = 0; j < n; j++) {
      const at = 2 * n + j, r = gates[n + j];
      if (network.resetAfter) {
        da[n + j] = da[at] * (record.fromState[at] + second[at]) * slope(1, j);
        ds[at] = da[at] * r;
      } else {
        let back = 0;
        for (let k = 0; k < n; k++) back += da[2 * n + k] * u[j * width + 2 * n + k];
        da[n + j] = back * prev.h[j] * slope(1, j);
        direct.h[j] += back * r;
      }
    }
    for (let at = 0; at < 2 * n; at++) ds[at] = da[at];
  }
  for (let k = 0; k < n; k++) for (let at = 0; at < width; at++) direct.h[k] += ds[at] * u[k * width + at];
  return { da, ds, before: direct };
}

/**
 * Back-propagation through time. `dhs[t]` is the gradient that enters at h of step t, or null.
 * Returns gradients of the weights, of every input, and in `states[t]` of the state before step t.
 */
export function backward(network, trace, dhs, { clamps = {}, weights = true } = {}) {
  const { units: n, features, width, kernel } = network;
  const gradients = { kernel: new Float64Array(kernel.length), recurrent_kernel: new Float64Array(n * width), bias: new Float64Array(network.bias.length) };
  const inputs = [], states = [];
  let carried = zeroState(network);
  states[trace.length] = carried;
  for (let t = trace.length - 1; t >= 0; t--) {
    const record = trace[t], dh = carried.h.map((value, j) => value + (dhs[t] ? dhs[t][j] : 0));
    const { da, ds, before } = stepBack(network, record, dh, carried.c, clamps);
    carried = states[t] = before;
    inputs[t] = new Float64Array(features);
    for (let k = 0; k < features; k++) for (let at = 0; at < width; at++) inputs[t][k] += da[at] * kernel[k * width + at];
    if (!weights) continue;
    outer(gradients.kernel, record.x, da, width);
    outer(gradients.recurrent_kernel, record.prev.h, ds, width);
    for (let at = 0; at < width; at++) {
      gradients.bias[at] += da[at];
      if (network.resetAfter) gradients.bias[width + at] += ds[at];
    }
    if (network.cell === "gru" && !network.resetAfter) {
      const last = da.map((value, at) => (at < 2 * n ? 0 : value));
      outer(gradients.recurrent_kernel, record.prev.h.map((value, k) => value * record.gates[n + k]), last, width);
    }
  }
  return { gradients, inputs, states };
}

function outer(total, x, d, width) {
  for (let k = 0; k < x.length; k++) {
    if (x[k] === 0) continue;
    for (let at = 0; at < width; at++) total[k * width + at] += x[k] * d[at];
  }
}

/** Gradient that enters at h of one step: of hidden unit `unit`, or through the output layer of `d` per output. */
export function outputGradient(network, d) {
  const dh = new Float64Array(network.units);
  for (let k = 0; k < dh.length; k++) for (let m = 0; m < network.outputs; m++) dh[k] += d[m] * network.output_kernel[k * network.outputs + m];
  return dh;
}

/** Mean loss and gradients of all weights: cross-entropy for class targets, squared error for numbers; null is left out. */
export function lossGradients(network, xs, targets, isNumber, options = {}) {
  const trace = forward(network, xs, options), counted = targets.filter((target) => target !== null).length;
  const head = { output_kernel: new Float64Array(network.output_kernel.length), output_bias: new Float64Array(network.outputs) };
  let loss = 0;
  const dhs = trace.map((record, t) => {
    if (targets[t] === null) return null;
    let d;
    if (isNumber) {
      const error = record.outputs[0] - targets[t];
      loss += error * error;
      d = [2 * error];
    } else {
      d = softmax(record.outputs);
      loss -= Math.log(Math.max(d[targets[t]], 1e-300));
      d[targets[t]] -= 1;
    }
    d = d.map((value) => value / counted);
    outer(head.output_kernel, record.h, d, network.outputs);
    d.forEach((value, m) => { head.output_bias[m] += value; });
    return outputGradient(network, d);
  });
  const { gradients } = backward(network, trace, dhs, options);
  return { loss: loss / counted, gradients: { ...gradients, ...head }, trace };
}

/** Norm of all gradients together; if it exceeds `limit`, scales them to it in place. */
export function clip(gradients, limit = Infinity) {
  let squares = 0;
  for (const values of Object.values(gradients)) for (const value of values) squares += value * value;
  const norm = Math.sqrt(squares);
  if (norm > limit) for (const values of Object.values(gradients)) values.forEach((value, at) => { values[at] = (value * limit) / norm; });
  return norm;
}

export function descend(network, gradients, rate) {
  for (const [name, values] of Object.entries(gradients)) values.forEach((value, at) => { network[name][at] -= rate * value; });
}

/** ||dh_T/ds_t|| / sqrt(units), Frobenius, over the distance T - t; s is the state, h and, in an LSTM, c. 1 at distance 0. */
export function stateNorms(network, trace, clamps = {}) {
  const squares = new Float64Array(trace.length);
  for (let unit = 0; unit < network.units; unit++) {
    const dhs = Array(trace.length).fill(null);
    dhs[trace.length - 1] = Float64Array.from({ length: network.units }, (_, j) => Number(j === unit));
    const { states } = backward(network, trace, dhs, { clamps, weights: false });
    for (let t = 0; t < trace.length; t++) for (const name of CELLS[network.cell].states) for (const value of states[t][name]) squares[t] += value * value;
  }
  return [1, ...Array.from(squares, (value) => Math.sqrt(value / network.units)).reverse()];
}

/** Two first principal components of rows: coordinates, and the fraction of the variance along each. */
export function pca(rows) {
  const n = rows[0].length, means = Array.from({ length: n }, (_, j) => rows.reduce((sum, row) => sum + row[j], 0) / rows.length);
  const centred = rows.map((row) => Float64Array.from(row, (value, j) => value - means[j]));
  const byUnits = n <= rows.length, vectors = byUnits ? means.map((_, j) => centred.map((row) => row[j])) : centred;
  const gram = vectors.map((one) => vectors.map((other) => one.reduce((sum, value, k) => sum + value * other[k], 0)));
  const { values, axes } = eigen(gram), total = values.reduce((sum, value) => sum + Math.max(0, value), 0) || 1;
  const coordinates = centred.map((row, t) => [0, 1].map((component) => {
    const axis = axes[component], value = Math.max(0, values[component] ?? 0);
    if (!axis) return 0;
    return byUnits ? row.reduce((sum, entry, j) => sum + entry * axis[j], 0) : axis[t] * Math.sqrt(value);
  }));
  return { coordinates, explained: [0, 1].map((component) => Math.max(0, values[component] ?? 0) / total) };
}

/** Eigenvalues of a symmetric matrix, falling, and their vectors; Jacobi's rotations. The largest entry is positive. */
function eigen(matrix) {
  const n = matrix.length, a = matrix.map((row) => Float64Array.from(row)), v = a.map((_, j) => Float64Array.from({ length: n }, (_, k) => Number(j === k)));
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0, scale = 0;
    for (let p = 0; p < n; p++) for (let q = 0; q < n; q++) if (p === q) scale += a[p][p] ** 2; else off += a[p][q] ** 2;
    if (off <= 1e-26 * scale) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) {
      if (a[p][q] === 0) continue;
      const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]), t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
      const cosine = 1 / Math.hypot(t, 1), sine = t * cosine;
      for (const rows of [a, v]) {
        const rp = rows[p], rq = rows[q];
        for (let k = 0; k < n; k++) [rp[k], rq[k]] = [cosine * rp[k] - sine * rq[k], sine * rp[k] + cosine * rq[k]];
      }
      for (let k = 0; k < n; k++) [a[k][p], a[k][q]] = [cosine * a[k][p] - sine * a[k][q], sine * a[k][p] + cosine * a[k][q]];
    }
  }
  const order = a.map((_, j) => j).sort((one, other) => a[other][other] - a[one][one]);
  const upright = (axis) => (Math.max(...axis) < -Math.min(...axis) ? axis.map((value) => -value) : axis);
  return { values: order.map((j) => a[j][j]), axes: order.map((j) => upright(v[j])) };
}
