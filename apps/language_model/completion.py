"""Find the most likely words that continue what is being typed, with TensorFlow's operations, for export.

A word that has been begun is searched from where it begins: the model may know its rest only in other pieces than those
that were typed.
"""

from typing import NamedTuple

import tensorflow as tf

from ..common.text import END_ID, PAD_ID, START_ID, UNKNOWN_ID

_WORD = r"[\p{L}\p{M}\p{N}'\x{2019}]"
# Longest beginning of a word that is completed, in bytes; a longer one is a text like any other.
MAX_TYPED = 40
# Longest word, in tokens after what was typed.
MAX_TOKENS = 24
BEAM = 24
_NEVER = -1e9
# Words less likely than this, as a logarithm, are not looked for.
_LOWEST = -50.0


class Beam(NamedTuple):
    """Words that are being spelled: strings (beam,) with the space before them, scores, and the model's states.

    `covers` says whether a word begins with all that was typed.
    """

    words: tf.Tensor
    scores: tf.Tensor
    covers: tf.Tensor
    states: list


class Found(NamedTuple):
    """The best complete words, their scores, and the logarithm of the probability of what was typed."""

    words: tf.Tensor
    scores: tf.Tensor
    typed: tf.Tensor


class Completer(tf.Module):
    """Complete words.

    Args:
        model: a `LanguageModel`.
        vocabulary: its `Vocabulary`.
        count: number of words to return.
        start: function of contexts, string (batch,), that returns the model's states behind them.
    """

    def __init__(self, model, vocabulary, count, start):
        super().__init__()
        self.model, self.count, self._start = model, count, start
        self._texts = tf.constant(vocabulary.texts)
        body = tf.strings.regex_replace(self._texts, "^ ", "")
        is_word = tf.strings.regex_full_match(body, f"{_WORD}+")
        ids = tf.range(vocabulary.size)
        is_piece = tf.reduce_all(ids[:, None] != [PAD_ID, UNKNOWN_ID, START_ID, END_ID], axis=1)
        has_space = tf.strings.regex_full_match(self._texts, "(?s: .*)")
        # What may follow nothing, a space, and the beginning of a word.
        self._first = is_piece & (is_word | (self._texts == " "))
        self._after_space = is_piece & is_word & ~has_space
        # A word of `words` is whole.
        self._whole = vocabulary.unit == "words"
        self._inside = tf.zeros_like(is_word) if self._whole else self._after_space
        self._outside = ~self._inside & (ids != PAD_ID) & (ids != START_ID)

    def __call__(self, texts):
        """Complete texts.

        Args:
            texts: string (batch,).

        Returns:
            Words, string (batch, count), the most likely first, empty where there are none; and their probabilities,
            float32 (batch, count), given the text, the beginning of the word included.
        """
        spec = tf.TensorSpec([self.count], tf.string), tf.TensorSpec([self.count], tf.float32)
        return tf.map_fn(self._complete, texts, fn_output_signature=spec, parallel_iterations=1)

    def _complete(self, text):
        context, typed = _split(text)
        states = [tf.broadcast_to(state, [BEAM, state.shape[-1]]) for state in self._start(context[None])]
        beam = Beam(
            words=tf.fill([BEAM], ""),
            # All are equal at first, so all but one must lose.
            scores=tf.where(tf.range(BEAM) == 0, 0.0, _NEVER),
            covers=tf.fill([BEAM], typed == ""),
            states=states,
        )
        candidates = 4 * self.count
        found = Found(
            words=tf.fill([candidates], ""),
            scores=tf.fill([candidates], _NEVER),
            typed=tf.where(typed == "", 0.0, _NEVER),
        )

        def extend(time, beam, found):
            steps = tf.nn.log_softmax(self.model.next_logits(list(beam.states)))
            found = self._end_words(beam, found, steps)
            totals = tf.where(self._allowed(beam.words), beam.scores[:, None] + steps, _NEVER)
            texts = self._longer(beam, typed)
            reaches = tf.strings.substr(texts, 0, tf.strings.length(typed)) == typed
            now = ~beam.covers[:, None] & reaches & (beam.scores[:, None] > _NEVER / 2)
            # Whatever follows, this is how likely the model finds what was typed.
            mass = tf.reduce_logsumexp(tf.where(now, beam.scores[:, None] + steps, _NEVER))
            found = found._replace(typed=tf.reduce_logsumexp([found.typed, mass]))
            covers = beam.covers[:, None] | reaches
            totals = tf.where(covers | _is_prefix(texts, typed), totals, _NEVER)
            return time + 1, self._choose(beam, totals, covers), found

        def unfinished(time, beam, found):
            # No word can become more likely than its beginning is.
            best = beam.scores[0]
            return (time < MAX_TOKENS + MAX_TYPED) & (best > found.scores[self.count - 1]) & (best > _LOWEST)

        _, _, found = tf.while_loop(unfinished, extend, (0, beam, found))
        # The same word may have been found in several pieces.
        words, index = tf.unique(tf.strings.strip(found.words))
        probabilities = tf.math.unsorted_segment_sum(tf.exp(found.scores - found.typed), index, tf.size(words))
        probabilities = tf.where(words == "", 0.0, probabilities)
        probabilities = tf.concat([probabilities, tf.zeros([self.count])], 0)
        probabilities, best = tf.math.top_k(probabilities, self.count)
        words = tf.gather(tf.concat([words, tf.fill([self.count], "")], 0), best)
        return tf.where(probabilities > 0, words, ""), probabilities

    def _end_words(self, beam, found, steps):
        """Add the words that may end here: with the probability of anything that does not continue them."""
        ends = tf.reduce_logsumexp(tf.where(self._outside, steps, _NEVER), axis=1)
        scores = beam.scores if self._whole else beam.scores + ends
        scores = tf.where(beam.covers & _has_begun(beam.words), scores, _NEVER)
        scores, best = tf.math.top_k(tf.concat([found.scores, scores], 0), tf.size(found.scores))
        return found._replace(scores=scores, words=tf.gather(tf.concat([found.words, beam.words], 0), best))

    def _allowed(self, words):
        """Return which tokens may follow words that are not complete, bool (beam, vocabulary_size)."""
        empty = tf.where((words == " ")[:, None], self._after_space[None], self._first[None])
        return tf.where(_has_begun(words)[:, None], self._inside[None], empty)

    def _longer(self, beam, typed):
        """Return the words with each token behind them, string (beam, vocabulary_size).

        What was typed stands for all of them once all words begin with it, because joining strings is slow.
        """
        size = tf.size(self._texts)
        return tf.cond(
            tf.reduce_all(beam.covers | (beam.scores <= _NEVER / 2)),
            lambda: tf.fill([BEAM, size], typed),
            lambda: tf.strings.join([tf.repeat(beam.words[:, None], size, 1), tf.repeat(self._texts[None], BEAM, 0)]),
        )

    def _choose(self, beam, totals, covers):
        """Return the beam of the best tokens."""
        scores, best = tf.math.top_k(tf.reshape(totals, [-1]), BEAM)
        size = tf.shape(totals)[1]
        parents, tokens = best // size, best % size
        return Beam(
            words=tf.strings.join([tf.gather(beam.words, parents), tf.gather(self._texts, tokens)]),
            scores=scores,
            covers=tf.gather(tf.reshape(covers, [-1]), best),
            states=self.model.step(tokens, [tf.gather(state, parents) for state in beam.states]),
        )


def _split(text):
    """Return what is before the word that is being typed, and the word with the space before it."""
    context = tf.strings.regex_replace(text, f" ?{_WORD}*$", "")
    is_long = tf.strings.length(text) - tf.strings.length(context) > MAX_TYPED
    context = tf.where(is_long, text, context)
    return context, tf.strings.substr(text, tf.strings.length(context), -1)


def _has_begun(words):
    return ~((words == "") | (words == " "))


def _is_prefix(texts, typed):
    """Return where texts are what a string begins with."""
    lengths = tf.reshape(tf.strings.length(texts), [-1])
    beginnings = tf.strings.substr(tf.fill(tf.shape(lengths), typed), tf.zeros_like(lengths), lengths)
    return tf.reshape(beginnings, tf.shape(texts)) == texts
