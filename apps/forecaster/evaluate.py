"""Measures a forecaster by a rolling-origin backtest, beside simple forecasts of the same windows."""

import sys
from pathlib import Path

import numpy as np

from ..common import cli, runs
from ..common.metrics import ForecastErrors
from ..common.reports import figure, table
from ..common.windows import windows
from .baseline import THETA_FITS, baselines, error_bands, origins_of
from .data import borders, seconds_of
from .predict import Forecaster, draw_bands, leave_room
from .reading import read_series

# Windows forecast at a time.
TOGETHER = 64
TITLES = {"mse": "MSE", "mae": "MAE", "mase": "MASE", "smape": "sMAPE, %", "pinball": "pinball"}


def evaluate(run_dir: cli.RunDir):
    """Measure a trained forecaster next to its baselines; writes metrics.json and report.png.

    Every window of the test rows is forecast, one row further each time.

    Args:
        run_dir: Folder of a trained run.
    """
    forecaster = Forecaster(run_dir)
    config = forecaster.config
    series = read_series(config)
    if series.fingerprint != runs.open_run(run_dir)["fingerprint"]:
        raise cli.UserError(
            f"{config.data}: no longer the series that {run_dir} was trained on; bring the file back or train anew"
        )
    if not config.test_fraction:
        raise cli.UserError(f"{run_dir}: trained with --test-fraction 0, so there is nothing to measure on")
    places = origins_of(series, config)
    errors = backtest(forecaster, series, places)
    overall = {name: error.figures() for name, error in errors.items()}
    start, stop = borders(len(series), config)["test"]
    print(series.summary)
    print(f"{len(places)} windows of {config.horizon} rows, from {series.times[start]} to {series.times[stop - 1]}; "
          "MSE, MAE and pinball loss in standard deviations of the training rows")  # fmt: skip
    print(table([_row({"": name}, figures) for name, figures in overall.items()]))
    if "Theta" not in errors:
        print(f"Theta would need over {THETA_FITS} fits; it is left out")
    ours = next(iter(errors))
    by_series = errors[ours].figures(axis=0)
    print(f"\n{ours}, series by series, in their own units")
    print(table([_series_row(name, by_series, place) for place, name in enumerate(series.names)]))
    _write(Path(run_dir), config, series, places, errors)
    _draw(Path(run_dir), forecaster, series, places, errors)
    print(f"\nwritten: {run_dir}/metrics.json, report.png")


def backtest(forecaster, series, places, simple=True):
    """Dict of `ForecastErrors` by name, of the network first, of every window with an origin in `places`.

    Args:
        simple: whether the simple methods, too.
    """
    config = forecaster.config
    rivals = baselines(series, config) if simple else {}
    methods = {name: (method, error_bands(method, series, config)) for name, method in rivals.items()}
    errors = {name: empty_errors(series, config) for name in (name_of(config), *methods)}
    for start in range(0, len(places), TOGETHER):
        part = places[start : start + TOGETHER]
        truth, observed = (windows(array, part, 0, config.horizon) for array in (series.values, series.observed))
        answer = forecast_windows(forecaster, series, part)
        errors[name_of(config)].add(
            truth, observed, answer[..., forecaster.point], answer if config.quantiles else None
        )
        for name, (method, bands) in methods.items():
            point = method(part)
            errors[name].add(truth, observed, point, None if bands is None else point[..., None] + bands)
    return errors


def forecast_windows(forecaster, series, places):
    """The network's forecasts of some windows: (windows, horizon, series, outputs)."""
    config = forecaster.config
    known = windows(series.known, places, config.window_length, config.horizon) if config.known else None
    values = windows(series.values, places, config.window_length, 0)
    return forecaster(values, known, seconds_of(series.times[places - 1]))


def empty_errors(series, config):
    """`ForecastErrors` with the scales of the training rows."""
    stop, season = borders(len(series), config)["train"][1], config.season
    values = np.where(series.observed, series.values, np.nan)[:stop]
    naive = (
        np.nanmean(np.abs(values[season:] - values[:-season]), axis=0) if stop > season else np.nanstd(values, axis=0)
    )
    return ForecastErrors(config.quantiles, np.nanstd(values, axis=0), naive, config.horizon)


def name_of(config):
    kinds = {"segments": "GRU over segments", "encoder_decoder": "encoder-decoder LSTM", "lstm": "LSTM"}
    return f"{kinds[config.model]} + line" if config.line else kinds[config.model]


def _row(row, figures):
    row |= {title: f"{figures[name]:.3f}" for name, title in TITLES.items() if name in figures}
    return row | {f"{name[9:]} % covers, %": f"{100 * figures[name]:.1f}" for name in figures if name.startswith("cov")}


def _series_row(name, figures, place):
    one = {metric: values[place] for metric, values in figures.items()}
    row = {"": name, "RMSE": f"{one['rmse']:.4g}", "MAE": f"{one['mae_own_unit']:.4g}"}
    return _row(row, {metric: value for metric, value in one.items() if metric not in ("mse", "mae", "pinball")})


def _write(run_dir, config, series, places, errors):
    report = {"data": config.data, "windows": len(places), "horizon": config.horizon, "names": series.names}
    report["quantiles"] = list(config.quantiles)
    report["results"] = {
        name: {
            kind: {metric: _plain(value) for metric, value in error.figures(axis).items()}
            for kind, axis in (("overall", None), ("by_series", 0), ("by_step", 1))
        }
        for name, error in errors.items()
    }
    runs.write_json(run_dir / "metrics.json", report)


def _plain(value):
    # JSON has no word for what cannot be told.
    return np.where(np.isnan(value), None, value).tolist()


def _draw(run_dir, forecaster, series, places, errors):
    config = forecaster.config
    # The window of middling error tells more than the best or the worst.
    shown = places[:: max(1, len(places) // 100)]
    answers = forecast_windows(forecaster, series, shown)
    truth = windows(series.values, shown, 0, config.horizon)
    scale = next(iter(errors.values())).deviation
    size = np.mean(np.abs(truth - answers[..., forecaster.point]) / scale, axis=(1, 2))
    chosen = int(np.argsort(size)[len(size) // 2])
    with figure(run_dir / "report.png", columns=3 + bool(config.quantiles), width=5.4) as (first, last, by_step, *more):
        for axes, place in ((first, 0), (last, len(series.names) - 1)):
            origin = shown[chosen]
            begin = max(0, origin - 2 * config.horizon)
            rows = slice(begin, origin + config.horizon)
            axes.plot(series.times[rows], series.values[rows, place], color="#3d405b", label="truth")
            times = series.times[origin : origin + config.horizon]
            draw_bands(axes, times, answers[chosen, :, place], config.quantiles, forecaster.point)
            axes.set(title=f"{series.names[place]}, a middling forecast")
            leave_room(axes)
        for name, error in errors.items():
            by_step.plot(np.arange(1, config.horizon + 1), error.figures(axis=1)["mae"], label=name)
        by_step.set(title="Further ahead", xlabel="steps ahead", ylabel="MAE, standard deviations")
        by_step.set_ylim(bottom=0)
        by_step.legend(loc="lower right")
        for calibration in more:
            calibration.plot([0, 1], [0, 1], color="#999999", linewidth=1)
            for name, error in errors.items():
                calibration.plot(config.quantiles, error.figures()["below"], marker="o", label=name)
            calibration.set(title="Calibration", xlabel="quantile", ylabel="share of truths below it")
            calibration.legend(loc="upper left")


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
