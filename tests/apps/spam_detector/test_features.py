"""Features of tokens."""

import tensorflow as tf

from apps.spam_detector.data import subword_features


def features(token, widths=(2, 3)):
    return [feature.decode() for feature in subword_features(tf.constant([token]), widths).to_list()[0]]


def test_features_are_the_token_its_shape_and_its_ngrams():
    assert features("Cat") == ["=cat", "#Xx", " c", "ca", "at", "t ", " ca", "cat", "at "]
    assert features("£") == ["=£", "#£", " £", "£ ", " £ "]
    assert features("éa", (3,)) == ["=éa", "#x", " éa", "éa "]


def test_shapes_tell_shouting_and_the_length_of_numbers():
    assert [features(token)[1] for token in ("I", "FREE", "Free", "free", "87121", "ÉTÉ")] == [
        "#X", "#XX", "#Xx", "#x", "#00000", "#XX"
    ]  # fmt: skip
