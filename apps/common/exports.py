"""Writing a run's SavedModel, whole or not at all."""

from pathlib import Path

import keras
import tensorflow as tf

from .cli import UserError
from .runs import replacing


def require_tensorflow():
    """Refuses to export on another backend."""
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"a SavedModel is made by TensorFlow, the backend is {keras.backend.backend()}; run the same command with "
            "KERAS_BACKEND=tensorflow, whichever backend trained the run"
        )


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
