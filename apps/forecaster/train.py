"""Trains a forecaster into a run directory; the same command goes on where a killed one stopped."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import keras
import numpy as np
import tyro
from keras import ops

from ..common import cli, devices, groups, runs
from ..common.epochs import DecayOnPlateau, SaveEpochs
from .baseline import Ridge
from .config import Config
from .data import Scaling, borders, count_covariates, fit_scaling, make_dataset, settle
from .model import build_model, load_model
from .reading import read_series

RUN_DIR = Path("runs/forecaster")
# Of the network, to choose from.
SHARES = np.linspace(0, 1, 11)
# Batches, spread over the rows, by which the bands are made as wide as they must be.
CALIBRATED = 40


def train(
    config: tyro.conf.OmitArgPrefixes[Config] = Config(),
    run_dir: Path = RUN_DIR,
    overwrite: bool = False,
    tensorboard: bool = False,
    on: tyro.conf.OmitArgPrefixes[devices.Devices] = devices.Devices(),
):
    """Train a forecaster on series of numbers.

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
    series = read_series(config)
    config = settle(series, config)
    about = describe_run(config, series) | {"precision": on.precision}
    with groups.run_directory(run_dir, about, overwrite, placement) as (folder, begun):
        if begun and runs.is_finished(folder):
            print(f"{run_dir} is trained already; --overwrite starts anew")
            return placement
        print(series.summary)
        print(f"the next {config.horizon} rows from the last {config.window_length}; ", end="")
        parts = borders(len(series), config).items()
        print(", ".join(f"rows {start + 1} to {stop} for {part}" for part, (start, stop) in parts if start < stop))
        fit(config, folder, series, placement, tensorboard)
    return placement


def fit(config, run_dir, series, placement, tensorboard=False):
    """Trains from the last checkpoint, or from the start, until the last epoch or until it no longer helps."""
    keras.utils.set_random_seed(config.seed)
    done, checkpoint = runs.latest_checkpoint(run_dir)
    if not checkpoint:
        fit_scaling(series, borders(len(series), config)["train"][1]).save(run_dir)
    scaling = Scaling.load(run_dir)
    saving = SaveEpochs(run_dir, done, config.seed, min_epochs=1, patience=config.patience)
    if done < config.epochs and not saving.ended():
        plateau = DecayOnPlateau(config.learning_rate, config.decay, config.decay_patience, 0.0, saving.history)
        callbacks = [plateau, saving]
        if tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(run_dir / "tensorboard"))
        with placement.scope():
            _fit_epochs(config, series, scaling, checkpoint, range(done, config.epochs), callbacks, placement)
    kept = saving.kept()
    print(f"kept epoch {kept['epoch']}, validation loss {kept['val_loss']:.4f}: {run_dir}/model.keras")
    runs.finish(run_dir, kept | settle_model(config, run_dir, series, scaling))


def _fit_epochs(config, series, scaling, checkpoint, epochs, callbacks, placement):
    dataset = make_dataset(series, scaling, config, "train", epochs, placement.share)
    steps = int(dataset.cardinality()) // len(epochs)
    if checkpoint:
        print(f"going on after epoch {epochs.start}")
        model = load_model(checkpoint, compile=True)
    else:
        model = build_model(config, len(series.names), count_covariates(config))
        model.compile(keras.optimizers.Adam(config.learning_rate), loss=loss_of(config))
    print(f"{model.count_params():,} weights, {steps} steps an epoch", flush=True)
    model.fit(
        dataset,
        validation_data=make_dataset(series, scaling, config, "validation", share=placement.share),
        epochs=config.epochs,
        initial_epoch=epochs.start,
        steps_per_epoch=steps,
        callbacks=callbacks,
        shuffle=False,
        verbose=1 if sys.stdout.isatty() else 2,
    )


def settle_model(config, run_dir, series, scaling):
    """What is set once the network is trained, in model.keras: the line's share and how wide the bands are.

    A training that is killed meanwhile begins it again: nothing of it hangs on what is set already.
    """
    model = load_model(run_dir / "model.keras")
    model.bands.widths.assign(np.ones(model.bands.widths.shape))
    found = {}
    if config.line:
        found["share"] = mix_in_line(model, config, series, scaling)
        print(f"the network's share of the forecast {found['share']:.0%}, the rest a straight line's over the window")
    if len(config.quantiles) > 1:
        calibrate(model, config, series, scaling)
    runs.save_model(model, run_dir / "model.keras")
    return found


