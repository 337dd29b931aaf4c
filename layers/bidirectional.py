"""Two directions in one loop.

Schuster and Paliwal, "Bidirectional Recurrent Neural Networks", IEEE Transactions on Signal Processing 45(11), 1997.
"""

import keras
from keras import ops

from . import kernels
from .recurrent import RecurrentLayer

# Where one loop with a product for both directions is faster than two loops: on JAX for one short row's products. On
# TensorFlow two loops run side by side.
ONE_LOOP_UNITS = {"jax": 64}
ONE_LOOP_BATCH = 1

_MERGES = {
    "concat": lambda ahead, back: ops.concatenate([ahead, back], axis=-1),
    "sum": lambda ahead, back: ahead + back,
    "ave": lambda ahead, back: (ahead + back) / 2,
    "mul": lambda ahead, back: ahead * back,
    None: lambda ahead, back: (ahead, back),
}


@keras.saving.register_keras_serializable(package="engram")
class Bidirectional(keras.layers.Bidirectional):
    """A layer run over a sequence from both ends; takes the place of `keras.layers.Bidirectional`.

    Arguments, weights and configuration are that layer's. Two layers of this package that differ in nothing but
    direction and weights can run in one loop, and do where that is faster, which `in_one_loop` tells; any others are
    called one after the other, as with Keras.
    """

    def call(self, sequences, initial_state=None, mask=None, training=None):
        if not self.in_one_loop(sequences.shape[0], sequences.shape[1], training):
            return super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        pair, count = (self.forward_layer, self.backward_layer), self.forward_layer.cell.num_states
        if initial_state is None:
            initial_state = [s for layer in pair for s in layer.get_initial_state(ops.shape(sequences)[0])]
        initial_state = [ops.cast(state, self.compute_dtype) for state in keras.tree.flatten(initial_state)]
        runs = []
        for layer, start in zip(pair, (initial_state[:count], initial_state[count:]), strict=True):
            layer.check(sequences, start, mask)
            layer._maybe_config_dropout_masks(layer.cell, sequences[:, 0], start)
            runs.append(layer.prepare(sequences, start, mask, training))
            layer._maybe_reset_dropout_masks(layer.cell)
        equations = self.forward_layer.cell.derived_equations
        results = kernels.run("compiled", equations, runs, self.return_sequences, bool(training))
        ahead, back = (layer.finish(*result, run.mask) for layer, result, run in zip(pair, results, runs, strict=True))
        if self.return_sequences:
            back = ops.flip(back, axis=1)
        else:
            ahead, back = ahead[:, -1], back[:, -1]
        output = _MERGES[self.merge_mode](ahead, back)
        if not self.return_state:
            return output
        states = tuple(state for _, last in results for state in last)
        return (*output, *states) if self.merge_mode is None else (output, *states)

    def in_one_loop(self, batch=None, time=None, training=False):
        """Whether a call on `batch` rows of `time` steps runs both directions in one loop."""
        pair = (self.forward_layer, self.backward_layer)
        if not all(isinstance(layer, RecurrentLayer) and layer.built for layer in pair):
            return False
        ahead, back = pair
        return (
            # A size that is not known may be a symbol, which is not to be compared.
            isinstance(batch, int)
            and batch <= ONE_LOOP_BATCH
            and ahead.cell.units == back.cell.units <= ONE_LOOP_UNITS.get(keras.backend.backend(), 0)
            and ahead.cell.derived_equations == back.cell.derived_equations
            and ahead.cell.use_bias == back.cell.use_bias
            and bool(ahead.cell.recurrent_dropout) == bool(back.cell.recurrent_dropout)
            and ahead.compute_dtype == back.compute_dtype == self.compute_dtype
            and not any(layer.stateful or layer.activity_regularizer for layer in pair)
            and all(kernels.choose(layer, time, training).kernel == "compiled" for layer in pair)
        )
