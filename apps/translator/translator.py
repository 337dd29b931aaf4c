"""A trained translator: sentences in, translations out."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from keras import ops

from ..common import runs
from ..common.cli import UserError
from ..common.decoding import Searcher
from ..common.options import Search
from ..common.text import UNKNOWN_ID
from .config import Config
from .data import encode_list, load_subwords, padded_lengths, shift_right
from .model import load_model


class Translator:
    """Translate sentences with a trained model.

    Args:
        run_dir: folder of a trained run.
        search: a `Search`.

    Attributes:
        config: the run's Config.
        source, target: `Subwords` of the two languages.
        model: an `EncoderDecoder`.
        searcher: `Searcher` over the model.
    """

    def __init__(self, run_dir, search=Search()):
        self.config = runs.settings_of(runs.open_run(run_dir, __package__), Config)
        self.model = load_model(Path(run_dir) / "model.keras")
        self.source, self.target = load_subwords(run_dir)
        self.searcher = Searcher(self.model, self.config.max_tokens + 1, search)

    def __call__(self, texts, batch_size=64):
        """Translate a list of strings, in batches of similar length.

        Returns:
            List of translations, and their scores, float32 (texts,). An empty text gives an empty translation with
            score 0.

        Raises:
            UserError: a text has more than `max_tokens` subwords.
        """
        if not len(texts):
            return [], np.zeros(0, "float32")
        ids = encode_list(self.source, list(texts))
        lengths = ids.row_lengths().numpy()
        self._require_short(lengths - 1)
        order = np.argsort(lengths, kind="stable")
        translations, scores = np.full(len(lengths), "", object), np.zeros(len(lengths), "float32")
        tokens, scores[order] = self.searcher.predict(self._batches(ids, order, batch_size), verbose=0)
        translations[order] = [text.decode() for text in self.target.decode(tokens).numpy()]
        translations[lengths == 1], scores[lengths == 1] = "", 0
        return translations.tolist(), scores

    def _batches(self, ids, order, batch_size):
        starts = range(0, len(order), batch_size)

        def batches():
            for start in starts:
                rows = tf.gather(ids, order[start : start + batch_size])
                longest = next(length for length in padded_lengths(self.config) if length >= rows.bounding_shape()[1])
                yield rows.to_tensor(0, shape=[None, longest])

        dataset = tf.data.Dataset.from_generator(batches, output_signature=tf.TensorSpec([None, None], tf.int32))
        return dataset.apply(tf.data.experimental.assert_cardinality(len(starts)))

    def _require_short(self, lengths):
        for number, length in enumerate(lengths.tolist(), 1):
            if length > self.config.max_tokens:
                raise UserError(
                    f"text {number} of {len(lengths)} has {length} subwords, the model translates at most "
                    f"{self.config.max_tokens} at a time; split it into sentences"
                )

    def is_short(self, texts):
        """Return bool (texts,), whether each of a list of texts has at most `max_tokens` subwords."""
        return encode_list(self.source, list(texts)).row_lengths().numpy() - 1 <= self.config.max_tokens

    def unknown_characters(self, text):
        """Return the number of characters of a text that are in no subword."""
        return int(np.sum(self.source.encode([text]).flat_values.numpy() == UNKNOWN_ID))

    def attention(self, text, translation):
        """Compute the attention weights of a translation.

        Returns:
            Source pieces, target pieces, and weights, float (target pieces, source pieces).
        """
        source = encode_list(self.source, [text]).to_tensor()
        target = encode_list(self.target, [translation]).to_tensor()
        weights = self.model.attention_weights(source.numpy(), shift_right(target).numpy())
        pieces = self.source.names(source[0].numpy()), self.target.names(target[0].numpy())
        return *pieces, ops.convert_to_numpy(weights)[0]
