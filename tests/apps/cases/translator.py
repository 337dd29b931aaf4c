"""The translator, see `tests.apps.cases`."""

import numpy as np

from apps.translator.sample_data.make_pairs import make_pairs
from apps.translator.translator import Translator

APP = "translator"
OPTIONS = ["--epochs", "4", "--units", "24", "--embedding-dim", "24", "--vocabulary-size", "300", "--max-tokens", "30",
           "--batch-size", "32", "--learning-rate", "0.02", "--average-epochs", "0.2", "--dropout", "0.1"]  # fmt: skip
FILES = {"vocabulary.json"}
SHOWN = "source '"
BASELINE = "word for word"
SETTINGS = [
    (["--epochs", "0"], ["--epochs 0", "from 1 up"]),
    (["--units", "-4"], ["--units -4"]),
    (["--vocabulary-size", "5"], ["--vocabulary-size 5", "from 8 up"]),
    (["--test-fraction", "0.97"], ["--test-fraction 0.97", "--validation-fraction"]),
    (["--decay", "1"], ["--decay 1.0"]),
    (["--max-length-ratio", "0.5"], ["--max-length-ratio 0.5"]),
    (["--output-dropout", "1"], ["--output-dropout 1.0"]),
    (["--clip-norm", "0"], ["--clip-norm 0.0"]),
    (["--data", "absent.tsv"], ["absent.tsv", "no such file"]),
    (["--validation-data", "absent.tsv"], ["absent.tsv", "no such file"]),
]
QUESTIONS = [
    (["hello", "--attention", "a.xyz"], ["--attention a.xyz", ".png"]),
    (["hello", "--attention", "absent/a.png"], ["--attention absent/a.png", "no such folder"]),
    (["hello", "  "], ["text 2 of 2 is empty"]),
    (["hello", "--file", "x.txt"], ["--file x.txt", "not both"]),
    (["--file", "absent.txt"], ["absent.txt", "no such file"]),
    (["hello", "--beam", "0"], ["--beam 0", "from 1 to 64"]),
    (["hello", "--length-penalty", "-1"], ["--length-penalty -1.0"]),
    (["hello", "go " * 31], ["text 2 of 2", "at most 30", "split it into sentences"]),
    (["x" * 100_000], ["text 1 of 1 has 10000", "at most 30"]),
]
REFUSED = [
    ({"text": ["short", "much too long " * 50]}, ["text 2 has"]),
    ({"text": ["x" * 100_000]}, ["at most 30"]),
    ({"text": [1.0]}, ["text", "string"]),
]
TOLERANCE = 1e-4
TEXTS = [
    "The old woman bought an apple.",
    "Did the man find the key?",
    "",
    "A girl costs 12 euros.",
    "Größe 日本 😀 \u2028 naïve",
    "the the the the the the the the the the the the",
]


def make_data(folder):
    """Write short pairs of the sample: of few lengths, each of which compiles anew."""
    rows = [f"{source}\t{target}\n" for source, target in make_pairs() if max(len(source), len(target)) < 36]
    (folder / "pairs.tsv").write_text("".join(rows[:480]), encoding="utf-8")
    return ["--data", str(folder / "pairs.tsv")]


def arguments(folder):
    return TEXTS[:2]


def spoil(folder):
    (folder / "pairs.tsv").write_text("a\tb\nc\n")
    return ["pairs.tsv", "row 2"]


def change(folder):
    rows = (folder / "pairs.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "pairs.tsv").write_text("".join(rows[:-1]), encoding="utf-8")
    return ["pairs.tsv", "not the pairs"]


def inputs(run_dir):
    return {"text": np.array(TEXTS, object)}


def answers(run_dir, inputs):
    translations, scores = Translator(run_dir)(inputs["text"].tolist())
    return {"translation": np.array(translations, object), "score": scores}
