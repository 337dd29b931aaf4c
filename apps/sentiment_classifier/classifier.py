"""A trained classifier: documents in, probabilities of the classes out."""

from pathlib import Path

import keras
import numpy as np
from keras import ops

from ..common import runs
from ..common.buckets import lengths_to_pad_to
from ..common.cli import UserError
from ..common.files import read_json
from ..common.vocabularies import load_vocabulary
from .config import Config
from .data import Encoder
from .long_documents import LongReader
from .model import load_model

# Tokens from which on a document is read in chunks, and tokens of a batch.
LONG, BATCH_TOKENS = 4096, 64 * 1024


class Reader(keras.Model):
    """`DocumentClassifier.read` of whole documents as a Keras model, so that `predict_on_batch` compiles it.

    Call arguments:
        inputs: tokens, and which of them to read, int (batch, time) each.

    Returns:
        Logits, float32 (batch, classes), and the weights of attention, (batch, time).
    """

    def __init__(self, model):
        super().__init__()
        self.model = model
        # The recurrent layers are compiled anyway.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs):
        tokens, kept = inputs
        return self.model.read([tokens], masks=[ops.not_equal(kept, 0)])


class Classifier:
    """Estimate the probabilities of the classes of documents of any length.

    Args:
        run_dir: folder of a trained run.
        temperature: divides what a document adds to the prior; None takes that of calibration.json.

    Attributes:
        config: the run's Config.
        class_names: names of the classes, in their order.
        encoder: `Encoder` of the texts.
        model: the `DocumentClassifier`.
    """

    def __init__(self, run_dir, temperature=None):
        saved = runs.open_run(run_dir, __package__)
        self.config = runs.settings_of(saved, Config)
        self.class_names = tuple(saved["class_names"])
        self.encoder = Encoder(load_vocabulary(run_dir))
        self.model = load_model(Path(run_dir) / "model.keras")
        if temperature is None:
            path = Path(run_dir) / "calibration.json"
            if not path.exists():
                raise UserError(f"{path}: no such file; finish the training with the same command")
            temperature = read_json(path)["temperature"]
        self.temperature = temperature
        self._reader, self._long_reader = Reader(self.model), LongReader(self.model)

    def __call__(self, texts):
        """Return the probabilities of the classes, float32 (texts, classes)."""
        return self.probabilities(self.logits(texts))

    def probabilities(self, logits):
        """Return the calibrated probabilities of logits, float32 (rows, classes)."""
        return ops.convert_to_numpy(self.model.probabilities(logits, self.temperature))

    def log_odds(self, logits, index):
        """Return the calibrated log-odds of the class of an index, float32 (rows,)."""
        classes = np.full(len(logits), index)
        return ops.convert_to_numpy(self.model.log_odds(logits, classes, self.temperature))

    def logits(self, texts):
        """Return the logits of the classes, float32 (texts, classes)."""
        return self.read(self.encoder.rows(texts))[0]

    def read(self, ids, masks=None):
        """Read documents.

        Args:
            ids: list of int (time,).
            masks: list of bool (time,), False for tokens to leave out; None reads all.

        Returns:
            Logits, float32 (documents, classes), and a list of the weights of attention, (time,).
        """
        masks = masks or [np.ones(len(each), bool) for each in ids]
        logits, weights = np.empty((len(ids), len(self.class_names)), "float32"), [None] * len(ids)
        order = np.argsort([len(each) for each in ids], kind="stable").tolist()
        while order:
            longest = max(len(ids[order[-1]]), 1)
            if longest > LONG:
                row = order.pop()
                logits[row], weights[row] = self._long_reader(ids[row], masks[row])
                continue
            width = lengths_to_pad_to(longest, 32)[-1]
            rows = order[-max(1, BATCH_TOKENS // width) :]
            del order[-len(rows) :]
            # Few numbers of rows, too, so that few shapes are compiled.
            batch = np.zeros((2, 1 << (len(rows) - 1).bit_length(), width), "int32")
            for at, row in enumerate(rows):
                batch[0, at, : len(ids[row])], batch[1, at, : len(ids[row])] = ids[row], masks[row]
            found, attention = map(ops.convert_to_numpy, self._reader.predict_on_batch(list(batch)))
            logits[rows] = found[: len(rows)]
            for at, row in enumerate(rows):
                weights[row] = attention[at, : len(ids[row])]
        return logits, weights


def answer(classifier, texts):
    """Return a dict of label, probability, probabilities and text for each document; a blank one has only its text."""
    filled = [text for text in texts if text.strip()]
    found = iter(classifier(filled) if filled else [])
    names, answers = classifier.class_names, []
    for text in texts:
        if not text.strip():
            answers.append({"label": None, "probability": None, "probabilities": None, "text": text})
            continue
        values = next(found)
        best = int(values.argmax())
        by_class = {name: round(float(value), 6) for name, value in zip(names, values, strict=True)}
        answers.append(
            {"label": names[best], "probability": by_class[names[best]], "probabilities": by_class, "text": text}
        )
    return answers
