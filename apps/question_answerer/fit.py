"""Train the network: what it learns from, its loss, its optimizer and when it stops."""

from collections import Counter

import keras

from ..common import training
from ..common.cli import UserError
from ..common.training.optimizers import Adam, built
from ..common.words import counted
from .data import Answers, Encoder, make_dataset, split_examples, without_unknown
from .model import build_model


def fit(config, options, examples):
    """Train a network into `options.run_dir`, or resume there.

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
            print_rows(splits)
            fit_epochs(config, run, splits)
    return run


def facts(examples):
    """Describe the data: a training resumes only on the same."""
    return {
        "task_names": examples.tasks,
        # Not called as the options are, which the user may not have given.
        "columns": examples.columns,
        "rows": len(examples),
        "fingerprint": examples.fingerprint,
    }


def fit_epochs(config, run, splits):
    """Run the epochs that are left."""
    train = splits["train"].questions
    answers, encoder = Answers.fit(train), Encoder.fit(train, config)
    vocabulary = encoder.vocabulary
    words = {"unit": vocabulary.unit, "pieces": vocabulary.pieces, "max_words": encoder.max_words}
    run.write_json("vocabulary.json", {**words, "answers": answers.names})
    print(f"{counted(len(vocabulary.pieces), 'word')}, {counted(len(answers.names), 'answer')}")
    validation, validation_labels = without_unknown(splits["validation"].questions, answers, "validation")
    if not validation:
        raise UserError("no validation question has an answer that occurs in training; give more questions")
    saving = run.save_epochs(config.patience, monitor="val_accuracy")
    epochs = saving.epochs_left(config.epochs)
    if not epochs:
        return
    with run.scope():
        dataset = make_dataset(train, answers.indices(train), encoder, config, epochs)
        batches = run.batches(dataset, len(train) * len(epochs))
        arguments = run.fit_arguments(batches, epochs)
        model = run.restored()
        if model is None:
            longest = max(len(each.story) for each in train)
            model = build_model(config, vocabulary.size, len(answers.names), encoder.max_words, longest)
            compile_model(model, config, arguments["steps_per_epoch"])
        checked = make_dataset(validation, validation_labels, encoder, config)
        model.fit(
            batches,
            validation_data=run.batches(checked, len(validation)),
            callbacks=[saving, *run.callbacks()],
            **arguments,
        )


def compile_model(model, config, steps_per_epoch):
    """Compile: cross-entropy, and Adam whose rate rises for a twentieth of the training and falls along a cosine."""
    steps = steps_per_epoch * config.epochs
    warm_up = max(1, steps // 20)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), alpha=0.01, warmup_target=config.learning_rate, warmup_steps=warm_up
    )
    model.compile(
        optimizer=built(Adam(rate, global_clipnorm=config.clip_norm), model),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )


def print_rows(splits):
    """Print how many questions of each task every split has."""
    for name, part in splits.items():
        counts = Counter(each.task for each in part.questions)
        shown = ", ".join(f"{counts[task]:,} {task}" for task in part.tasks[:20])
        print(f"  {name:<10} {len(part):>7,}  {shown}")
