"""Split questions by their stories, encode stories sentence by sentence, and make batches for training."""

import dataclasses

import numpy as np
import tensorflow as tf

from ..common.buckets import bucketed, lengths_to_pad_to
from ..common.cli import UserError
from ..common.splits import hold_out
from ..common.text import UNKNOWN_ID
from ..common.vocabularies import Vocabulary
from ..common.words import counted, listed
from .babi import BLANK

# Sentences of the shortest batch.
_FIRST_LENGTH = 8


def split_examples(examples, config):
    """Split into train, validation and test: all questions about a story together, tasks in the same proportions.

    What the data itself names as test or validation questions is that.

    Returns:
        Dict of Examples; `test` is empty if `test_fraction` is 0.

    Raises:
        UserError: a split is empty.
    """
    questions = examples.questions
    named = np.array([each.split or "train" for each in questions])
    groups, tasks = (_numbers(values) for values in ([q.group for q in questions], [q.task for q in questions]))
    splits = {name: np.flatnonzero(named == name) for name in ("train", "validation", "test")}
    rest, fraction = splits["train"], config.validation_fraction
    if not len(splits["test"]):
        rest, splits["test"] = hold_out(rest, groups, config.test_fraction, config.seed, tasks, rare=True)
        fraction /= 1 - config.test_fraction
    if not len(splits["validation"]):
        rest, splits["validation"] = hold_out(rest, groups, fraction, config.seed, tasks, rare=True)
    splits["train"] = rest
    for name, rows in splits.items():
        if not len(rows) and not (name == "test" and config.test_fraction == 0):
            raise UserError(
                f"{examples.summary.name}: too few stories to split: {counted(len(questions), 'question')} leave no "
                f"{name} questions; give more"
            )
    return {name: examples.take(rows) for name, rows in splits.items()}


def _numbers(values):
    ids = {value: index for index, value in enumerate(dict.fromkeys(values))}
    return np.array([ids[value] for value in values])


@dataclasses.dataclass(frozen=True)
class Answers:
    """The answers that a network can give, each a class, whatever their case.

    Attributes:
        names: list of strings.
    """

    names: list[str]

    @classmethod
    def fit(cls, questions):
        """Return the answers of training questions."""
        first = {}
        for each in questions:
            first.setdefault(each.answer.casefold(), each.answer)
        return cls([first[key] for key in sorted(first)])

    def indices(self, questions):
        """Return the class of the answer of each question, int32 (questions,); -1 for one that is not known."""
        known = {name.casefold(): index for index, name in enumerate(self.names)}
        return np.array([known.get(each.answer.casefold(), -1) for each in questions], "int32")


