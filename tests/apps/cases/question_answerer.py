"""The question answerer, see `tests.apps.cases`."""

import numpy as np

from apps.question_answerer.answerer import Answerer
from apps.question_answerer.babi import split_sentences
from apps.question_answerer.sample_data.make_stories import as_babi, make_stories

APP = "question_answerer"
OPTIONS = ["--epochs", "3", "--units", "16", "--embedding-dim", "16", "--slot-size", "8", "--memory-slots", "12",
           "--thinking-steps", "2", "--read-heads", "1", "--learning-rate", "0.01", "--dropout", "0.05",
           "--batch-size", "32"]  # fmt: skip
FILES = {"vocabulary.json"}
SHOWN = "question 'Where is "
BASELINE = "bag of words"
SETTINGS = [
    (["--epochs", "0"], ["--epochs 0", "from 1 up"]),
    (["--units", "-4"], ["--units -4"]),
    (["--test-fraction", "0.95"], ["--test-fraction 0.95", "--validation-fraction"]),
    (["--dropout", "1"], ["--dropout 1.0"]),
    (["--thinking-steps", "0"], ["--thinking-steps 0"]),
    (["--memory-slots", "1"], ["--memory-slots 1", "from 2 up"]),
    (["--memory-slots", "4"], ["sentences, longer than the memory", "--memory-slots", "--max-sentences 4"]),
    (["--max-sentences", "0"], ["--max-sentences 0"]),
    (["--clip-norm", "0"], ["--clip-norm 0.0"]),
    (["--tasks", "juggling"], ["--tasks juggling", "'qa1_one_fact', 'qa2_yes_no'"]),
    (["--data", "absent.txt"], ["absent.txt", "no such file"]),
    (["--data", "tfds:babi"], ["--data tfds:babi", "sample"]),
]
STORY = "Ada went to the kitchen. Ben hurried to the attic."
QUESTIONS = [
    (["--story", STORY], ["no question"]),
    (["Where is Ada?"], ["--story-file"]),
    (["Where is Ada?", "--story", STORY, "--story-file", "x.txt"], ["--story-file"]),
    (["Where is Ada?", " ", "--story", STORY], ["question 2 of 2 is empty"]),
    (["Where is Ada?", "--story", " . "], ["--story", "no words"]),
    (["Where is Ada?", "--story-file", "absent.txt"], ["absent.txt", "no such file"]),
    (["Where is Ada?", "--story", "Ada slept. " * 13], ["13 sentences", "12 slots", "--memory-slots"]),
    (["Where is Ada?", "--story", STORY, "--picture", "x.doc"], ["--picture x.doc", ".png"]),
]
STORIES = [
    STORY,
    "Cleo walked to the market.\nDan moved to the tower.\r\nCleo went to the tower!  Dan hurried to the barn",
    "Größe naïve ☃ 日本語. \u2028 Zebra?",
    "Ada went to the kitchen.\n" * 12,
]
ASKED = ["Where is Ada?", "Is Cleo in the tower?", "☃ Wo?", "Where is the zebra?"]
REFUSED = [
    ({"story": [STORY, "", STORY, STORY]}, ["story 2 has no words"]),
    ({"question": ["Where?", "Where?", " ?! ", "Where?"]}, ["question 3 has no words"]),
    ({"story": [STORY, STORY, STORY, "Ada slept.\n" * 13]}, ["story 4 has 13 sentences, expected at most 12"]),
    ({"question": ["x" * 20_001, "a", "a", "a"]}, ["question 1 has 20001 characters, expected at most 20000"]),
    ({"story": [1.0, 1.0, 1.0, 1.0]}, ["story", "string"]),
]
TOLERANCE = 1e-5


def make_data(folder):
    _write(folder, 100)
    return ["--data", str(folder)]


def _write(folder, count):
    stories = list(make_stories(count, test_count=30))
    for number, task in enumerate(("one_fact", "yes_no"), 1):
        for split in ("train", "test"):
            chosen = [each for each in stories if (each.task, each.split) == (task, split)]
            (folder / f"qa{number}_{task}_{split}.txt").write_text(as_babi(chosen), encoding="utf-8")


def arguments(folder):
    return ["Where is Ada?", "--story", STORY]


def spoil(folder):
    (folder / "qa1_one_fact_train.txt").write_text("1 Where is Ada?\tkitchen\t1\n")
    return ["qa1_one_fact_train.txt", "row 1", "a question before any sentence"]


def change(folder):
    _write(folder, 99)
    return [folder, "not the questions"]


def inputs(run_dir):
    return {"story": np.array(STORIES, object), "question": np.array(ASKED, object)}


def answers(run_dir, inputs):
    answerer = Answerer(run_dir)
    probabilities = answerer([tuple(split_sentences(story)) for story in inputs["story"]], list(inputs["question"]))
    return {
        "answer": np.array(answerer.answers.names, object)[probabilities.argmax(axis=1)],
        "probability": probabilities.max(axis=1),
    }
