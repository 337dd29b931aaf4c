"""The binary Hopfield network, and the layer against its equations and against attention."""

import keras
import numpy as np
import pytest
from keras import ops

import layers
from tests.layers.families import BATCH, FEATURES, MASKS, TIME, assert_equal, random_weights
from tests.layers.gradients import gradients

UNITS, HEADS, DIM = 4, 2, 3
JAX = keras.backend.backend() == "jax"


def random_patterns(generator, count, units):
    return generator.choice([-1, 1], size=(count, units))


def corrupted(generator, patterns, fraction):
    """Flip a fraction of the units of each pattern."""
    states = patterns.copy()
    for row in states:
        row[generator.choice(len(row), int(fraction * len(row)), replace=False)] *= -1
    return states


# The binary network


@pytest.mark.parametrize("rule", ["hebbian", "pseudo_inverse"])
@pytest.mark.parametrize("asynchronous", [True, False])
def test_corrupted_patterns_are_recalled(rule, asynchronous, generator):
    patterns = random_patterns(generator, 5, 100)
    network = layers.HopfieldNetwork(100, rule).store(patterns)
    recall = network.recall(corrupted(generator, patterns, 0.15), asynchronous=asynchronous)
    np.testing.assert_array_equal(recall.states, patterns)
    assert recall.converged
    assert recall.sweeps >= 2
    one = network.recall(patterns[0])
    np.testing.assert_array_equal(one.states, patterns[0])
    assert one.sweeps == 1


def test_hebbian_weights_equal_the_equation(generator):
    patterns = random_patterns(generator, 3, 6)
    network = layers.HopfieldNetwork(6).store(patterns[:2]).store(patterns[2])
    for i in range(6):
        for j in range(6):
            expected = 0 if i == j else sum(pattern[i] * pattern[j] for pattern in patterns) / 6
            assert network.weights[i, j] == pytest.approx(expected)
    np.testing.assert_array_equal(network.patterns, patterns)


@pytest.mark.parametrize("rule", ["hebbian", "pseudo_inverse"])
def test_energy_never_increases_in_asynchronous_recall(rule, generator):
    network = layers.HopfieldNetwork(40, rule).store(random_patterns(generator, 12, 40))
    states = random_patterns(generator, 20, 40)
    energies = [network.energy(states)]
    for sweep in range(10):
        states = network.recall(states, max_sweeps=1, seed=sweep).states
        energies.append(network.energy(states))
    assert np.all(np.diff(energies, axis=0) <= 1e-9)
    assert np.all(energies[-1] < energies[0])
    assert network.recall(states).converged
    expected = -0.5 * states[0] @ network.weights @ states[0]
    assert network.energy(states[0]) == pytest.approx(expected)


def test_synchronous_recall_may_alternate_between_two_states():
    network = layers.HopfieldNetwork(2).store([1, 1])
    recall = network.recall([1, -1], asynchronous=False, max_sweeps=7)
    assert not recall.converged
    assert recall.sweeps == 7
    np.testing.assert_array_equal(recall.states, [-1, 1])
    assert network.recall([1, -1]).converged


def test_hebbian_capacity_is_about_0_138_patterns_a_unit(generator):
    def errors(load, units=400):
        patterns = random_patterns(generator, int(load * units), units)
        recall = layers.HopfieldNetwork(units).store(patterns).recall(patterns, max_sweeps=30)
        return np.mean(recall.states != patterns)

    assert errors(0.10) < 0.02
    assert errors(0.20) > 0.15


def test_pseudo_inverse_stores_as_many_independent_patterns_as_units(generator):
    patterns = random_patterns(generator, 16, 16)
    assert np.linalg.matrix_rank(patterns) == 16
    for count in (8, 15, 16):
        network = layers.HopfieldNetwork(16, "pseudo_inverse").store(patterns[:count])
        for asynchronous in (True, False):
            recall = network.recall(patterns[:count], asynchronous=asynchronous)
            np.testing.assert_array_equal(recall.states, patterns[:count])
    hebbian = layers.HopfieldNetwork(16).store(patterns)
    assert not np.array_equal(hebbian.recall(patterns).states, patterns)


