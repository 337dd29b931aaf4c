"""Measure a trained forecaster next to its baselines."""

import sys

from ..common import cli, runs


def evaluate(run_dir: cli.RunDir, data: str | None = None):
    """Measure a trained forecaster next to its baselines; write metrics.json and report.png.

    Forecasts every window of the test rows, one from each row on.

    Args:
        run_dir: Folder of a trained run.
        data: Table to measure on, in the form of the training's; the run's test rows if not given.
    """
    saved = runs.open_run(run_dir, __package__)
    if not data and not saved["test_fraction"]:
        raise cli.UserError(
            f"{run_dir}: trained with --test-fraction 0, so there are no test rows to measure on; give rows with --data"
        )
    cli.require_data(saved["data"], *([data] if data else []))
    with cli.importing_tensorflow():
        from .evaluation import write_report

    write_report(run_dir, data)


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
