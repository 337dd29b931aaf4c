"""Save and load Keras models."""

import contextlib
from pathlib import Path
from typing import Any

import keras

from .cli import UserError
from .files import replacing


def save_model(model: keras.Model, path: str | Path) -> None:
    """Save a model for prediction: in float32, whatever it is trained in, and without its optimizer.

    The state of the optimizer is two or three times as large as the weights.
    """
    optimizer = getattr(model, "optimizer", None)
    try:
        model.optimizer = None
        with replacing(path) as part, _in_float32(model):
            model.save(part)
    finally:
        model.optimizer = optimizer


@contextlib.contextmanager
def _in_float32(model):
    mixed = [layer for layer in model._flatten_layers() if layer.compute_dtype != layer.variable_dtype]
    policies = [layer.dtype_policy for layer in mixed]
    try:
        for layer in mixed:
            layer.dtype_policy = keras.DTypePolicy(layer.variable_dtype)
        yield
    finally:
        for layer, policy in zip(mixed, policies, strict=True):
            layer.dtype_policy = policy


def load_model(path: str | Path, compile: bool = False) -> Any:
    """Load a .keras file; the classes of its layers must have been imported.

    Args:
        path: file.
        compile: whether to restore loss and optimizer, too.

    Raises:
        UserError: the file does not exist or is damaged.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file; train first")
    try:
        return keras.models.load_model(path, compile=compile)
    except (OSError, ValueError, KeyError, EOFError) as error:
        first = str(error).splitlines()[0][:120]
        raise UserError(f"{path}: not a complete Keras model ({first}); train into a new run directory") from error
