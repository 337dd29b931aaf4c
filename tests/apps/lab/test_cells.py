"""The mathematics of the page, run in Chromium, against Keras and NumPy in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.lab.networks import CELLS, TASKS, make_sequences
from tests import reference
from tests.reference import sigmoid

FEATURES, UNITS, TIME = 3, 4, 6
KINDS = [("simple_rnn", True), ("lstm", True), ("gru", True), ("gru", False)]
LAYERS = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}

RUN = """
const [network, xs, start, entering, done] = arguments;
import("/cells.js").then((cells) => {
  const net = cells.makeNetwork(network);
  const state = { h: Float64Array.from(start[0]), c: Float64Array.from(start[1] ?? start[0]) };
  const trace = cells.forward(net, xs, { start: state });
  const { gradients, inputs, states } = cells.backward(net, trace, entering);
  const plain = (key, each) => each instanceof Float64Array ? [...each] : each;
  const lists = (value) => JSON.parse(JSON.stringify(value, plain));
  done(lists({
    h: trace.map((record) => record.h), c: trace.map((record) => record.c), gates: trace.map((record) => record.gates),
    gradients, inputs, before: [states[0].h, states[0].c], norms: cells.stateNorms(net, trace),
  }));
}, (error) => done({ error: String(error) }));
"""


@pytest.fixture(scope="module")
def javascript(chromium, lab):
    """Function that runs a script with arguments on the lab's page and returns what it gives to its last argument."""
    driver, _ = chromium
    driver.get(f"{lab}/networks.json")
    return driver.execute_async_script


def random_case(cell, reset_after=True, use_bias=True, seed=0):
    random = np.random.default_rng(seed)
    options = {"reset_after": reset_after} if cell == "gru" else {}
    layer = LAYERS[cell](UNITS, use_bias=use_bias, return_sequences=True, return_state=True, dtype="float64", **options)
    layer.build((1, TIME, FEATURES))
    weights = [random.normal(0, 0.8, weight.shape) for weight in layer.weights]
    layer.set_weights(weights)
    inputs = random.normal(0, 1, (1, TIME, FEATURES))
    states = [random.normal(0, 1, (1, UNITS)) for _ in range(2 if cell == "lstm" else 1)]
    names = ("kernel", "recurrent_kernel", "bias")
    network = {name: weight.ravel().tolist() for name, weight in zip(names, weights, strict=False)}
    network |= {"cell": cell, "units": UNITS, "features": FEATURES, "reset_after": reset_after}
    return layer, weights, network, inputs, states, random.normal(0, 1, (1, TIME, UNITS))


def gates(cell, reset_after, x, states, kernel, recurrent_kernel, bias):
    """Gates of one step, in the order of their blocks."""
    h = states[0]
    bias, second = (bias[0], bias[1]) if bias.ndim == 2 else (bias, np.zeros(bias.shape[-1]))
    a, s = x @ kernel + bias, h @ recurrent_kernel + second
    if cell == "simple_rnn":
        return np.tanh(a + s)
    if cell == "lstm":
        i, f, g, o = np.split(a + s, 4, axis=-1)
        return np.concatenate([sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)], axis=-1)
    z, r = np.split(sigmoid(a + s)[:, : 2 * UNITS], 2, axis=-1)
    s_h = r * s[:, 2 * UNITS :] if reset_after else (r * h) @ recurrent_kernel[:, 2 * UNITS :]
    return np.concatenate([z, r, np.tanh(a[:, 2 * UNITS :] + s_h)], axis=-1)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("cell", "reset_after"), KINDS)
def test_states_gates_and_gradients_equal_keras(javascript, cell, reset_after, use_bias):
    layer, weights, network, inputs, states, entering = random_case(cell, reset_after, use_bias)
    found = javascript(RUN, network, inputs[0].tolist(), [state[0].tolist() for state in states], entering[0].tolist())
    variables = [tf.constant(value) for value in (inputs, *states)]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        outputs, *_ = layer(variables[0], initial_state=variables[1:])
        objective = tf.reduce_sum(outputs * entering)
    expected = tape.gradient(objective, [*variables, *(weight.value for weight in layer.weights)])
    np.testing.assert_allclose(found["h"], outputs[0], atol=1e-12)
    got = [
        found["inputs"],
        *found["before"][: len(states)],
        *(found["gradients"][name] for name in ("kernel", "recurrent_kernel", "bias")),
    ]
    for one, other in zip(got, expected, strict=False):
        np.testing.assert_allclose(np.ravel(one), np.ravel(other), atol=1e-10)
    steps = {"simple_rnn": reference.simple_rnn_step, "lstm": reference.lstm_step}
    one_step = steps.get(cell, reference.gru_step if reset_after else reference.gru_reset_before_step)
    width = weights[0].shape[1]
    bias = weights[2] if use_bias else np.zeros((2, width) if cell == "gru" and reset_after else width)
    for t in range(TIME):
        x = inputs[:, t]
        np.testing.assert_allclose(
            found["gates"][t], gates(cell, reset_after, x, states, *weights[:2], bias)[0], atol=1e-12
        )
        states = one_step(x, states, *weights[:2], bias)
        np.testing.assert_allclose(found["h"][t], states[0][0], atol=1e-12)
        if cell == "lstm":
            np.testing.assert_allclose(found["c"][t], states[1][0], atol=1e-12)


