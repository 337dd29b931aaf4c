"""DeepRNN against Graves' equations in NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

import layers
from tests import reference
from tests.layers.families import BATCH, FEATURES, MASKS, TIME, assert_equal, random_weights

STEPS = {
    layers.LSTMCell: reference.lstm_step,
    layers.GRUCell: reference.gru_step,
    layers.SimpleRNNCell: reference.simple_rnn_step,
}


def make_cells():
    return [layers.LSTMCell(4), layers.GRUCell(3), layers.SimpleRNNCell(2)]


def make(generator, **options):
    layer = layers.DeepRNN(make_cells(), **options)
    layer.build((BATCH, TIME, FEATURES))
    layer.set_weights(random_weights(layer, generator))
    return layer


def graves_equations(layer, sequences, states, mask=None):
    """Run all levels step by step, as in figure 1 of the paper."""
    weights = [[ops.convert_to_numpy(weight) for weight in cell.weights] for cell in layer.cells]
    states = [list(level) for level in states]
    outputs = []
    for t in range(sequences.shape[1]):
        x, below = sequences[:, t], np.zeros((len(sequences), 0))
        for n, cell in enumerate(layer.cells):
            new = STEPS[type(cell)](np.concatenate([x, below], axis=1), states[n], *weights[n])
            mask_t = True if mask is None else mask[:, t, None]
            states[n] = [np.where(mask_t, one, other) for one, other in zip(new, states[n], strict=True)]
            below = states[n][0]
        outputs.append(np.concatenate([level[0] for level in states], axis=1))
    return np.stack(outputs, axis=1), *(state for level in states for state in level)


@pytest.fixture
def states(generator):
    sizes = ((4, 4), (3,), (2,))
    return [[generator.normal(size=(BATCH, size)).astype("float32") for size in level] for level in sizes]


@pytest.mark.parametrize("mask", [None, *MASKS])
def test_values_equal_the_equations(generator, sequences, states, mask):
    mask = MASKS.get(mask)
    layer = make(generator, return_sequences=True, return_state=True)
    flat = [state for level in states for state in level]
    outputs, *last = layer(sequences, initial_state=flat, mask=mask)
    expected, *expected_last = graves_equations(layer, sequences, states, mask)
    assert_equal(last, expected_last)
    started = np.ones((BATCH, TIME, 1)) if mask is None else np.cumsum(mask, axis=1)[..., None] > 0
    assert_equal(ops.convert_to_numpy(outputs) * started, expected * started)


def test_outputs_have_the_computed_shapes(generator, sequences):
    whole = make(generator, return_sequences=True)
    last = layers.DeepRNN(make_cells())
    last.build(sequences.shape)
    last.set_weights(whole.get_weights())
    assert_equal(last(sequences), whole(sequences)[:, -1])
    for layer in (whole, last, make(generator, return_sequences=True, return_state=True)):
        shapes = layer.compute_output_shape(sequences.shape)
        actual = [tuple(value.shape) for value in keras.tree.flatten(layer(sequences))]
        assert actual == ([shapes] if isinstance(shapes[0], int) else list(shapes))


def test_skip_connections_determine_kernel_and_output_sizes(generator, sequences):
    layer = make(generator)
    kernel_rows = [cell.kernel.shape[0] for cell in layer.cells]
    assert kernel_rows == [FEATURES, FEATURES + 4, FEATURES + 3]
    assert layer(sequences).shape == (BATCH, 4 + 3 + 2)


def test_go_backwards_equals_reversed_input(generator, sequences):
    mask = MASKS["holes"]
    forward, backward = (
        make(generator, return_sequences=True),
        make(generator, return_sequences=True, go_backwards=True),
    )
    backward.set_weights(forward.get_weights())
    assert_equal(backward(sequences, mask=mask), forward(sequences[:, ::-1], mask=mask[:, ::-1]))
    both = keras.layers.Bidirectional(layers.DeepRNN(make_cells(), return_sequences=True))
    assert both(sequences, mask=mask).shape == (BATCH, TIME, 18)


def test_trained_model_survives_save_and_load(tmp_path, sequences, generator):
    inputs = keras.Input((None, FEATURES))
    masked = keras.layers.Masking()(inputs)
    hidden = layers.DeepRNN(make_cells(), return_sequences=True, name="deep")(masked)
    model = keras.Model(inputs, keras.layers.Dense(1)(layers.DeepRNN([keras.layers.GRUCell(3)])(hidden)))
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mse")
    losses = model.fit(sequences, generator.normal(size=(BATCH, 1)), epochs=40, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(loaded(sequences), model(sequences))
    for one, other in zip(loaded.get_layer("deep").cells, model.get_layer("deep").cells, strict=True):
        assert one.get_config() == other.get_config()
    assert loaded.get_layer("deep").return_sequences


@pytest.mark.parametrize("cells", [[], None, "LSTM"])
def test_invalid_cells_raise(cells):
    with pytest.raises(ValueError, match="cells"):
        layers.DeepRNN(cells)


def test_wrong_number_of_states_raises(generator, sequences):
    with pytest.raises(ValueError, match="4 tensors"):
        make(generator)(sequences, initial_state=[np.zeros((BATCH, 4), "float32")])
