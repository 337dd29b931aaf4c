"""The tests that Keras ships for its own recurrent layers, run with ours in their place."""

import importlib
import types

from keras.src import layers as keras_layers

import layers

MODULES = ("simple_rnn", "lstm", "gru", "rnn", "bidirectional", "time_distributed", "stacked_rnn_cells")
OURS = {name: getattr(layers, name) for name in ("SimpleRNN", "LSTM", "GRU", "SimpleRNNCell", "LSTMCell", "GRUCell")}


class Substituted(types.ModuleType):
    """`keras.layers` with our classes where there are some."""

    def __getattr__(self, name):
        return OURS.get(name) or getattr(keras_layers, name)


# They ask whether Keras' own layers may take Keras' own fused GPU kernel.
LEFT_OUT = {"test_fused_lstm_eligibility", "test_fused_gru_eligibility"}


def _collect():
    count = 0
    for name in MODULES:
        module = importlib.import_module(f"keras.src.layers.rnn.{name}_test")
        assert module.layers is keras_layers
        module.layers = Substituted("layers")
        for case in [value for attribute, value in vars(module).items() if attribute.endswith("Test")]:
            for test in LEFT_OUT & set(vars(case)):
                delattr(case, test)
            globals()[f"{name}_{case.__name__}"] = case
            count += 1
    return count


assert _collect() == len(MODULES)
