"""Subtitle files of long videos; imports no framework, so that mistakes are answered at once."""

import pysubs2

from ..common.cli import UserError
from ..common.files import replacing


def parse_duration(text):
    """Return a duration such as 2s in seconds."""
    import pandas as pd

    try:
        seconds = pd.Timedelta(text).total_seconds() if not text.replace(".", "").isdigit() else None
    except ValueError:
        seconds = None
    if seconds is None or not 0.1 <= seconds <= 3600:
        raise UserError(f"--every {text}: expected a duration from 100ms to 1h, with its unit, for example 2s")
    return seconds


def subtitle_files(clips, output, overwrite):
    """Return the paths of the subtitles of each video, {video: [its .srt, its .vtt]}.

    Args:
        clips: paths of the videos.
        output: folder for the subtitles, created if absent; None is the folder of each video.
        overwrite: whether subtitles may be replaced.

    Raises:
        UserError: subtitles exist already, or two videos have the same name.
    """
    files = {clip: [(output or clip.parent) / f"{clip.stem}.{kind}" for kind in ("srt", "vtt")] for clip in clips}
    flat = [file for own in files.values() for file in own]
    if len(set(flat)) < len(flat):
        raise UserError("two of the videos have the same name, so their subtitles would, too; give one at a time")
    for file in flat:
        if file.exists() and not overwrite:
            raise UserError(f"{file}: exists already; give another folder with --output, or --overwrite")
    if output:
        output.mkdir(parents=True, exist_ok=True)
    return files


def write_subtitles(file, segments):
    """Write the result of `caption_segments` as .srt or .vtt, depending on the suffix of `file`."""
    subtitles = pysubs2.SSAFile()
    for segment in segments:
        start, end = (pysubs2.make_time(s=segment[name]) for name in ("start", "end"))
        subtitles.append(pysubs2.SSAEvent(start=start, end=end, text=segment["caption"]))
    with replacing(file) as part:
        subtitles.save(str(part), format_=file.suffix[1:])
