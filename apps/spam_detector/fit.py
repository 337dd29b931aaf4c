"""Train the network: what it learns from, its loss, its optimizer and when it stops."""

import keras
import numpy as np

from ..common import training
from ..common.files import write_csv
from ..common.splits import clusters, unlike_asked
from ..common.training.optimizers import built
from ..common.words import counted
from .data import Encoder, make_dataset, split_examples
from .detector import Detector
from .model import build_model


def fit(config, options, examples):
    """Train a spam detector into `options.run_dir`, or resume there.

    Args:
        config: a `Config`.
        options: `TrainingOptions`.
        examples: `Examples` of the config's data.

    Returns:
        The `training.Run`.
    """
    splits = split_examples(examples, config)
    with training.start(options, config, facts(examples)) as run:
        if not run.finished:
            print_rows(examples, splits, config)
            fit_epochs(config, run, splits)
            score_validation(run, splits["validation"])
    return run


def fit_epochs(config, run, splits):
    """Run the epochs that are left."""
    train, validation = splits["train"], splits["validation"]
    print("choosing the features of the words", flush=True)
    encoder = Encoder.fit(train.texts, config)
    run.write_json("vocabulary.json", encoder.vocabulary)
    saving = run.save_epochs(config.patience, min_epochs=int(config.best_from * config.epochs) + 1)
    epochs = saving.epochs_left(config.epochs)
    if not epochs:
        return
    with run.scope():
        batches = run.batches(make_dataset(train, encoder, config, epochs), len(train) * len(epochs))
        arguments = run.fit_arguments(batches, epochs)
        model = run.restored()
        if model is None:
            model = build_model(config, encoder.lookup.vocabulary_size(), float(np.mean(train.labels)))
            compile_model(model, config, arguments["steps_per_epoch"] * config.epochs)
        model.fit(
            batches,
            validation_data=run.batches(make_dataset(validation, encoder, config), len(validation)),
            callbacks=[saving, *run.callbacks()],
            **arguments,
        )


def compile_model(model, config, steps):
    """Compile with a learning rate that rises over a tenth of `steps`, then falls along a cosine."""
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=steps - steps // 10,
        warmup_target=config.learning_rate,
        warmup_steps=steps // 10,
    )
    model.compile(
        optimizer=built(keras.optimizers.Adam(schedule), model),
        loss=keras.losses.BinaryCrossentropy(label_smoothing=config.label_smoothing),
        weighted_metrics=["accuracy", keras.metrics.AUC(curve="PR", name="pr_auc")],
    )


def score_validation(run, validation):
    """Write validation.csv, from which `--max-ham-blocked` finds its threshold."""
    scored = zip(validation.labels.tolist(), Detector(run.folder)(validation.texts).tolist(), strict=True)
    write_csv(run.folder / "validation.csv", [{"label": label, "probability": p} for label, p in scored])


def facts(examples):
    """Describe the data: a training resumes only on the same."""
    negative, positive = examples.class_names
    return {
        "negative_class": negative,
        "positive_class": positive,
        "label_classes": examples.label_classes,
        # Not called as the option is, which the user may not have given.
        "message_column": examples.text_column,
        "rows": len(examples),
        "fingerprint": examples.fingerprint,
    }


def print_rows(examples, splits, config):
    """Print how many messages of each class every split has."""
    negative, positive = examples.class_names
    near_duplicates = len(examples) - len(np.unique(clusters(examples.texts)))
    print(f"{counted(len(examples), 'message')}; the class to detect is {positive!r}")
    if near_duplicates:
        print(f"{counted(near_duplicates, 'near-duplicate')} kept in the split of the message repeated")
    for name, part in splits.items():
        count = int(part.labels.sum())
        print(f"  {name:<10} {len(part):>6}  {count} {positive!r}, {len(part) - count} {negative!r}")
    if examples.splits is None and (note := unlike_asked(splits, config)):
        print(note)
