"""Measure a trained captioner next to its baselines."""

import dataclasses
import sys
from pathlib import Path

from ..common import cli, runs
from ..common.options import Flat, Search
from ..common.tables import TableFormat
from .config import Config
from .reading import read_clips
from .train import CACHE


def evaluate(
    run_dir: cli.RunDir,
    data: str | None = None,
    captions: str | None = None,
    clip_column: str | None = None,
    caption_column: str | None = None,
    language: str | None = None,
    table: Flat[TableFormat] = TableFormat(),
    cache: Path = CACHE,
    strict: bool = False,
    search: Flat[Search] = Search(),
):
    """Measure a trained captioner next to its baselines; write metrics.json, captions.csv and figures.

    Args:
        run_dir: Folder of a trained run.
        data: Folder of clips to measure on, all of them; the run's test clips if not given.
        captions: Captions of the clips in --data, in a format that training takes.
        clip_column: Column or field of the clip in --captions; that of the training if not given.
        caption_column: Column or field of the captions; that of the training if not given.
        language: Language of the captions; that of the training if not given.
        cache: Folder for the frames or features of each clip.
        strict: Stop at a clip that cannot be read, is missing, or has no captions, instead of leaving it out.
        search: Beam search.
    """
    saved = runs.open_run(run_dir, __package__)
    if captions and not data:
        raise cli.UserError(f"--captions {captions}: give the folder of these clips, too, with --data")
    cli.require_data(*(source for source in (data, captions) if source))
    measured = None
    if data:
        given = {"clip_column": clip_column, "caption_column": caption_column, "language": language}
        given = {name: value for name, value in given.items() if value is not None}
        if table != TableFormat():
            given["table"] = table
        config = dataclasses.replace(runs.settings_of(saved, Config), data=data, captions=captions, **given)
        measured = read_clips(config, cache, strict)
        measured.summary.print()
    with cli.importing_tensorflow():
        from .evaluation import write_report

    write_report(run_dir, data, measured, cache, strict, search)


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
