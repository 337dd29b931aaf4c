"""Values, gradients, masks and configuration of every family, against the equations in NumPy and Keras' layers."""

import inspect
import json

import keras
import numpy as np
import pytest
from keras import ops

import layers
from tests import reference
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

NON_DEFAULT = {
    "units": 5,
    "activation": "softsign",
    "recurrent_activation": "hard_sigmoid",
    "use_bias": False,
    "kernel_initializer": keras.initializers.HeNormal(seed=1),
    "recurrent_initializer": keras.initializers.GlorotUniform(seed=1),
    "bias_initializer": keras.initializers.Constant(0.5),
    "unit_forget_bias": False,
    "kernel_regularizer": keras.regularizers.L2(0.1),
    "recurrent_regularizer": keras.regularizers.L1(0.1),
    "bias_regularizer": keras.regularizers.L2(0.2),
    "activity_regularizer": keras.regularizers.L2(0.3),
    "kernel_constraint": keras.constraints.MaxNorm(1),
    "recurrent_constraint": keras.constraints.MaxNorm(2),
    "bias_constraint": keras.constraints.NonNeg(),
    "dropout": 0.25,
    "recurrent_dropout": 0.5,
    "seed": 11,
    "reset_after": False,
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "use_cudnn": False,
    "zero_output_for_mask": True,
}


def non_default_options(family):
    """Return a value other than the default for each argument of the family."""
    return {name: value for name, value in NON_DEFAULT.items() if name in inspect.signature(family.ours).parameters}


def dropped_by_keras(family):
    """Return the arguments that Keras 3.15 ignores, or leaves out of its layer's configuration."""
    return {"seed", "activity_regularizer"} if family.name == "SimpleRNN" else {"use_cudnn"}


@pytest.fixture
def states(family, generator):
    return [generator.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(family.num_states)]


@pytest.mark.parametrize("mask", [None, *MASKS])
def test_values_equal_the_equations(family, generator, sequences, states, mask):
    mask = MASKS.get(mask)
    layer, _ = family.pair(generator, return_sequences=True, return_state=True)
    outputs, *last = layer(sequences, initial_state=states, mask=mask)
    expected, *expected_last = reference.run(family.step, sequences, states, layer.get_weights(), mask)
    assert_equal(last, expected_last)
    # Before the first unmasked step the output is zeros or the initial state, depending on the backend.
    started = np.ones((BATCH, TIME, 1)) if mask is None else np.cumsum(mask, axis=1)[..., None] > 0
    assert_equal(ops.convert_to_numpy(outputs) * started, expected * started)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family.num_blocks > 1], ids=family_name)
def test_swapped_gates_are_detected(family, generator, sequences, states):
    layer, _ = family.pair(generator, return_sequences=True, return_state=True)
    for first in range(family.num_blocks):
        for second in range(first):
            order = np.arange(family.num_blocks)
            order[[first, second]] = second, first
            swapped = [
                np.concatenate([np.split(weight, family.num_blocks, axis=-1)[block] for block in order], axis=-1)
                for weight in layer.get_weights()
            ]
            with pytest.raises(AssertionError):
                assert_equal(
                    layer(sequences, initial_state=states), reference.run(family.step, sequences, states, swapped)
                )


@pairwise("family,mask,return_sequences,go_backwards", FAMILIES, [None, *MASKS], [False, True], [False, True])
def test_values_and_gradients_equal_keras(generator, sequences, family, mask, return_sequences, go_backwards):
    mask = MASKS.get(mask)
    states = [generator.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(family.num_states)]
    options = {"return_sequences": return_sequences, "return_state": True, "go_backwards": go_backwards}
    ours, theirs = family.pair(generator, **options)
    assert_equal(ours(sequences, initial_state=states, mask=mask), theirs(sequences, initial_state=states, mask=mask))
    assert_equal(gradients(ours, sequences, states, mask), gradients(theirs, sequences, states, mask))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX has float64 only with jax_enable_x64")
def test_gradients_equal_finite_differences(family, generator):
    sequences = generator.normal(size=(2, 4, 3))
    states = [generator.normal(size=(2, UNITS)) for _ in range(family.num_states)]
    layer = family.make(UNITS, return_sequences=True, return_state=True, dtype="float64")
    layer.build(sequences.shape)
    weights = random_weights(layer, generator)
    layer.set_weights(weights)

    def loss(weights):
        return sum(np.sum(np.square(value)) for value in reference.run(family.step, sequences, states, weights))

    analytic = gradients(layer, sequences, states, None)[: len(weights)]
    epsilon, count = 1e-5, 0
    for position, (weight, gradient) in enumerate(zip(weights, analytic, strict=True)):
        for index in list(np.ndindex(weight.shape))[::5]:
            up, down = ([w.copy() for w in weights] for _ in range(2))
            up[position][index] += epsilon
            down[position][index] -= epsilon
            expected = (loss(up) - loss(down)) / (2 * epsilon)
            np.testing.assert_allclose(ops.convert_to_numpy(gradient)[index], expected, rtol=1e-6, atol=1e-8)
            count += 1
    assert count >= 8


