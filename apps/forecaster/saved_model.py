"""A forecaster as a SavedModel, which takes numbers in the user's units and needs nothing of this repository."""

import numpy as np
import tensorflow as tf

from ..common import exports
from .forecaster import Forecaster


@exports.by_tensorflow
def write_export(run_dir, format):
    """Write RUN_DIR/export/1, or RUN_DIR/export/model.onnx.

    Args:
        run_dir: folder of a trained run.
        format: `saved_model` or `onnx`.
    """
    forecaster = Forecaster(run_dir)
    config = forecaster.config
    length, rows = config.window_length, config.window_length + config.horizon
    inputs = {"values": tf.TensorSpec([None, length, len(forecaster.names)], tf.float64, "values")}
    if config.known:
        inputs["known"] = tf.TensorSpec([None, rows, len(config.known)], tf.float64, "known")
    if config.calendar:
        inputs["time"] = tf.TensorSpec([None], tf.int64, "time")

    def answer(tensors):
        values = tensors["values"]
        known = tensors.get("known", tf.zeros([tf.shape(values)[0], rows, 0], "float64"))
        seconds = tensors.get("time", tf.zeros(tf.shape(values)[:1], "int64"))
        finite = tf.reduce_all(tf.math.is_finite(values)) & tf.reduce_all(tf.math.is_finite(known))
        with tf.control_dependencies([tf.debugging.Assert(finite, ["a value is not finite; fill the gaps first"])]):
            forecast = forecaster.in_units(forecaster.model(forecaster.model_inputs(values, known, seconds)))
        outputs = {"forecast": forecast[..., forecaster.point]}
        return outputs | ({"quantiles": forecast} if config.quantiles else {})

    if format == "onnx":
        print("written:", exports.write_onnx(run_dir, answer, inputs, _example(forecaster.scaling, inputs)))
        return
    folder = exports.write_saved_model(run_dir, answer, [inputs], [forecaster.model])
    shapes = ", ".join(f"{name} {tuple(spec.shape)}" for name, spec in inputs.items()).replace("None", "batch")
    print(f"written: {folder} ({shapes} -> forecast{', quantiles' if config.quantiles else ''})")


def _example(scaling, inputs, batch=3):
    """Return random inputs that resemble the training rows."""
    generator = np.random.default_rng(0)
    draw = {
        "values": lambda shape: generator.normal(scaling.mean, scaling.std, shape),
        "known": lambda shape: generator.normal(scaling.known_mean, scaling.known_std, shape),
        "time": lambda shape: generator.integers(0, 2 * 10**9, shape),
    }
    return {name: draw[name]((batch, *spec.shape[1:])) for name, spec in inputs.items()}
