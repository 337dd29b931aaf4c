"""The choice of kernels, and equality of their results with those of Keras' loop."""

import os
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
from keras import ops

import layers
from layers import kernels
from layers.kernels import derivatives
from tests.conftest import ROOT
from tests.layers.families import (
    BATCH,
    FAMILIES,
    FEATURES,
    MASKS,
    TIME,
    UNITS,
    assert_equal,
    family_name,
    pairwise,
    quick_families,
    random_weights,
)
from tests.layers.gradients import gradients

BACKEND = keras.backend.backend()
pytestmark = pytest.mark.skipif(BACKEND not in ("tensorflow", "jax"), reason=f"no kernels on {BACKEND}")
only_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow only")
only_jax = pytest.mark.skipif(BACKEND != "jax", reason="JAX only")


class Training:
    """Calls a layer with training=True; for `gradients`."""

    def __init__(self, layer):
        self.layer, self.trainable_weights = layer, layer.trainable_weights

    def __call__(self, inputs, **arguments):
        return self.layer(inputs, training=True, **arguments)


def results(forced, make, weights, sequences, states, mask, training=False):
    """Return outputs and gradients of a new layer with arguments of `use_kernel`; in training only gradients."""
    layer = make()
    layer.build(sequences.shape)
    layer.set_weights(weights)
    call = Training(layer) if training else layer
    with layers.use_kernel(*forced):
        if not training:
            return layer(sequences, initial_state=states, mask=mask), gradients(call, sequences, states, mask)
        return gradients(call, sequences, states, mask)


DERIVED = [("compiled",), *([("graph",)] if BACKEND == "tensorflow" else [])]
LEAST_MEMORY = ("compiled", "least")


def assert_kernels_agree(family, generator, sequences, mask=None, training=False, derived=DERIVED, **options):
    """Assert that all kernels agree, for random weights and initial states; `derived` are arguments of `use_kernel`."""

    def make():
        return family.make(UNITS, return_state=True, **options)

    layer = make()
    layer.build(sequences.shape)
    weights = random_weights(layer, generator)
    states = [generator.normal(size=(len(sequences), UNITS)).astype("float32") for _ in range(family.num_states)]
    arguments = (make, weights, sequences, states, mask, training)
    expected = results(["portable"], *arguments)
    for forced in derived:
        assert_equal(results(forced, *arguments), expected, rtol=1e-4, atol=1e-5)


CHOICES = [
    ("LSTM", {}, "compiled"),
    ("GRU", {"reset_after": False}, "compiled"),
    ("SimpleRNN", {"activation": "relu"}, "compiled"),
    ("LSTM", {"dropout": 0.2, "recurrent_dropout": 0.2}, "compiled"),
    ("LSTM", {"go_backwards": True, "stateful": True}, "compiled"),
    ("LSTM", {"dtype": "mixed_bfloat16"}, "compiled"),
    ("LSTM", {"use_cudnn": False}, "compiled"),
    ("LSTM", {"unroll": True}, "portable"),
    ("LSTM", {"zoneout": 0.1}, "portable"),
    ("LSTM", {"activation": ops.sin}, "portable"),
    ("GRU", {"recurrent_activation": "gelu"}, "portable"),
    ("PeepholeLSTM", {}, "portable"),
    ("LayerNormGRU", {}, "portable"),
]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name,options,kernel", CHOICES)
def test_which_kernel_returns_the_kernel_that_runs(kernels_run, sequences, name, options, kernel, training):
    layer = getattr(layers, name)(UNITS, **options)
    choice = layers.which_kernel(layer, TIME, training=training)
    assert (choice.kernel, bool(choice.reason)) == (kernel, True)
    layer(sequences, training=training, mask=MASKS["holes"])
    assert kernels_run == [kernel]


def test_cell_that_overrides_step_takes_the_portable_kernel(kernels_run, sequences):
    class Doubled(layers.LSTMCell):
        def step(self, inputs, states, training):
            return [2 * state for state in super().step(inputs, states, training)]

    class DoubledLSTM(layers.LSTM):
        cell_class = Doubled

    layer, plain = DoubledLSTM(UNITS), layers.LSTM(UNITS)
    layer.build(sequences.shape)
    plain.build(sequences.shape)
    plain.set_weights(layer.get_weights())
    assert np.abs(ops.convert_to_numpy(layer(sequences) - plain(sequences))).max() > 1e-3
    assert kernels_run == ["portable", "compiled"]


