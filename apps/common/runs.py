"""A run directory: everything that a training leaves behind, written so that a kill at any moment loses nothing.

A file is written under a temporary name and renamed when it is whole.
"""

import contextlib
import csv
import dataclasses
import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np

from .cli import UserError

_CHECKPOINT = re.compile(r"checkpoint-(\d+)\.keras")
# In a checkpoint, beside what Keras writes: what it was made of.
_SEAL = "seal.json"


@contextlib.contextmanager
def replacing(path):
    """Gives a temporary path beside `path`, of the same suffix, and renames it to `path` at the end.

    Works for a file and, where nothing stands at `path` or a folder does, for a folder.
    """
    path = Path(path)
    try:
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=path.parent) as folder:
            part = Path(folder) / path.name
            yield part
            if part.is_file():
                with part.open("rb") as written:
                    os.fsync(written.fileno())
            elif path.exists():
                os.replace(path, Path(folder) / "before")
            os.replace(part, path)
    except OSError as error:
        # Told of the file that is asked for, not of the temporary one, or, as by a write, of none.
        number = error.errno or _errno_in(str(error))
        raise OSError(number, os.strerror(number), str(path)) if number else error from error


def _errno_in(text):
    # h5py says what happened in many words and sets no errno.
    found = re.search(r"errno = (\d+)", text)
    return int(found[1]) if found else None


def write_json(path, value):
    with replacing(path) as part:
        part.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path):
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not a whole JSON file ({error}); train into a new run directory") from None


def write_csv(path, rows):
    """Writes dicts with the same keys."""
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path):
    """The rows of `write_csv`, every value a number; none if there is no such file."""
    if not Path(path).exists():
        return []
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return [{key: int(value) if value.isdigit() else float(value) for key, value in row.items()} for row in rows]


def save_model(model, path):
    """Saves a model whole or not at all: to predict with, in float32, whatever it is trained in.

    The state of its optimizer, which is two or three times as large as the weights, is left out.
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


def save_checkpoint(model, path):
    """Saves a model to train on, whole or not at all, with what tells whether it is the same when it is loaded."""
    with replacing(path) as part:
        model.save(part)
        with zipfile.ZipFile(part, "a") as archive:
            archive.writestr(_SEAL, json.dumps(_seal(model, path.parent)))


def _seal(model, run_dir):
    digest = hashlib.sha256()
    for variable in [*model.variables, *model.optimizer.variables]:
        # Keras does not save the states of dropout, nor does a training that goes on need them.
        if variable.name != "seed_generator_state":
            value = variable.numpy()
            # Backends count in integers of different sizes.
            value = value.astype("int64") if value.dtype.kind in "iu" else value
            digest.update(np.ascontiguousarray(value).tobytes())
    config = hashlib.sha256((run_dir / "config.json").read_bytes())
    return {"variables": digest.hexdigest(), "config": config.hexdigest()}


def _require_sealed(model, path):
    with zipfile.ZipFile(path) as archive:
        saved = json.loads(archive.read(_SEAL)) if _SEAL in archive.namelist() else None
    found = _seal(model, path.parent)
    if saved != found:
        other = saved is None or saved["config"] != found["config"]
        what = "a checkpoint of another run" if other else "not restored as it was saved"
        raise UserError(
            f"{path}: {what}; remove it, and the same command goes on from the checkpoint before, or from the start"
        )


@contextlib.contextmanager
def averaged_weights(model):
    """Puts the moving averages that the model's optimizer keeps, if any, in the place of the weights for a while."""
    optimizer = getattr(model, "optimizer", None)
    # Which mixed_float16 wraps.
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


def load_model(path, compile=False):
    """Loads a model saved by `save_model`; its layers' classes must have been imported.

    Args:
        compile: whether with its loss and optimizer, to train on: what `save_checkpoint` saved, and verified.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; train first")
    try:
        model = keras.models.load_model(path, compile=compile)
    except (OSError, ValueError, KeyError, EOFError) as error:
        first = str(error).splitlines()[0][:120]
        raise UserError(f"{path}: not a whole Keras model ({first}); train again into a new run directory") from error
    if compile:
        _require_sealed(model, path)
    return model


def open_run(run_dir):
    """The run's config.json; refuses a folder that is not a run."""
    path = Path(run_dir) / "config.json"
    if not Path(run_dir).is_dir():
        raise UserError(f"{run_dir}: no such run directory; train one with --run-dir {run_dir}")
    if not path.is_file():
        raise UserError(f"{run_dir}: not a run directory (it has no config.json); give the --run-dir of a training")
    return read_json(path)


def settings_of(saved, kind):
    """The settings, of the dataclass `kind`, that a run's config.json has beside what it says of the data."""
    fields = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in saved.items() if name in fields})


def start_run(run_dir, config, overwrite=False):
    """Makes `run_dir` ready for a training with `config`; True if one with the same config began there before.

    Args:
        run_dir: a folder; made if absent.
        config: dict of plain values, kept as config.json.
        overwrite: throw away the run that stands there.
    """
    if check_run(run_dir, config, overwrite):
        return True
    run_dir = Path(run_dir)
    if run_dir.is_dir():
        shutil.rmtree(run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    write_json(run_dir / "config.json", config)
    return False


def check_run(run_dir, config, overwrite=False):
    """What `start_run` answers, and refuses, before anything is touched; for what takes long in between."""
    run_dir = Path(run_dir)
    if run_dir.exists() and not run_dir.is_dir():
        raise UserError(f"{run_dir}: this is a file; --run-dir takes a folder")
    if not run_dir.is_dir() or not any(run_dir.iterdir()):
        return False
    before = open_run(run_dir)
    if not overwrite:
        _require_same(run_dir, before, json.loads(json.dumps(config)))
    return not overwrite


def _require_same(run_dir, before, now):
    for key in dict.fromkeys([*now, *before]):
        if before.get(key) != now.get(key):
            raise UserError(
                f"{run_dir}: trained with {key} {before.get(key)!r}, now {now.get(key)!r}; "
                "choose another --run-dir, or --overwrite it"
            )


def latest_checkpoint(run_dir):
    """(epochs done, path) of the state to go on from; (0, None) if there is none."""
    found = ((_CHECKPOINT.fullmatch(path.name), path) for path in Path(run_dir).iterdir())
    return max(((int(match[1]), path) for match, path in found if match), default=(0, None))


def is_finished(run_dir):
    """Whether a training that began here came to its end."""
    return (Path(run_dir) / "finished.json").exists()


def finish(run_dir, kept):
    """Marks the training as ended, says with what it was made, and drops what it could have gone on from.

    Args:
        kept: the row of the history whose weights model.keras holds.
    """
    history = read_csv(Path(run_dir) / "history.csv")
    write_json(
        Path(run_dir) / "finished.json",
        {
            "epochs": len(history),
            "seconds": round(sum(row["seconds"] for row in history), 1),
            "kept": kept,
            "keras": keras.version(),
            "backend": keras.backend.backend(),
            "python": platform.python_version(),
        },
    )
    remove_checkpoints(run_dir)


def remove_checkpoints(run_dir, keep=0):
    """All but the last `keep`."""
    found = sorted(path for path in Path(run_dir).iterdir() if _CHECKPOINT.fullmatch(path.name))
    for path in found[: len(found) - keep]:
        path.unlink()
