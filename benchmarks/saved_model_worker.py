"""One measurement of `benchmarks.saved_model`, run in its own process and printed as a line of JSON."""

import contextlib
import importlib
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

import layers

from .speed_worker import calls, inputs, interleaved, layer_pair, main

# For apps that read texts.
TEXT = "a man in a blue shirt is standing on a ladder cleaning a window"


def saved(family: str, shape: tuple[int, int, int, int], masked: bool, seconds: float):
    """Measure the forward pass of SavedModels, ours with two kernels and Keras', and the compiled kernel."""
    pair = layer_pair(family, shape)
    arguments = [tf.constant(array) for array in inputs(shape, masked) if array is not None]
    functions = {"keras": _exported(pair["keras"], arguments)}
    for kernel in ("graph", "portable"):
        with layers.use_kernel(kernel):
            functions[kernel] = _exported(pair["ours"], arguments)
    functions["compiled"], _ = calls(pair["ours"], *inputs(shape, masked))
    expected = functions["keras"]()
    for name, function in functions.items():
        error = float(tf.reduce_max(tf.abs(function() - expected)))
        if error > 1e-5:
            raise AssertionError(f"{name} differs by {error:.1e}")
    return interleaved(functions, seconds)


def _exported(layer, arguments):
    """Return a function of no arguments that calls the layer's reloaded SavedModel."""

    def answer(sequences, mask=None):
        return layer(sequences, mask=mask)

    specs = [tf.TensorSpec((None, None, *tensor.shape[2:]), tensor.dtype) for tensor in arguments]
    module = tf.Module()
    module.layer, module.answer = layer, tf.function(answer, input_signature=specs, autograph=False)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder)
        loaded = tf.saved_model.load(folder)
    return lambda: loaded.answer(*arguments)


def saved_app(app: str, run_dir: str, batch: int, seconds: float):
    """Measure calls of an app's SavedModel, exported with two kernels, on examples made from its signature."""
    export = importlib.import_module(f"apps.{app}.export").export
    functions = {}
    for kernel in ("graph", "portable"):
        with layers.use_kernel(kernel) if kernel == "portable" else contextlib.nullcontext():
            export(Path(run_dir))
        function = tf.saved_model.load(Path(run_dir) / "export" / "1").signatures["serving_default"]
        examples = {name: _example(spec, batch) for name, spec in function.structured_input_signature[1].items()}
        functions[kernel] = lambda function=function, examples=examples: function(**examples)
    return interleaved(functions, seconds)


def _example(spec, batch):
    # Of videos: frames, height, width.
    sizes = [batch, *(size or other for size, other in zip(spec.shape[1:], (16, 64, 64, 3), strict=False))]
    if spec.dtype == tf.string:
        return tf.fill(sizes, TEXT)
    if spec.name == "lengths":
        return tf.fill(sizes, tf.cast(16, spec.dtype))
    return tf.constant(np.random.default_rng(0).uniform(0, 200, sizes), spec.dtype)


if __name__ == "__main__":
    main(saved, saved_app)