def test_invalid_network_arguments_raise():
    for units in (0, 1.5, True):
        with pytest.raises(ValueError, match="`units`"):
            layers.HopfieldNetwork(units)
    with pytest.raises(ValueError, match="`rule`"):
        layers.HopfieldNetwork(3, "storkey")
    network = layers.HopfieldNetwork(3)
    for wrong in ([1, -1], [[[1, 1, 1]]], [0, 1, 1], [0.5, 1, 1], [np.nan, 1, 1]):
        with pytest.raises(ValueError, match="`patterns`"):
            network.store(wrong)
        with pytest.raises(ValueError, match="`states`"):
            network.recall(wrong)
        with pytest.raises(ValueError, match="`states`"):
            network.energy(wrong)


# The layer


def make(generator, shapes, **options):
    layer = layers.Hopfield(UNITS, num_heads=HEADS, head_dim=DIM, **options)
    layer.build(*shapes)
    layer.set_weights(random_weights(layer, generator))
    return layer


def softmax(x):
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def equations(layer, patterns, stored, mask=None):
    """The equations in NumPy, one row and head at a time."""
    w = {weight.name: ops.convert_to_numpy(weight).astype("float64") for weight in layer.weights}
    beta = 1 / np.sqrt(DIM) if layer.beta is None else layer.beta
    rows = []
    for b in range(len(patterns)):
        total = 0
        for h in range(HEADS):

            def project(name, values, h=h):
                return values @ w[f"{name}_kernel"][:, h] + (w[f"{name}_bias"][h] if layer.use_bias else 0)

            if layer.mode == "lookup":
                keys, values = w["stored_keys"][:, h], w["stored_values"][:, h]
            else:
                kept = stored[b] if mask is None else stored[b][mask[b]]
                keys, values = project("key", kept), project("value", kept)
            xi = w["state_patterns"][:, h] if layer.mode == "pooling" else project("query", patterns[b])
            for _ in range(layer.update_steps - 1):
                xi = softmax(beta * xi @ keys.T) @ keys if len(keys) else 0 * xi
            retrieved = softmax(beta * xi @ keys.T) @ values if len(keys) else 0 * xi
            total = total + retrieved @ w["output_kernel"][h]
        rows.append(total + (w["output_bias"] if layer.use_bias else 0))
    rows = np.array(rows)
    return rows[:, 0] if layer.mode == "pooling" and layer.num_queries is None else rows


MODES = {
    "association": {},
    "association without bias": {"use_bias": False},
    "pooling": {"mode": "pooling"},
    "pooling with queries": {"mode": "pooling", "num_queries": 3},
    "lookup": {"mode": "lookup", "num_patterns": 7},
}


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_values_equal_the_equations(mode, steps, generator, sequences):
    for beta in (None, 2.0):
        options = {**MODES[mode], "update_steps": steps, "beta": beta}
        layer = make(generator, [sequences.shape], **options)
        assert_equal(layer(sequences), equations(layer, sequences, sequences), rtol=1e-4)
        mask = MASKS["holes"]
        kept = None if layer.mode == "lookup" else mask
        assert_equal(layer(sequences, mask=mask), equations(layer, sequences, sequences, kept), rtol=1e-4)
        if layer.mode == "association":
            stored = generator.normal(size=(BATCH, 4, 2)).astype("float32")
            layer = make(generator, [sequences.shape, stored.shape], **options)
            assert_equal(layer(sequences, stored), equations(layer, sequences, stored), rtol=1e-4)
            kept = generator.random((BATCH, 4)) < 0.7
            expected = equations(layer, sequences, stored, kept)
            assert_equal(layer(sequences, stored, stored_mask=kept), expected, rtol=1e-4)


