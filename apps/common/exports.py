"""Writing a run's SavedModel, or its ONNX model, whole or not at all."""

import functools
import logging
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from .cli import UserError
from .runs import replacing

Format = Literal["saved_model", "onnx"]

# Of ONNX' operations; onnxruntime has it since 1.14 (2023).
OPSET = 18


def by_tensorflow(export):
    """Makes an export that has TensorFlow as its backend, in a process of its own where this one has another."""

    @functools.wraps(export)
    def exported(*arguments, **options):
        if keras.backend.backend() == "tensorflow":
            return export(*arguments, **options)
        before = os.environ.get("KERAS_BACKEND")
        os.environ["KERAS_BACKEND"] = "tensorflow"
        try:
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                return process.submit(exported, *arguments, **options).result()
        finally:
            if before is None:
                del os.environ["KERAS_BACKEND"]
            else:
                os.environ["KERAS_BACKEND"] = before

    return exported


def write_saved_model(run_dir, answer, inputs, tracked=(), more=None):
    """Writes RUN_DIR/export/1, whose `serving_default` is `answer`.

    Args:
        answer: function of tensors that returns a dict of tensors.
        inputs: tf.TensorSpecs, one for each argument.
        tracked: what else holds variables or tables that `answer` uses.
        more: dict of further signatures, (function, inputs) each.

    Returns:
        The folder.
    """
    archive = keras.export.ExportArchive()
    for part in tracked:
        archive.track(part)
    for name, (function, specs) in {"serving_default": (answer, inputs), **(more or {})}.items():
        archive.add_endpoint(name, function, specs)
    folder = Path(run_dir) / "export" / "1"
    folder.parent.mkdir(exist_ok=True)
    try:
        with replacing(folder) as part:
            archive.write_out(part, verbose=False)
    except tf.errors.OpError as error:
        raise UserError(f"{folder}: cannot be written ({error.message.splitlines()[0][-120:]})") from error
    return folder


def write_onnx(run_dir, answer, inputs, example):
    """Writes RUN_DIR/export/model.onnx, and compares it with `answer` in onnxruntime before it is kept.

    What `answer` asserts of its inputs is not in it: ONNX has no assertions.

    Args:
        answer: function of {name: tensor} that returns the same; no strings, neither in nor out.
        inputs: {name: tf.TensorSpec}.
        example: {name: array}, to compare with.

    Returns:
        The file.

    Raises:
        UserError: tf2onnx or onnxruntime is absent, or the model cannot be converted.
    """
    try:
        import onnxruntime
        import tf2onnx
    except ImportError as error:
        raise UserError(f"--format onnx: {error.name} is not installed; pip install tf2onnx onnxruntime") from None
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    file = Path(run_dir) / "export" / "model.onnx"
    file.parent.mkdir(exist_ok=True)
    given = {name: tf.constant(value) for name, value in example.items()}
    expected = {name: value.numpy() for name, value in answer(given).items()}
    specs = [tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in inputs.items()]
    function = tf.function(lambda *tensors: answer(dict(zip(inputs, tensors, strict=True))))
    with replacing(file) as part:
        try:
            tf2onnx.convert.from_function(function, specs, opset=OPSET, output_path=str(part))
            session = onnxruntime.InferenceSession(str(part), providers=["CPUExecutionProvider"])
        # The exceptions of both have no common class.
        except Exception as error:
            raise UserError(f"{file}: not written, ONNX cannot say what the model does ({error})") from None
        found = dict(zip(expected, session.run(list(expected), dict(example)), strict=True))
        for name, value in expected.items():
            scale = np.abs(value).max(initial=1.0) if value.dtype.kind == "f" else 0.0
            if not np.allclose(found[name], value, rtol=0, atol=1e-4 * scale):
                raise UserError(f"{file}: not written, its {name} is not what TensorFlow answers")
    return file
