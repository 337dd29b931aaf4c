"""Start, resume and finish the training of a run directory."""

import contextlib
import dataclasses
import functools
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from .. import files, runs
from ..cli import UserError
from ..options import TrainingOptions
from . import checkpoints, devices, groups, run_directory
from .devices import Placement
from .epochs import SaveEpochs


@contextlib.contextmanager
def start(options: TrainingOptions, config: Any, facts: dict[str, Any]) -> Iterator["Run"]:
    """Start a training, or resume the one that began in the run directory with the same settings.

    Finds the devices, joins the group of processes if there is one, and sets the seed. When the block ends, writes
    finished.json and deletes the checkpoints.

    Args:
        options: `TrainingOptions`.
        config: the app's Config; has `batch_size` and `seed`.
        facts: dict of plain values that describe the data. A training resumes only if config and facts are unchanged.

    Yields:
        A `Run`. If its `finished` is true there is nothing left to do.

    Raises:
        UserError: the devices are absent or cannot share a batch; the run directory holds a run with other settings;
            the processes of a group differ.
    """
    if options.tensorboard and not importlib.util.find_spec("tensorboard"):
        raise UserError("--tensorboard: the package tensorboard is not installed; pip install tensorboard")
    placement = devices.find_devices(options, config.batch_size)
    app = type(config).__module__.split(".")[-2]
    settings = {"app": app, **dataclasses.asdict(config), **facts, "precision": options.precision}
    with groups.joined(placement, settings), contextlib.ExitStack() as stack:
        run = Run(options, settings, placement, stack)
        if run.finished:
            print(f"{options.run_dir} is trained already; --overwrite trains it again")
        else:
            keras.utils.set_random_seed(config.seed)
        yield run
        if not run.finished:
            run.finish()


class Run:
    """A training and its run directory; made by `start`.

    Attributes:
        finished: whether the training had ended before.
        placement: the devices, a `devices.Placement`.
        results: what the training found beside its weights, a dict of plain values; written to finished.json.
    """

    def __init__(
        self, options: TrainingOptions, settings: dict[str, Any], placement: Placement, stack: contextlib.ExitStack
    ):
        self.placement = placement
        self.results: dict[str, Any] = {}
        self._options, self._settings, self._stack = options, settings, stack
        self._saving: Any = None
        self.finished = groups.from_first(self._is_finished, placement)

    def _is_finished(self):
        resumes = run_directory.check_run(self._options.run_dir, self._settings, self._options.overwrite)
        return resumes and runs.is_finished(self._options.run_dir)

    @functools.cached_property
    def folder(self) -> Path:
        """The run directory.

        It is created, or with --overwrite replaced, at its first use: what fails before leaves an older run untouched.
        Processes of a group other than the first get a temporary copy.
        """
        run_dir, overwrite = self._options.run_dir, self._options.overwrite
        groups.from_first(lambda: run_directory.start_run(run_dir, self._settings, overwrite), self.placement)
        return self._stack.enter_context(groups.copied_from_first(run_dir, self.placement))

    def write_json(self, name: str, value: Any) -> None:
        """Write a file of the run directory."""
        files.write_json(self.folder / name, value)

    def scope(self) -> AbstractContextManager:
        """Return a context in which models are built, loaded and trained on the devices and in the chosen precision."""
        return self.placement.scope()

    def batches(self, dataset: tf.data.Dataset, rows: int) -> tf.data.Dataset:
        """Return batches that the devices can share, of which a process of a group gets its part.

        Args:
            dataset: batches of (inputs, targets) or (inputs, targets, weights), see `batches.whole_batches`.
            rows: number of rows in all batches.
        """
        return self.placement.batches(dataset, rows)

    def restored(self) -> Any:
        """Return the compiled model of the last checkpoint; None if the training has not begun."""
        epoch, path = checkpoints.latest_checkpoint(self.folder)
        if path is None:
            return None
        print(f"resuming after epoch {epoch}")
        return checkpoints.load_checkpoint(path)

    def save_epochs(self, patience: int, min_epochs: int = 1, monitor: str = "val_loss") -> SaveEpochs:
        """Return the callback that saves each epoch, a `SaveEpochs`."""
        done, _ = checkpoints.latest_checkpoint(self.folder)
        self._saving = SaveEpochs(self.folder, done, self._settings["seed"], min_epochs, patience, monitor)
        return self._saving

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Return the callbacks that the options ask for."""
        return [keras.callbacks.TensorBoard(self.folder / "tensorboard")] if self._options.tensorboard else []

    def fit_arguments(self, dataset: tf.data.Dataset, epochs: range) -> dict[str, Any]:
        """Return what `fit` must receive to run `epochs`, a range, on a dataset of all their batches."""
        return {
            "epochs": epochs.stop,
            "initial_epoch": epochs.start,
            "steps_per_epoch": int(dataset.cardinality()) // len(epochs),
            "shuffle": False,
            "verbose": 1 if sys.stdout.isatty() else 2,
        }

    def finish(self) -> None:
        """Write finished.json and delete the checkpoints."""
        best = self._saving.best()
        run_directory.finish(self.folder, best, self.results)
        path = self._options.run_dir / "model.keras"
        reached = f"validation loss {best['val_loss']:.4f}"
        if self._saving.monitor == "val_accuracy":
            reached = f"validation accuracy {best['val_accuracy']:.4f}, {reached}"
        print(f"best epoch {best['epoch']}, {reached}: {path}")
