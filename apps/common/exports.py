"""Write the SavedModel or the ONNX model of a run, completely or not at all."""

import functools
import logging
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from .cli import UserError, import_tensorflow
from .files import replacing

# Version of ONNX' operations, supported since onnxruntime 1.14 (2023).
OPSET = 18


def by_tensorflow(export: Callable) -> Callable:
    """Run the decorated export with TensorFlow as backend: in a new process if this one has another backend."""

    @functools.wraps(export)
    def exported(*arguments, **options):
        if keras.backend.backend() == "tensorflow":
            return export(*arguments, **options)
        before = os.environ.get("KERAS_BACKEND")
        os.environ["KERAS_BACKEND"] = "tensorflow"
        try:
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, context, initializer=import_tensorflow) as process:
                return process.submit(exported, *arguments, **options).result()
        finally:
            if before is None:
                del os.environ["KERAS_BACKEND"]
            else:
                os.environ["KERAS_BACKEND"] = before

    return exported


def write_saved_model(
    run_dir: str | Path,
    answer: Callable[..., dict[str, tf.Tensor]],
    inputs: Sequence[tf.TensorSpec],
    tracked: Sequence = (),
    more: dict[str, tuple[Callable, Sequence[tf.TensorSpec]]] | None = None,
) -> Path:
    """Write RUN_DIR/export/1, a SavedModel whose `serving_default` is `answer`.

    Args:
        run_dir: folder of the run.
        answer: function of tensors that returns a dict of tensors.
        inputs: tf.TensorSpecs, one for each argument.
        tracked: objects with variables or tables that `answer` uses.
        more: dict of further signatures, (function, inputs) each.

    Returns:
        The path of the SavedModel.

    Raises:
        UserError: TensorFlow cannot write it.
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


def write_onnx(
    run_dir: str | Path,
    answer: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]],
    inputs: dict[str, tf.TensorSpec],
    example: dict[str, np.ndarray],
) -> Path:
    """Write RUN_DIR/export/model.onnx if onnxruntime gives the same outputs as `answer`.

    ONNX has no assertions, so the model does not check its inputs.

    Args:
        run_dir: folder of the run.
        answer: function of {name: tensor} that returns {name: tensor}, without strings.
        inputs: {name: tf.TensorSpec}.
        example: {name: array}, inputs to compare with.

    Returns:
        The path of the model.

    Raises:
        UserError: tf2onnx or onnxruntime is absent, or the model cannot be converted, or its outputs differ.
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
        # The exceptions of the two packages have no common class.
        except Exception as error:
            raise UserError(f"{file}: not written, the model cannot be converted to ONNX ({error})") from None
        found = dict(zip(expected, session.run(list(expected), dict(example)), strict=True))
        for name, value in expected.items():
            scale = np.abs(value).max(initial=1.0) if value.dtype.kind == "f" else 0.0
            if not np.allclose(found[name], value, rtol=0, atol=1e-4 * scale):
                raise UserError(f"{file}: not written, its {name} differs from TensorFlow's")
    return file
