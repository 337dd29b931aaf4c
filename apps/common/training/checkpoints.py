"""Save and load the checkpoints from which a training resumes."""

import contextlib
import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..cli import UserError
from ..files import replacing
from ..models import load_model

_NAME = re.compile(r"checkpoint-(\d+)\.keras")
# Entry of a checkpoint, which is a zip archive.
_CHECKSUMS = "checksums.json"


def checkpoint_path(run_dir: str | Path, epoch: int) -> Path:
    """Return the path of the checkpoint after `epoch`, counted from 1."""
    return Path(run_dir) / f"checkpoint-{epoch:04d}.keras"


def latest_checkpoint(run_dir: str | Path) -> tuple[int, Path | None]:
    """Return (epochs done, path) of the last checkpoint; (0, None) if there is none."""
    found = ((_NAME.fullmatch(path.name), path) for path in Path(run_dir).iterdir())
    return max(((int(match[1]), path) for match, path in found if match), default=(0, None))


def remove_checkpoints(run_dir: str | Path, keep: int = 0) -> None:
    """Delete all checkpoints but the last `keep`."""
    found = sorted(path for path in Path(run_dir).iterdir() if _NAME.fullmatch(path.name))
    for path in found[: len(found) - keep]:
        path.unlink()


def save_checkpoint(model: keras.Model, path: Path) -> None:
    """Save a model with its optimizer, and checksums of its variables and of the run's config.json."""
    with replacing(path) as part:
        model.save(part)
        with zipfile.ZipFile(part, "a") as archive:
            archive.writestr(_CHECKSUMS, json.dumps(_checksums(model, path.parent)))


def load_checkpoint(path: str | Path) -> Any:
    """Load what `save_checkpoint` saved.

    Raises:
        UserError: the file is damaged, of another run, or Keras did not restore every variable.
    """
    path = Path(path)
    model = load_model(path, compile=True)
    with zipfile.ZipFile(path) as archive:
        saved = json.loads(archive.read(_CHECKSUMS)) if _CHECKSUMS in archive.namelist() else None
    found = _checksums(model, path.parent)
    if saved != found:
        other = saved is None or saved["config"] != found["config"]
        problem = "a checkpoint of another run" if other else "its variables differ from those that were saved"
        raise UserError(
            f"{path}: {problem}; remove it, and the same command resumes from the checkpoint before, or from the start"
        )
    return model


def _checksums(model, run_dir):
    digest = hashlib.sha256()
    for variable in [*model.variables, *model.optimizer.variables]:
        # Keras does not save the states of dropout, and `SaveEpochs` sets them in every epoch.
        if variable.name != "seed_generator_state":
            value = variable.numpy()
            # Backends count steps in integers of different sizes.
            value = value.astype("int64") if value.dtype.kind in "iu" else value
            digest.update(np.ascontiguousarray(value).tobytes())
    config = hashlib.sha256((run_dir / "config.json").read_bytes())
    return {"variables": digest.hexdigest(), "config": config.hexdigest()}


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Replace the weights for a while by the moving averages of the optimizer, if it keeps any."""
    optimizer = getattr(model, "optimizer", None)
    # mixed_float16 wraps the optimizer.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if optimizer is None or not optimizer.use_ema:
        yield
        return
    weights = [variable.numpy() for variable in model.trainable_variables]
    optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, weights, strict=True):
            variable.assign(value)
