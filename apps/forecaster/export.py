"""Exports a forecaster as a SavedModel that takes raw numbers: nothing of this repository is needed to run it."""

import sys

import numpy as np
import tensorflow as tf

from ..common import cli, exports
from .predict import Forecaster


@exports.by_tensorflow
def export(run_dir: cli.RunDir, format: exports.Format = "saved_model"):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel: recent rows in, forecasts out, both in your units.

    Args:
        run_dir: Folder of a trained run.
        format: Or write RUN_DIR/export/model.onnx, the same for onnxruntime; it does not refuse what is no number.
    """
    forecaster = Forecaster(run_dir)
    config = forecaster.config
    length, ahead = config.window_length, config.window_length + config.horizon
    inputs = {"values": tf.TensorSpec([None, length, len(forecaster.names)], tf.float64, "values")}
    if config.known:
        inputs["known"] = tf.TensorSpec([None, ahead, len(config.known)], tf.float64, "known")
    if config.calendar:
        inputs["time"] = tf.TensorSpec([None], tf.int64, "time")

    def answer(given):
        values = given["values"]
        known = given.get("known", tf.zeros([tf.shape(values)[0], ahead, 0], "float64"))
        seconds = given.get("time", tf.zeros(tf.shape(values)[:1], "int64"))
        whole = tf.reduce_all(tf.math.is_finite(values)) & tf.reduce_all(tf.math.is_finite(known))
        with tf.control_dependencies(
            [tf.debugging.Assert(whole, ["a value is no finite number; fill the gaps first"])]
        ):
            forecast = forecaster.unscaled(forecaster.model(forecaster.scaled(values, known, seconds)))
        outputs = {"forecast": forecast[..., forecaster.point]}
        return outputs | ({"quantiles": forecast} if config.quantiles else {})

    if format == "onnx":
        print("written:", exports.write_onnx(run_dir, answer, inputs, _example(forecaster.scaling, inputs)))
        return
    folder = exports.write_saved_model(run_dir, answer, [inputs], [forecaster.model])
    said = ", ".join(f"{name} {tuple(spec.shape)}" for name, spec in inputs.items())
    print(f"written: {folder} ({said} -> forecast{', quantiles' if config.quantiles else ''})".replace("None", "batch"))


def _example(scaling, inputs, batch=3):
    """Arrays for the inputs, such as the training may have seen."""
    generator = np.random.default_rng(0)
    made = {
        "values": lambda shape: generator.normal(scaling.mean, scaling.deviation, shape),
        "known": lambda shape: generator.normal(scaling.known_mean, scaling.known_deviation, shape),
        "time": lambda shape: generator.integers(0, 2 * 10**9, shape),
    }
    return {name: made[name]((batch, *spec.shape[1:])) for name, spec in inputs.items()}


if __name__ == "__main__":
    sys.exit(cli.run(export))
