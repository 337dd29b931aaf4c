"""The toy app's data, network and training."""

import time

import keras
import numpy as np
import tensorflow as tf

from apps.common import training
from apps.common.training.epochs import DecayOnPlateau
from apps.common.training.optimizers import Adam


def fit(config, options, pause):
    """Train, see `train.py`."""
    x = np.random.default_rng(0).normal(size=(config.rows, 6)).astype("float32")
    y = (x[:, :1] * x[:, 1:2] > 0).astype("float32")
    held = int(config.rows * config.validation_fraction)
    with training.start(options, config, {"fingerprint": float(x.sum())}) as run:
        if run.finished:
            return run
        run.write_json("scale.json", [1.0])
        saving = run.save_epochs(config.patience)
        plateau = DecayOnPlateau(config.learning_rate, 0.5, 1, 0.0, saving.history)
        wait = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: time.sleep(pause))
        epochs = saving.epochs_left(config.epochs)
        if epochs:
            with run.scope():
                batches = run.batches(make_dataset(x[held:], y[held:], config, epochs), (len(x) - held) * len(epochs))
                model = run.restored() or compiled(config)
                model.fit(
                    batches,
                    validation_data=run.batches(make_dataset(x[:held], y[:held], config), held),
                    callbacks=[keras.callbacks.SwapEMAWeights(), plateau, saving, wait, *run.callbacks()],
                    **run.fit_arguments(batches, epochs),
                )
        run.results["rows"] = config.rows
    return run


def make_dataset(x, y, config, epochs=None):
    """Batches of the rows; in every epoch of `epochs` in another order."""
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    if epochs is None:
        return dataset.batch(config.batch_size)

    def one_epoch(epoch):
        order = tf.random.experimental.stateless_shuffle(tf.range(len(x)), seed=[config.seed, epoch])
        factor = tf.where(epoch + 1 < config.nan_from, 1.0, float("nan"))
        rows = tf.data.Dataset.from_tensor_slices(order).batch(config.batch_size)
        return rows.map(lambda rows: (tf.gather(x, rows) * factor, tf.gather(y, rows)))

    batches = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(one_epoch)
    count = -(-len(x) // config.batch_size) * len(epochs)
    return batches.apply(tf.data.experimental.assert_cardinality(count))


def compiled(config):
    """A network with dropout, an optimizer that clips and averages."""
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(config.units, activation="tanh"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    optimizer = Adam(config.learning_rate, global_clipnorm=1.0, use_ema=True, ema_momentum=0.8)
    model.compile(optimizer, "binary_crossentropy", weighted_metrics=["accuracy"])
    return model