@pytest.mark.parametrize(("cell", "reset_after"), KINDS[1:])
def test_swapped_gates_are_seen(javascript, cell, reset_after):
    layer, weights, network, inputs, states, entering = random_case(cell, reset_after)
    width = weights[0].shape[1]
    swapped = np.arange(width)
    swapped[: 2 * UNITS] = np.roll(swapped[: 2 * UNITS], UNITS)
    network["recurrent_kernel"] = weights[1][:, swapped].ravel().tolist()
    found = javascript(RUN, network, inputs[0].tolist(), [state[0].tolist() for state in states], entering[0].tolist())
    assert np.abs(np.array(found["h"]) - layer(inputs, initial_state=states)[0][0]).max() > 1e-2


@pytest.mark.parametrize("cell", CELLS)
def test_norms_over_distance_equal_finite_differences(javascript, cell):
    layer, _, network, inputs, states, entering = random_case(cell)
    found = javascript(RUN, network, inputs[0].tolist(), [state[0].tolist() for state in states], entering[0].tolist())
    for distance in (1, TIME):
        rest, start = inputs[:, TIME - distance :], [np.copy(state) for state in states]
        if distance < TIME:
            _, *start = [np.array(each) for each in layer(inputs[:, : TIME - distance], initial_state=states)]
        differences = []
        for number in range(len(start)):
            for unit in range(UNITS):
                moved = [
                    [state + sign * 1e-6 * (np.eye(UNITS)[unit] if n == number else 0) for n, state in enumerate(start)]
                    for sign in (1, -1)
                ]
                up, down = (np.array(layer(rest, initial_state=each)[0])[0, -1] for each in moved)
                differences.append((up - down) / 2e-6)
        assert found["norms"][distance] == pytest.approx(np.linalg.norm(differences) / np.sqrt(UNITS), rel=1e-6)
    assert found["norms"][0] == 1 and len(found["norms"]) == TIME + 1


LOSS = """
const [task, cell, rows, done] = arguments;
const stored = fetch("/networks.json").then((response) => response.json());
Promise.all([import("/cells.js"), stored]).then(([cells, { tasks }]) => {
  const network = cells.makeNetwork(tasks.find(({ name }) => name === task).networks[cell]);
  done(rows.map((xs) => cells.forward(network, xs).map((record) => [...record.outputs])));
});
"""


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("cell", CELLS)
def test_committed_networks_solve_their_tasks_in_the_browser(javascript, task, cell):
    from apps.lab.networks import score

    inputs, targets, counts = make_sequences(task, 16, 24, seed=7)
    outputs = np.array(javascript(LOSS, task.name, cell, inputs.tolist()))
    assert score(task, outputs, inputs, targets, counts) >= 0.97


GRADIENTS = """
const [network, xs, targets, isNumber, done] = arguments;
import("/cells.js").then((cells) => {
  const net = cells.makeNetwork(network), { loss, gradients } = cells.lossGradients(net, xs, targets, isNumber);
  const differences = {};
  for (const [name, values] of Object.entries(gradients)) {
    differences[name] = [...values].map((value, at) => {
      const losses = [1e-5, -1e-5].map((change) => {
        const moved = cells.cloneNetwork(net);
        moved[name][at] += change;
        return cells.lossGradients(moved, xs, targets, isNumber).loss;
      });
      return Math.abs(value - (losses[0] - losses[1]) / 2e-5);
    });
  }
  const norm = cells.clip(gradients, 0.01);
  const clipped = cells.clip(gradients), all = Object.values(differences);
  done({ loss, norm, clipped, largest: Math.max(...all.flat()), count: all.length });
});
"""


@pytest.mark.parametrize("is_number", [False, True])
def test_gradients_of_the_loss_equal_finite_differences(javascript, is_number):
    random = np.random.default_rng(1)
    _, _, network, inputs, _, _ = random_case("lstm")
    outputs = 1 if is_number else 3
    network |= {
        "outputs": outputs,
        "output_kernel": random.normal(0, 1, UNITS * outputs).tolist(),
        "output_bias": random.normal(0, 1, outputs).tolist(),
    }
    targets = [None, *(random.normal(0, 1, TIME - 1).tolist() if is_number else [0, 2, 1, 1, 0])]
    found = javascript(GRADIENTS, network, inputs[0].tolist(), targets, is_number)
    assert found["largest"] < 1e-8 and found["count"] == 5
    assert found["norm"] > 0.01 and found["clipped"] == pytest.approx(0.01)


PCA = """
const [rows, done] = arguments;
import("/cells.js").then((cells) => done(cells.pca(rows)));
"""


@pytest.mark.parametrize("shape", [(20, 6), (5, 9), (4, 1)])
def test_pca_equals_singular_value_decomposition(javascript, shape):
    rows = np.random.default_rng(2).normal(size=shape)
    found = javascript(PCA, rows.tolist())
    u, s, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    expected = (u * s)[:, :2]
    count = expected.shape[1]
    np.testing.assert_allclose(np.abs(found["coordinates"])[:, :count], np.abs(expected), atol=1e-6)
    np.testing.assert_allclose(found["explained"][:count], (s**2 / (s**2).sum())[:2], atol=1e-9)
