"""Tokens and subwords."""

import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given, settings, strategies

from apps.common.text import END_ID, PAD_ID, START_ID, UNKNOWN_ID, Subwords, split_tokens


def tokens(text, max_tokens=100, max_characters=1000):
    row = split_tokens([text], max_tokens, max_characters).to_list()[0]
    return [token.decode() for token in row]


def test_words_numbers_and_marks_are_split():
    assert tokens("Free £100 cash!! txt V1AGRA") == ["Free", "£", "100", "cash", "!", "!", "txt", "V", "1", "AGRA"]
    assert tokens("don't\u00a0naïve\u2028x\0y  ") == ["don", "'", "t", "naïve", "x", "y"]
    assert tokens("ñandú 日本 😀😀") == ["ñandú", "日本", "😀", "😀"]
    assert tokens("e\u0301te\u0301") == ["e\u0301te\u0301"], "a combining accent stays on its letter"


def test_length_is_bounded():
    assert tokens("a b c d", max_tokens=3) == ["a", "b", "c"]
    assert tokens("éé éé", max_characters=4) == ["éé", "é"]


def test_empty_text_gives_one_empty_token():
    assert tokens("") == tokens(" \n\u2028\0") == [""]


def test_bytes_that_are_not_utf8_are_replaced():
    row = split_tokens(tf.constant([b"a\xffb"]), 9, 9).to_list()[0]
    assert b"".join(row).decode() == "a\ufffdb"


SENTENCES = [
    "Ein Mann schläft auf dem Sofa.",
    "Eine Frau, die schläft, trägt 12 rote Äpfel.",
    "Der Mann trägt eine Frau; die Äpfel sind rot!",
    "Die Männer tragen 21 Äpfel, sehr schön.",
]


@pytest.fixture(scope="module")
def subwords():
    return Subwords.fit(SENTENCES, 80)


def pieces_of(subwords, text):
    return subwords.names(subwords.encode([text]).to_list()[0])


def test_decoding_gives_the_text(subwords):
    ids = subwords.encode(SENTENCES)
    assert [text.decode() for text in subwords.decode(ids.to_tensor()).numpy()] == SENTENCES
    assert (ids.flat_values.numpy() > UNKNOWN_ID).all()
    assert (ids.row_lengths().numpy() < [len(text) for text in SENTENCES]).all()
    assert subwords.vocabulary_size == 80


def test_special_ids_are_fixed(subwords):
    assert (PAD_ID, UNKNOWN_ID, START_ID, END_ID) == (0, 1, 2, 3)
    assert subwords.names(range(4)) == ["<pad>", "<unknown>", "<start>", "<end>"]
    assert subwords.decode([[2, *subwords.encode(["Mann"]).to_list()[0], 3, 0, 0]]).numpy() == [b"Mann"]
    for special in ("<end>", "<start>", "<pad>"):
        assert not {PAD_ID, START_ID, END_ID} & set(subwords.encode([special]).to_list()[0]), (
            "no text contains special pieces"
        )


def longest_first(pieces, text):
    """Split a text one piece after another."""
    found = []
    for word in ["\u2581" + word for word in text.split()]:
        while word:
            piece = next((p for p in sorted(pieces, key=len, reverse=True) if word.startswith(p)), None)
            found.append(piece or "<unknown>")
            word = word[len(piece) if piece else 1 :]
    return found


@settings(max_examples=60, deadline=None)
@given(text=strategies.text(alphabet="MäanrtÄpfelschiu 12,.xß\u2581", max_size=60))
def test_longest_piece_is_taken_each_time(subwords, text):
    text = text.replace("\u2581", " ")
    assert pieces_of(subwords, text) == longest_first(subwords.pieces, text)


def test_texts_of_a_batch_are_encoded_as_each_alone(subwords):
    texts = ["", *SENTENCES, " ", "Mann" * 50, "日本"]
    together = subwords.encode(texts).to_list()
    assert together == [subwords.encode([text]).to_list()[0] for text in texts]
    assert together[0] == together[5] == []
    assert subwords.encode([]).to_list() == []


def test_accents_control_characters_and_spaces_are_normalized(subwords):
    plain = pieces_of(subwords, "Männer tragen Äpfel")
    assert "<unknown>" not in plain
    for text in (
        "Ma\u0308nner tragen A\u0308pfel",
        "  Männer\u00a0tragen\t\n\0Äpfel ",
        "Män\u00adner \ufefftragen Äpfel",
    ):
        assert pieces_of(subwords, text) == plain


def test_two_accents_on_a_letter_become_one_character():
    vietnamese = Subwords.fit(["Việt ế ngữ"] * 3, 30)
    for text in ("Việt ế", unicodedata.normalize("NFD", "Việt ế")):
        ids = vietnamese.encode([text])
        assert UNKNOWN_ID not in ids.to_list()[0]
        assert vietnamese.decode(ids.to_tensor()).numpy()[0].decode() == unicodedata.normalize("NFC", text)


def test_each_unknown_character_gives_one_unknown_id(subwords):
    assert pieces_of(subwords, "日本 Mann") == ["\u2581", "<unknown>", "<unknown>", *pieces_of(subwords, "Mann")]


def test_digits_are_pieces_of_their_own(subwords):
    assert [piece for piece in subwords.pieces if sum(c.isdigit() for c in piece) > 1] == []


def test_too_few_pieces_for_the_characters_are_refused():
    with pytest.raises(ValueError, match="Vocabulary size"):
        Subwords.fit(["abcdefghijklmnopqrstuvwxyz"], 10)