def test_one_step_equals_multi_head_attention(generator, sequences):
    stored = generator.normal(size=(BATCH, 4, 2)).astype("float32")
    mask = MASKS["holes"][:, :4]
    ours = make(generator, [sequences.shape, stored.shape])
    theirs = keras.layers.MultiHeadAttention(HEADS, DIM, output_shape=UNITS)
    theirs.build(sequences.shape, stored.shape)
    theirs.set_weights(ours.get_weights())
    assert_equal(ours(sequences, stored), theirs(sequences, stored))
    assert_equal(
        ours(sequences, stored, stored_mask=mask, return_attention_scores=True),
        theirs(sequences, stored, value_mask=mask, return_attention_scores=True),
    )
    several = layers.Hopfield.from_config({**ours.get_config(), "update_steps": 2})
    several.build(sequences.shape, stored.shape)
    several.set_weights(ours.get_weights())
    assert not np.allclose(several(sequences, stored), theirs(sequences, stored), atol=1e-3)


def test_large_beta_retrieves_the_stored_pattern(generator):
    """With identity projections a corrupted pattern is completed."""
    stored = np.sign(generator.normal(size=(1, 5, 16))).astype("float32")
    layer = layers.Hopfield(16, beta=2.0, update_steps=3, use_bias=False)
    layer.build(stored.shape)
    layer.set_weights([np.eye(16).reshape(weight.shape) for weight in layer.weights])
    queries = stored.copy()
    queries[:, :, :3] = 0
    assert_equal(layer(queries, stored), stored, atol=1e-3)


@pytest.mark.parametrize("mode", MODES)
def test_masked_patterns_affect_neither_values_nor_gradients(mode, generator, sequences):
    layer = make(generator, [sequences.shape], **MODES[mode], update_steps=2)
    mask = MASKS["empty row"]
    spoiled = np.where(mask[..., None], sequences, 1e4 if layer.mode == "lookup" else np.nan)
    kept = mask[..., None] if layer.mode != "pooling" and mode != "pooling" else 1
    expected = ops.convert_to_numpy(layer(sequences, mask=mask))
    assert np.isfinite(expected).all()
    actual = np.nan_to_num(ops.convert_to_numpy(layer(spoiled, mask=mask)))
    assert_equal(actual * kept, expected * kept, rtol=1e-4)


def test_keras_masks_are_used_and_propagate(generator, sequences):
    sequences = np.where(MASKS["right"][..., None], sequences, 0)
    for mode, options in MODES.items():
        layer = make(generator, [sequences.shape], **options)
        inputs = keras.Input((TIME, FEATURES))
        model = keras.Model(inputs, layer(keras.layers.Masking()(inputs)))
        assert_equal(model(sequences), layer(sequences, mask=MASKS["right"]))
        outputs = layer(keras.layers.Masking()(sequences))
        assert (getattr(outputs, "_keras_mask", None) is None) == ("pooling" in mode)
    queries, stored = keras.Input((TIME, FEATURES)), keras.Input((TIME, FEATURES))
    layer = make(generator, [sequences.shape, sequences.shape])
    model = keras.Model([queries, stored], layer(queries, keras.layers.Masking()(stored)))
    assert_equal(model([sequences, sequences]), layer(sequences, sequences, stored_mask=MASKS["right"]))


