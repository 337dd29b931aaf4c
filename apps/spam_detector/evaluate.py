"""Measure a trained detector next to its baselines."""

import sys

from ..common import cli, runs
from ..common.options import Flat
from .thresholds import Threshold


def evaluate(
    run_dir: cli.RunDir,
    data: str | None = None,
    threshold: Flat[Threshold] = Threshold(),
):
    """Measure a trained detector next to its baselines; write metrics.json and report.png.

    Args:
        run_dir: Folder of a trained run.
        data: Labelled messages to measure on; the run's test rows if not given.
        threshold: From which probability on a message is labelled as the class to detect.
    """
    runs.open_run(run_dir, __package__)
    cli.require_data(*([data] if data else []))
    limit = threshold.resolve(run_dir)
    with cli.importing_tensorflow():
        from .evaluation import write_report

    write_report(run_dir, data, limit)


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
