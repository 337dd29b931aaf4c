"""Quality of the forecaster on ETTh1, next to simple methods on the same windows.

The task: seven hourly series of two power transformers' loads and oil temperature (Zhou et al., "Informer", AAAI 2021),
the first 12 months train, the next 4 validate, and the results are for the 4 after that, which decide nothing. All
their windows are forecast, including the last batch.

Each training is a run directory under --runs-dir, so an interrupted benchmark resumes.
"""

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import tyro

from apps.common import cli, files
from apps.common.options import TrainingOptions
from apps.forecaster.config import Config
from apps.forecaster.data import TimeSplit, complete_config
from apps.forecaster.evaluation import backtest
from apps.forecaster.fit import fit
from apps.forecaster.forecaster import Forecaster
from apps.forecaster.reading import read_series

from .results import write_results

# 20 months of 30 days.
ROWS = 20 * 30 * 24
# The LSTMs read four days; thirty would be 720 steps, for which the GRU over segments needs 30.
NETWORKS = {
    "GRU over segments + linear": {},
    "LSTM, textbook": {"model": "lstm", "linear": False, "normalization": "none", "window_length": 96},
    "encoder-decoder LSTM": {"model": "encoder_decoder", "linear": False, "window_length": 96},
}
NOTES = (
    "MSE and MAE of the point forecast in standard deviations of the training rows, over all series, as in the "
    "literature; pinball is twice the mean pinball loss over the quantiles, in the same unit.",
    "Others' averages over the four horizons, MSE/MAE, measured on all windows: closed-form ridge .405/.417, SegRNN "
    ".408/.428, PatchTST .413/.434, DUET .398/.419, mean of the last 7 days .442/.424.",
    "The intervals of the simple methods are the quantiles of their errors on the validation rows.",
    "Training: sum of all epochs, not only up to the best one.",
)


def forecast_quality(
    config: tyro.conf.OmitArgPrefixes[Config] = Config(data="ETTh1.csv", window_length=720, epochs=15, patience=3),
    horizons: tuple[int, ...] = (96, 192, 336, 720),
    seeds: int = 3,
    networks: tuple[str, ...] = ("GRU over segments + linear", "LSTM, textbook"),
    runs_dir: Path = Path("runs/forecast_quality"),
):
    """Train and measure forecasters on ETTh1.

    Args:
        config: Settings of the app; --data is ETTh1.csv.
        horizons: Rows to forecast.
        seeds: Trainings of the first network at the first horizon, with the seeds 0, 1, ...; one elsewhere.
        networks: Networks to train, of `GRU over segments + linear`, `LSTM, textbook`, `encoder-decoder LSTM`.
        runs_dir: Folder for the trainings.
    """
    runs_dir.mkdir(parents=True, exist_ok=True)
    cut = runs_dir / "ETTh1-20-months.csv"
    with files.replacing(cut) as part:
        pd.read_csv(config.data, dtype=str)[:ROWS].to_csv(part, index=False)
    config = dataclasses.replace(config, data=str(cut))
    found = {}
    for name in networks:
        for horizon in horizons:
            count = seeds if (name, horizon) == (networks[0], horizons[0]) else 1
            for seed in range(count):
                settings = dataclasses.replace(config, **NETWORKS[name], horizon=horizon, seed=seed)
                label = f"{name}, seed {seed}" if count > 1 else name
                run_dir = runs_dir / f"{horizon}-{settings.model}-{seed}"
                found |= measured(settings, run_dir, horizon, label, first=name == networks[0] and not seed)
                print(horizon, label, found[horizon, label], flush=True)
    write_results(
        "forecast_quality", "Forecaster on ETTh1", rows_of(found, horizons), ("tensorflow", "keras", "sklearn"), None,
        NOTES, "--data ETTh1.csv",
    )  # fmt: skip


def measured(config, run_dir, horizon, label, first):
    """Return metrics by (horizon, name) of the network and, if `first`, of the simple methods."""
    series = read_series(config)
    fit(config, TrainingOptions(run_dir), series)
    config = complete_config(series, config)
    start = time.perf_counter()
    forecaster, origins = Forecaster(run_dir), TimeSplit(len(series), config).origins("test")
    errors = backtest(forecaster, series, origins, baselines=first)
    history = files.read_csv(run_dir / "history.csv")
    finished = files.read_json(run_dir / "finished.json")
    more = {"epochs": f"{finished['best']['epoch']} of {len(history)}", "minutes": finished["seconds"] / 60}
    results = {(horizon, name): error.result() for name, error in errors.items()}
    found = {(horizon, label): results.pop((horizon, next(iter(errors)))) | more}
    if config.linear:
        found[horizon, label] |= {"network_fraction": finished["network_fraction"]}
        forecaster.model.mixture.network_fraction.assign(1.0)
        (network,) = backtest(forecaster, series, origins, baselines=False).values()
        found[horizon, label.replace(" + linear", "")] = network.result() | more
    print(f"backtest: {time.perf_counter() - start:.0f} s")
    return found | results


def rows_of(found, horizons):
    """Return the rows of the table: each horizon, and the mean over them of methods measured at all."""
    ordered = sorted(found.items(), key=lambda item: horizons.index(item[0][0]))
    rows = [_row(horizon, name, figures) for (horizon, name), figures in ordered]
    names = dict.fromkeys(name.partition(", seed")[0] for _, name in found)
    for name in names:
        by_horizon = []
        for horizon in horizons:
            same = [each for key, each in found.items() if key[0] == horizon and key[1].partition(", seed")[0] == name]
            by_horizon.append(
                {metric: np.mean([each[metric] for each in same]) for metric in FIGURES} if same else None
            )
        if all(by_horizon):
            mean = {metric: np.mean([each[metric] for each in by_horizon]) for metric in FIGURES}
            rows.append(_row("mean", name, mean))
    return rows


FIGURES = {"mse": "MSE", "mae": "MAE", "mase": "MASE", "pinball": "pinball"}
FIGURES |= {"coverage_80": "80 % covers", "coverage_95": "95 % covers"}


def _row(horizon, name, figures):
    row = {"horizon": horizon, "method": name}
    for metric, title in FIGURES.items():
        is_fraction = metric.startswith("coverage")
        row[title] = f"{100 * figures[metric]:.1f} %" if is_fraction else f"{figures[metric]:.4f}"
    fraction = figures.get("network_fraction")
    row["network, fraction"] = "" if fraction is None else f"{100 * fraction:.0f} %"
    row["best epoch"] = figures.get("epochs", "")
    row["training, min"] = f"{figures['minutes']:.1f}" if "minutes" in figures else ""
    return row


if __name__ == "__main__":
    sys.exit(cli.run(forecast_quality))
