"""Classify documents with a trained model."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import tyro

from ..common import cli, runs
from ..common.tables import TableFormat, read_questions
from ..common.words import shorten
from .reading import text_column


def predict(
    run_dir: cli.RunDir,
    texts: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT ...]")] = (),
    file: Path | None = None,
    explain: bool = False,
    json_lines: Annotated[bool, tyro.conf.arg(name="json")] = False,
):
    """Classify documents: arguments, the rows of a file, or the lines of standard input.

    Prints an answer for each, in their order; that of a blank line is blank.

    Args:
        run_dir: Folder of a trained run.
        texts: The documents.
        file: File with one document a line, or a table with the column that was trained on; `-` is standard input.
        explain: Show which words the answer depends on: green ones speak for it, red ones against it. With --json, the
            attention on each word, and its effect: by how much the log-odds of the answer fall without it.
        json_lines: Print one JSON object a line.
    """
    saved = runs.open_run(run_dir, __package__)
    if texts and file:
        raise cli.UserError(f"--file {file}: give documents or a file, not both")
    for number, text in enumerate(texts, 1):
        if not text.strip():
            raise cli.UserError(f"document {number} of {len(texts)} is empty; leave it out")
    texts = texts or read_questions(file, text_column(saved.get("column")), TableFormat(**saved.get("table", {})))
    with cli.importing_tensorflow():
        from .classifier import Classifier, answer

    classifier = Classifier(run_dir)
    if explain:
        for text in texts:
            _explain(classifier, text, json_lines)
    elif json_lines:
        for each in answer(classifier, texts):
            print(json.dumps(each, ensure_ascii=False))
    else:
        _print_table(answer(classifier, texts))


def _print_table(answers):
    from ..common.reports import table

    rows = []
    for each in answers:
        probability = "" if each["label"] is None else f"{each['probability']:.3f}"
        rows.append({"label": each["label"] or "", "probability": probability, "text": shorten(each["text"])[1:-1]})
    print(table(rows))


def _explain(classifier, text, json_lines):
    from .explanation import colored, explain

    if not text.strip():
        print(json.dumps({"label": None, "text": text}) if json_lines else "")
        return
    found = explain(classifier, text)
    if json_lines:
        print(json.dumps({**found, "text": text}, ensure_ascii=False))
        return
    others = sorted(found["probabilities"].items(), key=lambda each: -each[1])[:5]
    print(", ".join(f"{name} {100 * value:.1f} %" for name, value in others))
    # https://no-color.org
    print(f"  {colored(found['words'], sys.stdout.isatty() and not os.environ.get('NO_COLOR'))}")


if __name__ == "__main__":
    sys.exit(cli.run(predict))
