"""Measure a trained language model next to n-grams."""

import sys

from ..common import cli, runs


def evaluate(run_dir: cli.RunDir, data: tuple[str, ...] = ()):
    """Measure a trained language model next to n-grams; write metrics.json and report.png.

    Args:
        run_dir: Folder of a trained run.
        data: Text to measure on, in a form like that of training; the run's test text if not given.
    """
    runs.open_run(run_dir, __package__)
    cli.require_data(*data)
    with cli.importing_tensorflow():
        from .evaluation import write_report

    write_report(run_dir, data)


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
