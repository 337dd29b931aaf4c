"""Measure a trained classifier next to its baselines."""

import sys

from ..common import cli, runs


def evaluate(
    run_dir: cli.RunDir,
    data: str | None = None,
):
    """Measure a trained classifier next to its baselines; write metrics.json and report.png.

    Args:
        run_dir: Folder of a trained run.
        data: Labelled documents to measure on; the run's test rows if not given.
    """
    runs.open_run(run_dir, __package__)
    cli.require_data(*([data] if data else []))
    with cli.importing_tensorflow():
        from .evaluation import write_report

    write_report(run_dir, data)


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
