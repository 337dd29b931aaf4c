"""A trained language model: continues texts, completes words, and scores texts."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ..common import exports, runs
from ..common.text import END_ID, START_ID, UNKNOWN_ID
from ..common.vocabularies import load_vocabulary
from .answers import Answers
from .config import Config
from .generation import BLOCK, Sampler, uniforms
from .model import load_model
from .options import Limits, Sampling
from .scoring import Scorer, sequence_nats

# Tokens that are generated at once, so that text appears as it is made.
_AT_ONCE = 20
# Tokens of a prompt that are read at once: of few lengths, each of which is compiled.
_READ = (64, 8, 1)


class Writer:
    """Continue, complete and score texts with a trained model.

    Args:
        run_dir: folder of a trained run.

    Attributes:
        config: the run's Config.
        vocabulary: its `Vocabulary`.
        model: its `LanguageModel`.
        scorer: `Scorer` of the model.
    """

    def __init__(self, run_dir):
        self.run_dir = Path(run_dir)
        self.config = runs.settings_of(runs.open_run(run_dir, __package__), Config)
        self.model = load_model(self.run_dir / "model.keras")
        self.vocabulary = load_vocabulary(run_dir)
        self.scorer = Scorer(self.model)

    def encode(self, texts):
        """Return the ids of texts, a list of int (tokens,), without a start."""
        ids = self.vocabulary.encode(tf.constant(texts, tf.string))
        return np.split(ids.flat_values.numpy(), ids.row_splits.numpy()[1:-1])

    def unknown(self, text):
        """Return the number of tokens of a text that are not in the vocabulary."""
        return int(np.sum(self.encode([text])[0] == UNKNOWN_ID))

    def generate(self, prompt="", sampling=Sampling()):
        """Continue a text.

        Args:
            prompt: string.
            sampling: a `Sampling`.

        Yields:
            Strings, which joined are the continuation.
        """
        states = self._states(prompt)
        sampler = Sampler(self.model, sampling.top_k, sampling.top_p)
        temperature = np.array([sampling.temperature], "float32")
        draws = uniforms(tf.constant([sampling.seed]), -(-sampling.length // BLOCK) * BLOCK).numpy()
        tokens, shown, ended = [], 0, False
        while len(tokens) < sampling.length and not ended:
            part = draws[:, len(tokens) : len(tokens) + _AT_ONCE]
            found, *states = map(ops.convert_to_numpy, sampler.predict_on_batch([part, temperature, *states]))
            found = found[0][: sampling.length - len(tokens)].tolist()
            ended = END_ID in found
            tokens += found[: found.index(END_ID)] if ended else found
            text = self.vocabulary.decode(tf.constant([tokens], tf.int32)).numpy()[0].decode()
            at = text.find(sampling.stop) if sampling.stop else -1
            if at >= 0:
                text, ended = text[:at], True
            # What may be the beginning of the stop text is kept back.
            ready = (
                text if ended or len(tokens) >= sampling.length else text[: len(text) - _overlap(text, sampling.stop)]
            )
            if len(ready) > shown:
                yield ready[shown:]
                shown = len(ready)

    def _states(self, text):
        ids = np.concatenate([[START_ID], self.encode([text])[0]]).astype("int32")
        states = [np.zeros((1, size), "float32") for size in self.model.state_sizes]
        while len(ids):
            size = next(size for size in _READ if size <= len(ids))
            _, *states = self.scorer.predict_on_batch([ids[None, :size], ids[None, :size], *states])
            ids = ids[size:]
        return [ops.convert_to_numpy(state) for state in states]

    def score(self, texts):
        """Compute how surprising texts are.

        Returns:
            List of float32 (tokens,), -log p of each token of a text in nats.
        """
        sequences = [np.concatenate([[START_ID], ids]).astype("int32") for ids in self.encode(texts)]
        return sequence_nats(self.scorer, sequences) if sequences else []

    def complete(self, texts, count=5):
        """Return for each text a list of up to `count` pairs (word, probability), the most likely first."""
        if keras.backend.backend() != "tensorflow":
            return _completed(self.run_dir, texts, count)
        answers = Answers(self.model, self.vocabulary, Limits(words=count))
        words, probabilities = tf.function(answers.completer.__call__)(tf.constant(texts, tf.string))
        return [
            [(word.decode(), float(p)) for word, p in zip(*pair, strict=True) if word]
            for pair in zip(words.numpy(), probabilities.numpy(), strict=True)
        ]


@exports.by_tensorflow
def _completed(run_dir, texts, count):
    return Writer(run_dir).complete(texts, count)


def _overlap(text, stop):
    """Return how many of the last characters of a text are the first of `stop`."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)
