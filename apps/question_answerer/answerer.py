"""A trained network: stories and questions in, probabilities of the answers and what the memory did out."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ..common import runs
from ..common.buckets import lengths_to_pad_to
from ..common.files import read_json
from ..common.vocabularies import Vocabulary
from .config import Config
from .data import Answers, Encoder
from .model import load_model

# Questions that are read together.
_ROWS = 256


class Reader(keras.Model):
    """`QuestionAnswerer.read` as a Keras model, so that `predict_on_batch` compiles it.

    Call arguments:
        inputs: those of `QuestionAnswerer`.

    Returns:
        What `QuestionAnswerer.read` returns, and of a DNC also "sentences_read".
    """

    def __init__(self, model):
        super().__init__()
        self.model = model
        # The recurrent layers are compiled anyway.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs):
        found = self.model.read(inputs)
        if "memory" in found:
            found["sentences_read"] = self.model.sentences_read(found)
        return found


class Answerer:
    """Answer questions about stories.

    Args:
        run_dir: folder of a trained run.

    Attributes:
        config: the run's Config.
        answers: the `Answers`.
        encoder: `Encoder` of the texts.
        model: the `QuestionAnswerer`.
    """

    def __init__(self, run_dir):
        saved = runs.open_run(run_dir, __package__)
        self.config = runs.settings_of(saved, Config)
        words = read_json(Path(run_dir) / "vocabulary.json")
        self.answers = Answers(words["answers"])
        vocabulary = Vocabulary(words["unit"], words["pieces"])
        self.encoder = Encoder(vocabulary, words["max_words"], self.config.max_sentences)
        self.model = load_model(Path(run_dir) / "model.keras")
        self._reader = Reader(self.model)

    @property
    def has_memory(self):
        """Whether the network has an external memory."""
        return self.config.model == "dnc"

    def __call__(self, stories, questions):
        """Return the probabilities of the answers, float32 (questions, answers).

        Args:
            stories: list of tuples of sentences.
            questions: list of strings.
        """
        logits = np.empty((len(questions), len(self.answers.names)), "float32")
        order = np.argsort([len(story) for story in stories], kind="stable")
        for start in range(0, len(order), _ROWS):
            rows = order[start : start + _ROWS]
            found = self.model.predict_on_batch(self._inputs([stories[row] for row in rows], questions, rows))
            logits[rows] = found[: len(rows)]
        return ops.convert_to_numpy(ops.softmax(logits, axis=-1))

    def _inputs(self, stories, questions, rows):
        """Return the inputs of questions, in few shapes."""
        ids, _ = map(np.asarray, self.encoder.stories(tf.constant(["\n".join(story) for story in stories])))
        width = lengths_to_pad_to(ids.shape[1], 8)[-1]
        count = 1 << (len(rows) - 1).bit_length()
        story = np.zeros((count, width, ids.shape[2]), "int32")
        story[: len(rows), width - ids.shape[1] :] = ids
        question = np.zeros((count, ids.shape[2]), "int32")
        question[: len(rows)] = self.encoder(tf.constant([questions[row] for row in rows]))
        return {"story": story, "question": question}

    def trace(self, story, question):
        """Return what happened while a question was answered, a dict of arrays without a batch axis.

        Args:
            story: tuple of sentences.
            question: string.

        Returns:
            "probabilities" (answers,); of a DNC also `layers.DNC.trace`'s values, whose first axis has a step for each
            sentence and the thinking steps, and "sentences_read" (thinking_steps, sentences).
        """
        found = self._reader.predict_on_batch(self._inputs([story], [question], [0]))
        found = {name: np.asarray(value)[0] for name, value in found.items()}
        logits = found.pop("logits")
        odds = np.exp(logits - logits.max())
        sentences = len(story) if self.config.max_sentences is None else min(len(story), self.config.max_sentences)
        steps = sentences + self.config.thinking_steps
        trace = {name: value[-steps:] for name, value in found.items() if name != "sentences_read"}
        if "sentences_read" in found:
            trace["sentences_read"] = found["sentences_read"][:, -sentences:]
        return {"probabilities": odds / odds.sum(), **trace}


def answer(answerer, story, question):
    """Return a dict of answer, probability, unknown words, and of a DNC how much of each sentence was read.

    Args:
        answerer: an `Answerer`.
        story: tuple of sentences.
        question: string.
    """
    trace = answerer.trace(story, question)
    best = int(trace["probabilities"].argmax())
    found = {
        "question": question,
        "answer": answerer.answers.names[best],
        "probability": round(float(trace["probabilities"][best]), 6),
        "unknown": answerer.encoder.unknown([*story, question]),
    }
    if answerer.has_memory:
        read = trace["sentences_read"].mean(axis=0)
        sentences = story[-len(read) :]
        found["sentences"] = [
            {"sentence": sentence, "read": round(float(weight), 4)}
            for sentence, weight in zip(sentences, read, strict=True)
        ]
    return found, trace
