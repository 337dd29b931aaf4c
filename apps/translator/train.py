"""Trains a translator into a run directory; the same command goes on where a killed one stopped."""

import dataclasses
import importlib.util
import math
import sys
from pathlib import Path

import keras
import tyro
from keras import ops

from ..common import cli, devices, groups, runs
from ..common.epochs import DecayOnPlateau, SaveEpochs
from ..common.optimizers import Adam
from .config import Config
from .data import clusters, fit_subwords, load_subwords, make_dataset, read_pairs, split_pairs
from .model import build_model, load_model

RUN_DIR = Path("runs/translator")


def train(
    config: tyro.conf.OmitArgPrefixes[Config] = Config(),
    run_dir: Path = RUN_DIR,
    overwrite: bool = False,
    tensorboard: bool = False,
    on: tyro.conf.OmitArgPrefixes[devices.Devices] = devices.Devices(),
):
    """Train a translator on pairs of sentences.

    Args:
        config: Settings.
        run_dir: Folder for everything that the training leaves behind.
        overwrite: Throw away the run that stands in --run-dir.
        tensorboard: Write a TensorBoard log to --run-dir/tensorboard.
        on: Devices.

    Returns:
        Where it ran, a `devices.Placement`.
    """
    if tensorboard and not importlib.util.find_spec("tensorboard"):
        raise cli.UserError("--tensorboard: the package tensorboard is not installed; pip install tensorboard")
    placement = devices.settle(on, config.batch_size)
    pairs = read_pairs(config)
    validation = read_pairs(config, config.validation_data) if config.validation_data else None
    splits = split_pairs(pairs, config, validation)
    about = describe_run(config, pairs) | {"precision": on.precision}
    with groups.run_directory(run_dir, about, overwrite, placement) as (folder, begun):
        if begun and runs.is_finished(folder):
            print(f"{run_dir} is trained already; --overwrite starts anew")
            return placement
        together = len(pairs) - clusters(pairs).max() - 1
        print(f"{len(pairs)} pairs; {together} stay on the side of a pair that they share a sentence with")
        print(", ".join(f"{len(part)} for {name}" for name, part in splits.items()))
        fit(config, folder, splits, placement, tensorboard)
    return placement


def fit(config, run_dir, splits, placement, tensorboard=False):
    """Trains from the last checkpoint, or from the start, until the last epoch or until it no longer helps."""
    keras.utils.set_random_seed(config.seed)
    done, checkpoint = runs.latest_checkpoint(run_dir)
    if not checkpoint:
        source, target = fit_subwords(splits["train"], config)
        runs.write_json(run_dir / "vocabulary.json", {"source": source.pieces, "target": target.pieces})
    subwords = load_subwords(run_dir)
    saving = SaveEpochs(run_dir, done, config.seed, min_epochs=1, patience=config.patience)
    if done < config.epochs and not saving.ended():
        plateau = DecayOnPlateau(
            config.learning_rate, config.decay, config.decay_patience, config.decay_threshold, saving.history
        )
        # Validation sees the averaged weights, which are the ones that are kept.
        callbacks = [keras.callbacks.SwapEMAWeights(), plateau, saving]
        if tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(run_dir / "tensorboard"))
        with placement.scope():
            _fit_epochs(config, splits, subwords, checkpoint, range(done, config.epochs), callbacks, placement)
    kept = saving.kept()
    print(f"kept epoch {kept['epoch']}, validation loss {kept['val_loss']:.4f}: {run_dir}/model.keras")
    runs.finish(run_dir, kept)


def _fit_epochs(config, splits, subwords, checkpoint, epochs, callbacks, placement):
    dataset = make_dataset(splits["train"], subwords, config, epochs, placement.share)
    steps = int(dataset.cardinality()) // len(epochs)
    if checkpoint:
        print(f"going on after epoch {epochs.start}")
        model = load_model(checkpoint, compile=True)
    else:
        model = build_model(config, *(side.vocabulary_size for side in subwords))
        compile_model(model, config, steps)
    print(f"{model.count_params():,} weights, {steps} steps an epoch", flush=True)
    model.fit(
        dataset,
        validation_data=make_dataset(splits["validation"], subwords, config, share=placement.share),
        epochs=config.epochs,
        initial_epoch=epochs.start,
        steps_per_epoch=steps,
        callbacks=callbacks,
        shuffle=False,
        verbose=1 if sys.stdout.isatty() else 2,
    )


def compile_model(model, config, steps):
    optimizer = Adam(
        config.learning_rate,
        global_clipnorm=config.clip_norm,
        use_ema=True,
        ema_momentum=math.exp(-1 / (config.average_epochs * steps)),
        ema_overwrite_frequency=None,
    )
    model.compile(
        optimizer=optimizer,
        loss=SmoothedCrossentropy(config.label_smoothing),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )


@keras.saving.register_keras_serializable("translator")
class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy with smoothed labels, in nats a subword; the mean, by their weights.

    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7.

    Args:
        smoothing: probability that is spread over all subwords.
    """

    def __init__(self, smoothing, name="smoothed_crossentropy", **kwargs):
        super().__init__(name=name)
        self.smoothing = smoothing

    def call(self, targets, logits):
        targets = ops.cast(targets, "int32")[..., None]
        right = ops.squeeze(ops.take_along_axis(logits, targets, axis=-1), axis=-1)
        expected = (1 - self.smoothing) * right + self.smoothing * ops.mean(logits, axis=-1)
        return ops.logsumexp(logits, axis=-1) - expected

    def get_config(self):
        return {"smoothing": self.smoothing, "name": self.name}


def describe_run(config, pairs):
    """What config.json says: whatever must be the same for a training to be gone on with."""
    return {
        "app": __package__.rpartition(".")[2],
        **dataclasses.asdict(config),
        "pairs": len(pairs),
        "fingerprint": pairs.fingerprint,
    }


if __name__ == "__main__":
    sys.exit(cli.run(train))