GPU = [
    ("LSTM", {}, "cudnn", "compiled"),
    ("LSTM", {"use_cudnn": True}, "cudnn", "cudnn"),
    ("LSTM", {"use_bias": False, "dropout": 0.5}, "cudnn", "compiled"),
    ("LSTM", {"use_cudnn": False}, "compiled", "compiled"),
    ("LSTM", {"recurrent_dropout": 0.5}, "compiled", "compiled"),
    ("LSTM", {"activation": "relu"}, "compiled", "compiled"),
    ("LSTM", {"dtype": "mixed_float16"}, "compiled", "compiled"),
    ("GRU", {}, "cudnn", "compiled"),
    ("GRU", {"reset_after": False}, "compiled", "compiled"),
    ("SimpleRNN", {}, "compiled", "compiled"),
    ("LSTM", {"unroll": True}, "portable", "portable"),
]


@pytest.mark.parametrize("name,options,on_tensorflow,on_jax", GPU)
def test_which_kernel_on_gpu_returns_the_expected_kernel(name, options, on_tensorflow, on_jax):
    layer = getattr(layers, name)(UNITS, **options)
    expected = on_tensorflow if BACKEND == "tensorflow" else on_jax
    assert layers.which_kernel(layer, training=True, device="gpu").kernel == expected


def test_unsupported_kernel_raises_with_the_reason(sequences):
    with pytest.raises(ValueError, match="only tanh and sigmoid"), layers.use_kernel("cudnn"):
        layers.which_kernel(layers.LSTM(UNITS, activation="relu"), device="gpu")
    if kernels._backend().device() != "gpu":
        with pytest.raises(ValueError, match="needs a GPU"), layers.use_kernel("cudnn"):
            layers.LSTM(UNITS)(sequences)
    for kernel in ("compiled", "graph"):
        with pytest.raises(ValueError, match="unroll=True"), layers.use_kernel(kernel):
            layers.LSTM(UNITS, unroll=True)(sequences)
    if BACKEND != "tensorflow":
        with pytest.raises(ValueError, match="a kernel of the tensorflow backend"), layers.use_kernel("graph"):
            layers.LSTM(UNITS)(sequences)
    for arguments in (("portable", "least"), ("compiled", "most")):
        with pytest.raises(ValueError, match="invalid `memory`"), layers.use_kernel(*arguments):
            pass
    with pytest.raises(ValueError, match="'fast'"), layers.use_kernel("fast"):
        pass
    with pytest.raises(ValueError, match="Dense"):
        layers.which_kernel(keras.layers.Dense(1))


@only_tensorflow
@quick_families("LSTM")
@pytest.mark.parametrize("time", [300, None])
def test_jit_compiled_model_trains_the_same(kernels_run, generator, family, time):
    sequences = generator.normal(size=(4, 300, 3)).astype("float32")
    targets = np.zeros((4, UNITS), "float32")
    models = [keras.Sequential([keras.Input((time, 3)), family.make(UNITS)]) for _ in range(2)]
    models[1].set_weights(models[0].get_weights())
    for model, whole in zip(models, (True, False), strict=True):
        model.compile("sgd", "mse", jit_compile=whole)
        assert model.jit_compile == whole
        model.fit(sequences, targets, batch_size=2, shuffle=False, verbose=0)
        assert "compiled" in kernels_run
    assert_equal(models[0].get_weights(), models[1].get_weights())


@pairwise("family,mask,sequence_and_back", FAMILIES, [None, "holes", "empty row"], [False, True])
def test_training_with_dropout_agrees(generator, sequences, family, mask, sequence_and_back):
    options = {"return_sequences": sequence_and_back, "go_backwards": sequence_and_back}
    assert_kernels_agree(
        family, generator, sequences, MASKS.get(mask), True, dropout=0.4, recurrent_dropout=0.4, seed=3, **options
    )


