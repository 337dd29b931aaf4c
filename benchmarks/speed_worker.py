"""One measurement of `benchmarks.speed` and its like, run in its own process and printed as a line of JSON."""

import json
import os
import statistics
import sys
import time

# (batch, time, features, units)
GRID = ((1, 200, 64, 128), (32, 100, 64, 128), (32, 1000, 16, 64), (128, 50, 128, 256), (64, 500, 64, 256))
LARGE = ((64, 200, 256, 512), (128, 200, 512, 1024), (256, 100, 64, 128), (8, 400, 64, 512))
FAMILIES = ("SimpleRNN", "GRU", "LSTM")


def cases(shapes):
    """Return each shape without and with a mask, as pairs."""
    return [(shape, masked) for shape in shapes for masked in (False, True)]


def interleaved(functions, seconds, least=5):
    """Return the median seconds of a call of each function, at least `least` alternating calls in about `seconds`."""
    for function in functions.values():
        function()
    start = time.perf_counter()
    for function in functions.values():
        function()
    rounds = max(least, min(30, int(seconds / (time.perf_counter() - start))))
    taken = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def inputs(shape, masked):
    """Return sequences and, if masked, a mask that pads rows on the right down to a quarter of the length."""
    import numpy as np

    batch, length, features, _ = shape
    generator = np.random.default_rng(0)
    sequences = generator.normal(size=(batch, length, features)).astype("float32")
    lengths = generator.integers(length // 4, length + 1, size=batch)
    return sequences, np.arange(length) < lengths[:, None] if masked else None


def layer_pair(family, shape):
    """Return our layer and Keras' with the same weights."""
    import keras

    import layers

    batch, length, features, units = shape
    keras.utils.set_random_seed(0)
    pair = {}
    for whose, module in (("ours", layers), ("keras", keras.layers)):
        layer = getattr(module, family)(units, return_sequences=True)
        layer.build((batch, length, features))
        if pair:
            layer.set_weights(pair["ours"].get_weights())
        pair[whose] = layer
    return pair


def calls(layer, sequences, mask, memory="default"):
    """Return functions of no arguments: the forward pass, and all gradients of the mean square of the outputs.

    `memory` is that of `use_kernel`.
    """
    import keras

    import layers

    on_tensorflow = keras.backend.backend() == "tensorflow"
    make = _tensorflow_calls if on_tensorflow else _jax_calls
    is_derived = getattr(getattr(layer, "cell", None), "derived_equations", None) is not None
    # On TensorFlow the kernel of evaluate and predict must be forced outside Keras' loops.
    if not is_derived or not (on_tensorflow or memory == "least"):
        return make(layer, sequences, mask)
    with layers.use_kernel("compiled", memory):
        functions = make(layer, sequences, mask)
        # Trace while it is forced.
        for function in functions:
            function()
    return functions


def _tensorflow_calls(layer, sequences, mask):
    import tensorflow as tf

    sequences = tf.constant(sequences)
    mask = None if mask is None else tf.constant(mask)
    weights = [weight.value for weight in layer.trainable_weights]

    @tf.function(autograph=False)
    def forward():
        return layer(sequences, mask=mask)

    @tf.function(autograph=False)
    def train():
        with tf.GradientTape() as tape:
            tape.watch(sequences)
            loss = tf.reduce_mean(layer(sequences, mask=mask, training=True) ** 2)
        return tape.gradient(loss, [sequences, *weights])

    return forward, train


def _jax_calls(layer, sequences, mask):
    import jax
    import jax.numpy as jnp

    sequences = jnp.asarray(sequences)
    weights = [weight.value for weight in layer.trainable_variables]
    others = [weight.value for weight in layer.non_trainable_variables]

    def outputs(sequences, weights, training):
        return layer.stateless_call(weights, others, sequences, mask=mask, training=training)[0]

    forward = jax.jit(lambda sequences, weights: outputs(sequences, weights, False))
    train = jax.jit(jax.grad(lambda *arguments: jnp.mean(outputs(*arguments, True) ** 2), argnums=(0, 1)))
    return (
        lambda: jax.block_until_ready(forward(sequences, weights)),
        lambda: jax.tree.leaves(jax.block_until_ready(train(sequences, weights))),
    )


def difference(train, tolerance=1e-3):
    """Return the largest difference between gradients, relative to the largest entry; it must be small."""
    import numpy as np

    worst = 0.0
    for ours, theirs in zip(train["ours"](), train["keras"](), strict=True):
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        worst = max(worst, float(np.abs(ours - theirs).max() / np.abs(theirs).max()))
    if worst > tolerance:
        raise AssertionError(f"the gradients differ by {worst:.1e} of their largest entry")
    return worst


def grid(family: str, shape: tuple[int, int, int, int], masked: bool, seconds: float, tolerance: float = 1e-3):
    """Measure the forward pass and the training step, ours and Keras'."""
    import layers

    forward, train = {}, {}
    pair = layer_pair(family, shape)
    for whose, layer in pair.items():
        forward[whose], train[whose] = calls(layer, *inputs(shape, masked))
    return {
        "kernel": layers.which_kernel(pair["ours"], training=True).kernel,
        "difference": difference(train, tolerance),
        "forward": interleaved(forward, seconds),
        "training": interleaved(train, seconds),
    }


def torch_grid(family: str, shape: tuple[int, int, int, int], masked: bool, seconds: float):
    """Measure PyTorch, whose layers take packed sequences in place of masks, on a GPU if there is one."""
    import torch

    *_, features, units = shape
    device = "cuda" if torch.cuda.is_available() else "cpu"
    sequences, mask = inputs(shape, masked)
    sequences = torch.tensor(sequences, device=device, requires_grad=True)
    layer = {"SimpleRNN": torch.nn.RNN, "GRU": torch.nn.GRU, "LSTM": torch.nn.LSTM}[family]
    layer = layer(features, units, batch_first=True, device=device)
    lengths = None if mask is None else torch.tensor(mask.sum(axis=1))

    def outputs():
        if lengths is None:
            return layer(sequences)[0]
        packed = torch.nn.utils.rnn.pack_padded_sequence(sequences, lengths, batch_first=True, enforce_sorted=False)
        return torch.nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)[0]

    def forward():
        with torch.no_grad():
            return outputs()

    def train():
        return torch.autograd.grad((outputs() ** 2).mean(), [sequences, *layer.parameters()])

    def awaited(function):
        def call():
            function()
            if device == "cuda":
                torch.cuda.synchronize()

        return call

    return {
        "forward": interleaved({"torch": awaited(forward)}, seconds),
        "training": interleaved({"torch": awaited(train)}, seconds),
    }


