"""Tokens and subwords."""

import tensorflow as tf

from apps.common.text import split_tokens, subword_features


def tokens(text, max_tokens=100, max_characters=1000):
    row = split_tokens([text], max_tokens, max_characters).to_list()[0]
    return [token.decode() for token in row]


def features(token, widths=(2, 3)):
    return [feature.decode() for feature in subword_features(tf.constant([token]), widths).to_list()[0]]


def test_words_numbers_and_marks_are_parted():
    assert tokens("Free £100 cash!! txt V1AGRA") == ["Free", "£", "100", "cash", "!", "!", "txt", "V", "1", "AGRA"]
    assert tokens("don't\u00a0naïve\u2028x\0y  ") == ["don", "'", "t", "naïve", "x", "y"]
    assert tokens("ñandú 日本 😀😀") == ["ñandú", "日本", "😀", "😀"]
    assert tokens("e\u0301te\u0301") == ["e\u0301te\u0301"], "a combining accent stays on its letter"


def test_length_is_bounded():
    assert tokens("a b c d", max_tokens=3) == ["a", "b", "c"]
    assert tokens("éé éé", max_characters=4) == ["éé", "é"]


def test_nothing_gives_one_empty_token():
    assert tokens("") == tokens(" \n\u2028\0") == [""]


def test_bytes_that_are_not_utf8_are_replaced():
    row = split_tokens(tf.constant([b"a\xffb"]), 9, 9).to_list()[0]
    assert b"".join(row).decode() == "a\ufffdb"


def test_features_are_the_token_its_shape_and_its_ngrams():
    assert features("Cat") == ["=cat", "#Xx", " c", "ca", "at", "t ", " ca", "cat", "at "]
    assert features("£") == ["=£", "#£", " £", "£ ", " £ "]
    assert features("éa", (3,)) == ["=éa", "#x", " éa", "éa "]


def test_shapes_tell_shouting_and_the_length_of_numbers():
    assert [features(token)[1] for token in ("I", "FREE", "Free", "free", "87121", "ÉTÉ")] == [
        "#X", "#XX", "#Xx", "#x", "#00000", "#XX"
    ]  # fmt: skip
