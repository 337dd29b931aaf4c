"""Models go from Keras' layers to ours and back with the same outputs."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

import layers
from tests.conftest import clean_environment
from tests.layers.families import assert_equal, random_weights


def make_model():
    """Everything at once: shared, nested, wrapped, stacked, masked."""
    tokens = keras.Input((7,), dtype="int32")
    other = keras.Input((7,), dtype="int32")
    embedding = keras.layers.Embedding(20, 6, mask_zero=True)
    shared = keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True, unit_forget_bias=False))
    nested = keras.Sequential(
        [keras.Input((7, 8)), keras.layers.GRU(5, return_sequences=True), keras.layers.SimpleRNN(3)]
    )
    stacked = keras.layers.RNN([keras.layers.LSTMCell(3), keras.layers.GRUCell(2, reset_after=False)])
    one, two = shared(embedding(tokens)), shared(embedding(other))
    outputs = keras.layers.Concatenate()([nested(one), stacked(two), keras.layers.GRU(2, go_backwards=True)(one)])
    return keras.Model([tokens, other], keras.layers.Dense(2)(outputs), name="everything")


def kinds(model):
    """Modules and names of all recurrent layers and cells in a model."""
    found = []

    def visit(node):
        if isinstance(node, dict):
            if str(node.get("class_name", "")).replace("Cell", "") in ("SimpleRNN", "LSTM", "GRU"):
                found.append((node["module"].split(".")[0], node["class_name"]))
            for value in node.values():
                visit(value)
        elif isinstance(node, (list, tuple)):
            for value in node:
                visit(value)

    visit(keras.saving.serialize_keras_object(model))
    return found


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    tokens = generator.integers(1, 20, size=(2, 5, 7)).astype("int32")
    tokens[:, :, 4:] *= generator.integers(0, 2, size=(2, 5, 3)).astype("int32")
    return list(tokens)


def test_model_comes_over_and_back_with_equal_outputs(data):
    model = make_model()
    model.set_weights(random_weights(model, np.random.default_rng(1)))
    expected = ops.convert_to_numpy(model(data))
    ours = layers.from_keras(model)
    assert len(kinds(ours)) == len(kinds(model)) >= 7
    assert {package for package, _ in kinds(model)} == {"keras"}
    assert {package for package, _ in kinds(ours)} == {"layers"}
    assert_equal(ours(data), expected)
    back = layers.to_keras(ours)
    assert kinds(back) == kinds(model)
    assert_equal(back(data), expected)
    assert_equal(model(data), expected)


def test_shared_layer_stays_shared():
    ours = layers.from_keras(make_model())
    assert len(ours.weights) == len(make_model().weights)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in layers.from_keras(ours).layers]


def test_single_layer_comes_over(data):
    theirs = keras.layers.LSTM(3, return_sequences=True)
    sequences = np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
    expected = theirs(sequences)
    ours = layers.from_keras(theirs)
    assert type(ours) is layers.LSTM
    assert_equal(ours(sequences), expected)


def test_compiled_model_stays_compiled(data):
    model = make_model()
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    ours = layers.from_keras(model)
    assert ours.loss == "mse"
    ours.fit(data, np.zeros((5, 2)), verbose=0)


def test_model_without_configuration_is_refused():
    class Odd(keras.Model):
        def __init__(self, width):
            super().__init__()
            self.recurrent = keras.layers.LSTM(width)

        def call(self, inputs):
            return self.recurrent(inputs)

    with pytest.raises(ValueError, match="get_config"):
        layers.from_keras(Odd(3))


def test_model_that_came_back_opens_without_this_repository(data, tmp_path):
    ours = layers.from_keras(make_model())
    layers.to_keras(ours).save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", *data, expected=ops.convert_to_numpy(ours(data)))
    code = (
        "import importlib.util, keras, numpy as np\n"
        "assert not any(importlib.util.find_spec(name) for name in ('layers', 'apps', 'engram'))\n"
        "data = np.load('data.npz')\n"
        "outputs = keras.models.load_model('model.keras')([data['arr_0'], data['arr_1']])\n"
        "np.testing.assert_allclose(keras.ops.convert_to_numpy(outputs), data['expected'], atol=1e-6)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, **clean_environment(tmp_path))
