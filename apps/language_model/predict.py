"""Continue texts, complete words, or score texts with a trained model."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..common import cli, runs
from ..common.options import Flat
from ..common.tables import TableFormat, read_questions
from ..common.words import shorten
from .options import Limits, Sampling
from .reading import text_column


@dataclass(frozen=True)
class Generate:
    """Continue a text, character by character as it is made."""

    prompt: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[PROMPT]")] = ""
    """Text to continue; if not given, a new text begins."""
    sampling: Flat[Sampling] = Sampling()
    json: bool = False
    """Print one JSON object at the end instead."""


@dataclass(frozen=True)
class Complete:
    """Print the most likely next words, as a keyboard shows them; a word that has been begun is completed."""

    texts: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT ...]")] = ()
    """What has been typed."""
    words: int = 5
    """Number of words."""
    json: bool = False
    """Print one JSON object a line."""


@dataclass(frozen=True)
class Score:
    """Print how surprising texts are, in nats per character, the most surprising first."""

    texts: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT ...]")] = ()
    """The texts."""
    file: Path | None = None
    """File with one text a line, or a table with the column that was trained on; `-` is standard input."""
    json: bool = False
    """Print one JSON object a line."""


Task = Flat[
    Annotated[Generate, tyro.conf.subcommand("generate", prefix_name=False)]
    | Annotated[Complete, tyro.conf.subcommand("complete", prefix_name=False)]
    | Annotated[Score, tyro.conf.subcommand("score", prefix_name=False)]
]


def predict(
    run_dir: cli.RunDir,
    task: Task = Generate(),
):
    """Continue texts, complete words, or score texts.

    Args:
        run_dir: Folder of a trained run.
        task: What to do: `generate`, `complete` or `score`, each with its own options and --help.
    """
    runs.open_run(run_dir, __package__)
    {Generate: _generate, Complete: _complete, Score: _score}[type(task)](run_dir, task)


def _writer(run_dir):
    with cli.importing_tensorflow():
        from .writer import Writer

    return Writer(run_dir)


def _generate(run_dir, task):
    writer = _writer(run_dir)
    if unknown := writer.unknown(task.prompt):
        print(f"{unknown} of the prompt's {writer.config.unit} are in no training text", file=sys.stderr)
    parts = writer.generate(task.prompt, task.sampling)
    if task.json:
        print(json.dumps({"prompt": task.prompt, "continuation": "".join(parts)}, ensure_ascii=False))
        return
    print(task.prompt, end="", flush=True)
    for part in parts:
        print(part, end="", flush=True)
    print()


def _complete(run_dir, task):
    if not task.texts:
        raise cli.UserError("complete: no text; give what has been typed")
    # Raises if there are too many.
    count = Limits(words=task.words).words
    completions = _writer(run_dir).complete(list(task.texts), count)
    for text, words in zip(task.texts, completions, strict=True):
        if task.json:
            found = [{"word": word, "probability": round(p, 6)} for word, p in words]
            print(json.dumps({"text": text, "words": found}, ensure_ascii=False))
        else:
            print(f"{text}…  " + "  ".join(f"{word} {100 * p:.1f} %" for word, p in words))


def _score(run_dir, task):
    if task.texts and task.file:
        raise cli.UserError(f"--file {task.file}: give texts or a file, not both")
    for number, text in enumerate(task.texts, 1):
        if not text:
            raise cli.UserError(f"text {number} of {len(task.texts)} is empty; leave it out")
    saved = runs.open_run(run_dir, __package__)
    form = TableFormat(**saved.get("table", {}))
    texts = task.texts or read_questions(task.file, text_column(saved.get("column")), form)
    writer = _writer(run_dir)
    texts = [text for text in texts if text]
    found = []
    for text, nats in zip(texts, writer.score(texts), strict=True):
        each = round(float(nats.sum()) / len(text), 4)
        found.append(
            {"nats_per_character": each, "characters": len(text), "unknown": writer.unknown(text), "text": text}
        )
    found.sort(key=lambda row: -row["nats_per_character"])
    with cli.importing_tensorflow():
        from ..common.reports import table
    if task.json:
        for row in found:
            print(json.dumps(row, ensure_ascii=False))
    else:
        print(table([{**row, "text": shorten(row["text"])} for row in found]))


if __name__ == "__main__":
    sys.exit(cli.run(predict))