def mix_in_line(model, config, series, scaling):
    """Mixes the network's points with a straight line's, by the share that errs least on the validation windows.

    Two forecasts that err in different ways are better together (Bates and Granger, "The Combination of Forecasts",
    Operational Research Quarterly 20, 1969).

    Returns:
        The network's share, from 0 to 1.
    """
    errors = np.zeros(len(SHARES))
    line = Ridge(series, config).weights
    for inputs, targets, weights in make_dataset(series, scaling, config, "validation").as_numpy_iterator():
        points = []
        for share in (0.0, 1.0):
            model.line.mix(line, share)
            points.append(model.predict_on_batch(inputs)[..., model.point])
        for place, share in enumerate(SHARES):
            error = (1 - share) * points[0] + share * points[1] - targets
            errors[place] += np.sum(weights * (np.abs(error) if config.quantiles else np.square(error)))
    share = float(SHARES[errors.argmin()])
    model.line.share.assign(share)
    return share


def calibrate(model, config, series, scaling):
    """Moves the quantiles out or in until as many truths of the training and validation windows are below as should be.

    A network that is still learning has them too wide, one that learned by heart too narrow (Romano et al.,
    "Conformalized Quantile Regression", NeurIPS 2019, do so on rows held out; here the learned ones count, too).
    """
    ratios = [[] for _ in config.quantiles[1:]]
    parts = [make_dataset(series, scaling, config, part) for part in ("train", "validation")]
    # Every window counts alike, so the two parts have as much to say as they are long.
    every = -(-sum(map(len, parts)) // CALIBRATED)
    for dataset in parts:
        for inputs, targets, weights in dataset.shard(every, 0).as_numpy_iterator():
            answer = model.predict_on_batch(inputs)
            offsets = np.delete(answer - answer[..., model.point, None], model.point, axis=-1)
            error = (targets - answer[..., model.point])[weights > 0]
            for place, offset in enumerate(np.moveaxis(offsets, -1, 0)):
                ratios[place].append(error / np.where(offset == 0, 1e-6, offset)[weights > 0])
    levels = np.delete(config.quantiles, model.point)
    widths = [
        np.quantile(np.concatenate(ratio), max(level, 1 - level)) for level, ratio in zip(levels, ratios, strict=True)
    ]
    model.bands.widths.assign(np.maximum(widths, 0))


def loss_of(config):
    return PinballLoss(config.quantiles) if config.quantiles else SquaredError()


class PointwiseLoss(keras.losses.Loss):
    """A loss of targets (batch, horizon, series) and forecasts (batch, horizon, series, outputs).

    The mean over the values, by their weights, see `batches.whole_batches`.
    """

    def __init__(self, name, **kwargs):
        super().__init__(name=name)


@keras.saving.register_keras_serializable("forecaster")
class PinballLoss(PointwiseLoss):
    """Pinball loss of quantiles, their mean, twice: with 0.5 alone it is the absolute error.

    Koenker and Bassett, "Regression Quantiles", Econometrica 46 (1978), section 3.

    Args:
        quantiles: probabilities, one for each output.
    """

    def __init__(self, quantiles, name="pinball_loss", **kwargs):
        super().__init__(name)
        self.quantiles = tuple(quantiles)

    def call(self, targets, forecasts):
        error = targets[..., None] - forecasts
        levels = ops.convert_to_tensor(self.quantiles, error.dtype)
        return 2 * ops.mean(ops.maximum(levels * error, (levels - 1) * error), axis=-1)

    def get_config(self):
        return {"quantiles": list(self.quantiles), "name": self.name}


@keras.saving.register_keras_serializable("forecaster")
class SquaredError(PointwiseLoss):
    """Squared error, which the mean makes least."""

    def __init__(self, name="squared_error", **kwargs):
        super().__init__(name)

    def call(self, targets, forecasts):
        return ops.square(targets - forecasts[..., 0])

    def get_config(self):
        return {"name": self.name}


def describe_run(config, series):
    """What config.json says: whatever must be the same for a training to be gone on with."""
    return {
        "app": __package__.rpartition(".")[2],
        **dataclasses.asdict(config),
        "names": series.names,
        "step": series.frequency,
        "zone": series.zone,
        "fingerprint": series.fingerprint,
    }


if __name__ == "__main__":
    sys.exit(cli.run(train))
