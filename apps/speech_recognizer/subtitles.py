"""Subtitles of a transcript; imports no framework, so that mistakes are answered at once."""

from pathlib import Path

import pysubs2

from ..common.cli import UserError
from ..common.files import replacing

# A subtitle ends after a pause of so many seconds, or where it would be longer than this, in characters and seconds.
PAUSE, MOST_CHARACTERS, MOST_SECONDS = 0.7, 42, 6.0


def subtitle_file(recording, output, overwrite):
    """Return the path of the subtitles of a recording.

    Args:
        recording: path; `-` for standard input.
        output: folder, created if absent; None is that of the recording.
        overwrite: whether it may be replaced.

    Raises:
        UserError: it exists already.
    """
    is_standard = recording == Path("-")
    folder = output or (Path(".") if is_standard else recording.parent)
    file = folder / f"{'standard_input' if is_standard else recording.stem}.srt"
    if file.exists() and not overwrite:
        raise UserError(f"{file}: exists already; give another folder with --output, or --overwrite")
    folder.mkdir(parents=True, exist_ok=True)
    return file


def lines_of(words):
    """Group `Word`s into subtitles, a list of lists."""
    lines = []
    for word in words:
        if lines:
            own = lines[-1]
            text = " ".join(each.text for each in [*own, word])
            fits = len(text) <= MOST_CHARACTERS and word.end - own[0].start <= MOST_SECONDS
            if fits and word.start - own[-1].end <= PAUSE:
                own.append(word)
                continue
        lines.append([word])
    return lines


def write_subtitles(file, words):
    """Write `Word`s as .srt."""
    subtitles = pysubs2.SSAFile()
    for line in lines_of(words):
        start, end = pysubs2.make_time(s=line[0].start), pysubs2.make_time(s=line[-1].end)
        subtitles.append(pysubs2.SSAEvent(start=start, end=end, text=" ".join(word.text for word in line)))
    with replacing(file) as part:
        subtitles.save(str(part), format_="srt")
