"""Callbacks of a training that can be resumed."""

import keras
import numpy as np

from apps.common import files
from apps.common.training.epochs import DecayOnPlateau, SaveEpochs


def test_resumed_decay_decides_as_an_uninterrupted_one():
    losses = [3.0, 2.0, 2.1, 1.95, 1.8, 1.75, 1.65, 1.6, 1.58]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    def rates(done):
        model.compile(keras.optimizers.Adam(0.5), "mse")
        before = [{"epoch": epoch, "val_loss": loss} for epoch, loss in enumerate(losses[:done], 1)]
        callback = DecayOnPlateau(1e-3, 0.5, 1, 0.1, before)
        callback.set_model(model)
        callback.on_train_begin()
        found = []
        for epoch, loss in enumerate(losses[done:], done):
            callback.on_epoch_end(epoch, {"val_loss": loss})
            found.append(round(float(model.optimizer.learning_rate), 8))
        return found

    whole = rates(0)
    assert whole == [1e-3, 1e-3, 5e-4, 2.5e-4, 2.5e-4, 1.25e-4, 1.25e-4, 6.25e-5, 3.125e-5]
    for done in range(1, len(losses)):
        assert rates(done) == whole[done:]


def test_the_last_two_checkpoints_remain(tmp_path):
    files.write_json(tmp_path / "config.json", {})
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    saving = SaveEpochs(tmp_path, 0, seed=0, min_epochs=1, patience=9)
    model.fit(np.ones((8, 3)), np.ones((8, 1)), validation_data=(np.ones((8, 3)), np.ones((8, 1))), epochs=4,
              callbacks=[saving], verbose=0)  # fmt: skip
    assert [path.name for path in sorted(tmp_path.glob("checkpoint-*"))] == [
        "checkpoint-0003.keras", "checkpoint-0004.keras",
    ]  # fmt: skip


def test_stopping_follows_from_the_history(tmp_path):
    losses = [0.1, 0.5, 0.4, 0.45, 0.41, 0.47, 0.3]
    rows = [{"epoch": epoch, "val_loss": loss} for epoch, loss in enumerate(losses, 1)]
    files.write_csv(tmp_path / "history.csv", rows)
    for done, best, left in ((1, 1, 8), (2, 2, 7), (5, 3, 4), (6, 3, 0), (7, 7, 2)):
        saving = SaveEpochs(tmp_path, done, seed=0, min_epochs=2, patience=3)
        assert saving.best()["epoch"] == best
        assert saving.epochs_left(9) == range(done, done + left)
        assert len(saving.epochs_left(done)) == len(saving.epochs_left(done - 1)) == 0


def test_the_accuracy_decides_where_it_is_monitored(tmp_path):
    reached = [(0.57, 0.668), (0.66, 0.958), (0.73, 0.7), (0.73, 0.69), (0.7, 0.5)]
    rows = [
        {"epoch": epoch, "val_accuracy": accuracy, "val_loss": loss}
        for epoch, (accuracy, loss) in enumerate(reached, 1)
    ]
    files.write_csv(tmp_path / "history.csv", rows)
    for monitor, done, best, left in (
        ("val_loss", 4, 1, 0),
        ("val_accuracy", 2, 2, 7),
        ("val_accuracy", 3, 3, 6),
        ("val_accuracy", 4, 4, 5),
        ("val_accuracy", 5, 4, 4),
    ):
        saving = SaveEpochs(tmp_path, done, seed=0, min_epochs=1, patience=3, monitor=monitor)
        assert saving.best()["epoch"] == best
        assert len(saving.epochs_left(9)) == left
