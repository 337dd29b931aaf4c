"""Read bAbI's format: numbered sentences, and questions with their answers and supporting facts behind tabs.

Weston et al., "Towards AI-Complete Question Answering: A Set of Prerequisite Toy Tasks", 2015. Imports no framework.
"""

import re
from pathlib import Path
from typing import NamedTuple

from ..common.cli import UserError
from ..common.tables import SPLITS, fold, read_lines
from ..common.words import listed, shorten

# A question mark that ends a line, or stands before words that end no sentence, as an answer behind blanks does.
_UNTABBED = re.compile(r"\?(\s+[^.!?]+)?$")
_NUMBERED = re.compile(r"(\d+)(?:[ \t](.*))?")
# As in the graph, see `data.Encoder.sentences`.
BLANK = " \t\n\v\f\r"
_END = re.compile(rf"(?<=[.!?])[{BLANK}]+|[\r\n]+")
_FORM = "expected QUESTION<TAB>ANSWER<TAB>FACTS"


class Question(NamedTuple):
    """A question about a story.

    Attributes:
        where: names file and row, for messages.
        story: tuple of its sentences.
        question, answer: strings.
        supporting: tuple of indices of the sentences that the answer follows from.
        task: name of the task that it belongs to.
        split: `train`, `validation` or `test`; None if the data does not say.
        group: the same for questions about one story.
    """

    where: str
    story: tuple[str, ...]
    question: str
    answer: str
    supporting: tuple[int, ...] = ()
    task: str = "questions"
    split: str | None = None
    group: str = ""


def split_sentences(text):
    """Return the sentences of a text: they end with a line, or with `.`, `!` or `?` and a blank."""
    return [part.strip(BLANK) for part in _END.split(text) if part.strip(BLANK)]


def is_babi(text):
    """Return whether a text begins as bAbI's files do, with a number and a sentence."""
    first = next((line for line in read_lines(text[:10_000]) if line.strip()), "")
    return re.match(r"\d+[ \t]+[^\d\s,;|]", first) is not None


def name_of(path):
    """Return task and split as the name of a file says: qa1_one-fact_train.txt has task qa1_one-fact, split train."""
    stem = Path(path).name.partition(".")[0]
    task, _, last = stem.rpartition("_")
    if fold(last) in SPLITS:
        return task or Path(path).resolve().parent.name, SPLITS[fold(last)]
    return stem, None


def read_babi(name, text):
    """Yield the `Question`s of the text of a file.

    Raises:
        UserError: names the row, what was found and what was expected.
    """
    (task, split), story, at, number, stories = name_of(name), [], {}, 0, 0
    for row, line in enumerate(read_lines(text), 1):
        if not line.strip():
            continue
        where = f"{name}: row {row}"
        match = _NUMBERED.fullmatch(line)
        if not match:
            raise UserError(f"{where}: no line number: {shorten(line)}; expected a number, a blank and a sentence")
        before, number = number, int(match[1])
        if number == 1:
            story, at, stories = [], {}, stories + 1
        elif number != before + 1 or not stories:
            raise UserError(f"{where}: line number {number}, expected {before + 1}, or 1 for a new story")
        content = (match[2] or "").strip(BLANK)
        if "\t" in (match[2] or ""):
            found = _read_question(where, match[2], story, at)
            yield Question(where, *found, task, split, f"{name} {stories}")
            continue
        if _UNTABBED.search(content):
            raise UserError(f"{where}: a question without a tab behind it: {shorten(content)}; {_FORM}")
        at[number] = len(story)
        story += _sentences(where, content)


def _sentences(where, content):
    found = split_sentences(content)
    if not found:
        raise UserError(f"{where}: an empty sentence; delete the line, and number those below it again")
    return found


def _read_question(where, content, story, at):
    """Return story, question, answer and supporting facts."""
    question, answer, facts = ([part.strip(BLANK) for part in content.split("\t")] + ["", ""])[:3]
    if not story:
        raise UserError(f"{where}: a question before any sentence of its story: {shorten(question)}")
    for value, what in ((question, "question"), (answer, "answer")):
        if not value:
            raise UserError(f"{where}: an empty {what}; {_FORM}")
    return tuple(story), question, answer, facts_of(where, facts.split(), at)


def facts_of(where, facts, at):
    """Return the indices of sentences that are named by their numbers.

    Args:
        where: names file and row, for messages.
        facts: list of numbers, or of strings.
        at: dict of the index of each sentence by its number.

    Raises:
        UserError: there is no such sentence.
    """
    found = []
    for fact in facts:
        number = int(fact) if str(fact).strip().isdecimal() else None
        if number not in at:
            numbers = listed(at, 20) if at else "none"
            raise UserError(f"{where}: supporting fact {fact}, expected numbers of sentences above it: {numbers}")
        found.append(at[number])
    return tuple(found)
