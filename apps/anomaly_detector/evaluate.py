"""Measure a trained detector next to its baselines."""

import sys

from ..common import cli, runs


def evaluate(
    run_dir: cli.RunDir,
    data: tuple[str, ...] = (),
):
    """Measure a trained detector next to its baselines; write metrics.json and report.png.

    Args:
        run_dir: Folder of a trained run.
        data: Labelled readings to measure on; if not given, the run's rows that were not learned from.
    """
    runs.open_run(run_dir, __package__)
    cli.require_data(*data)
    with cli.importing_tensorflow():
        from .evaluation import write_report

    write_report(run_dir, data)


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
