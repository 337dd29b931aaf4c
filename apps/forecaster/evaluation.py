"""Compare a forecaster with simple forecasts of the same windows, a rolling-origin backtest."""

import dataclasses
from pathlib import Path

import numpy as np

from ..common import runs
from ..common.cli import UserError
from ..common.files import write_json
from ..common.reports import figure, table, verdict
from ..common.series.windows import cut_windows, window_origins
from ..common.words import counted
from .baseline import THETA_FITS, error_quantiles, fit_baselines
from .data import TimeSplit, unix_seconds
from .forecaster import Forecaster
from .metrics import ForecastErrors
from .plots import draw_intervals, place_legend
from .reading import read_series

# Windows to forecast at a time.
BATCH_SIZE = 64
TITLES = {"mse": "MSE", "mae": "MAE", "mase": "MASE", "smape": "sMAPE, %", "pinball": "pinball"}


def write_report(run_dir, data=None):
    """Measure a forecaster next to its baselines; print tables, write metrics.json and report.png.

    Args:
        run_dir: folder of a trained run.
        data: table to measure on, with all its windows; None for the run's test rows.
    """
    forecaster = Forecaster(run_dir)
    config = forecaster.config
    series = read_series(config)
    if series.fingerprint != runs.open_run(run_dir, __package__)["fingerprint"]:
        raise UserError(f"{config.data}: not the series that {run_dir} was trained on; restore the file or train again")
    split = TimeSplit(len(series), config)
    rows, origins = split.rows["test"], split.origins("test")
    if data:
        other = read_series(config, data, like=forecaster)
        series, rows, origins = after_training(series, other, config)
    (other if data else series).summary.print()
    errors = backtest(forecaster, series, origins, split=split, start=rows.start if data else 0)
    first, last = series.format_times(series.times[[rows[0], rows[-1]]])
    print(f"{counted(len(origins), 'window')} of {counted(config.horizon, 'row')}, from {first} to {last}; "
          "MSE, MAE and pinball loss in standard deviations of the training rows")  # fmt: skip
    print(table([{"": name, **_cells(error.result())} for name, error in errors.items()]))
    if "Theta" not in errors:
        print(f"without Theta, which needs more than {THETA_FITS} fits here")
    network = network_name(config)
    by_series = errors[network].result(axis=0)
    print(f"\n{network}, each series in its own unit")
    print(table([_series_row(name, by_series, index) for index, name in enumerate(series.names)]))
    mean_errors = {name: float(error.result()["mae"]) for name, error in errors.items()}
    found = verdict("MAE", mean_errors, lower_is_better=True)
    _write(Path(run_dir), config, data or config.data, series, origins, errors, found)
    _draw(Path(run_dir), forecaster, series, origins, errors)
    print(f"\nwritten: {run_dir}/metrics.json, {run_dir}/report.png")
    print(found)


def after_training(series, other, config):
    """Put another table after the training's, whose rows the baselines are fitted to.

    Args:
        series: `Series` of the training.
        other: `Series` of the other table.
        config: a `Config`.

    Returns:
        `Series` of both, the range of the other's rows, and the origins of all windows in them.
    """
    rows = range(len(series), len(series) + len(other))
    origins = window_origins(rows.start + config.window_length, rows.stop, config.window_length, config.horizon)
    if not len(origins):
        raise UserError(
            f"{other.summary.name}: {len(other)} rows are too few to measure on; the first forecast needs "
            f"{config.window_length} rows and the {config.horizon} after them"
        )
    both = {
        name: np.concatenate([getattr(series, name)[: len(series)], getattr(other, name)[: len(other)]])
        for name in ("values", "observed", "known")
    }
    return dataclasses.replace(series, times=series.times.append(other.times), **both), rows, origins


def backtest(forecaster, series, origins, baselines=True, split=None, start=0):
    """Forecast windows with the network and the baselines.

    Args:
        forecaster: a `Forecaster`.
        series: `Series`.
        origins: of the windows, int32 (windows,).
        baselines: whether to forecast with the baselines, too.
        split: `TimeSplit` of the rows that the baselines are fitted to; that of the series if None.
        start: first row that forecasts of later rows may use.

    Returns:
        Dict of `ForecastErrors` by name, the network's first.
    """
    config, network = forecaster.config, network_name(forecaster.config)
    split = split or TimeSplit(len(series), config)
    found = fit_baselines(series, split, forecaster.scaling, config, len(origins), start) if baselines else {}
    methods = {name: (method, error_quantiles(method, series, split, config)) for name, method in found.items()}
    errors = {name: no_errors(forecaster, series, split) for name in (network, *methods)}
    for start in range(0, len(origins), BATCH_SIZE):
        part = origins[start : start + BATCH_SIZE]
        truth, observed = (cut_windows(array, part, 0, config.horizon) for array in (series.values, series.observed))
        forecast = forecast_windows(forecaster, series, part)
        errors[network].add(truth, observed, forecast[..., forecaster.point], forecast if config.quantiles else None)
        for name, (method, quantiles) in methods.items():
            point = np.maximum(method(part), 0) if config.non_negative else method(part)
            errors[name].add(truth, observed, point, None if quantiles is None else point[..., None] + quantiles)
    return errors


