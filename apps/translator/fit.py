"""Train the network: its batches, loss, optimizer, learning rate and when it stops."""

import math

import keras
from keras import ops

from ..common import training
from ..common.training.epochs import DecayOnPlateau
from ..common.training.optimizers import Adam
from .data import clusters, encode_pairs, fit_subwords, make_dataset, read_pairs, split_pairs
from .model import build_model, registered


def fit(config, options):
    """Train a translator into `options.run_dir`, or resume there.

    Args:
        config: a `Config`.
        options: `TrainingOptions`.

    Returns:
        The `training.Run`.
    """
    pairs = read_pairs(config)
    validation = read_pairs(config, config.validation_data) if config.validation_data else None
    splits = split_pairs(pairs, config, validation)
    facts = {"pairs": len(pairs), "fingerprint": pairs.fingerprint}
    with training.start(options, config, facts) as run:
        if not run.finished:
            print_pairs(pairs, splits)
            fit_epochs(config, run, splits)
    return run


def fit_epochs(config, run, splits):
    """Run the epochs that are left."""
    subwords = fit_subwords(splits["train"], config)
    train, validation = (encode_pairs(splits[name], subwords, config) for name in ("train", "validation"))
    source, target = subwords
    run.write_json("vocabulary.json", {"source": source.pieces, "target": target.pieces})
    saving = run.save_epochs(config.patience)
    epochs = saving.epochs_left(config.epochs)
    if not epochs:
        return
    plateau = DecayOnPlateau(
        config.learning_rate, config.decay, config.decay_patience, config.decay_threshold, saving.history
    )
    with run.scope():
        batches = run.batches(make_dataset(train, config, epochs), len(train) * len(epochs))
        arguments = run.fit_arguments(batches, epochs)
        model = run.restored()
        if model is None:
            model = build_model(config, source.vocabulary_size, target.vocabulary_size)
            compile_model(model, config, arguments["steps_per_epoch"])
        print(f"{model.count_params():,} weights, {arguments['steps_per_epoch']} steps an epoch", flush=True)
        model.fit(
            batches,
            validation_data=run.batches(make_dataset(validation, config), len(validation)),
            # Validation uses the averaged weights, which are those that are saved.
            callbacks=[keras.callbacks.SwapEMAWeights(), plateau, saving, *run.callbacks()],
            **arguments,
        )


def compile_model(model, config, steps):
    """Compile with smoothed cross-entropy and Adam, which averages the weights; `steps` is the steps of an epoch."""
    optimizer = Adam(
        config.learning_rate,
        global_clipnorm=config.clip_norm,
        use_ema=True,
        ema_momentum=math.exp(-1 / (config.average_epochs * steps)),
        ema_overwrite_frequency=None,
    )
    # TensorFlow would trace the step again if it made variables.
    optimizer.build(model.trainable_variables)
    model.compile(
        optimizer=optimizer,
        loss=SmoothedCrossentropy(config.label_smoothing),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )


@registered
class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy with label smoothing, in nats per subword.

    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7.

    Args:
        smoothing: probability that is distributed over all subwords.
    """

    def __init__(self, smoothing, name="smoothed_crossentropy", **kwargs):
        super().__init__(name=name)
        self.smoothing = smoothing

    def call(self, targets, logits):
        targets = ops.cast(targets, "int32")[..., None]
        target_logits = ops.squeeze(ops.take_along_axis(logits, targets, axis=-1), axis=-1)
        expected = (1 - self.smoothing) * target_logits + self.smoothing * ops.mean(logits, axis=-1)
        return ops.logsumexp(logits, axis=-1) - expected

    def get_config(self):
        return {"smoothing": self.smoothing, "name": self.name}


def print_pairs(pairs, splits):
    """Print how many pairs every split has."""
    shared = len(pairs) - clusters(pairs).max() - 1
    print(f"{len(pairs)} pairs; {shared} are in the same split as a pair with which they share a sentence")
    print(", ".join(f"{len(part)} for {name}" for name, part in splits.items()))