@pytest.mark.parametrize("family", [FAMILIES[0], pytest.param(FAMILIES[-1], marks=pytest.mark.slow)], ids=family_name)
@pytest.mark.parametrize("activation", [a.__name__ for a in derivatives._DERIVATIVES])
def test_activations_agree(generator, sequences, family, activation):
    # Small, because some activations are unbounded.
    gates = {} if family.name == "SimpleRNN" else {"recurrent_activation": activation}
    assert_kernels_agree(family, generator, sequences[:, :3] / 4, activation=activation, **gates)


def test_no_bias_agrees(family, generator, sequences):
    assert_kernels_agree(family, generator, sequences, MASKS["left"], use_bias=False, return_sequences=True)


@pytest.mark.parametrize("features", [3, 300])
def test_large_batches_and_many_features_agree(family, generator, features):
    """On JAX, large batches have one product for each step, and many features save the pre-activations."""
    sequences = generator.normal(size=(9, 5, features)).astype("float32") / features
    mask = generator.random((9, 5)) < 0.7
    assert_kernels_agree(family, generator, sequences, mask, True, [*DERIVED, LEAST_MEMORY], return_sequences=True)


@only_tensorflow
@pytest.mark.parametrize("time", [8, 19])
@pytest.mark.parametrize("mask", [None, "random"])
def test_graph_kernel_agrees_for_batches_and_lengths_unknown_to_the_graph(monkeypatch, generator, family, time, mask):
    """Lengths of whole blocks and others; batches that make the layer a small and a large one."""
    import tensorflow as tf

    from layers.kernels import tensorflow_graph

    monkeypatch.setattr(tensorflow_graph, "LARGE_BATCH", 4)
    monkeypatch.setattr(tensorflow_graph, "LARGE_STEP", 1)
    layer = family.make(UNITS, return_sequences=True, return_state=True)
    layer.build((None, None, FEATURES))
    layer.set_weights(random_weights(layer, generator))
    specs = [tf.TensorSpec((None, None, FEATURES)), tf.TensorSpec((None, None), tf.bool)]
    function = tf.function(
        lambda sequences, keep: layer(sequences, mask=keep if mask else None), input_signature=specs, autograph=False
    )
    for batch in (1, 3, 4, 9):
        sequences = generator.normal(size=(batch, time, FEATURES)).astype("float32")
        keep = generator.random((batch, time)) < 0.7
        outputs = function(sequences, keep)
        with layers.use_kernel("portable"):
            assert_equal(outputs, layer(sequences, mask=keep if mask else None))