@pytest.mark.parametrize("mode", MODES)
def test_shapes_fit_and_batch_of_one(mode, generator, sequences):
    options = MODES[mode]
    layer = layers.Hopfield(UNITS, num_heads=HEADS, update_steps=2, **options)
    model = keras.Sequential([keras.Input((None, FEATURES)), layer])
    middle = {"pooling": (), "pooling with queries": (3,)}.get(mode, (TIME,))
    expected = (*middle, UNITS)
    assert model.output_shape == (None, *(None if size == TIME else size for size in expected))
    # In a graph only once, because tracing takes seconds.
    model.compile(keras.optimizers.Adam(0.05), "mse", run_eagerly=not JAX and mode != "association")
    targets = generator.normal(size=(BATCH, *expected))
    losses = model.fit(sequences, targets, epochs=4, batch_size=2, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    predicted = model.predict(sequences, batch_size=1, verbose=0)
    assert predicted.shape == (BATCH, *expected)
    assert_equal(predicted, layer(sequences), rtol=1e-4)


@pytest.mark.skipif(JAX, reason="JAX has float64 only with jax_enable_x64")
@pytest.mark.parametrize("mode", MODES)
def test_gradients_equal_finite_differences(mode, generator):
    patterns = generator.normal(size=(2, 3, 2))
    layer = make(generator, [patterns.shape], **MODES[mode], update_steps=3, dtype="float64")
    weights = layer.get_weights()

    class WithoutStates:
        """Takes the states that `gradients` passes."""

        trainable_weights = layer.trainable_weights

        def __call__(self, patterns, initial_state=None, mask=None):
            return layer(patterns)

    def loss(weights):
        layer.set_weights(weights)
        return np.sum(np.square(equations(layer, patterns, patterns)))

    count = 0
    for position, gradient in enumerate(gradients(WithoutStates(), patterns, (), None)[: len(weights)]):
        for index in list(np.ndindex(weights[position].shape))[::3]:
            up, down = ([w.copy() for w in weights] for _ in range(2))
            up[position][index] += 1e-5
            down[position][index] -= 1e-5
            expected = (loss(up) - loss(down)) / 2e-5
            np.testing.assert_allclose(ops.convert_to_numpy(gradient)[index], expected, rtol=1e-5, atol=1e-7)
            count += 1
    assert count >= 10


ARGUMENTS = {
    "units": 7,
    "num_heads": 3,
    "head_dim": 5,
    "beta": 0.7,
    "update_steps": 4,
    "use_bias": False,
    "kernel_initializer": "he_normal",
    "bias_initializer": "ones",
    "dtype": "mixed_bfloat16",
    "trainable": False,
    "name": "memory",
}


@pytest.mark.parametrize("own", [{"mode": "pooling", "num_queries": 2}, {"mode": "lookup", "num_patterns": 6}])
def test_every_argument_survives_save_and_load(own, tmp_path, sequences):
    arguments = {**ARGUMENTS, **own}
    assert set(layers.Hopfield(3).get_config()) == {*ARGUMENTS, "mode", "num_queries", "num_patterns"}
    layer = layers.Hopfield(**arguments)
    model = keras.Sequential([keras.Input((TIME, FEATURES)), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    config = loaded.get_layer("memory").get_config()
    assert config == layer.get_config()
    for name, value in arguments.items():
        if name == "dtype":
            assert config[name]["config"]["name"] == value
        elif name.endswith("_initializer"):
            assert config[name]["class_name"] == type(keras.initializers.get(value)).__name__
        else:
            assert config[name] == value, name
    assert_equal(ops.cast(loaded(sequences), "float32"), ops.cast(model(sequences), "float32"))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_close_to_float32(policy, generator, sequences):
    for options in MODES.values():
        single = make(generator, [sequences.shape], **options)
        mixed = layers.Hopfield.from_config({**single.get_config(), "dtype": policy})
        mixed.build(sequences.shape)
        mixed.set_weights(single.get_weights())
        outputs = mixed(sequences, mask=MASKS["empty row"])
        assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
        expected = single(sequences, mask=MASKS["empty row"])
        assert_equal(ops.cast(outputs, "float32"), expected, rtol=0.1, atol=0.05)


def test_invalid_options_raise(sequences):
    for name in ("units", "num_heads", "head_dim", "update_steps"):
        with pytest.raises(ValueError, match=f"`{name}`"):
            layers.Hopfield(**{"units": 3, name: 0})
    for options, name in (
        ({"mode": "recall"}, "mode"),
        ({"beta": 0}, "beta"),
        ({"mode": "lookup"}, "num_patterns"),
        ({"num_patterns": 3}, "num_patterns"),
        ({"num_queries": 3}, "num_queries"),
        ({"mode": "pooling", "num_queries": 0}, "num_queries"),
    ):
        with pytest.raises(ValueError, match=f"`{name}`"):
            layers.Hopfield(3, **options)
    with pytest.raises(ValueError, match="`stored`"):
        layers.Hopfield(3, mode="pooling")(sequences, sequences)
