"""The sentiment classifier, see `tests.apps.cases`."""

import csv

import numpy as np

from apps.sentiment_classifier.classifier import Classifier
from apps.sentiment_classifier.sample_data.make_reviews import make_reviews

APP = "sentiment_classifier"
OPTIONS = ["--epochs", "4", "--units", "16", "--embedding-dim", "16", "--dense-units", "16", "--attention-units", "16",
           "--learning-rate", "0.01", "--dropout", "0.1", "--num-layers", "1", "--unit", "words",
           "--epoch-rows", "500"]  # fmt: skip
FILES = {"vocabulary.json", "calibration.json"}
SHOWN = "label 'mixed', text '"
BASELINE = "NB-SVM"
SETTINGS = [
    (["--epochs", "0"], ["--epochs 0", "from 1 up"]),
    (["--units", "-4"], ["--units -4"]),
    (["--test-fraction", "0.95"], ["--test-fraction 0.95", "--validation-fraction"]),
    (["--dropout", "1"], ["--dropout 1.0"]),
    (["--token-dropout", "-0.1"], ["--token-dropout -0.1"]),
    (["--gradient-tokens", "0"], ["--gradient-tokens 0"]),
    (["--layer-decay", "0"], ["--layer-decay 0.0"]),
    (["--unfreeze-epochs", "-1"], ["--unfreeze-epochs -1.0"]),
    (["--label-order", "negative", "positive"], ["--label-order lacks 'mixed'"]),
    (["--label-order", "bad", "negative", "mixed", "positive"], ["--label-order has 'bad'"]),
    (["--start-from", "absent"], ["absent", "no such run directory"]),
]
QUESTIONS = [
    (["fine", "  "], ["document 2 of 2 is empty"]),
    (["fine", "--file", "x.txt"], ["--file x.txt", "not both"]),
    (["--file", "absent.txt"], ["absent.txt", "no such file"]),
]
REFUSED = [
    ({"text": [1.0]}, ["text", "string"]),
    ({"text": ["fine", "x" * 200_001]}, ["text 2 has 200001 characters, expected at most 200000"]),
]
TOLERANCE = 1e-5
TEXTS = [
    "I thought this would be a brilliant film for me, but it is a dull film.",
    "A decent western,<br /><br />no more and no less.",
    "Größe ☃ \u2028 naïve 日本語",
    "tender " * 300,
    "",
]


def make_data(folder):
    _write(folder, list(make_reviews(400)))
    return ["--data", str(folder / "reviews.csv")]


def _write(folder, rows):
    with open(folder / "reviews.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["sentiment", "review"])
        writer.writerows([label, text] for _, label, text, _ in rows)


def arguments(folder):
    return TEXTS[:2]


def spoil(folder):
    (folder / "reviews.csv").write_text("sentiment,review\npositive,fine,too\n")
    return ["reviews.csv", "row 2"]


def change(folder):
    _write(folder, list(make_reviews(399)))
    return ["reviews.csv", "not the documents"]


def inputs(run_dir):
    return {"text": np.array(TEXTS, object)}


def answers(run_dir, inputs):
    classifier = Classifier(run_dir)
    probabilities = classifier(inputs["text"].tolist())
    best = probabilities.argmax(axis=1)
    return {
        "probabilities": probabilities,
        "probability": probabilities.max(axis=1),
        "label": np.array(classifier.class_names, object)[best],
    }
