"""Callbacks that end, and resume, a training as if it had not been interrupted.

After an epoch, files are written in the order best model, history, checkpoint. The checkpoint's name holds its epoch,
so an interrupted epoch is repeated, with the same result because of the seed.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..cli import UserError
from ..files import read_csv, write_csv
from ..models import save_model
from .checkpoints import averaged_weights, checkpoint_path, remove_checkpoints, save_checkpoint


class SaveEpochs(keras.callbacks.Callback):
    """Save the best model, the history and a checkpoint after each epoch, and stop early.

    A model whose optimizer keeps moving averages of the weights is saved with the averages. Raises `UserError` before
    anything is saved if the loss is not finite.

    All decisions follow from the history, so a resumed training ends where an uninterrupted one does.

    Args:
        run_dir: folder that gets model.keras, history.csv and checkpoint-N.keras.
        epochs_done: epochs of the checkpoint that the training resumes from.
        seed: together with the epoch, seeds the dropout of an epoch, whose state Keras does not save.
        min_epochs: first epoch whose weights may be saved as the best.
        patience: epochs without a better one after which the training stops.
        monitor: what makes an epoch the best: the lowest "val_loss" or the highest "val_accuracy", of which equal ones
            go by the loss. The loss of a classifier that grows too certain rises while it still learns to classify;
            where its probabilities are calibrated afterwards, the accuracy decides.
    """

    def __init__(
        self,
        run_dir: str | Path,
        epochs_done: int,
        seed: int,
        min_epochs: int,
        patience: int,
        monitor: str = "val_loss",
    ):
        super().__init__()
        self.run_dir, self.seed = Path(run_dir), seed
        self.min_epochs, self.patience, self.monitor = min_epochs, patience, monitor
        self.history = read_csv(self.run_dir / "history.csv")[:epochs_done]

    def best(self) -> dict[str, float]:
        """Return the row of the history of the epoch whose weights model.keras holds."""
        rows = self.history[self.min_epochs - 1 :] or self.history[-1:]
        return min(rows, key=self._rank)

    def _rank(self, row):
        return (row["val_loss"],) if self.monitor == "val_loss" else (-row[self.monitor], row["val_loss"])

    def stopped(self) -> bool:
        """Return whether `patience` epochs brought nothing better."""
        epochs = len(self.history)
        return epochs >= self.min_epochs and epochs - self.best()["epoch"] >= self.patience

    def epochs_left(self, epochs: int) -> range:
        """Return the range of epochs to run, of `epochs` in all, counted from 0; empty if training has stopped."""
        done = len(self.history)
        return range(done, done if self.stopped() else max(done, epochs))

    def on_train_begin(self, logs: Any = None) -> None:
        print("compiling the training step; the first one takes a while", flush=True)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        states = [variable for variable in self.model.variables if variable.name == "seed_generator_state"]
        for index, state in enumerate(states):
            state.assign(np.random.SeedSequence([self.seed, epoch, index]).generate_state(2))
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = {name: float(value) for name, value in logs.items()}
        # Not after each step, for which JAX would have to wait. The mean of an epoch is not finite if a step's is not.
        if not math.isfinite(values["loss"]):
            saved = f"the weights of epoch {self.best()['epoch']} are saved" if self.history else "nothing is saved yet"
            raise UserError(
                f"{self.run_dir}: the loss is {values['loss']} in epoch {len(self.history) + 1}; {saved}; train with a "
                "lower --learning-rate into another --run-dir"
            )
        self.history.append({"epoch": epoch + 1, **values, "seconds": time.perf_counter() - self._began})
        if self.history[-1] is self.best():
            with averaged_weights(self.model):
                save_model(self.model, self.run_dir / "model.keras")
        write_csv(self.run_dir / "history.csv", self.history)
        save_checkpoint(self.model, checkpoint_path(self.run_dir, epoch + 1))
        # The one before remains in case the last is damaged.
        remove_checkpoints(self.run_dir, keep=2)
        self.model.stop_training = self.stopped()


class DecayOnPlateau(keras.callbacks.ReduceLROnPlateau):
    """Keras' ReduceLROnPlateau, which in a resumed training first repeats its decisions on the earlier epochs.

    Args:
        learning_rate: initial learning rate; the lowest is a hundredth of it.
        factor: factor of the learning rate at a plateau.
        patience: epochs without a better validation loss after which the rate decays.
        min_delta: by how much the validation loss must fall to be better.
        history: rows of the earlier epochs.
    """

    def __init__(self, learning_rate: float, factor: float, patience: int, min_delta: float, history: Sequence[dict]):
        super().__init__(factor=factor, patience=patience, min_delta=min_delta, min_lr=learning_rate / 100)
        self.learning_rate, self.earlier = learning_rate, list(history)

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        self.model.optimizer.learning_rate = self.learning_rate
        for row in self.earlier:
            self.on_epoch_end(row["epoch"] - 1, dict(row))
