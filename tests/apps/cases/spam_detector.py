"""The spam detector, see `tests.apps.cases`."""

import numpy as np

from apps.spam_detector.detector import Detector
from apps.spam_detector.sample_data.make_messages import make_messages

APP = "spam_detector"
OPTIONS = ["--epochs", "4", "--best-from", "0.3", "--units", "16", "--embedding-dim", "16", "--dense-units", "16",
           "--learning-rate", "0.01"]  # fmt: skip
FILES = {"vocabulary.json", "validation.csv"}
SHOWN = "label 'ham', text '"
BASELINE = "char n-grams + SVM"
SETTINGS = [
    (["--epochs", "0"], ["--epochs 0", "from 1 up"]),
    (["--units", "-4"], ["--units -4"]),
    (["--test-fraction", "1.5"], ["--test-fraction 1.5"]),
    (["--test-fraction", "0.95"], ["--test-fraction 0.95", "--validation-fraction"]),
    (["--validation-fraction", "0"], ["--validation-fraction 0.0"]),
    (["--dropout", "1"], ["--dropout 1.0"]),
    (["--learning-rate", "0"], ["--learning-rate 0.0"]),
    (["--learning-rate", "inf"], ["--learning-rate inf"]),
    (["--seed", "-1"], ["--seed -1"]),
    (["--best-from", "1"], ["--best-from 1.0"]),
]
QUESTIONS = [
    (["hello", "  "], ["message 2 of 2 is empty"]),
    (["hello", "--file", "x.txt"], ["--file x.txt", "not both"]),
    (["--file", "absent.txt"], ["absent.txt", "no such file"]),
    (["hello", "--threshold", "1.5"], ["--threshold 1.5"]),
    (["hello", "--max-ham-blocked", "-1"], ["--max-ham-blocked -1.0"]),
    (["hello", "--threshold", "0.5", "--max-ham-blocked", "1"], ["only one of the two"]),
]
REFUSED = [({"text": [1.0]}, ["text", "string"])]
TOLERANCE = 1e-6
TEXTS = [
    "WINNER!! You have won a cruise. Call 09065550123 now",
    "see you at the library at 5",
    "ok",
    "Größe £5 😀 \u2028 naïve",
    "win " * 3000,
]


def make_data(folder):
    _write(folder, make_messages())
    return ["--data", str(folder / "messages.txt")]


def _write(folder, rows):
    lines = [f"{label}\t{text}\n" for _, label, text in rows]
    (folder / "messages.txt").write_text("".join(lines), encoding="utf-8")


def arguments(folder):
    return TEXTS[:2]


def spoil(folder):
    (folder / "messages.txt").write_text("ham\tx\nspam\n")
    return ["messages.txt", "row 2"]


def change(folder):
    _write(folder, list(make_messages())[:-1])
    return ["messages.txt", "not the messages"]


def inputs(run_dir):
    return {"text": np.array(TEXTS, object)}


def answers(run_dir, inputs):
    probability = Detector(run_dir)(inputs["text"].tolist())
    return {"probability": probability, "label": np.where(probability >= 0.5, "spam", "ham").astype(object)}
