"""Read the settings of a run directory."""

import dataclasses
from pathlib import Path

from .cli import UserError
from .files import read_json


def open_run(run_dir):
    """Read config.json of a run.

    Raises:
        UserError: the folder does not exist or is not a run directory.
    """
    path = Path(run_dir) / "config.json"
    if not Path(run_dir).is_dir():
        raise UserError(f"{run_dir}: no such run directory; train one with --run-dir {run_dir}")
    if not path.is_file():
        raise UserError(f"{run_dir}: not a run directory (no config.json in it); give the --run-dir of a training")
    return read_json(path)


def settings_of(saved, kind):
    """Return the fields of config.json that the dataclass `kind` has, as an instance of it."""
    names = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in saved.items() if name in names})


def is_finished(run_dir):
    """Return whether the training in `run_dir` has ended."""
    return (Path(run_dir) / "finished.json").exists()
