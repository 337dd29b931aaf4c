"""LSTM against its equations in NumPy and against keras.layers.LSTM: values, gradients, masks, configuration."""

import json

import keras
import numpy as np
import pytest
from keras import ops

import layers
from tests.layers.gradients import gradients
from tests.reference import lstm as reference_lstm

BATCH, TIME, FEATURES, UNITS = 3, 6, 5, 4
MASKS = {
    "right": [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]],
    "left": [[1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1]],
    "holes": [[1, 0, 1, 0, 1, 1], [0, 1, 1, 0, 0, 1], [1, 1, 0, 0, 1, 0]],
    "empty row": [[1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]],
}

OTHER = {
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
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "use_cudnn": False,
    "zero_output_for_mask": True,
}


@pytest.fixture
def generator():
    return np.random.default_rng(0)


@pytest.fixture
def sequences(generator):
    return generator.normal(size=(BATCH, TIME, FEATURES)).astype("float32")


@pytest.fixture
def states(generator):
    return [generator.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(2)]


def make_pair(generator, **options):
    """Ours and Keras' with the same weights, which are all different."""
    ours, theirs = layers.LSTM(UNITS, **options), keras.layers.LSTM(UNITS, use_cudnn=False, **options)
    for layer in (ours, theirs):
        layer.build((BATCH, TIME, FEATURES))
    weights = [generator.normal(scale=0.5, size=weight.shape) for weight in theirs.get_weights()]
    theirs.set_weights(weights)
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def assert_equal(ours, theirs, rtol=1e-5):
    for one, other in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(one), ops.convert_to_numpy(other), rtol=rtol, atol=1e-6)


@pytest.mark.parametrize("mask", [None, *MASKS])
def test_values_equal_the_equations(generator, sequences, states, mask):
    mask = None if mask is None else np.array(MASKS[mask], bool)
    layer, _ = make_pair(generator, return_sequences=True, return_state=True)
    outputs, *last = layer(sequences, initial_state=states, mask=mask)
    expected, *expected_last = reference_lstm(sequences, *states, layer.get_weights(), mask)
    assert_equal(last, expected_last)
    # What stands where a row has not begun is zeros or the start state, as the backend's loop has it.
    begun = np.ones((BATCH, TIME, 1)) if mask is None else np.cumsum(mask, axis=1)[..., None] > 0
    assert_equal(ops.convert_to_numpy(outputs) * begun, expected * begun)


def test_a_wrong_cell_is_seen(generator, sequences, states):
    layer, _ = make_pair(generator, return_sequences=True, return_state=True)
    kernel, recurrent_kernel, bias = layer.get_weights()
    for first, second in ((0, 1), (0, 3), (1, 3), (0, 2)):
        order = np.arange(4)
        order[[first, second]] = second, first
        swapped = [
            np.concatenate([np.split(weight, 4, axis=-1)[block] for block in order], axis=-1)
            for weight in (kernel, recurrent_kernel, bias)
        ]
        with pytest.raises(AssertionError):
            assert_equal(layer(sequences, initial_state=states), reference_lstm(sequences, *states, swapped))


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("mask", [None, *MASKS])
def test_values_and_gradients_equal_keras(generator, sequences, states, mask, return_sequences, go_backwards):
    mask = None if mask is None else np.array(MASKS[mask], bool)
    options = {"return_sequences": return_sequences, "return_state": True, "go_backwards": go_backwards}
    ours, theirs = make_pair(generator, **options)
    assert_equal(ours(sequences, initial_state=states, mask=mask), theirs(sequences, initial_state=states, mask=mask))
    assert_equal(gradients(ours, sequences, states, mask), gradients(theirs, sequences, states, mask))


