"""Translate sentences with a trained translator."""

import json
import sys
from pathlib import Path
from typing import Annotated

import tyro

from ..common import cli, runs
from ..common.options import Flat, Search
from ..common.tables import TableFormat, read_questions
from .reading import source_column


def predict(
    run_dir: cli.RunDir,
    texts: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT ...]")] = (),
    file: Path | None = None,
    json_lines: Annotated[bool, tyro.conf.arg(name="json")] = False,
    attention: Path | None = None,
    search: Flat[Search] = Search(),
):
    """Translate sentences: arguments, the rows of a file, or the lines of standard input.

    Prints a translation a line; the translation of an empty line is empty.

    Args:
        run_dir: Folder of a trained run.
        texts: The sentences.
        file: File with one sentence a line, or a table with the column that was trained on; `-` is standard input.
        json_lines: Print one JSON object a line, with the score.
        attention: Picture (.png, .pdf, .svg ...) to draw of the attention weights of the first 4 sentences.
        search: Search for the translation.
    """
    saved = runs.open_run(run_dir, __package__)
    if texts and file:
        raise cli.UserError(f"--file {file}: give sentences or a file, not both")
    for number, text in enumerate(texts, 1):
        if not text.strip():
            raise cli.UserError(f"text {number} of {len(texts)} is empty; leave it out")
    cli.require_picture("--attention", attention)
    if attention and saved.get("attention") == "none":
        raise cli.UserError(
            f"--attention {attention}: {run_dir} was trained with --attention none; leave the option out"
        )
    texts = texts or read_questions(
        file, source_column(saved.get("sentence_column")), TableFormat(**saved.get("table", {}))
    )
    with cli.importing_tensorflow():
        from .plots import MAX_DRAWN, draw_attention
        from .translator import Translator

    translator = Translator(run_dir, search)
    translations, scores = translator(texts)
    for number, (text, translation, score) in enumerate(zip(texts, translations, scores, strict=True), 1):
        if unknown := translator.unknown_characters(text):
            print(f"text {number}: {unknown} characters are in no training sentence and left out", file=sys.stderr)
        answer = {"translation": translation, "score": round(float(score), 6), "text": text}
        print(json.dumps(answer, ensure_ascii=False) if json_lines else translation)
    pairs = [pair for pair in zip(texts, translations, strict=True) if pair[0].strip()]
    if attention and pairs:
        draw_attention(attention, [translator.attention(*pair) for pair in pairs[:MAX_DRAWN]])


if __name__ == "__main__":
    sys.exit(cli.run(predict))
