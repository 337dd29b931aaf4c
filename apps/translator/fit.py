"""Train the network: its batches, loss, optimizer, learning rate and when it stops."""

import math

import keras
from keras import ops

from ..common import training
from ..common.splits import unlike_asked
from ..common.training.epochs import DecayOnPlateau
from ..common.training.optimizers import Adam, built
from ..common.words import counted
from .data import clusters, encode_pairs, fit_subwords, make_dataset, split_pairs
from .model import build_model, registered


def fit(config, options, pairs, validation=None):
    """Train a translator into `options.run_dir`, or resume there.

    Args:
        config: a `Config`.
        options: `TrainingOptions`.
        pairs: `Pairs` of the config's data.
        validation: `Pairs` of its validation data; None for a fraction of `pairs`.

    Returns:
        The `training.Run`.
    """
    splits = split_pairs(pairs, config, validation)
    # Not called as the option is, which the user may not have given.
    facts = {"pairs": len(pairs), "fingerprint": pairs.fingerprint, "sentence_column": pairs.source_column}
    with training.start(options, config, facts) as run:
        if not run.finished:
            print_pairs(pairs, splits, config)
            fit_epochs(config, run, splits)
    return run


def fit_epochs(config, run, splits):
    """Run the epochs that are left."""
    print("choosing the subwords", flush=True)
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
    model.compile(
        optimizer=built(optimizer, model),
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


def print_pairs(pairs, splits, config):
    """Print how many pairs every split has."""
    shared = len(pairs) - clusters(pairs).max() - 1
    print(counted(len(pairs), "pair"))
    if shared:
        print(f"{counted(shared, 'pair')} kept in the split of another with the same sentence")
    print(", ".join(f"{len(part):,} for {name}" for name, part in splits.items()))
    if not config.validation_data and (note := unlike_asked(splits, config)):
        print(note)
