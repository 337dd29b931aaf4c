"""Label messages with a trained detector."""

import json
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import tyro

from ..common import cli, runs
from ..common.options import Flat
from ..common.tables import decode, read_text
from .thresholds import Threshold


def predict(
    run_dir: cli.RunDir,
    texts: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT ...]")] = (),
    file: Path | None = None,
    json_lines: Annotated[bool, tyro.conf.arg(name="json")] = False,
    threshold: Flat[Threshold] = Threshold(),
):
    """Label messages: arguments, the lines of a file, or the lines of standard input.

    Args:
        run_dir: Folder of a trained run.
        texts: The messages.
        file: File with one message a line; `-` is standard input.
        json_lines: Print one JSON object a line instead of a table.
        threshold: From which probability on a message is labelled as the class to detect.
    """
    runs.open_run(run_dir)
    if texts and file:
        raise cli.UserError(f"--file {file}: give messages or a file, not both")
    limit = threshold.resolve(run_dir)
    texts = texts or read_messages(file)
    with cli.importing_tensorflow():
        from ..common.reports import table
        from .detector import Detector, label_messages

    answers = label_messages(Detector(run_dir), texts, limit)
    if json_lines:
        for answer in answers:
            print(json.dumps(answer, ensure_ascii=False))
    else:
        print(table([{**answer, "text": textwrap.shorten(answer["text"], 60)} for answer in answers]))


def read_messages(file):
    """Return the lines of a text file, or of standard input."""
    if file is None or file == Path("-"):
        file, text = "standard input", decode("standard input", sys.stdin.buffer.read())
    else:
        text = read_text(file)
    if not text:
        raise cli.UserError(f"{file}: no messages in it; expected one a line")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


if __name__ == "__main__":
    sys.exit(cli.run(predict))
