"""Characters, words and subwords: joined pieces are the text, and any text has ids."""

import pytest
import tensorflow as tf

from apps.common.text import UNKNOWN_ID
from apps.common.vocabularies import Vocabulary, split_words

TEXTS = ["The king's men aren't here,\nthe 12 of them.\n\nThe king\tis naïve!\n"] * 5
WEIRD = ["", " ", "☃", "a\x1fb", "\ufeffx", "\U0001d518", "l'homme", "l\u2019homme", "e\u0301", "\r\n", "x" * 5000]


def fitted(unit):
    return Vocabulary.fit(unit, TEXTS, 90)


@pytest.mark.parametrize("unit", ["characters", "words", "subwords"])
def test_decoded_ids_are_the_text(unit):
    vocabulary = fitted(unit)
    ids = vocabulary.encode(tf.constant(TEXTS[:1])).to_tensor()
    text = vocabulary.decode(ids).numpy()[0].decode()
    # Subwords do not keep tabs, and begin with a space.
    expected = TEXTS[0] if unit != "subwords" else " " + TEXTS[0].replace("\t", " ")
    assert text == expected
    assert vocabulary.size == 4 + len(vocabulary.pieces) == len(vocabulary.texts)
    again = Vocabulary(unit, vocabulary.pieces)
    assert again.encode(tf.constant(TEXTS)).to_list() == vocabulary.encode(tf.constant(TEXTS)).to_list()


@pytest.mark.parametrize("unit", ["characters", "words", "subwords"])
def test_frequent_pieces_come_first(unit):
    vocabulary = fitted(unit)
    ids = vocabulary.encode(tf.constant(TEXTS)).flat_values.numpy().tolist()
    counts = [ids.count(index) for index in range(4, vocabulary.size)]
    assert counts == sorted(counts, reverse=True) and counts[0] > 5


@pytest.mark.parametrize("unit", ["characters", "words", "subwords"])
def test_any_text_has_ids(unit):
    vocabulary = fitted(unit)
    ids = vocabulary.encode(tf.constant(WEIRD))
    assert ids.shape[0] == len(WEIRD)
    flat = ids.flat_values.numpy()
    assert UNKNOWN_ID in flat and flat.min() >= 1 and flat.max() < vocabulary.size
    assert vocabulary.encode(tf.constant([b"\xff\xfe"])).shape[0] == 1
    assert "\ufffd" in vocabulary.decode(ids.to_tensor()).numpy()[2].decode()
    assert vocabulary.encode(tf.constant([], tf.string)).shape[0] == 0


def test_words_have_the_space_before_them():
    words = split_words(tf.constant(["I don't know, 42 l\u2019eau  x_y\n"])).to_list()[0]
    assert [word.decode() for word in words] == [
        "I", " don't", " know", ",", " 42", " l\u2019eau", " ", " x", "_", "y", "\n",
    ]  # fmt: skip


def test_rare_words_are_left_out():
    vocabulary = Vocabulary.fit("words", ["a a a b b c"], 10, min_count=2)
    assert vocabulary.pieces == [" a", " b"]
    assert len(Vocabulary.fit("words", ["a b c d e f g h"], 3).pieces) == 3
