"""Train the networks, then measure their errors on normal rows, and choose the threshold."""

import hashlib

import keras
import numpy as np
from sklearn.covariance import LedoitWolf

from ..common import training
from ..common.series.grid import step_seconds
from ..common.training.optimizers import Adam, built
from ..common.words import counted
from .data import Scaling, make_dataset, split_recordings
from .detector import Detector
from .model import build_model, nats_themselves
from .scoring import Errors, Normal
from .threshold import choose_threshold, runs_per_row

# Validation rows for each error, from which on they alone have a covariance.
ENOUGH = 20


def fit(config, options, recordings):
    """Train a detector into `options.run_dir`, or resume there.

    Args:
        config: a `Config`.
        options: `TrainingOptions`.
        recordings: list of `Recording`s to learn from: of --normal if there is, else of --data.

    Returns:
        The `training.Run`.
    """
    parts = split_recordings(recordings, config)
    with training.start(options, config, facts(recordings)) as run:
        if not run.finished:
            print_rows(recordings, parts)
            scaling = Scaling.fit(_rows(recordings, parts, "train"))
            run.write_json("scaling.json", scaling.to_json())
            fit_epochs(config, run, recordings, parts, scaling)
            calibrate(run, recordings, parts)
    return run


def facts(recordings):
    """Describe the data: a training resumes only on the same."""
    first = recordings[0].series
    digest = hashlib.sha256("".join(each.series.fingerprint for each in recordings).encode()).hexdigest()
    return {
        "names": first.names,
        "step": first.frequency,
        "zone": first.zone,
        "read_as": first.read_as,
        "recordings": [each.name for each in recordings],
        "fingerprint": digest,
    }


def fit_epochs(config, run, recordings, parts, scaling):
    """Run the epochs that are left."""
    saving = run.save_epochs(config.patience)
    epochs = saving.epochs_left(config.epochs)
    if not epochs:
        return
    with run.scope():
        rows = [part.train for part in parts]
        dataset, count = make_dataset(recordings, rows, scaling, config, epochs)
        batches = run.batches(dataset, count * len(epochs))
        arguments = run.fit_arguments(batches, epochs)
        model = run.restored()
        if model is None:
            model = build_model(config, len(recordings[0].series.names))
            compile_model(model, config, arguments["steps_per_epoch"] * config.epochs)
        print(f"{model.count_params():,} weights, {arguments['steps_per_epoch']} steps an epoch", flush=True)
        checked, pieces = make_dataset(recordings, [part.validation for part in parts], scaling, config)
        model.fit(
            batches,
            validation_data=run.batches(checked, pieces),
            callbacks=[saving, *run.callbacks()],
            **arguments,
        )


def compile_model(model, config, steps):
    """Compile with a learning rate that falls along a cosine."""
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, max(1, steps), alpha=0.02)
    optimizer = Adam(schedule, global_clipnorm=config.clip_norm)
    model.compile(optimizer=built(optimizer, model), loss=nats_themselves)


def calibrate(run, recordings, parts):
    """Write scoring.json: what normal rows are like, and the threshold."""
    learned = [each.series.values[: part.validation.stop] for each, part in zip(recordings, parts, strict=True)]
    detector = Detector(run.folder, Normal.of(np.concatenate(learned), {}))
    warm_up = detector.scorer.warm_up
    starts = [max(part.validation.start, warm_up) for part in parts]
    found = [detector.score(values).errors for values in learned]
    errors = {name: _distribution([each[name] for each in found], starts, warm_up) for name in detector.scorer.parts}
    known = Normal.of(np.concatenate(learned), errors)
    detector = Detector(run.folder, known)
    scored = [detector.score(values).scores for values in learned]
    normal = [_as_validation(each, start, warm_up) for each, start in zip(scored, starts, strict=True)]
    rate = runs_per_row(detector.config.false_alarms, step_seconds(recordings[0].series.frequency))
    threshold = choose_threshold([each for each in normal if len(each)], rate)
    validation = np.concatenate([each[start:] for each, start in zip(scored, starts, strict=True)])
    scoring = {"threshold": threshold, "median": float(np.median(validation))}
    run.write_json("scoring.json", known.to_json() | scoring)


def _as_validation(scores, start, warm_up):
    """Return all scores of normal rows of a recording, those of the training rows raised to the validation's level.

    The networks know the training rows, but few validation rows alone say little of rare scores.
    """
    train, validation = scores[warm_up:start], scores[start:]
    if not len(train) or not len(validation):
        return scores[warm_up:]
    return np.concatenate([train * max(1.0, np.median(validation) / max(np.median(train), 1e-9)), validation])


def _distribution(recordings, starts, warm_up):
    """Return the `Errors` of recordings, list of float (rows, errors), without the farthest hundredth.

    The networks know the training rows, but a covariance of few rows holds for no others: all rows count, unless the
    validation has enough of them, from `starts` on.
    """
    errors = np.concatenate([each[start:] for each, start in zip(recordings, starts, strict=True)])
    if len(errors) < ENOUGH * errors.shape[1]:
        errors = np.concatenate([each[warm_up:] for each in recordings])
    far = np.abs(errors - np.median(errors, axis=0)).max(axis=1)
    kept = errors[far <= np.quantile(far, 0.99)]
    # Shrinkage keeps the covariance of many sensors invertible.
    covariance = LedoitWolf().fit(kept).covariance_ + 1e-3 * np.eye(errors.shape[1])
    return Errors(kept.mean(axis=0).astype("float32"), np.linalg.inv(covariance).astype("float32"))


def _rows(recordings, parts, name):
    rows = [getattr(part, name) for part in parts]
    return np.concatenate([each.series.values[r.start : r.stop] for each, r in zip(recordings, rows, strict=True)])


def print_rows(recordings, parts):
    """Print how many rows of each part there are."""
    counts = {name: sum(len(getattr(part, name)) for part in parts) for name in ("train", "validation", "test")}
    names = len(recordings[0].series.names)
    print(f"{counted(len(recordings), 'recording')} of {counted(names, 'sensor')}")
    print(
        f"{counts['train']:,} rows to learn from, {counts['validation']:,} for validation, {counts['test']:,} to judge"
    )
