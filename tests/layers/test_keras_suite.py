"""The tests that Keras ships for its recurrent layers, run with our layers."""

import importlib
import types

import pytest
from keras.src import layers as keras_layers

import layers

# Keras' tests pass generators with the default shuffle=True.
pytestmark = pytest.mark.filterwarnings("ignore:`shuffle=True` was passed:UserWarning")

MODULES = ("simple_rnn", "lstm", "gru", "rnn", "bidirectional", "time_distributed", "stacked_rnn_cells")
OURS = {name: getattr(layers, name) for name in ("SimpleRNN", "LSTM", "GRU", "SimpleRNNCell", "LSTMCell", "GRUCell")}


class Substituted(types.ModuleType):
    """`keras.layers` with our classes in place of those of the same name."""

    def __getattr__(self, name):
        return OURS.get(name) or getattr(keras_layers, name)


# They test whether Keras' layers are eligible for Keras' fused GPU kernel.
EXCLUDED = {"test_fused_lstm_eligibility", "test_fused_gru_eligibility"}


def _collect():
    count = 0
    for name in MODULES:
        module = importlib.import_module(f"keras.src.layers.rnn.{name}_test")
        assert module.layers is keras_layers
        module.layers = Substituted("layers")
        for case in [value for attribute, value in vars(module).items() if attribute.endswith("Test")]:
            for test in EXCLUDED & set(vars(case)):
                delattr(case, test)
            globals()[f"{name}_{case.__name__}"] = case
            count += 1
    return count


assert _collect() == len(MODULES)
