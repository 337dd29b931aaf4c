"""Measure a trained question answerer next to its baselines."""

import sys

from ..common import cli, runs


def evaluate(
    run_dir: cli.RunDir,
    data: tuple[str, ...] = (),
):
    """Measure a trained network next to its baselines; write metrics.json, report.png and memory.png.

    Args:
        run_dir: Folder of a trained run.
        data: Files or folders of questions to measure on; the run's test questions if not given.
    """
    runs.open_run(run_dir, __package__)
    cli.require_data(*data)
    with cli.importing_tensorflow():
        from .evaluation import write_report

    write_report(run_dir, data)


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
