"""Caption clips with a trained captioner, or the segments of long videos."""

import json
import sys
from pathlib import Path
from typing import Annotated

import tyro

from ..common import cli, runs
from ..common.options import Flat, Search
from .clip_lists import read_clip_list
from .config import Config
from .subtitles import parse_duration, subtitle_files, write_subtitles


def predict(
    run_dir: cli.RunDir,
    clips: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[CLIP ...]")] = (),
    file: Path | None = None,
    json_lines: Annotated[bool, tyro.conf.arg(name="json")] = False,
    every: str | None = None,
    output: Path | None = None,
    picture: Path | None = None,
    strict: bool = False,
    overwrite: bool = False,
    search: Flat[Search] = Search(),
):
    """Caption video clips, or with --every the segments of long videos, as subtitles.

    A clip that cannot be read is named, the others are captioned, and the exit status is 2.

    Args:
        run_dir: Folder of a trained run.
        clips: Video files.
        file: List of video files: a text file with one a line, or a table or JSON file with a column of them; `-` is
            standard input. A blank line has a blank answer.
        json_lines: Print one JSON object a line instead of a table.
        every: Length of the segments of a long video, such as 2s or 500ms; writes CLIP.srt and CLIP.vtt.
        output: Folder for the subtitles; that of each clip if not given.
        picture: File (.png, .pdf, .svg) for film strips of the first 6 clips, with attention weights.
        strict: Stop at the first clip that cannot be read.
        overwrite: Replace existing subtitles.
        search: Beam search.
    """
    saved = runs.open_run(run_dir, __package__)
    if clips and file:
        raise cli.UserError(f"--file {file}: give clips or a file, not both")
    if not clips and not file:
        raise cli.UserError("no clip given; for example predict RUN_DIR clip.mp4")
    if every is None and (output or overwrite):
        raise cli.UserError("--output and --overwrite are for subtitles; give --every, for example --every 2s")
    cli.require_picture("--picture", picture)
    if every is not None and picture:
        raise cli.UserError(f"--picture {picture}: segments of a video (--every {every}) are not drawn; omit one")
    seconds = None if every is None else parse_duration(every)
    answered = read_clip_list(file, runs.settings_of(saved, Config)) if file else clips
    clips = tuple(dict.fromkeys(clip for clip in answered if clip))
    if strict or len(clips) == 1:
        cli.require_data(*map(str, clips))
    files = None if every is None else subtitle_files(clips, output, overwrite)
    with cli.importing_tensorflow():
        from .captioner import Captioner

    bad = []

    def refuse(error):
        if strict or len(clips) == 1:
            raise error
        bad.append(error)
        print(f"left out: {error}", file=sys.stderr)

    captioner = Captioner(run_dir, search)
    if every is None:
        _caption_clips(captioner, answered, json_lines, picture, refuse)
    else:
        _write_subtitles(captioner, files, seconds, json_lines, refuse)
    if bad:
        raise cli.UserError(f"{len(bad)} of {len(clips)} clips could not be read; they are named above")


def _caption_clips(captioner, clips, json_lines, picture, refuse):
    from .captioner import caption_files
    from .strips import NUM_STRIPS, draw_strips

    answers, strips = {None: {"clip": "", "caption": "", "score": None if json_lines else ""}}, []
    unique = tuple(dict.fromkeys(clip for clip in clips if clip))
    for clip, frames, caption, score in caption_files(captioner, unique, refuse):
        answers[clip] = {"clip": str(clip), "caption": caption, "score": round(float(score), 4)}
        if len(strips) < NUM_STRIPS:
            strips.append((frames, [clip.name, f"“{caption}”"], caption))
    _print([answers[clip] for clip in clips if clip in answers], json_lines)
    if picture and strips:
        draw_strips(picture, captioner, strips)


def _write_subtitles(captioner, files, seconds, json_lines, refuse):
    from .segments import caption_segments

    for clip, own in files.items():
        try:
            segments = caption_segments(captioner, clip, seconds)
        except cli.UserError as error:
            refuse(error)
            continue
        _print([{"clip": str(clip), **segment} for segment in segments], json_lines)
        for file in own:
            write_subtitles(file, segments)
            print(f"written: {file}", file=sys.stderr)


def _print(rows, json_lines):
    from ..common.reports import table

    if json_lines:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
    elif rows:
        print(table(rows))


if __name__ == "__main__":
    sys.exit(cli.run(predict))
