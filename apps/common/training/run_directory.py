"""Create and finish run directories."""

import json
import platform
import shutil
from pathlib import Path
from typing import Any

import keras

from ..cli import UserError
from ..files import read_csv, write_json
from ..runs import open_run
from .checkpoints import remove_checkpoints


def check_run(run_dir: str | Path, settings: dict[str, Any], overwrite: bool = False) -> bool:
    """Return whether `start_run` would resume a run; changes nothing.

    Raises:
        UserError: `run_dir` is a file, is not a run directory, or its run has other settings.
    """
    run_dir = Path(run_dir)
    if run_dir.exists() and not run_dir.is_dir():
        raise UserError(f"{run_dir}: this is a file; --run-dir takes a folder")
    if not run_dir.is_dir() or not any(run_dir.iterdir()):
        return False
    before = open_run(run_dir)
    if not overwrite:
        _require_same(run_dir, before, json.loads(json.dumps(settings)))
    return not overwrite


def start_run(run_dir: str | Path, settings: dict[str, Any], overwrite: bool = False) -> bool:
    """Create `run_dir` with its config.json, unless it holds a run with the same settings.

    Args:
        run_dir: folder.
        settings: dict of plain values.
        overwrite: delete the run that is there.

    Returns:
        Whether the run began before.
    """
    if check_run(run_dir, settings, overwrite):
        return True
    run_dir = Path(run_dir)
    if run_dir.is_dir():
        shutil.rmtree(run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    write_json(run_dir / "config.json", settings)
    return False


def _require_same(run_dir, before, now):
    for key in dict.fromkeys([*now, *before]):
        if before.get(key) != now.get(key):
            raise UserError(
                f"{run_dir}: trained with {key} {before.get(key)!r}, now {now.get(key)!r}; "
                "choose another --run-dir, or --overwrite it"
            )


def finish(run_dir: str | Path, best: dict[str, float], results: dict[str, Any]) -> None:
    """Write finished.json (epochs, seconds, best epoch, results, versions) and delete the checkpoints.

    Args:
        run_dir: folder.
        best: row of the history of the epoch whose weights model.keras holds.
        results: dict of plain values.
    """
    history = read_csv(Path(run_dir) / "history.csv")
    write_json(
        Path(run_dir) / "finished.json",
        {
            "epochs": len(history),
            "seconds": round(sum(row["seconds"] for row in history), 1),
            "best": best,
            **results,
            "keras": keras.version(),
            "backend": keras.backend.backend(),
            "python": platform.python_version(),
        },
    )
    remove_checkpoints(run_dir)