def forecast_windows(forecaster, series, origins):
    """Return the network's forecasts of windows, (windows, horizon, series, outputs)."""
    config = forecaster.config
    known = cut_windows(series.known, origins, config.window_length, config.horizon) if config.known else None
    values = cut_windows(series.values, origins, config.window_length, 0)
    return forecaster(values, known, unix_seconds(series.times[origins - 1]))


def no_errors(forecaster, series, split):
    """Return `ForecastErrors` without windows, scaled by the training rows."""
    config, std = forecaster.config, forecaster.scaling.std
    values = np.where(series.observed, series.values, np.nan)[: split.rows["train"].stop]
    season = config.season
    naive_error = np.nanmean(np.abs(values[season:] - values[:-season]), axis=0) if len(values) > season else std
    return ForecastErrors(config.quantiles, std, naive_error, config.horizon)


def network_name(config):
    """Return the name of the config's network in tables."""
    names = {"segments": "GRU over segments", "encoder_decoder": "encoder-decoder LSTM", "lstm": "LSTM"}
    return f"{names[config.model]} + linear" if config.linear else names[config.model]


def _cells(metrics):
    cells = {title: f"{metrics[name]:.3f}" for name, title in TITLES.items() if name in metrics}
    coverages = {name: 100 * value for name, value in metrics.items() if name.startswith("coverage_")}
    return cells | {f"{name[9:]} % covers, %": f"{value:.1f}" for name, value in coverages.items()}


def _series_row(name, by_series, index):
    metrics = {metric: values[index] for metric, values in by_series.items()}
    row = {"": name, "RMSE": f"{metrics['rmse']:.4g}", "MAE": f"{metrics['mae_own_unit']:.4g}"}
    scaled = ("mse", "mae", "pinball")
    return row | _cells({metric: value for metric, value in metrics.items() if metric not in scaled})


def _write(run_dir, config, data, series, origins, errors, found):
    report = {"data": data, "windows": len(origins), "horizon": config.horizon, "names": series.names}
    report["quantiles"], report["verdict"] = list(config.quantiles), found
    report["results"] = {
        name: {
            kind: {metric: _json_value(value) for metric, value in error.result(axis).items()}
            for kind, axis in (("overall", None), ("by_series", 0), ("by_step", 1))
        }
        for name, error in errors.items()
    }
    write_json(run_dir / "metrics.json", report)


def _json_value(value):
    # JSON has no NaN.
    return np.where(np.isnan(value), None, value).tolist()


def _draw(run_dir, forecaster, series, origins, errors):
    quantiles, horizon = forecaster.config.quantiles, forecaster.config.horizon
    with figure(run_dir / "report.png", columns=3 + bool(quantiles), width=5.4) as (first, last, by_step, *more):
        _draw_median_window(first, last, forecaster, series, origins)
        for name, error in errors.items():
            by_step.plot(np.arange(1, horizon + 1), error.result(axis=1)["mae"], label=name)
        by_step.set(title="Error by step", xlabel="steps ahead", ylabel="MAE, standard deviations")
        by_step.set_ylim(bottom=0)
        by_step.legend(loc="lower right")
        for calibration in more:
            calibration.plot([0, 1], [0, 1], color="#999999", linewidth=1)
            for name, error in errors.items():
                calibration.plot(quantiles, error.result()["below"], marker="o", label=name)
            calibration.set(title="Calibration", xlabel="quantile", ylabel="fraction of the truth below it")
            calibration.legend(loc="upper left")


def _draw_median_window(first, last, forecaster, series, origins):
    """Draw the window of median error, which is more typical than the best or the worst, of two series."""
    config, point = forecaster.config, forecaster.point
    some = origins[:: max(1, len(origins) // 100)]
    forecasts = forecast_windows(forecaster, series, some)
    truth = cut_windows(series.values, some, 0, config.horizon)
    error = np.mean(np.abs(truth - forecasts[..., point]) / forecaster.scaling.std, axis=(1, 2))
    median = int(np.argsort(error)[len(error) // 2])
    origin = some[median]
    rows = slice(max(0, origin - 2 * config.horizon), origin + config.horizon)
    for axes, index in ((first, 0), (last, len(series.names) - 1)):
        axes.plot(series.axis(series.times[rows]), series.values[rows, index], color="#3d405b", label="truth")
        times = series.axis(series.times[origin : origin + config.horizon])
        draw_intervals(axes, times, forecasts[median, :, index], config.quantiles, point)
        axes.set(title=f"{series.names[index]}, a forecast of median error")
        place_legend(axes)
