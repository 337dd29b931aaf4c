"""Measure a trained captioner next to its baselines."""

import sys
from pathlib import Path

from ..common import cli, runs
from ..common.options import Flat, Search
from .train import CACHE


def evaluate(
    run_dir: cli.RunDir,
    data: str | None = None,
    captions: str | None = None,
    cache: Path = CACHE,
    strict: bool = False,
    search: Flat[Search] = Search(),
):
    """Measure a trained captioner next to its baselines; write metrics.json, captions.csv and figures.

    Args:
        run_dir: Folder of a trained run.
        data: Folder of clips to measure on, all of them; the run's test clips if not given.
        captions: Captions of the clips in --data, in a format that training takes.
        cache: Folder for the frames or features of each clip.
        strict: Stop at a clip that cannot be read, is missing, or has no captions, instead of leaving it out.
        search: Beam search.
    """
    runs.open_run(run_dir)
    if captions and not data:
        raise cli.UserError(f"--captions {captions}: give the folder of these clips, too, with --data")
    cli.require_data(*(source for source in (data, captions) if source))
    with cli.importing_tensorflow():
        from .evaluation import write_report

    write_report(run_dir, data, captions, cache, strict, search)


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
