"""Measure a trained recogniser next to its baselines."""

import dataclasses
import sys

from ..common import cli, runs
from .config import Config
from .export import require_beam
from .reading import read_recordings


def evaluate(
    run_dir: cli.RunDir,
    data: str | None = None,
    pattern: str | None = None,
    beam: int = 16,
):
    """Measure a trained recogniser next to its baselines; write metrics.json, transcripts.csv and report.png.

    Args:
        run_dir: Folder of a trained run.
        data: Recordings with transcripts to measure on, all of them; the run's test recordings if not given.
        pattern: Pattern of the file names in --data; that of the training if not given.
        beam: Width of the search; 1 takes the likeliest token of each frame.
    """
    saved = runs.open_run(run_dir, __package__)
    require_beam(beam)
    measured = None
    if data:
        cli.require_data(data)
        config = runs.settings_of(saved, Config)
        measured = read_recordings(dataclasses.replace(config, data=data, pattern=pattern or config.pattern))
        measured.summary.print()
    with cli.importing_tensorflow():
        from .evaluation import write_report

    write_report(run_dir, measured, beam)


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