# Layers of 2024, with LSTM and GRU to compare with.
MODERN = {
    "LSTM": ("LSTM", {}),
    "GRU": ("GRU", {}),
    "MinGRU, parallel": ("MinGRU", {"scan": "parallel"}),
    "MinGRU, sequential": ("MinGRU", {"scan": "sequential"}),
    "MinLSTM": ("MinLSTM", {}),
    "SLSTM": ("SLSTM", {"num_heads": 4}),
    "MLSTM": ("MLSTM", {"num_heads": 4}),
}


def modern(shape: tuple[int, int, int, int], masked: bool, seconds: float):
    """Measure the forward pass and the training step of the layers of `MODERN`, in turns."""
    import layers

    forward, train, kernels = {}, {}, {}
    *sizes, units = shape
    for name, (family, options) in MODERN.items():
        layer = getattr(layers, family)(units, return_sequences=True, **options)
        layer.build(tuple(sizes))
        forward[name], train[name] = calls(layer, *inputs(shape, masked))
        kernels[name] = layers.which_kernel(layer, training=True).kernel
    return {"kernels": kernels, "forward": interleaved(forward, seconds), "training": interleaved(train, seconds)}


def spam_epoch(data: str, epochs: int):
    """Measure epochs of `fit` of the spam detector, alternating between our layers and Keras'."""
    import keras

    import layers
    from apps.spam_detector import data as spam
    from apps.spam_detector.config import Config
    from apps.spam_detector.fit import compile_model
    from apps.spam_detector.model import build_model
    from apps.spam_detector.reading import read_examples

    config = Config(data=data)
    rows = spam.split_examples(read_examples(config), config)["train"]
    encoder = spam.Encoder.fit(rows.texts, config)
    dataset = spam.make_dataset(rows, encoder, config, range(1))
    keras.utils.set_random_seed(0)
    ours = build_model(config, encoder.lookup.vocabulary_size())
    models = {"ours": ours, "keras": layers.to_keras(ours)}
    for model in models.values():
        compile_model(model, config, 100)

    def epoch(model):
        return lambda: model.fit(dataset, verbose=0, shuffle=False)

    return interleaved({whose: epoch(model) for whose, model in models.items()}, 0, epochs)


def halves(family: str, shape: tuple[int, int, int, int], masked: bool, seconds: float):
    """Measure our layer on TensorFlow as it is, and without computing both halves of the batch at once."""
    from layers.kernels import tensorflow_programs

    forward, train = {}, {}
    for name, steps in {"halves": tensorflow_programs.HALVED_STEP, "whole": (0, 0)}.items():
        tensorflow_programs.HALVED_STEP = steps
        forward[name], train[name] = calls(layer_pair(family, shape)["ours"], *inputs(shape, masked))
    return {"forward": interleaved(forward, seconds), "training": interleaved(train, seconds)}


def main(*measurements):
    """Run the measurement that the command line names, with arguments in JSON, and print what it returns."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _, name, arguments = sys.argv
    measure = next(function for function in measurements if function.__name__ == name)
    print(json.dumps(measure(**json.loads(arguments))), flush=True)


if __name__ == "__main__":
    main(grid, torch_grid, modern, halves, spam_epoch)