def test_gradients_equal_finite_differences(generator):
    sequences = generator.normal(size=(2, 4, 3))
    states = [generator.normal(size=(2, UNITS)) for _ in range(2)]
    layer = layers.LSTM(UNITS, return_sequences=True, return_state=True, dtype="float64")
    layer.build(sequences.shape)
    weights = [generator.normal(scale=0.5, size=weight.shape) for weight in layer.get_weights()]
    layer.set_weights(weights)

    def loss(weights):
        return sum(np.sum(np.square(value)) for value in reference_lstm(sequences, *states, weights))

    analytic = gradients(layer, sequences, states, None)[: len(weights)]
    step = 1e-5
    for position, (weight, gradient) in enumerate(zip(weights, analytic, strict=True)):
        for index in list(np.ndindex(weight.shape))[::7]:
            up, down = ([w.copy() for w in weights] for _ in range(2))
            up[position][index] += step
            down[position][index] -= step
            slope = (loss(up) - loss(down)) / (2 * step)
            np.testing.assert_allclose(ops.convert_to_numpy(gradient)[index], slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("mask", MASKS)
def test_padded_batch_equals_each_sequence_alone(generator, sequences, mask):
    mask = np.array(MASKS[mask], bool)
    layer, _ = make_pair(generator)
    together = ops.convert_to_numpy(layer(sequences, mask=mask))
    noise = np.where(mask[..., None], sequences, 100 * generator.normal(size=sequences.shape)).astype("float32")
    assert_equal(layer(noise, mask=mask), together, rtol=0)
    for row, keep in enumerate(mask):
        alone = layer(sequences[row : row + 1, keep]) if keep.any() else np.zeros((1, UNITS))
        assert_equal(alone, together[row : row + 1])


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("mask", [None, "holes"])
def test_bidirectional_equals_keras(generator, sequences, merge_mode, return_sequences, mask):
    mask = None if mask is None else np.array(MASKS[mask], bool)
    wrapped = [
        keras.layers.Bidirectional(kind(UNITS, return_sequences=return_sequences), merge_mode=merge_mode)
        for kind in (layers.LSTM, keras.layers.LSTM)
    ]
    for layer in wrapped:
        layer.build(sequences.shape)
    weights = [generator.normal(scale=0.5, size=weight.shape) for weight in wrapped[0].get_weights()]
    assert len(weights) == 6
    for layer in wrapped:
        layer.set_weights(weights)
    assert isinstance(wrapped[0].backward_layer, layers.LSTM)
    assert wrapped[0].backward_layer.go_backwards
    assert_equal(wrapped[0](sequences, mask=mask), wrapped[1](sequences, mask=mask))


def test_dropout_draws_the_masks_that_keras_draws(generator, sequences, states):
    ours, theirs = make_pair(generator, dropout=0.4, seed=5, return_sequences=True)
    dropped = ours(sequences, initial_state=states, training=True)
    assert_equal(dropped, theirs(sequences, initial_state=states, training=True))
    assert not np.allclose(dropped, ours(sequences, initial_state=states, training=False))


@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
def test_dropout_hides_the_same_features_at_every_step(option):
    layer = layers.LSTM(64, return_sequences=True, seed=1, unit_forget_bias=False, **{option: 0.5})
    layer.build((1, 8, 64))
    # Each cell candidate sees one feature, or one hidden value, and nothing else: a feature that comes and goes
    # would show as steps that differ.
    eye, zero = np.eye(64), np.zeros((64, 64))
    through = np.concatenate([zero, zero, eye, zero], axis=1)
    idle = np.zeros((64, 256))
    bias = np.concatenate([np.full(64, 50.0), np.full(64, -50.0), np.zeros(64), np.full(64, 50.0)])
    weights = (through, idle) if option == "dropout" else (idle, 10 * through)
    layer.set_weights([*weights, bias])
    states = [np.ones((1, 64), "float32")] * 2
    outputs = ops.convert_to_numpy(layer(np.ones((1, 8, 64), "float32"), initial_state=states, training=True))[0]
    hidden = np.abs(outputs) < 1e-6
    assert 10 < hidden[0].sum() < 54, "about half are hidden"
    assert (hidden == hidden[0]).all()


def test_forget_gate_starts_open():
    layer = layers.LSTM(UNITS)
    layer.build((None, None, FEATURES))
    bias = layer.get_weights()[2]
    np.testing.assert_array_equal(bias, np.repeat([0.0, 1.0, 0.0, 0.0], UNITS))


def test_arguments_are_those_of_keras():
    import inspect

    ours, theirs = inspect.signature(layers.LSTM).parameters, inspect.signature(keras.layers.LSTM).parameters
    assert {name: p.default for name, p in theirs.items()}.items() <= {
        name: p.default for name, p in ours.items()
    }.items()
    assert [name for name in ours if name in theirs] == list(theirs)
    assert len(theirs) > 20


def test_positional_arguments_mean_what_they_mean_in_keras():
    arguments = (UNITS, "relu", "hard_sigmoid", False, "zeros", "ones", "zeros", False, "l1", "l2", None, "l1")
    ours, theirs = layers.LSTM(*arguments).get_config(), keras.layers.LSTM(*arguments).get_config()
    assert {name: ours[name] for name in theirs if name != "name"} == {
        name: value for name, value in theirs.items() if name != "name"
    }


@pytest.mark.parametrize("option", OTHER)
def test_argument_survives_save_and_load(option, tmp_path):
    layer = layers.LSTM(**{"units": UNITS, option: OTHER[option]}, name="recurrent")
    default = layers.LSTM(UNITS, name="recurrent").get_config()
    assert layer.get_config()[option] != default[option]
    model = keras.Sequential([keras.Input(batch_shape=(BATCH, TIME, FEATURES)), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.get_layer("recurrent")) is layers.LSTM
    assert json.dumps(loaded.get_layer("recurrent").get_config()) == json.dumps(layer.get_config())
    data = np.ones((BATCH, TIME, FEATURES), "float32")
    assert_equal(loaded(data), model(data))


def test_every_argument_is_in_the_round_trip():
    assert set(OTHER) == set(layers.LSTM(UNITS).get_config()) - {"name", "trainable", "dtype"}


def test_configuration_is_interchangeable_with_keras():
    config = layers.LSTM(**OTHER).get_config()
    theirs = keras.layers.LSTM.from_config(config).get_config()
    assert theirs == {name: value for name, value in config.items() if name != "use_cudnn"}
    assert layers.LSTM.from_config(theirs).get_config() == {**config, "use_cudnn": "auto"}


def test_weights_file_is_interchangeable_with_keras(tmp_path, sequences):
    def make(kind):
        return keras.Sequential([keras.Input((TIME, FEATURES)), kind(UNITS, name="recurrent")])

    ours, theirs = make(layers.LSTM), make(keras.layers.LSTM)
    theirs.save_weights(tmp_path / "model.weights.h5")
    ours.load_weights(tmp_path / "model.weights.h5")
    assert_equal(ours(sequences), theirs(sequences))
    assert [weight.path.split("/", 1)[1] for weight in ours.weights] == [
        weight.path.split("/", 1)[1] for weight in theirs.weights
    ]


def test_cell_runs_in_keras_rnn(generator, sequences, states):
    layer, _ = make_pair(generator, return_sequences=True)
    wrapped = keras.layers.RNN(layers.LSTMCell(UNITS), return_sequences=True)
    wrapped.build(sequences.shape)
    wrapped.set_weights(layer.get_weights())
    assert_equal(wrapped(sequences, initial_state=states), layer(sequences, initial_state=states))


def test_training_moves_the_weights(generator, sequences):
    model = keras.Sequential([keras.Input((None, FEATURES)), layers.LSTM(8), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mse")
    targets = generator.normal(size=(BATCH, 1))
    losses = model.fit(sequences, targets, epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"units": 0}, "units"),
        ({"units": -3}, "units"),
        ({"units": 2.5}, "units"),
        ({"units": 3, "dropout": 1.5}, "dropout"),
        ({"units": 3, "recurrent_dropout": -0.1}, "recurrent_dropout"),
        ({"units": 3, "activation": "nonesuch"}, "nonesuch"),
        ({"units": 3, "use_cudnn": "perhaps"}, "use_cudnn"),
        ({"units": 3, "nonesuch": 1}, "nonesuch"),
    ],
)
def test_wrong_argument_is_refused(arguments, named):
    with pytest.raises((ValueError, TypeError), match=named):
        layers.LSTM(**arguments)


def test_wrong_rank_is_refused():
    with pytest.raises(ValueError, match="ndim"):
        layers.LSTM(UNITS)(np.zeros((2, 3), "float32"))