@quick_families("SimpleRNN", "LSTM")
@pytest.mark.parametrize("return_sequences", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize(
    "time", [600, pytest.param(523, marks=pytest.mark.skipif(BACKEND != "jax", reason="JAX only"))]
)
def test_sequences_longer_than_a_chunk_agree(generator, family, time, return_sequences):
    """Of a length that chunks of equal length divide, and of a prime."""
    sequences = generator.normal(size=(2, time, 3)).astype("float32")
    mask = generator.random((2, time)) < 0.7
    derived = [*DERIVED, LEAST_MEMORY]
    assert_kernels_agree(family, generator, sequences / 4, mask, derived=derived, return_sequences=return_sequences)


def test_least_memory_trains_as_the_default(generator):
    """In `fit`, over chunks of which the last is shorter."""
    sequences = generator.normal(size=(6, 300, 3)).astype("float32")
    targets = generator.normal(size=(6, 300, 5)).astype("float32")

    def trained(memory):
        keras.utils.set_random_seed(0)
        layer = layers.LSTM(5, return_sequences=True, recurrent_dropout=0.2, seed=1)
        model = keras.Sequential([keras.Input((None, 3)), layer])
        model.compile("sgd", "mse")
        with layers.use_kernel("compiled", memory):
            model.fit(sequences, targets, batch_size=4, epochs=2, shuffle=False, verbose=0)
        return model.get_weights()

    assert_equal(trained("least"), trained("default"), rtol=1e-5, atol=1e-6)


@only_tensorflow
@quick_families("LSTM")
@pytest.mark.parametrize("batch", [None, 10, 11])
def test_both_halves_of_a_batch_at_once_agree(family, generator, monkeypatch, batch):
    """In graphs that know the batch size or not; an odd batch that the graph knows stays whole."""
    import tensorflow as tf

    from layers.kernels import tensorflow_programs as programs

    monkeypatch.setattr(programs, "HALVED_BATCH", 2)
    monkeypatch.setattr(programs, "HALVED_STEP", (1, 1000))
    monkeypatch.setattr(programs.os, "cpu_count", lambda: 2)
    original, calls = programs._in_halves, []
    monkeypatch.setattr(programs, "_in_halves", lambda *arguments: calls.append(1) or original(*arguments))
    # Of a size for which no other test has made programs.
    layer = family.make(UNITS + 4 + (batch or 0), return_sequences=True)
    layer.build((None, None, FEATURES))

    def results(sequences, mask):
        with tf.GradientTape() as tape:
            tape.watch(sequences)
            outputs = layer(sequences, mask=mask, training=True)
        return outputs, tape.gradient(outputs, [sequences, *layer.trainable_weights], tf.sin(outputs))

    sizes = [1, 2, 8, 10, 11] if batch is None else [batch]
    specs = [tf.TensorSpec((batch, None, FEATURES)), tf.TensorSpec((batch, None), tf.bool)]
    function = tf.function(results, input_signature=specs, autograph=False)
    for size in sizes:
        sequences = tf.constant(generator.normal(size=(size, 300, FEATURES)) / 4, "float32")
        mask = tf.constant(generator.random((size, 300)) < 0.8)
        with layers.use_kernel("compiled"):
            found = function(sequences, mask)
        with layers.use_kernel("portable"):
            assert_equal(found, results(sequences, mask), rtol=1e-4, atol=1e-5)
    assert bool(calls) == (batch != 11)


@pytest.mark.parametrize("method", ["update", "gradient"])
def test_wrong_equation_is_detected(family, generator, sequences, monkeypatch, method):
    equations = type(family.make(UNITS).cell.equations)
    original = getattr(equations, method)

    def wrong(self, *arguments):
        result = original(self, *arguments)
        if method == "update":
            return [1.001 * result[0], *result[1:]]
        d_a, d_h_in, d_prev = result
        return [1.001 * d_a[0], *d_a[1:]], d_h_in, d_prev

    # A new class, because programs that are already compiled would not change.
    wrong_equations = type("Wrong", (equations,), {method: wrong})
    monkeypatch.setattr(
        type(family.make(UNITS).cell),
        "derived_equations",
        property(lambda self: wrong_equations(self.equations.activation, self.equations.recurrent_activation)),
    )
    with pytest.raises(AssertionError, match="Not equal"):
        assert_kernels_agree(family, generator, sequences, return_sequences=True)


def test_derivatives_equal_finite_differences():
    a, step = np.linspace(-4, 4, 81) + 0.013, 1e-3
    assert len(derivatives._DERIVATIVES) >= 10
    for activation in derivatives._DERIVATIVES:
        up, down, y = (
            ops.convert_to_numpy(activation(ops.convert_to_tensor(a + d, "float32"))) for d in (step, -step, 0)
        )
        expected = (up.astype("float64") - down) / (2 * step)
        ours = derivatives.derivative(activation, ops.convert_to_tensor(a, "float32"), ops.convert_to_tensor(y))
        # Points next to a kink may differ.
        differs = np.abs(ops.convert_to_numpy(ours) - expected) > 1e-3 * np.maximum(1, np.abs(expected))
        assert differs.sum() <= 2, activation.__name__
        if derivatives.needs_only_output(activation):
            assert_equal(derivatives.derivative(activation, None, ops.convert_to_tensor(y)), ours)


@only_jax
def test_calls_outside_a_model_compile_once(family, sequences):
    from layers.kernels import jax as jax_kernels

    layer = family.make(UNITS)
    layer(sequences)
    before = jax_kernels._compiled._cache_size()
    layer(2 * sequences)
    family.make(UNITS)(sequences)
    assert jax_kernels._compiled._cache_size() == before


def run_right_padded(inputs, initial_states, step):
    """Run `step(x, states)` over right-padded rows as cuDNN does, with zeros as outputs of the padding."""
    sequences, lengths = inputs
    states, outputs = [np.array(state) for state in initial_states], []
    for t in range(sequences.shape[1]):
        new = step(sequences[:, t], states)
        mask = (t < lengths)[:, None]
        states = [np.where(mask, after, before) for after, before in zip(new, states, strict=True)]
        outputs.append(np.where(mask, new[0], 0))
    return np.stack(outputs, axis=1), states


@only_tensorflow
@pytest.mark.parametrize("mask", [None, *MASKS])
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_cudnn_on_tensorflow_gets_the_documented_arguments(monkeypatch, generator, sequences, name, mask):
    """cuDNN needs a GPU, so cells in NumPy read the weights, in its documented order, and the lengths."""
    import tensorflow as tf

    from tests import reference

    def fake_cudnn(input, input_h, input_c, params, sequence_lengths, rnn_mode, is_training, time_major):
        assert is_training and not time_major and np.all(sequence_lengths >= 1)
        gates = {"lstm": 4, "gru": 3}[rnn_mode]
        flat, blocks = params.numpy(), []
        for width in [FEATURES] * gates + [UNITS] * gates + [1] * 2 * gates:
            block, flat = flat[: UNITS * width], flat[UNITS * width :]
            blocks.append(block.reshape(UNITS, width).T)
        assert not flat.size
        # cuDNN orders the GRU's gates r, z, h.
        order = (0, 1, 2, 3) if rnn_mode == "lstm" else (1, 0, 2)
        kernel, recurrent, b, d = (
            np.concatenate([blocks[part * gates + gate] for gate in order], axis=1) for part in range(4)
        )
        if rnn_mode == "lstm":
            initial_states, bias, step = [input_h[:, 0], input_c[:, 0]], (b + d)[0], reference.lstm_step
        else:
            initial_states, bias, step = [input_h[:, 0]], np.concatenate([b, d]), reference.gru_step
        outputs, states = run_right_padded(
            (input.numpy(), sequence_lengths.numpy()), initial_states, lambda x, s: step(x, s, kernel, recurrent, bias)
        )
        constants = [tf.constant(value, tf.float32) for value in (outputs, states[0][:, None], states[-1][:, None])]
        return (*constants, None, None)

    layer = getattr(layers, name)(UNITS, return_sequences=True, return_state=True)
    layer.build(sequences.shape)
    layer.set_weights(random_weights(layer, generator))
    states = [generator.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(layer.cell.num_states)]
    arguments = {"initial_state": states, "mask": MASKS.get(mask)}
    expected = layer(sequences, **arguments)
    module = kernels._backend()
    monkeypatch.setattr(module, "device", lambda: "gpu")
    monkeypatch.setattr(module.tf.raw_ops, "CudnnRNNV3", fake_cudnn)
    with layers.use_kernel("cudnn"):
        assert_equal(layer(sequences, **arguments), expected, rtol=1e-4, atol=1e-5)


@only_jax
@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("mask", [None, *MASKS])
def test_cudnn_on_jax_gets_the_documented_arguments(monkeypatch, generator, sequences, mask, use_bias):
    """cuDNN needs a GPU, so JAX's reference implementation of the same network takes its place."""
    from jax.experimental import rnn

    def fake_cudnn(x, h_0, c_0, weights, seq_lengths, input_size, hidden_size, num_layers, dropout, bidirectional):
        parts = rnn.unpack_lstm_weights(weights, input_size, hidden_size, num_layers, bidirectional)
        sizes = (input_size, hidden_size, num_layers, dropout, bidirectional)
        return rnn.lstm_ref(x, h_0, c_0, *parts, seq_lengths, *sizes)

    layer = layers.LSTM(UNITS, return_sequences=True, return_state=True, use_bias=use_bias)
    layer.build(sequences.shape)
    layer.set_weights(random_weights(layer, generator))
    states = [generator.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(2)]
    mask = MASKS.get(mask)
    expected = layer(sequences, initial_state=states, mask=mask), gradients(layer, sequences, states, mask)
    module = kernels._backend()
    monkeypatch.setattr(module, "device", lambda: "gpu")
    monkeypatch.setattr(module.rnn, "lstm", fake_cudnn)
    layer.use_cudnn = True
    assert layers.which_kernel(layer).kernel == "cudnn"
    ours = layer(sequences, initial_state=states, mask=mask), gradients(layer, sequences, states, mask)
    assert_equal(ours, expected, rtol=1e-4, atol=1e-5)


@only_jax
def test_cudnn_is_not_chosen_if_devices_share_the_batch(monkeypatch):
    mesh = types.SimpleNamespace(devices=np.arange(2))
    monkeypatch.setattr(keras.distribution, "distribution", lambda: types.SimpleNamespace(device_mesh=mesh))
    choice = layers.which_kernel(layers.LSTM(UNITS), training=True, device="gpu")
    assert choice.kernel == "compiled" and "devices share the batch" in choice.reason
    mesh.devices = mesh.devices[:1]
    assert layers.which_kernel(layers.LSTM(UNITS, use_cudnn=True), training=True, device="gpu").kernel == "cudnn"


@only_jax
@pytest.mark.parametrize(
    "name,options,mask",
    [("SimpleRNN", {}, None), ("GRU", {}, "right"), ("GRU", {"reset_after": False}, None), ("LSTM", {}, "left")],
)
def test_loops_for_a_gpu_change_nothing(monkeypatch, generator, name, options, mask):
    # More than 256 features and units, and not a small batch: a CPU saves the pre-activations and a GPU does not.
    layer = getattr(layers, name)(260, return_sequences=True, return_state=True, **options)
    sequences = generator.normal(size=(8, TIME, 5)).astype("float32")
    layer.build(sequences.shape)
    states = [generator.normal(size=(8, 260)).astype("float32") for _ in keras.tree.flatten(layer.cell.state_size)]
    mask = None if mask is None else np.tile(MASKS[mask][:1], (8, 1))

    def results():
        import jax

        # The program of the CPU would be found.
        jax.clear_caches()
        return layer(sequences, initial_state=states, mask=mask), gradients(layer, sequences, states, mask)

    expected = results()
    asked = []
    monkeypatch.setattr(kernels._backend(), "device", lambda: asked.append(1) or "gpu")
    # Some steps are left over.
    monkeypatch.setattr(kernels._backend(), "UNROLL", 4)
    assert TIME % 4
    ours = results()
    assert asked
    assert_equal(ours, expected, rtol=1e-4, atol=1e-5)


SHARED = """
import jax, keras, numpy as np, layers
from jax.sharding import Mesh, NamedSharding, PartitionSpec
mesh = Mesh(np.array(jax.devices()), ("batch",))
whole, shared = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), ("batch",)))
for units in (8, 256):
    for layer in (layers.SimpleRNN(units), layers.GRU(units), layers.GRU(units, reset_after=False), layers.LSTM(units)):
        layer.build((None, 5, 3))
        kinds = layer.trainable_variables, layer.non_trainable_variables
        weights, others = ([variable.value for variable in kind] for kind in kinds)
        loss = lambda weights, x: layer.stateless_call(weights, others, x, training=True)[0].sum()
        step = jax.jit(jax.grad(loss), in_shardings=(whole, shared), out_shardings=whole)
        program = step.lower(weights, np.ones((64, 5, 3), "float32")).compile().as_text()
        print(program.count("all-gather("), program.count("all-reduce(") > 0, layers.which_kernel(layer).kernel)
"""


@only_jax
def test_devices_that_share_a_batch_exchange_only_weight_gradients():
    devices = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", SHARED]
    result = subprocess.run(command, cwd=ROOT, env=os.environ | devices, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["0 True compiled"] * 8


@only_jax
def test_training_step_lowers_for_gpu_and_tpu(family, sequences):
    import jax

    layer = family.make(UNITS)
    layer.build(sequences.shape)
    weights = [weight.value for weight in layer.trainable_variables]
    others = [weight.value for weight in layer.non_trainable_variables]

    def loss(weights, sequences):
        return ops.sum(layer.stateless_call(weights, others, sequences, training=True)[0] ** 2)

    step = jax.jit(jax.grad(loss))
    exported = jax.export.export(step, platforms=["cpu", "cuda", "tpu"])(weights, sequences)
    assert exported.platforms == ("cpu", "cuda", "tpu")
