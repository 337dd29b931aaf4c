# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Recurrent layers
#
# A layer of `layers/` in a Keras model: equal to Keras' own, which kernel runs it, how a model is converted, and how
# far its gradients reach back through time. In another project the same layers are the package `engram`.

# %%
# In Colab set this to the address of Engram's repository. In a copy of the repository nothing is installed.
REPOSITORY = ""

import importlib.util
import subprocess
import sys
from pathlib import Path

if (Path.cwd().parent / "layers" / "lstm.py").exists():
    sys.path.insert(0, str(Path.cwd().parent))
elif importlib.util.find_spec("layers") is None:
    if not REPOSITORY:
        raise SystemExit("REPOSITORY is empty: set it to the address of Engram's repository")
    subprocess.run(["git", "clone", "--depth", "1", REPOSITORY, "engram"], check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--requirement", "engram/requirements.txt"]
    subprocess.run(pip, check=True)
    sys.path.insert(0, str(Path("engram").resolve()))

# %% [markdown]
# ## In a model
#
# The layers take the same arguments as those of `keras.layers`, and are used in the same way.

# %%
import keras
import numpy as np

import layers

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((None, 4)),
        keras.layers.Bidirectional(layers.LSTM(16, return_sequences=True)),
        layers.GRU(16),
        keras.layers.Dense(1),
    ]
)
model.compile("adam", "mse")
sequences = np.random.default_rng(0).normal(size=(256, 30, 4)).astype("float32")
totals = sequences[:, :, :1].mean(axis=1)
history = model.fit(sequences, totals, epochs=8, verbose=0).history["loss"]
print("loss of the epochs:", [round(loss, 4) for loss in history])

# %% [markdown]
# ## Equal to Keras' layer
#
# Weights have the same names, shapes and order, so that they can be copied. With a mask, too, outputs and gradients
# are equal but for rounding.

# %%
import tensorflow as tf

# It warns of many new graphs, but each new layer needs one.
tf.get_logger().setLevel("ERROR")

theirs, ours = keras.layers.LSTM(16, return_sequences=True), layers.LSTM(16, return_sequences=True)
mask = np.arange(30) < np.random.default_rng(1).integers(5, 31, (256, 1))
for layer in (theirs, ours):
    layer.build(sequences.shape)
ours.set_weights(theirs.get_weights())


def outputs_and_gradients(layer):
    with tf.GradientTape() as tape:
        outputs = layer(sequences, mask=mask)
        loss = tf.reduce_sum(outputs**2)
    return outputs.numpy(), [gradient.numpy() for gradient in tape.gradient(loss, layer.trainable_weights)]


(their_outputs, their_gradients), (our_outputs, our_gradients) = map(outputs_and_gradients, (theirs, ours))
np.testing.assert_allclose(our_outputs, their_outputs, atol=1e-5)
for our, their in zip(our_gradients, their_gradients, strict=True):
    np.testing.assert_allclose(our, their, rtol=1e-3, atol=1e-3 * np.abs(their).max())
print("largest difference of the outputs:", np.abs(our_outputs - their_outputs).max())

# %% [markdown]
# ## Which kernel runs
#
# In `fit`, `evaluate` and `predict` a loop runs that XLA compiles, with a backward pass derived by hand. A graph that
# may be saved gets Keras' loop, so that an exported model needs no XLA.

# %%
for layer in (ours, layers.LSTM(16, unroll=True), layers.PeepholeLSTM(16)):
    kernel = layers.which_kernel(layer, training=True)
    print(f"{type(layer).__name__}: {kernel.kernel}, {kernel.reason}")

# %% [markdown]
# ## Conversion
#
# `to_keras` replaces the layers by Keras' own, for users without these layers; `from_keras` is the way back. Both keep
# all state.

# %%
converted = layers.to_keras(model)
again = layers.from_keras(converted)
print([type(layer).__module__.split(".")[0] for layer in (model.layers[1], converted.layers[1], again.layers[1])])
answers = [each.predict(sequences, verbose=0) for each in (model, converted, again)]
np.testing.assert_allclose(answers[1], answers[0], atol=1e-5)
np.testing.assert_array_equal(answers[2], answers[0])

# %% [markdown]
# ## Gradients through time
#
# How much does the last output change with the input of each step? In a SimpleRNN the gradient vanishes within some
# steps; an LSTM keeps it if its forget gates are open, that is, if their bias is large.

# %%
import matplotlib.pyplot as plt

steps = 100
inputs = tf.constant(np.random.default_rng(2).normal(size=(16, steps, 4)).astype("float32"))
figure, axes = plt.subplots(figsize=(7, 3))
for title, layer, bias in (
    ("SimpleRNN", layers.SimpleRNN(16), None),
    ("GRU", layers.GRU(16), None),
    ("LSTM, forget bias 1", layers.LSTM(16), 1.0),
    ("LSTM, forget bias 4", layers.LSTM(16), 4.0),
):
    layer.build(inputs.shape)
    if bias is not None:
        kernel, recurrent_kernel, biases = layer.get_weights()
        biases[16:32] = bias
        layer.set_weights([kernel, recurrent_kernel, biases])
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        last = layer(inputs)
    sizes = tf.sqrt(tf.reduce_mean(tape.gradient(last, inputs) ** 2, axis=(0, 2))).numpy()
    axes.semilogy(np.arange(steps) - steps, sizes + 1e-20, label=title)
    print(f"{title}: {sizes[-1]:.1e} at the last step, {sizes[0]:.1e} at the first")
axes.set(xlabel="step before the end", ylabel="gradient", ylim=(1e-20, 10))
axes.legend(frameon=False)
plt.show()
