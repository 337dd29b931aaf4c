"""Labels messages with a trained detector."""

import dataclasses
import json
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
import tyro

from ..common import cli, runs
from ..common.reports import table
from ..common.tables import decode, read_text
from .config import Config
from .data import Encoder
from .model import load_model


@dataclasses.dataclass(frozen=True)
class Threshold:
    """From which probability on a message is of the class to detect."""

    threshold: float | None = None
    """Probability, 0 to 1; 0.5 if not given."""
    max_ham_blocked: float | None = None
    """Instead: percent of the good messages that may be taken for spam; the lowest threshold that kept to it
    on the validation rows."""

    def resolve(self, run_dir):
        """The threshold as a number.

        Raises:
            UserError: a number out of range, or no validation figures in the run.
        """
        if self.threshold is not None and self.max_ham_blocked is not None:
            raise cli.UserError("--threshold and --max-ham-blocked: give one of the two")
        if self.max_ham_blocked is None:
            threshold = 0.5 if self.threshold is None else self.threshold
            if not 0 <= threshold <= 1:
                raise cli.UserError(f"--threshold {threshold}: expected a probability from 0 to 1")
            return threshold
        if not 0 <= self.max_ham_blocked <= 100:
            raise cli.UserError(f"--max-ham-blocked {self.max_ham_blocked}: expected a percentage from 0 to 100")
        rows = runs.read_csv(Path(run_dir) / "validation.csv")
        if not rows:
            raise cli.UserError(f"{run_dir}: no validation.csv; finish the training first")
        ham = np.sort([row["probability"] for row in rows if row["label"] == 0])
        allowed = int(len(ham) * self.max_ham_blocked / 100)
        # The message just past the allowed ones must stay below.
        return float(np.nextafter(np.float32(ham[-1 - allowed]), np.float32(2))) if allowed < len(ham) else 0.0


class Detector:
    """A trained run: raw messages in, probabilities out.

    Attributes:
        config: the run's Config.
        class_names: (negative, positive) as in the training data.
    """

    def __init__(self, run_dir):
        saved = runs.open_run(run_dir)
        self.class_names = (saved["negative_class"], saved["positive_class"])
        self.config = runs.settings_of(saved, Config)
        self.model = load_model(Path(run_dir) / "model.keras")
        self.encoder = Encoder(runs.read_json(Path(run_dir) / "vocabulary.json"), self.config)

    def __call__(self, texts):
        return probabilities(self.model, self.encoder, texts)


def probabilities(model, encoder, texts, batch_size=256):
    """Float32 (texts,): how probably each is of the positive class. Like lengths go together to save padding."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    result = np.empty(len(texts), "float32")
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        features = encoder(tf.constant([texts[row] for row in rows])).numpy()
        result[rows] = keras.ops.convert_to_numpy(model.predict_on_batch(features))[:, 0]
    return result


def predict(
    run_dir: cli.RunDir,
    texts: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT ...]")] = (),
    file: Path | None = None,
    json_lines: Annotated[bool, tyro.conf.arg(name="json")] = False,
    threshold: tyro.conf.OmitArgPrefixes[Threshold] = Threshold(),
):
    """Label messages: those given, those of a file, or those of standard input, one a line.

    Args:
        run_dir: Folder of a trained run.
        texts: The messages.
        file: File with one message a line; `-` is standard input.
        json_lines: Print one JSON object a line instead of a table.
        threshold: Where the line is drawn.
    """
    if texts and file:
        raise cli.UserError(f"--file {file}: give messages or a file, not both")
    detector = Detector(run_dir)
    limit = threshold.resolve(run_dir)
    answers = label_messages(detector, texts or read_messages(file), limit)
    if json_lines:
        for answer in answers:
            print(json.dumps(answer, ensure_ascii=False))
    else:
        print(table([{**answer, "text": textwrap.shorten(answer["text"], 60)} for answer in answers]))


def label_messages(detector, texts, threshold):
    """One dict of label, probability and text for each message.

    Raises:
        UserError: a message is empty.
    """
    for number, text in enumerate(texts, 1):
        if not text.strip():
            raise cli.UserError(f"message {number} of {len(texts)} is empty; leave it out")
    names = detector.class_names
    return [
        {"label": names[int(probability >= threshold)], "probability": round(float(probability), 6), "text": text}
        for text, probability in zip(texts, detector(texts), strict=True)
    ]


def read_messages(file):
    """The lines of a text file, or of standard input."""
    if file is None or file == Path("-"):
        file, text = "standard input", decode("standard input", sys.stdin.buffer.read())
    else:
        text = read_text(file)
    if not text:
        raise cli.UserError(f"{file}: no messages in it; expected one a line")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


if __name__ == "__main__":
    sys.exit(cli.run(predict))
