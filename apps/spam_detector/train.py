"""Trains a spam detector into a run directory; the same command goes on where a killed one stopped."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import keras
import numpy as np
import tyro

from ..common import cli, devices, groups, runs
from ..common.epochs import SaveEpochs
from .config import Config
from .data import Encoder, clusters, make_dataset, read_examples, split_examples
from .model import build_model, load_model
from .predict import Detector

RUN_DIR = Path("runs/spam_detector")


def train(
    config: tyro.conf.OmitArgPrefixes[Config] = Config(),
    run_dir: Path = RUN_DIR,
    overwrite: bool = False,
    tensorboard: bool = False,
    on: tyro.conf.OmitArgPrefixes[devices.Devices] = devices.Devices(),
):
    """Train a spam detector on labelled messages.

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
    examples = read_examples(config)
    splits = split_examples(examples, config)
    about = describe_run(config, examples) | {"precision": on.precision}
    with groups.run_directory(run_dir, about, overwrite, placement) as (folder, begun):
        if begun and runs.is_finished(folder):
            print(f"{run_dir} is trained already; --overwrite starts anew")
            return placement
        print_rows(examples, splits)
        fit(config, folder, splits, placement, tensorboard)
    return placement


def fit(config, run_dir, splits, placement, tensorboard=False):
    """Trains from the last checkpoint, or from the start, until the last epoch or until it no longer helps."""
    keras.utils.set_random_seed(config.seed)
    encoder = Encoder.fit(splits["train"].texts, config)
    runs.write_json(run_dir / "vocabulary.json", encoder.vocabulary)
    done, checkpoint = runs.latest_checkpoint(run_dir)
    min_epochs = int(config.kept_from * config.epochs) + 1
    saving = SaveEpochs(run_dir, done, config.seed, min_epochs, config.patience)
    if done < config.epochs and not saving.ended():
        callbacks = [saving]
        if tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(run_dir / "tensorboard"))
        with placement.scope():
            _fit_epochs(config, splits, encoder, checkpoint, range(done, config.epochs), callbacks, placement)
    kept = saving.kept()
    print(f"kept epoch {kept['epoch']}, validation loss {kept['val_loss']:.4f}: {run_dir}/model.keras")
    validation = splits["validation"]
    scored = zip(validation.labels.tolist(), Detector(run_dir)(validation.texts).tolist(), strict=True)
    runs.write_csv(run_dir / "validation.csv", [{"label": label, "probability": p} for label, p in scored])
    runs.finish(run_dir, kept)


def _fit_epochs(config, splits, encoder, checkpoint, epochs, callbacks, placement):
    train_rows = splits["train"]
    dataset = make_dataset(train_rows, encoder, config, epochs, placement.share)
    steps = int(dataset.cardinality()) // len(epochs)
    if checkpoint:
        print(f"going on after epoch {epochs.start}")
        model = load_model(checkpoint, compile=True)
    else:
        model = build_model(config, encoder.lookup.vocabulary_size(), float(np.mean(train_rows.labels)))
        compile_model(model, config, steps * config.epochs)
    model.fit(
        dataset,
        validation_data=make_dataset(splits["validation"], encoder, config, share=placement.share),
        epochs=config.epochs,
        initial_epoch=epochs.start,
        steps_per_epoch=steps,
        callbacks=callbacks,
        shuffle=False,
        verbose=1 if sys.stdout.isatty() else 2,
    )


def compile_model(model, config, steps):
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=steps - steps // 10,
        warmup_target=config.learning_rate,
        warmup_steps=steps // 10,
    )
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss=keras.losses.BinaryCrossentropy(label_smoothing=config.label_smoothing),
        weighted_metrics=["accuracy", keras.metrics.AUC(curve="PR", name="pr_auc")],
    )


def describe_run(config, examples):
    """What config.json says: whatever must be the same for a training to be gone on with."""
    negative, positive = examples.class_names
    return {
        "app": __package__.rpartition(".")[2],
        **dataclasses.asdict(config),
        "negative_class": negative,
        "positive_class": positive,
        "rows": len(examples.texts),
        "fingerprint": examples.fingerprint,
    }


def print_rows(examples, splits):
    negative, positive = examples.class_names
    near_duplicates = len(examples.texts) - len(np.unique(clusters(examples.texts)))
    print(f"{len(examples.texts)} messages, {positive!r} is to be detected")
    print(f"{near_duplicates} near-duplicates stay on the side of the message that they repeat")
    for name, part in splits.items():
        found = int(part.labels.sum())
        print(f"  {name:<10} {len(part.texts):>6}  {found} {positive!r}, {len(part.texts) - found} {negative!r}")


if __name__ == "__main__":
    sys.exit(cli.run(train))
