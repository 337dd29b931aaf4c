"""Transcribe recordings with a trained recogniser."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import tyro

from ..common import cli, runs
from .export import require_beam
from .subtitles import subtitle_file, write_subtitles


def predict(
    run_dir: cli.RunDir,
    recordings: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[RECORDING ...]")] = (),
    json_lines: Annotated[bool, tyro.conf.arg(name="json")] = False,
    srt: bool = False,
    output: Path | None = None,
    overwrite: bool = False,
    beam: int = 16,
    language_model: bool = True,
):
    """Transcribe recordings: print file, text and confidence, with --json also the times of the words.

    A recording that cannot be read is named, the others are transcribed, and the exit status is 2.

    Args:
        run_dir: Folder of a trained run.
        recordings: Sound or video files of any length; `-` or none reads one from standard input.
        json_lines: Print one JSON object a line instead of a table.
        srt: Write subtitles, RECORDING.srt, too.
        output: Folder for the subtitles; that of each recording if not given.
        overwrite: Replace existing subtitles.
        beam: Width of the search; 1 takes the likeliest token of each frame.
        language_model: Use the run's language model, if it has one.
    """
    runs.open_run(run_dir, __package__)
    require_beam(beam)
    if not srt and (output or overwrite):
        raise cli.UserError("--output and --overwrite are for subtitles; give --srt, too")
    recordings = tuple(dict.fromkeys(recordings)) or (Path("-"),)
    if recordings == (Path("-"),) and sys.stdin.isatty():
        raise cli.UserError("no recording given; for example predict RUN_DIR recording.wav")
    if len(recordings) == 1 and recordings != (Path("-"),):
        cli.require_data(str(recordings[0]))
    subtitles = {path: subtitle_file(path, output, overwrite) for path in recordings} if srt else {}
    if len(set(subtitles.values())) < len(subtitles):
        raise cli.UserError("two recordings have the same name, so their subtitles would, too; give one at a time")
    with cli.importing_tensorflow():
        from .audio import decode
        from .recognizer import BATCH_SIZE, NO_LANGUAGE_MODEL, Recognizer

    recognizer = Recognizer(run_dir, beam, None if language_model else NO_LANGUAGE_MODEL)
    bad, rows = [], []
    for start in range(0, len(recordings), BATCH_SIZE):
        heard = {}
        for path in recordings[start : start + BATCH_SIZE]:
            try:
                source = sys.stdin.buffer.read() if path == Path("-") else path
                heard[path] = decode(source, recognizer.config.rate)
            except cli.UserError as error:
                if len(recordings) == 1:
                    raise
                bad.append(error)
                print(f"left out: {error}", file=sys.stderr)
        for path, transcript in zip(heard, recognizer(list(heard.values())), strict=True):
            row = {"file": str(path), "text": transcript.text, "confidence": round(transcript.confidence, 3)}
            if json_lines:
                row |= {"seconds": round(transcript.seconds, 3)}
                row |= {"words": [dataclasses.asdict(word) for word in transcript.words]}
                print(json.dumps(row, ensure_ascii=False), flush=True)
            rows.append(row)
            if srt:
                write_subtitles(subtitles[path], transcript.words)
                print(f"written: {subtitles[path]}", file=sys.stderr)
    if rows and not json_lines:
        from ..common.reports import table

        print(table(rows))
    if bad:
        raise cli.UserError(f"{len(bad)} of {len(recordings)} recordings could not be read; they are named above")


if __name__ == "__main__":
    sys.exit(cli.run(predict))
