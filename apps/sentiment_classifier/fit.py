"""Train the network: what it learns from, its loss, its optimizer and when it stops."""

import keras
import numpy as np

from ..common import training
from ..common.splits import clusters, unlike_asked
from ..common.training.optimizers import built
from ..common.words import counted
from .calibration import fit_temperature
from .classifier import Classifier
from .data import Encoder, class_weights, make_dataset, passes, split_examples
from .labels import class_counts
from .model import OrderedCrossentropy, build_model
from .optimizer import LayerwiseAdam, layer_settings, schedule
from .transfer import load_start


def fit(config, options, examples):
    """Train a classifier into `options.run_dir`, or resume there.

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
            calibrate(run, splits["validation"])
    return run


def facts(examples):
    """Describe the data: a training resumes only on the same."""
    return {
        "class_names": list(examples.class_names),
        # Not called as the option is, which the user may not have given.
        "column": examples.text_column,
        "rows": len(examples),
        "fingerprint": examples.fingerprint,
    }


def fit_epochs(config, run, splits):
    """Run the epochs that are left."""
    train, validation = splits["train"], splits["validation"]
    start = load_start(config.start_from, train.class_names) if config.start_from else None
    if start is None:
        print(f"choosing the {config.unit or 'subwords'}", flush=True)
    encoder = Encoder.fit(train.texts, config) if start is None else Encoder(start.vocabulary)
    vocabulary = encoder.vocabulary
    run.write_json("vocabulary.json", {"unit": vocabulary.unit, "pieces": vocabulary.pieces})
    ids = {name: encoder.rows(part.texts) for name, part in (("train", train), ("validation", validation))}
    print_tokens(ids["train"], vocabulary, config)
    saving = run.save_epochs(config.patience, monitor="val_accuracy")
    epochs = saving.epochs_left(config.most_epochs)
    if not epochs:
        return
    weights = class_weights(train.labels, len(train.class_names), config.class_weight)
    with run.scope():
        dataset = make_dataset(ids["train"], train.labels, weights, config, epochs)
        batches = run.batches(dataset, len(train) * passes(len(train), config) * len(epochs))
        arguments = run.fit_arguments(batches, epochs)
        model = run.restored()
        if model is None:
            prior = weights * np.bincount(train.labels, minlength=len(weights))
            prior = (prior / prior.sum()).tolist()
            model = build_model(config, vocabulary.size, prior, **(start.settings if start else {}))
            if start is not None:
                print(f"{start.copy_to(model):,} of {model.count_params():,} weights are those of {config.start_from}")
            copied = [layer.name for layer in start.layers] if start else []
            compile_model(model, config, arguments["steps_per_epoch"], copied)
        checked = make_dataset(ids["validation"], validation.labels, weights, config)
        model.fit(
            batches,
            validation_data=run.batches(checked, len(validation)),
            callbacks=[saving, *run.callbacks()],
            **arguments,
        )


def compile_model(model, config, steps_per_epoch, copied=()):
    """Compile; layers that were copied begin to learn one after the other, the lower ones at lower rates."""
    rates, begins = None, None
    if copied:
        rates, begins = layer_settings(model, copied, config.layer_decay, config.unfreeze_epochs * steps_per_epoch)
    rate = schedule(config.learning_rate, steps_per_epoch * config.most_epochs)
    optimizer = LayerwiseAdam(rate, rates, begins, global_clipnorm=config.clip_norm)
    if config.ordered:
        loss = OrderedCrossentropy(config.label_smoothing)
    else:
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
    model.compile(
        optimizer=built(optimizer, model),
        loss=loss,
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )


def calibrate(run, validation):
    """Write calibration.json, the temperature that fits the validation rows best."""
    classifier = Classifier(run.folder, temperature=1.0)
    logits = classifier.logits(validation.texts)
    run.write_json("calibration.json", {"temperature": fit_temperature(classifier.model, logits, validation.labels)})


def print_rows(examples, splits, config):
    """Print how many documents of each class every split has."""
    near_duplicates = len(examples) - len(np.unique(clusters(examples.texts)))
    if near_duplicates:
        print(f"{counted(near_duplicates, 'near-duplicate')} kept in the split of the document repeated")
    for name, part in splits.items():
        print(f"  {name:<10} {len(part):>6}  {class_counts(part.labels, examples.class_names)}")
    if examples.splits is None and (note := unlike_asked(splits, config)):
        print(note)


def print_tokens(ids, vocabulary, config):
    """Print how long the training documents are, and how many of them are cut."""
    lengths = np.array([len(each) for each in ids])
    unit = vocabulary.unit
    print(f"{vocabulary.size:,} {unit}; a document has {np.median(lengths):.0f} (median), at most {lengths.max():,}")
    cut = int(np.sum(lengths > config.max_tokens))
    if cut:
        print(f"{counted(cut, 'document')} cut after {config.max_tokens:,} {unit} in training; see --max-tokens")
