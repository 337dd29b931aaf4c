"""Find the most likely words that continue what is being typed, with TensorFlow's operations, for export.

A word that has been begun is searched from where it begins: the model may know its rest only in other pieces than those
that were typed.
"""

import tensorflow as tf

from ..common.vocabularies import END_ID, PAD_ID, START_ID, UNKNOWN_ID

_WORD = r"[\p{L}\p{M}\p{N}'\x{2019}]"
# Longest beginning of a word that is completed, in bytes; a longer one is a text like any other.
MAX_TYPED = 40
# Longest word, in tokens after what was typed.
MAX_TOKENS = 24
BEAM = 24
_NEVER = -1e9


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
        context = tf.strings.regex_replace(text, f" ?{_WORD}*$", "")
        is_long = tf.strings.length(text) - tf.strings.length(context) > MAX_TYPED
        context = tf.where(is_long, text, context)
        typed = tf.strings.substr(text, tf.strings.length(context), -1)
        states = [tf.broadcast_to(state, [BEAM, state.shape[-1]]) for state in self._start(context[None])]
        size = tf.size(self._texts)
        rows = tf.range(BEAM)
        length = tf.strings.length(typed)

        def extend(time, words, scores, covered, found, found_scores, total, *states):
            steps = tf.nn.log_softmax(self.model.next_logits(list(states)))
            body = tf.strings.length(words) > tf.cast(tf.strings.regex_full_match(words, "(?s: .*)"), tf.int32)
            # Words that may end here: the probability of anything that does not continue them.
            ends = tf.reduce_logsumexp(tf.where(self._outside, steps, _NEVER), axis=1)
            ends = tf.zeros_like(ends) if self._whole else ends
            done = tf.where(covered & body, scores + ends, _NEVER)
            found, found_scores = _best(
                tf.concat([found, words], 0), tf.concat([found_scores, done], 0), tf.size(found)
            )
            totals = scores[:, None] + steps
            allowed = tf.where(
                body[:, None],
                self._inside[None],
                tf.where((words == " ")[:, None], self._after_space[None], self._first[None]),
            )
            # What was typed must be reached first.
            flat = lambda part: tf.reshape(part, [-1])  # noqa: E731
            texts = tf.cond(
                tf.reduce_all(covered | (scores <= _NEVER / 2)),
                lambda: tf.fill([BEAM, size], typed),
                lambda: tf.strings.join([tf.repeat(words[:, None], size, 1), tf.repeat(self._texts[None], BEAM, 0)]),
            )
            reaches = tf.strings.substr(texts, 0, length) == typed
            begins = _is_prefix(texts, typed)
            new = ~covered[:, None] & reaches
            mass = tf.reduce_logsumexp(tf.where(new & (totals > _NEVER / 2), totals, _NEVER))
            total = tf.reduce_logsumexp([total, mass])
            totals = tf.where(allowed & (covered[:, None] | reaches | begins), totals, _NEVER)
            scores, best = tf.math.top_k(flat(totals), BEAM)
            parents, tokens = best // size, best % size
            covered = tf.gather(covered, parents) | tf.gather(flat(reaches), best)
            words = tf.strings.join([tf.gather(words, parents), tf.gather(self._texts, tokens)])
            states = self.model.step(tokens, [tf.gather(state, parents) for state in states])
            return (time + 1, words, scores, covered, found, found_scores, total, *states)

        def unfinished(time, words, scores, covered, found, found_scores, total, *states):
            # No word can become more likely than its beginning is.
            return (time < MAX_TOKENS + MAX_TYPED) & (scores[0] > found_scores[self.count - 1]) & (scores[0] > -50.0)

        is_typed = length == 0
        candidates = 4 * self.count
        start = (
            0,
            tf.fill([BEAM], ""),
            tf.where(rows == 0, 0.0, _NEVER),
            tf.fill([BEAM], is_typed),
            tf.fill([candidates], ""),
            tf.fill([candidates], _NEVER),
            tf.where(is_typed, 0.0, _NEVER),
            *states,
        )
        _, _, _, _, found, scores, total, *_ = tf.while_loop(unfinished, extend, start)
        # The same word may have been found in several pieces.
        words, index = tf.unique(tf.strings.strip(found))
        probabilities = tf.math.unsorted_segment_sum(tf.exp(scores - total), index, tf.size(words))
        probabilities = tf.where(words == "", 0.0, probabilities)
        words = tf.concat([words, tf.fill([self.count], "")], 0)
        probabilities, best = tf.math.top_k(tf.concat([probabilities, tf.zeros([self.count])], 0), self.count)
        return tf.where(probabilities > 0, tf.gather(words, best), ""), probabilities


def _best(words, scores, count):
    scores, best = tf.math.top_k(scores, count)
    return tf.gather(words, best), scores


def _is_prefix(texts, typed):
    """Return where texts are what a string begins with."""
    lengths = tf.strings.length(texts)
    flat = tf.reshape(lengths, [-1])
    beginnings = tf.strings.substr(tf.fill(tf.shape(flat), typed), tf.zeros_like(flat), flat)
    return tf.reshape(beginnings, tf.shape(texts)) == texts