@pytest.mark.parametrize("mask", MASKS)
def test_padded_batch_equals_single_sequences(family, generator, sequences, mask):
    mask = MASKS[mask]
    layer, _ = family.pair(generator)
    expected = ops.convert_to_numpy(layer(sequences, mask=mask))
    noise = np.where(mask[..., None], sequences, 100 * generator.normal(size=sequences.shape)).astype("float32")
    assert_equal(layer(noise, mask=mask), expected, rtol=0)
    for row, row_mask in enumerate(mask):
        single = layer(sequences[row : row + 1, row_mask]) if row_mask.any() else np.zeros((1, UNITS))
        assert_equal(single, expected[row : row + 1])


@pairwise(
    "family,merge_mode,return_sequences,mask",
    FAMILIES,
    ["concat", "sum", "mul", "ave", None],
    [False, True],
    [None, "holes"],
)
def test_bidirectional_equals_keras(generator, sequences, family, merge_mode, return_sequences, mask):
    mask = MASKS.get(mask)
    wrapped = [
        keras.layers.Bidirectional(
            kind(UNITS, return_sequences=return_sequences, **family.options), merge_mode=merge_mode
        )
        for kind in (family.ours, family.theirs)
    ]
    for layer in wrapped:
        layer.build(sequences.shape)
    weights = random_weights(wrapped[0], generator)
    assert len(weights) == 6
    for layer in wrapped:
        layer.set_weights(weights)
    assert type(wrapped[0].backward_layer) is family.ours
    assert wrapped[0].backward_layer.go_backwards
    assert_equal(wrapped[0](sequences, mask=mask), wrapped[1](sequences, mask=mask))


def test_dropout_masks_equal_keras(family, generator, sequences, states):
    ours, theirs = family.pair(generator, dropout=0.4, seed=5, return_sequences=True)
    dropped = ours(sequences, initial_state=states, training=True)
    assert_equal(dropped, theirs(sequences, initial_state=states, training=True))
    assert not np.allclose(dropped, ours(sequences, initial_state=states, training=False))


@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
def test_dropout_drops_the_same_features_at_every_step(option):
    layer = layers.LSTM(64, return_sequences=True, seed=1, unit_forget_bias=False, **{option: 0.5})
    layer.build((1, 8, 64))
    # Each cell candidate reads only one feature or hidden unit, so a new mask at a step would change the output.
    eye, zero = np.eye(64), np.zeros((64, 64))
    candidate_only = np.concatenate([zero, zero, eye, zero], axis=1)
    zeros = np.zeros((64, 256))
    bias = np.concatenate([np.full(64, 50.0), np.full(64, -50.0), np.zeros(64), np.full(64, 50.0)])
    weights = (candidate_only, zeros) if option == "dropout" else (zeros, 10 * candidate_only)
    layer.set_weights([*weights, bias])
    states = [np.ones((1, 64), "float32")] * 2
    outputs = ops.convert_to_numpy(layer(np.ones((1, 8, 64), "float32"), initial_state=states, training=True))[0]
    dropped = np.abs(outputs) < 1e-6
    assert 10 < dropped[0].sum() < 54, "about half should be dropped"
    assert (dropped == dropped[0]).all()


@quick_families("GRU")
@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
def test_dropout_keeps_the_expected_value(family, generator, sequences, option):
    layer, _ = family.pair(generator, **{option: 0.2}, seed=3)
    layer.set_weights([0.1 * weight for weight in layer.get_weights()])
    expected = ops.convert_to_numpy(layer(sequences))
    samples = [ops.convert_to_numpy(layer(sequences, training=True)) for _ in range(200)]
    assert np.std(samples, axis=0).max() > 1e-4
    np.testing.assert_allclose(np.mean(samples, axis=0), expected, atol=0.02)


def test_forget_gate_bias_starts_at_one():
    layer = layers.LSTM(UNITS)
    layer.build((None, None, FEATURES))
    bias = layer.get_weights()[2]
    np.testing.assert_array_equal(bias, np.repeat([0.0, 1.0, 0.0, 0.0], UNITS))


def test_arguments_and_defaults_equal_keras(family):
    ours, theirs = inspect.signature(family.ours).parameters, inspect.signature(family.theirs).parameters
    assert {name: p.default for name, p in theirs.items()}.items() <= {
        name: p.default for name, p in ours.items()
    }.items()
    assert [name for name in ours if name in theirs] == list(theirs)
    assert len(theirs) > 20


