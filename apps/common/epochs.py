"""What a training does after each epoch, all of it such that one that was killed goes on as if it had not been.

What an epoch leaves is written in the order best model, history, checkpoint; the checkpoint's name holds its epoch, so
whatever a kill leaves behind it is done again, and with the same seed comes out the same.
"""

import math
import time
from pathlib import Path

import keras
import numpy as np

from . import runs
from .cli import UserError


class SaveEpochs(keras.callbacks.Callback):
    """After each epoch keeps the best model, the history and the state to go on from, and stops in time.

    A model whose optimizer averages its weights is kept with the averages. A loss that is no number ends the training
    with a `UserError` before anything is saved.

    All that it decides it reads off the history, so a resumed training ends where an unbroken one does.

    Args:
        run_dir: gets model.keras, history.csv and checkpoint-N.keras.
        epochs_done: epochs of the checkpoint that the training goes on from.
        seed: with the epoch's number it fixes the epoch's dropout, whose state Keras does not save.
        min_epochs: first epoch whose weights may be kept.
        patience: epochs without a better figure after which the training stops.
        monitor: the figure that decides.
        best: `min` or `max`.
    """

    def __init__(self, run_dir, epochs_done, seed, min_epochs, patience, monitor="val_loss", best=min):
        super().__init__()
        self.run_dir, self.seed, self.monitor, self.best = Path(run_dir), seed, monitor, best
        self.min_epochs, self.patience = min_epochs, patience
        self.history = runs.read_csv(self.run_dir / "history.csv")[:epochs_done]

    def kept(self):
        """The row of the epoch whose weights model.keras holds."""
        rows = self.history[self.min_epochs - 1 :] or self.history[-1:]
        return self.best(rows, key=lambda row: row[self.monitor])

    def ended(self):
        """Whether patience is at its end."""
        epochs = len(self.history)
        return epochs >= self.min_epochs and epochs - self.kept()["epoch"] >= self.patience

    def on_epoch_begin(self, epoch, logs=None):
        states = [variable for variable in self.model.variables if variable.name == "seed_generator_state"]
        for number, state in enumerate(states):
            state.assign(np.random.SeedSequence([self.seed, epoch, number]).generate_state(2))
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        figures = {name: float(value) for name, value in logs.items()}
        # Not after each step: JAX would have to wait for every one. The mean of an epoch is no number if one step's is.
        if not math.isfinite(figures["loss"]):
            kept = f"the weights of epoch {self.kept()['epoch']} are kept" if self.history else "nothing is kept yet"
            raise UserError(
                f"{self.run_dir}: the loss is {figures['loss']} in epoch {len(self.history) + 1}; {kept}; train with a "
                "lower --learning-rate into another --run-dir"
            )
        self.history.append({"epoch": epoch + 1, **figures, "seconds": time.perf_counter() - self.began})
        if self.history[-1] is self.kept():
            with runs.averaged_weights(self.model):
                runs.save_model(self.model, self.run_dir / "model.keras")
        runs.write_csv(self.run_dir / "history.csv", self.history)
        runs.save_checkpoint(self.model, self.run_dir / f"checkpoint-{epoch + 1:04d}.keras")
        # The one before, too, should the last turn out to be damaged.
        runs.remove_checkpoints(self.run_dir, keep=2)
        self.model.stop_training = self.ended()


class DecayOnPlateau(keras.callbacks.ReduceLROnPlateau):
    """Keras' decay of the learning rate, which a resumed training begins by going through the epochs before again.

    So it decides as in an unbroken one.

    Args:
        first: the learning rate at the start; it never falls below a hundredth of that.
        factor: of the rate, when the validation loss no longer falls.
        patience: epochs without a better validation loss after which the rate decays.
        threshold: by how much the validation loss must fall to be better.
        history: the rows of the epochs before.
    """

    def __init__(self, first, factor, patience, threshold, history):
        super().__init__(factor=factor, patience=patience, min_delta=threshold, min_lr=first / 100)
        self.first, self.before = first, list(history)

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.model.optimizer.learning_rate = self.first
        for row in self.before:
            self.on_epoch_end(row["epoch"] - 1, dict(row))
