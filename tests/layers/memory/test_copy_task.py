"""A feed-forward controller learns to copy sequences, which it can only through the memory."""

import keras
import numpy as np
import pytest

import layers

BITS = 3
JAX = keras.backend.backend() == "jax"


def copy_task(count, length, seed):
    """Return bits followed by a request, (count, 2 * length + 1, BITS + 1), and the bits to answer after it."""
    bits = np.random.default_rng(seed).integers(0, 2, (count, length, BITS)).astype("float32")
    inputs = np.zeros((count, 2 * length + 1, BITS + 1), "float32")
    inputs[:, :length, :BITS] = bits
    inputs[:, length, BITS] = 1
    return inputs, bits


@pytest.mark.parametrize(
    "length, count",
    [(2, 1_600), pytest.param(5, 24_000, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("layer_class", [layers.DNC, layers.NTM])
def test_copy_task_is_learned_through_the_memory(layer_class, length, count):
    keras.utils.set_random_seed(0)
    controller = keras.layers.Dense(32, activation="tanh")
    sizes = {"memory_slots": 2 * length + 1, "slot_size": 6, "read_heads": 1}
    layer = layer_class(BITS, controller=controller, return_sequences=True, **sizes)
    inputs = keras.Input((2 * length + 1, BITS + 1))
    model = keras.Model(inputs, layer(inputs)[:, length + 1 :])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.03 if length == 2 else 0.01, clipnorm=1.0), loss, jit_compile=JAX)
    model.fit(*copy_task(count, length, seed=0), batch_size=32, verbose=0)
    inputs, bits = copy_task(500, length, seed=1)
    right = np.mean((model.predict(inputs, batch_size=500, verbose=0) > 0) == (bits > 0))
    assert right > 0.8, "half of the bits by chance"
    writes = layer.trace(inputs[:50])
    assert np.isfinite(writes["memory"]).all()
