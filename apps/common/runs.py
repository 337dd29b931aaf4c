"""Read the settings of a run directory."""

import dataclasses
from pathlib import Path
from typing import Any

from .cli import UserError
from .files import read_json

# File of the run directory of a language model.
TRUNK = "trunk.keras"


def open_run(run_dir: str | Path, package: str | None = None) -> dict[str, Any]:
    """Read config.json of a run.

    Args:
        run_dir: folder.
        package: package of the app that the run must be of, "apps.NAME"; None for any app.

    Raises:
        UserError: the folder does not exist, is not a run directory, or is that of another app.
    """
    path = Path(run_dir) / "config.json"
    if not Path(run_dir).is_dir():
        raise UserError(f"{run_dir}: no such run directory; train one with --run-dir {run_dir}")
    if not path.is_file():
        raise UserError(f"{run_dir}: not a run directory (no config.json in it); give the --run-dir of a training")
    saved = read_json(path)
    if not isinstance(saved, dict):
        raise UserError(f"{run_dir}: not a run directory (its config.json is no object); give that of a training")
    if package is not None and saved.get("app") != (app := package.rpartition(".")[2]):
        other = saved.get("app")
        raise UserError(
            f"{run_dir}: a run of {other}, not of {app}; use python -m {package.replace(app, str(other))} ..."
        )
    return saved


def settings_of(saved: dict[str, Any], kind: type) -> Any:
    """Return the fields of config.json that the dataclass `kind` has, as an instance of it."""
    values = {}
    for field in dataclasses.fields(kind):
        if field.name in saved:
            value = saved[field.name]
            # A field may hold a dataclass, which JSON returns as a dict.
            nested = dataclasses.is_dataclass(field.default)
            values[field.name] = settings_of(value, type(field.default)) if nested else value
    return kind(**values)


def is_finished(run_dir: str | Path) -> bool:
    """Return whether the training in `run_dir` has ended."""
    return (Path(run_dir) / "finished.json").exists()
