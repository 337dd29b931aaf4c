"""A trained detector: messages in, probabilities out."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ..common import runs
from ..common.files import read_json
from .config import Config
from .data import Encoder
from .model import load_model


class Detector:
    """Estimate the probability that messages belong to the class to detect.

    Attributes:
        config: the run's Config.
        class_names: (negative, positive) as in the training data.
    """

    def __init__(self, run_dir):
        saved = runs.open_run(run_dir, __package__)
        self.class_names = (saved["negative_class"], saved["positive_class"])
        self.config = runs.settings_of(saved, Config)
        self.model = load_model(Path(run_dir) / "model.keras")
        self.encoder = Encoder(read_json(Path(run_dir) / "vocabulary.json"), self.config)

    def __call__(self, texts):
        """Return probabilities of the positive class, float32 (texts,)."""
        return probabilities(self.model, self.encoder, texts)


def probabilities(model, encoder, texts, batch_size=256):
    """Return probabilities of the positive class, float32 (texts,); batches texts of similar length."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    result = np.empty(len(texts), "float32")
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        features = encoder(tf.constant([texts[row] for row in rows])).numpy()
        result[rows] = keras.ops.convert_to_numpy(model.predict_on_batch(features))[:, 0]
    return result


def label_messages(detector, texts, threshold):
    """Return a dict of label, probability and text for each message; a blank one has neither label nor probability."""
    names = detector.class_names
    filled = [text for text in texts if text.strip()]
    found = iter(detector(filled).tolist() if filled else [])
    answers = []
    for text in texts:
        probability = next(found) if text.strip() else None
        label = None if probability is None else names[int(probability >= threshold)]
        answers.append({"label": label, "probability": None if label is None else round(probability, 6), "text": text})
    return answers
