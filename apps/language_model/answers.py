"""What a language model answers, as functions of tensors that can be exported."""

import tensorflow as tf

from ..common.text import START_ID, UNKNOWN_ID
from .completion import Completer
from .generation import continue_from, uniforms


class Answers(tf.Module):
    """What a language model answers, as functions of tensors.

    Args:
        model: a `LanguageModel`.
        vocabulary: its `Vocabulary`.
        limits: an `options.Limits`.
    """

    def __init__(self, model, vocabulary, limits):
        super().__init__()
        self.vocabulary, self.limits = vocabulary, limits
        self.model = model
        self.completer = Completer(
            model, vocabulary, limits.words, lambda texts: self.read(self.start(texts), texts)[0]
        )

    def start(self, texts):
        """Return the states of new texts: those behind a start."""
        count = tf.shape(texts)[0]
        zeros = [tf.zeros([count, size]) for size in self.model.state_sizes]
        return self.model.step(tf.fill([count], START_ID), zeros)

    def read(self, states, texts):
        """Read texts from given states.

        Returns:
            The new states; the nats of each text, float32 (batch,); and its number of unknown tokens, int32 (batch,).
        """
        with tf.control_dependencies([self._require_short(texts)]):
            ragged = self.vocabulary.encode(texts)
        # A recurrent layer needs a step, even for an empty batch.
        ids = ragged.to_tensor(0, shape=tf.maximum(ragged.bounding_shape(), [0, 1]))
        mask = tf.sequence_mask(ragged.row_lengths(), tf.shape(ids)[1])
        first = tf.nn.log_softmax(self.model.next_logits(states))
        first = -tf.gather(first, ids[:, 0], axis=1, batch_dims=1)
        outputs, states = self.model.run(ids, states, mask=mask)
        nats = tf.concat([first[:, None], self.model.nats(outputs[:, :-1], ids[:, 1:])], axis=1)
        unknown = tf.reduce_sum(tf.cast(ids == UNKNOWN_ID, tf.int32), axis=1)
        return states, tf.reduce_sum(tf.where(mask, nats, 0.0), axis=1), unknown

    def _require_short(self, texts):
        limit = self.limits.max_prompt
        lengths = tf.concat([tf.strings.length(texts, unit="UTF8_CHAR"), [0]], axis=0)
        message = "text {} has {} characters, this model reads at most " + f"{limit:,} at a time; send it in parts"
        message = tf.strings.format(message, (tf.argmax(lengths) + 1, tf.reduce_max(lengths)))
        return tf.debugging.Assert(tf.reduce_all(lengths <= limit), [message])

    def generate(self, states, length, temperature, seed, least):
        """Continue after given states: string (batch,), and the new states."""
        limit = self.limits.max_length
        limit = self.limits.max_length
        checks = [
            _require("length", length, (length >= least) & (length <= limit), f"{least} to {limit}"),
            _require("temperature", temperature, (temperature >= 0) & (temperature <= 1e6), "0 to 1000000"),
        ]
        with tf.control_dependencies(checks):
            draws = uniforms(seed, limit)
        tokens, states = continue_from(self.model, states, draws, length, temperature)
        return self.vocabulary.decode(tokens), states


def _require(name, values, holds, expected):
    """Return an assertion that all values are right; its message shows the first that is not."""
    wrong = tf.strings.reduce_join(tf.strings.as_string(tf.boolean_mask(values, ~holds)[:1]))
    return tf.debugging.Assert(tf.reduce_all(holds), [tf.strings.join([f"{name} ", wrong, f", expected {expected}"])])
