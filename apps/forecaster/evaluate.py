"""Measure a trained forecaster next to its baselines."""

import sys

from ..common import cli, runs


def evaluate(run_dir: cli.RunDir):
    """Measure a trained forecaster next to its baselines; write metrics.json and report.png.

    Forecasts every window of the test rows, one from each row on.

    Args:
        run_dir: Folder of a trained run.
    """
    saved = runs.open_run(run_dir)
    if not saved["test_fraction"]:
        raise cli.UserError(f"{run_dir}: trained with --test-fraction 0, so there are no test rows to measure on")
    cli.require_data(saved["data"])
    with cli.importing_tensorflow():
        from .evaluation import write_report

    write_report(run_dir)


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