def test_positional_arguments_have_the_order_of_keras(family):
    names = list(inspect.signature(family.theirs).parameters)[:-1]
    arguments = [NON_DEFAULT[name] for name in names]
    ours, theirs = family.ours(*arguments), family.theirs(*arguments)
    ours, theirs = ours.get_config(), theirs.get_config()
    assert {name for name in theirs if ours[name] != theirs[name]} - {"name"} <= dropped_by_keras(family)
    assert len(names) > 20


@pytest.mark.parametrize("option", NON_DEFAULT)
@pytest.mark.parametrize("kind", ["SimpleRNN", "GRU", "LSTM"])
def test_argument_survives_save_and_load(kind, option, tmp_path):
    kind = getattr(layers, kind)
    if option not in inspect.signature(kind).parameters:
        assert option in ("recurrent_activation", "unit_forget_bias", "reset_after", "use_cudnn")
        return
    layer = kind(**{"units": UNITS, option: NON_DEFAULT[option]}, name="recurrent")
    default = kind(UNITS, name="recurrent").get_config()
    assert layer.get_config()[option] != default[option]
    model = keras.Sequential([keras.Input(batch_shape=(BATCH, TIME, FEATURES)), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.get_layer("recurrent")) is kind
    assert json.dumps(loaded.get_layer("recurrent").get_config()) == json.dumps(layer.get_config())
    data = np.ones((BATCH, TIME, FEATURES), "float32")
    assert_equal(loaded(data), model(data))


def test_every_argument_is_tested_in_save_and_load(family):
    config = set(family.make(UNITS).get_config()) - {"name", "trainable", "dtype"}
    assert config == set(non_default_options(family))


def test_configuration_is_interchangeable_with_keras(family):
    config = family.ours(**non_default_options(family)).get_config()
    theirs = family.theirs.from_config(config).get_config()
    dropped = {name for name in config if config[name] != theirs.get(name)}
    assert dropped <= dropped_by_keras(family)
    back = family.ours.from_config(theirs).get_config()
    assert {name for name in config if config[name] != back[name]} == dropped


def test_weights_file_is_interchangeable_with_keras(family, tmp_path, sequences):
    def make(kind):
        return keras.Sequential([keras.Input((TIME, FEATURES)), kind(UNITS, name="recurrent", **family.options)])

    ours, theirs = make(family.ours), make(family.theirs)
    theirs.save_weights(tmp_path / "model.weights.h5")
    ours.load_weights(tmp_path / "model.weights.h5")
    assert_equal(ours(sequences), theirs(sequences))
    assert [weight.path.split("/", 1)[1] for weight in ours.weights] == [
        weight.path.split("/", 1)[1] for weight in theirs.weights
    ]


def test_cell_runs_in_keras_rnn(family, generator, sequences, states):
    layer, _ = family.pair(generator, return_sequences=True)
    cell = type(layer.cell)(UNITS, **family.options)
    wrapped = keras.layers.RNN(cell, return_sequences=True)
    wrapped.build(sequences.shape)
    wrapped.set_weights(layer.get_weights())
    assert_equal(wrapped(sequences, initial_state=states), layer(sequences, initial_state=states))


@quick_families("LSTM")
def test_training_reduces_the_loss(family, generator, sequences):
    model = keras.Sequential([keras.Input((None, FEATURES)), family.make(8), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mse")
    targets = generator.normal(size=(BATCH, 1))
    losses = model.fit(sequences, targets, epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"units": 0}, "units"),
        ({"units": -3}, "units"),
        ({"units": 2.5}, "units"),
        ({"units": 3, "dropout": 1.5}, "dropout"),
        ({"units": 3, "recurrent_dropout": -0.1}, "recurrent_dropout"),
        ({"units": 3, "activation": "nonesuch"}, "nonesuch"),
        ({"units": 3, "nonesuch": 1}, "nonesuch"),
    ],
)
def test_invalid_argument_raises(family, arguments, word):
    with pytest.raises(ValueError, match=word):
        family.make(**arguments)


@pytest.mark.parametrize("kind", [layers.GRU, layers.LSTM])
def test_invalid_use_cudnn_raises(kind, sequences):
    with pytest.raises(ValueError, match="use_cudnn"):
        kind(UNITS, use_cudnn="perhaps")
    # On no device does cuDNN have this activation.
    with pytest.raises(ValueError, match="use_cudnn=True"):
        kind(UNITS, activation="relu", use_cudnn=True)(sequences)


def test_numpy_integer_units_become_int(family):
    layer = family.make(np.int64(3))
    assert type(layer.get_config()["units"]) is int


def test_wrong_rank_raises(family):
    with pytest.raises(ValueError, match="ndim"):
        family.make(UNITS)(np.zeros((2, 3), "float32"))
