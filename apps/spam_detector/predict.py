"""Label messages with a trained detector."""

import json
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import tyro

from ..common import cli, runs
from ..common.options import Flat
from ..common.tables import TableFormat, read_questions
from .reading import text_column
from .thresholds import Threshold


def predict(
    run_dir: cli.RunDir,
    texts: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT ...]")] = (),
    file: Path | None = None,
    json_lines: Annotated[bool, tyro.conf.arg(name="json")] = False,
    threshold: Flat[Threshold] = Threshold(),
):
    """Label messages: arguments, the rows of a file, or the lines of standard input.

    Prints an answer for each, in their order; that of a blank line is blank.

    Args:
        run_dir: Folder of a trained run.
        texts: The messages.
        file: File with one message a line, or a table with the column that was trained on; `-` is standard input.
        json_lines: Print one JSON object a line instead of a table.
        threshold: From which probability on a message is labelled as the class to detect.
    """
    saved = runs.open_run(run_dir, __package__)
    if texts and file:
        raise cli.UserError(f"--file {file}: give messages or a file, not both")
    for number, text in enumerate(texts, 1):
        if not text.strip():
            raise cli.UserError(f"message {number} of {len(texts)} is empty; leave it out")
    limit = threshold.resolve(run_dir)
    texts = texts or read_questions(
        file, text_column(saved.get("message_column")), TableFormat(**saved.get("table", {}))
    )
    with cli.importing_tensorflow():
        from ..common.reports import table
        from .detector import Detector, label_messages

    answers = label_messages(Detector(run_dir), texts, limit)
    if json_lines:
        for answer in answers:
            print(json.dumps(answer, ensure_ascii=False))
    else:
        print(table([{**answer, "text": textwrap.shorten(answer["text"], 60)} for answer in answers]))


if __name__ == "__main__":
    sys.exit(cli.run(predict))
