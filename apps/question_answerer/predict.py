"""Answer questions about a story with a trained network."""

import json
import re
import sys
from pathlib import Path
from typing import Annotated

import tyro

from ..common import cli, runs
from ..common.tables import decode, stored_bytes
from .babi import split_sentences


def predict(
    run_dir: cli.RunDir,
    questions: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[QUESTION ...]")] = (),
    story: str | None = None,
    story_file: Path | None = None,
    picture: Path | None = None,
    json_lines: Annotated[bool, tyro.conf.arg(name="json")] = False,
):
    """Answer questions about a story; prints an answer for each, and of a DNC which sentences it read.

    Args:
        run_dir: Folder of a trained run.
        questions: The questions.
        story: The story, sentences that end with a full stop.
        story_file: Text file with the story; `-` is standard input.
        picture: Picture to write of the DNC's memory while the first question is answered.
        json_lines: Print one JSON object a line.
    """
    saved = runs.open_run(run_dir, __package__)
    cli.require_picture("--picture", picture)
    sentences = _read_story(story, story_file)
    if not questions:
        raise cli.UserError("no question; give at least one behind the run directory")
    for number, question in enumerate(questions, 1):
        if not re.search(r"[^\W_]", question):
            raise cli.UserError(f"question {number} of {len(questions)} is empty; leave it out")
    if picture and saved.get("model") != "dnc":
        raise cli.UserError(f"--picture: {run_dir} is a run of --model {saved.get('model')}, which has no such memory")
    _require_fit(run_dir, saved, sentences)
    with cli.importing_tensorflow():
        from .answerer import Answerer

    answerer = Answerer(run_dir)
    for number, question in enumerate(questions):
        found = _answer(answerer, sentences, question, None if number else picture)
        print(json.dumps(found, ensure_ascii=False) if json_lines else "\n".join(_lines(found)))


def _answer(answerer, sentences, question, picture):
    from .answerer import answer

    found, trace = answer(answerer, sentences, question)
    if picture:
        from .memory_pictures import draw_memory

        draw_memory(picture, sentences, question, found["answer"], trace)
        print(f"written: {picture}", file=sys.stderr)
    return found


def _read_story(story, file):
    """Return the sentences of the story."""
    if (story is None) == (file is None):
        raise cli.UserError("give the story with --story, or a file with --story-file")
    if file is not None:
        is_input = file == Path("-")
        content = sys.stdin.buffer.read() if is_input else stored_bytes(file)
        story = decode("standard input" if is_input else file, content).text
    sentences = tuple(split_sentences(story))
    if not re.search(r"[^\W_]", story):
        raise cli.UserError(f"{file or '--story'}: no words in it; expected sentences that end with a full stop")
    return sentences


def _require_fit(run_dir, saved, sentences):
    is_limited = saved.get("model") == "dnc" and saved.get("max_sentences") is None
    slots = saved.get("memory_slots")
    if is_limited and len(sentences) > slots:
        raise cli.UserError(
            f"a story of {len(sentences)} sentences, longer than the memory of {run_dir}, which has {slots} slots; "
            "shorten it, or train with more --memory-slots"
        )


def _lines(found):
    yield f"{found['question']}  {found['answer']}  ({100 * found['probability']:.1f} %)"
    if found["unknown"]:
        yield f"  not known from training: {', '.join(found['unknown'])}"
    for each in found.get("sentences", ()):
        yield f"  {'#' * round(20 * min(1.0, each['read'])):<20} {each['read']:5.2f}  {each['sentence']}"


if __name__ == "__main__":
    sys.exit(cli.run(predict))
