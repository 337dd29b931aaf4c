"""Train the network, then set the weight of the language model on the validation recordings."""

from pathlib import Path

import keras
import numpy as np
from keras import ops

from ..common import training
from ..common.training.optimizers import Adam, built
from ..common.vocabularies import load_vocabulary
from ..common.words import counted
from .data import Encoder, Utterances, have_single_words, make_dataset
from .language import save_language_model
from .model import build_model, load_model, loss_itself
from .recognizer import Recognizer
from .splitting import split_recordings

# Recordings whose features give the constants of the normalization for streaming.
MEASURED = 500
# Weights and bonuses of the language model that are tried, and the recordings they are tried on.
WEIGHTS, BONUSES, TRIED = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5), (0.0, 0.5, 1.0), 200


def fit(config, options, recordings):
    """Train a recogniser into `options.run_dir`, or resume there.

    Args:
        config: a `Config`.
        options: `TrainingOptions`.
        recordings: `Recordings` of the config's data.

    Returns:
        The `training.Run`.
    """
    splits = split_recordings(recordings, config)
    with training.start(options, config, facts(recordings)) as run:
        if not run.finished:
            utterances = fit_epochs(config, run, splits)
            tune_search(config, run, utterances["validation"])
    return run


def facts(recordings):
    """Describe the data: a training resumes only on the same."""
    return {"recordings": len(recordings), "fingerprint": recordings.fingerprint}


def fit_epochs(config, run, splits):
    """Run the epochs that are left, and return {split: `Utterances`} of training and validation."""
    print(f"decoding {counted(len(splits['train']) + len(splits['validation']), 'recording')}", flush=True)
    if config.start_from:
        encoder = Encoder(load_vocabulary(config.start_from))
    else:
        encoder = Encoder.fit(splits["train"].texts, config)
    vocabulary = encoder.vocabulary
    run.write_json("vocabulary.json", {"unit": vocabulary.unit, "pieces": vocabulary.pieces})
    utterances = {name: Utterances(splits[name], encoder, config) for name in ("train", "validation")}
    print_utterances(splits, utterances, vocabulary, config)
    train, validation = utterances["train"], utterances["validation"]
    width = max(len(tokens) for part in utterances.values() for tokens in part.tokens)
    saving = run.save_epochs(config.patience)
    epochs = saving.epochs_left(config.epochs)
    if not epochs:
        return utterances
    source = load_model(Path(config.start_from) / "model.keras") if config.start_from else None
    if source is not None and config.utterances == "auto":
        single_words = source.single_words
    else:
        single_words = have_single_words(splits["train"], config)
    if single_words:
        print("recordings of single words; see --utterances")
    with run.scope():
        batches = run.batches(make_dataset(train, width, config, epochs, single_words), len(train) * len(epochs))
        arguments = run.fit_arguments(batches, epochs)
        model = run.restored()
        if model is None:
            model = build_model(config, vocabulary.size, single_words)
            if source is not None:
                model.set_weights(source.get_weights())
                print(f"the weights are those of {config.start_from}")
            elif config.streaming:
                set_moments(model, train)
            compile_model(model, config, arguments["steps_per_epoch"] * config.epochs)
            print(f"{model.count_params():,} weights", flush=True)
        model.fit(
            batches,
            validation_data=run.batches(make_dataset(validation, width, config), len(validation)),
            callbacks=[saving, *run.callbacks()],
            **arguments,
        )
    return utterances


def compile_model(model, config, steps):
    """Compile with a learning rate that rises over a tenth of `steps`, then falls along a cosine."""
    warmup = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), alpha=0.01, warmup_target=config.learning_rate, warmup_steps=warmup
    )
    optimizer = Adam(schedule, global_clipnorm=config.clip_norm)
    model.compile(optimizer=built(optimizer, model), loss=loss_itself)


def set_moments(model, utterances):
    """Set the constants of the normalization for streaming: mean and deviation of each filter."""
    rows = np.random.default_rng(0).permutation(len(utterances))[:MEASURED]
    found = np.concatenate([ops.convert_to_numpy(model.log_mel(utterances.sounds[row][None]))[0] for row in rows])
    model.loc.assign(found.mean(axis=0))
    model.scale.assign(found.std(axis=0) + 0.1)


def tune_search(config, run, validation):
    """Write search.json: weight of the language model and bonus with the fewest errors on validation recordings."""
    found = {"weight": 0.0, "bonus": 0.0}
    if config.language_model:
        save_language_model(config.language_model, load_vocabulary(run.folder).pieces, run.folder)
        recognizer = Recognizer(run.folder, search=found | {"language_model": True})
        count = min(len(validation), TRIED)
        samples = [validation.sounds[row] for row in range(count)]
        found = recognizer.tune(samples, validation.recordings.texts[:count], WEIGHTS, BONUSES)
        print(f"language model: weight {found['weight']:g}, bonus {found['bonus']:g} for each letter")
    run.write_json("search.json", found | {"language_model": bool(config.language_model)})


def print_utterances(splits, utterances, vocabulary, config):
    """Print how much sound every split has, and what was left out."""
    for name, part in splits.items():
        if name in utterances:
            own = utterances[name]
            minutes = own.sounds.lengths.sum() / config.rate / 60
            print(f"  {name:<10} {counted(len(own), 'recording')}, {minutes:.1f} minutes")
            for note in own.notes:
                print(f"    {note}")
        else:
            print(f"  {name:<10} {counted(len(part), 'recording')}")
    shown = "".join(piece for piece in vocabulary.pieces[:60] if len(piece) == 1)
    print(f"{vocabulary.size:,} tokens ({vocabulary.unit}): {shown}")