class Encoder(tf.Module):
    """Encode stories and questions as ids of words, in TensorFlow's operations.

    Words are compared without case; marks and signs separate them.

    Args:
        vocabulary: a `Vocabulary` of words.
        max_words: words of a sentence; what follows is not read.
        max_sentences: sentences of a story, the last ones; None for all.
    """

    def __init__(self, vocabulary, max_words, max_sentences=None):
        super().__init__()
        self.vocabulary, self.max_words, self.max_sentences = vocabulary, max_words, max_sentences

    @classmethod
    def fit(cls, questions, config):
        """Choose the vocabulary from training questions."""
        texts = dict.fromkeys(sentence for each in questions for sentence in (*each.story, each.question))
        counts = {}
        for each in questions:
            for sentence in (*each.story, each.question):
                counts[sentence] = counts.get(sentence, 0) + 1
        cleaned = cls.clean(tf.constant(list(texts))).numpy()
        # A sentence that occurs often counts as often, up to what `min_count` can ask for.
        repeated = (
            text.decode()
            for text, sentence in zip(cleaned, texts, strict=True)
            for _ in range(min(counts[sentence], config.min_count))
        )
        vocabulary = Vocabulary.fit("words", repeated, None, config.min_count)
        longest = int(tf.reduce_max(vocabulary.encode(cleaned).row_lengths()))
        return cls(vocabulary, min(config.max_words, longest), config.max_sentences)

    @staticmethod
    def clean(texts):
        """Return texts, string (batch,), in small letters, with a space before every word and nothing else."""
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        texts = tf.strings.lower(texts, encoding="utf-8")
        texts = tf.strings.strip(tf.strings.regex_replace(texts, r"[^\p{L}\p{M}\p{N}]+", " "))
        return tf.strings.regex_replace(texts, r"^(.)", r" \1")

    def sentences(self, stories):
        """Split stories, string (batch,), into ragged sentences, (batch, sentences), as `babi.split_sentences` does."""
        marked = tf.strings.regex_replace(stories, rf"([.!?])[{BLANK}]+", "\\1\n")
        found = tf.strings.strip(tf.strings.split(tf.strings.regex_replace(marked, r"[\r\n]+", "\n"), "\n"))
        found = tf.ragged.boolean_mask(found, tf.not_equal(found, ""))
        return found if self.max_sentences is None else found[:, -self.max_sentences :]

    def __call__(self, texts):
        """Return the words of texts, string (batch,), as int32 (batch, max_words), 0 for padding."""
        ids = self.vocabulary.encode(self.clean(texts))[:, : self.max_words]
        return ids.to_tensor(0, shape=[None, self.max_words])

    def stories(self, stories):
        """Return the words of stories, string (batch,), and their sentences, padded before the first.

        Returns:
            Int32 (batch, sentences, max_words), 0 for padding, and string (batch, sentences), "" for padding.
        """
        sentences = self.sentences(stories)
        ids = sentences.with_flat_values(tf.cast(self(sentences.flat_values), tf.int32))
        # A recurrent layer needs a step, even of an empty batch.
        shape = tf.maximum(sentences.bounding_shape(), [0, 1])
        dense = tf.reverse(ids, [1]).to_tensor(0, shape=[shape[0], shape[1], self.max_words])
        texts = tf.reverse(sentences, [1]).to_tensor("", shape=shape)
        return tf.ensure_shape(tf.reverse(dense, [1]), [None, None, self.max_words]), tf.reverse(texts, [1])

    def unknown(self, texts):
        """Return the words of a list of texts that are not in the vocabulary, a list of strings."""
        pieces, ids = (
            part(self.clean(tf.constant(texts, tf.string))) for part in (self.vocabulary.split, self.vocabulary.encode)
        )
        found = tf.boolean_mask(pieces.flat_values, ids.flat_values == UNKNOWN_ID).numpy()
        return list(dict.fromkeys(word.decode().strip() for word in found))


def make_dataset(questions, labels, encoder, config, epochs=None):
    """Make batches of stories of similar length, padded to few lengths, each of which is compiled.

    Padding is before the first sentence, so that the questions of all stories of a batch are in the same step.

    Args:
        questions: list of `Question`s.
        labels: int32 (questions,), classes of the answers.
        encoder: an `Encoder`.
        config: a `Config`.
        epochs: range of epochs. The order of each depends only on the seed and the epoch, so a resumed training sees
            the same batches. None gives the questions once, in their order.

    Returns:
        A tf.data.Dataset of inputs, see `QuestionAnswerer`, and int32 (batch,), with the same number of batches in
        every epoch.
    """
    sentences = [sentence for each in questions for sentence in reversed(each.story)]
    lengths = np.array([len(each.story) for each in questions])
    # Every sentence is encoded once, however often it occurs.
    texts = dict.fromkeys([*sentences, *(each.question for each in questions)])
    at = {text: index for index, text in enumerate(texts)}
    ids = encoder(tf.constant(list(texts)))
    story = tf.gather(ids, np.array([at[sentence] for sentence in sentences]))
    parts = (
        tf.RaggedTensor.from_row_lengths(story, lengths),
        tf.gather(ids, np.array([at[each.question] for each in questions])),
        tf.constant(labels),
    )
    edges = lengths_to_pad_to(lengths.max(), _FIRST_LENGTH)
    batches = bucketed(parts, lengths, edges, config.batch_size, config.seed, epochs)

    def inputs(reversed_story, question, labels):
        return {"story": tf.reverse(reversed_story, [1]), "question": question}, labels

    return batches.map(inputs, tf.data.AUTOTUNE)


def without_unknown(questions, answers, what):
    """Return questions whose answers are known, and print which are left out."""
    labels = answers.indices(questions)
    lost = sorted({each.answer for each, label in zip(questions, labels, strict=True) if label < 0})
    if lost:
        count = int(np.sum(labels < 0))
        print(f"{counted(count, f'{what} question')} left out, whose answers do not occur in training: {listed(lost)}")
    return [each for each, label in zip(questions, labels, strict=True) if label >= 0], labels[labels >= 0]
