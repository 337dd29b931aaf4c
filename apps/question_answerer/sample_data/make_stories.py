"""Generate short stories with questions of ten kinds, after the idea of bAbI (Weston et al. 2015), in words of our own.

Every story has a world of its own: people and places, or rooms, or boxes, drawn from lists. Of each two lists a quarter
of the pairs, such as Ada and the kitchen, occur in test stories alone, whose words are all known from training.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from . import kinds

# Kinds of questions, each with the function that draws a story.
TASKS = {
    "one_fact": kinds.one_fact,
    "two_facts": kinds.two_facts,
    "three_facts": kinds.three_facts,
    "counting": kinds.counting,
    "lists": kinds.lists,
    "yes_no": kinds.yes_no,
    "indefinite": kinds.indefinite,
    "before_after": kinds.before_after,
    "path_finding": kinds.path_finding,
    "size": kinds.size,
}
TEST_QUESTIONS = 500


class Story(NamedTuple):
    """A story with a question.

    Attributes:
        task: key of `TASKS`.
        split: `train` or `test`.
        sentences: list of strings.
        question: string.
        answer: a word, or several joined by commas.
        supporting: list of indices of the sentences that the answer follows from.
    """

    task: str
    split: str
    sentences: list[str]
    question: str
    answer: str
    supporting: list[int]


def make_stories(count: int = 1000, seed: int = 7, test_count: int = TEST_QUESTIONS) -> Iterator[Story]:
    """Yield `count` stories for training and `test_count` for testing of each kind, always the same for a seed."""
    for task, make in TASKS.items():
        for split, number in (("train", count), ("test", test_count)):
            draw = random.Random(f"{task} {split} {seed}")
            for _ in range(number):
                yield Story(task, split, *make(draw, split == "test"))


def as_babi(stories: list[Story]) -> str:
    """Return stories as a file in the format of bAbI."""
    lines = []
    for story in stories:
        lines += [f"{number} {sentence}" for number, sentence in enumerate(story.sentences, 1)]
        facts = " ".join(str(index + 1) for index in story.supporting)
        lines.append(f"{len(story.sentences) + 1} {story.question}\t{story.answer}\t{facts}")
    return "\n".join(lines) + "\n"
