"""Train the network: its batches, optimizer, learning rate and when it stops."""

import keras

from ..common import training
from ..common.files import replacing
from ..common.runs import TRUNK
from ..common.training.optimizers import Adam, built
from ..common.vocabularies import load_vocabulary
from ..common.words import counted
from .data import (
    encode_corpus,
    fit_vocabulary,
    make_dataset,
    require_enough,
    steps_of_epoch,
)
from .model import build_model, build_trunk, load_model, nats_themselves
from .transfer import copy_weights, extended


def fit(config, options, corpus):
    """Train a language model into `options.run_dir`, or resume there.

    Args:
        config: a `Config`.
        options: `TrainingOptions`.
        corpus: `Corpus` of the config's data.

    Returns:
        The `training.Run`.
    """
    with training.start(options, config, facts(corpus)) as run:
        if not run.finished:
            fit_epochs(config, run, corpus)
            save_trunk(run.folder)
    return run


def facts(corpus):
    """Describe the data: a training resumes only on the same."""
    return {
        "characters": corpus.characters,
        "documents_read": corpus.documents,
        # Not called as the option is, which the user may not have given.
        "column": corpus.text_column,
        "fingerprint": corpus.fingerprint,
    }


def fit_epochs(config, run, corpus):
    """Run the epochs that are left."""
    print(f"choosing the {config.unit}", flush=True)
    vocabulary = fit_vocabulary(corpus, config)
    if config.start_from:
        vocabulary = extended(load_vocabulary(config.start_from), vocabulary.pieces)
    splits = encode_corpus(corpus, vocabulary, config)
    require_enough(corpus, splits, config)
    print_splits(splits, vocabulary, config)
    run.write_json("vocabulary.json", {"unit": vocabulary.unit, "pieces": vocabulary.pieces})
    saving = run.save_epochs(config.patience)
    epochs = saving.epochs_left(config.epochs)
    if not epochs:
        return
    with run.scope():
        steps = steps_of_epoch(splits["train"], config)
        rows = config.batch_size * steps * len(epochs)
        batches = run.batches(make_dataset(splits["train"], config, epochs), rows)
        model = run.restored()
        if model is None:
            model = build_model(config, vocabulary.size)
            if config.start_from:
                copy_weights(config.start_from, model)
            compile_model(model, config, steps * config.epochs)
        print(f"{model.count_params():,} weights, {steps} steps an epoch", flush=True)
        validation = make_dataset(splits["validation"], config)
        model.fit(
            batches,
            validation_data=run.batches(validation, config.batch_size * int(validation.cardinality())),
            callbacks=[saving, *run.callbacks()],
            **run.fit_arguments(batches, epochs),
        )


def save_trunk(run_dir):
    """Write trunk.keras, which other apps can load."""
    with replacing(run_dir / TRUNK) as part:
        build_trunk(load_model(run_dir / "model.keras")).save(part)


def compile_model(model, config, steps):
    """Compile with a learning rate that rises over a twentieth of `steps`, then falls along a cosine."""
    warmup = max(1, steps // 20)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=max(1, steps - warmup), warmup_target=config.learning_rate, warmup_steps=warmup
    )
    optimizer = Adam(schedule, weight_decay=config.weight_decay or None, global_clipnorm=config.clip_norm)
    model.compile(optimizer=built(optimizer, model), loss=nats_themselves)


def print_splits(splits, vocabulary, config):
    """Print how much text every split has."""
    print(f"{counted(len(vocabulary.pieces), 'piece')} in the vocabulary")
    for name, tokens in splits.items():
        unknown = f", {tokens.unknown:,} unknown" if tokens.unknown else ""
        print(f"  {name:<10} {tokens.characters:>12,} characters, {tokens.predictions:>11,} {config.unit}{unknown}")
