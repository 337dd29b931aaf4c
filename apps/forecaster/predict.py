"""Forecast the rows after a table with a trained forecaster."""

import sys
from pathlib import Path

from ..common import cli, files, runs


def predict(
    run_dir: cli.RunDir,
    data: str | None = None,
    horizon: int | None = None,
    output: Path | None = None,
    plot: Path | None = None,
):
    """Forecast the rows after the last one of a table; print CSV: time, series, and a column for each quantile.

    Args:
        run_dir: Folder of a trained run.
        data: Table of recent rows, in the format of the training's; the training's own if not given.
        horizon: Rows to forecast; if not given, as many as the model can.
        output: File to write the CSV to, instead of standard output.
        plot: Picture (.png, .pdf, .svg) to draw of the forecast of the first 4 series.
    """
    saved = runs.open_run(run_dir, __package__)
    cli.require_picture("--plot", plot)
    cli.require_folder_of("--output", output)
    data = data or saved["data"]
    cli.require_data(data)
    horizon = saved["horizon"] if horizon is None else horizon
    if not 1 <= horizon <= saved["horizon"]:
        raise cli.UserError(f"--horizon {horizon}: {run_dir} was trained for 1 to {saved['horizon']}")
    with cli.importing_tensorflow():
        from .forecaster import Forecaster, forecast_table
        from .plots import draw_forecast
        from .reading import read_series

    forecaster = Forecaster(run_dir)
    quantiles = forecaster.config.quantiles
    series = read_series(forecaster.config, data, like=forecaster)
    try:
        forecast = forecaster.forecast_after(series)[:horizon]
    except cli.UserError as error:
        raise cli.UserError(f"{data}: {error}") from None
    # Standard output has only the CSV.
    series.summary.print(sys.stderr)
    table = forecast_table(series, forecast, quantiles)
    if output:
        with files.replacing(output) as part:
            table.to_csv(part, index=False)
    else:
        sys.stdout.write(table.to_csv(index=False))
    if plot:
        draw_forecast(plot, series, forecast, quantiles, forecaster.point)


if __name__ == "__main__":
    sys.exit(cli.run(predict))
