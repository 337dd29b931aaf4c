"""Train the network: what it learns from, its loss, its optimizer and when it stops."""

import keras

from ..common import training
from ..common.training.epochs import DecayOnPlateau
from ..common.training.optimizers import built
from .calibration import calibrate
from .data import Scaling, TimeSplit, complete_config, count_covariates, make_dataset
from .losses import make_loss
from .model import build_model


def fit(config, options, series):
    """Train a forecaster into `options.run_dir`, or resume there.

    Args:
        config: a `Config`.
        options: `TrainingOptions`.
        series: `Series` of the data.

    Returns:
        The `training.Run`.
    """
    config = complete_config(series, config)
    split = TimeSplit(len(series), config)
    with training.start(options, config, facts(series)) as run:
        if not run.finished:
            print_rows(split, config)
            scaling = Scaling.fit(series, split)
            run.write_json("scaling.json", scaling.to_json())
            fit_epochs(config, run, series, split, scaling)
            calibrate(config, run, series, split, scaling)
    return run


def fit_epochs(config, run, series, split, scaling):
    """Run the epochs that are left."""
    train, validation = split.origins("train", config.stride), split.origins("validation")
    saving = run.save_epochs(config.patience)
    epochs = saving.epochs_left(config.epochs)
    if not epochs:
        return
    with run.scope():
        batches = run.batches(make_dataset(series, train, scaling, config, epochs), len(train) * len(epochs))
        arguments = run.fit_arguments(batches, epochs)
        model = run.restored() or compiled_model(config, len(series.names))
        print(f"{model.count_params():,} weights, {arguments['steps_per_epoch']} steps an epoch", flush=True)
        plateau = DecayOnPlateau(config.learning_rate, config.decay, config.decay_patience, 0.0, saving.history)
        model.fit(
            batches,
            validation_data=run.batches(make_dataset(series, validation, scaling, config), len(validation)),
            callbacks=[plateau, saving, *run.callbacks()],
            **arguments,
        )


def compiled_model(config, series):
    """Build and compile the untrained network for a number of series."""
    model = build_model(config, series, count_covariates(config))
    model.compile(built(keras.optimizers.Adam(config.learning_rate), model), loss=make_loss(config))
    return model


def facts(series):
    """Describe the data: a training resumes only on the same."""
    return {
        "names": series.names,
        "step": series.frequency,
        "zone": series.zone,
        "read_as": series.read_as,
        "fingerprint": series.fingerprint,
    }


def print_rows(split, config):
    """Print the rows of each part."""
    parts = ", ".join(f"rows {rows.start + 1} to {rows.stop} for {part}" for part, rows in split.rows.items() if rows)
    print(f"the next {config.horizon} rows from the last {config.window_length}; {parts}")
