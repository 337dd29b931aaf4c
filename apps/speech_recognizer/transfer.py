"""Check the runs that a training builds on. Imports no framework."""

from pathlib import Path

from ..common import runs
from ..common.cli import UserError
from .config import Config

# Settings that a run shares with the one it starts from.
_SHARED = ("rate", "unit", "streaming", "cell", "units", "num_layers", "filters", "channels")


def require_runs(config):
    """Check --start-from and --language-model.

    Raises:
        UserError: there is no such run, it has not ended, or the user asked for something else than it has.
    """
    if config.language_model and not (Path(config.language_model) / runs.TRUNK).exists():
        runs.open_run(config.language_model)
        raise UserError(f"--language-model {config.language_model}: expected a trained run of a language model")
    if not config.start_from:
        return
    saved, default = runs.open_run(config.start_from), Config()
    if saved.get("app") != __package__.rpartition(".")[2]:
        raise UserError(f"--start-from {config.start_from}: a run of {saved.get('app')}, expected one of a recogniser")
    if not runs.is_finished(config.start_from):
        raise UserError(
            f"--start-from {config.start_from}: its training has not ended; finish it with the same command"
        )
    for name in _SHARED:
        asked = getattr(config, name)
        if asked != saved[name]:
            option = f"--{name.replace('_', '-')}"
            advice = "give the same" if asked == getattr(default, name) else "leave the option out or give the same"
            raise UserError(f"{option} {asked}: --start-from {config.start_from} has {saved[name]}; {advice}")
