"""Text into tokens and subwords, with TensorFlow's own operations, so that an exported model can do it too."""

import tensorflow as tf

# Letters with their accents, digits, or any one other visible character.
_TOKEN = r"([\p{L}\p{M}]+|\p{N}+|[^\p{L}\p{M}\p{N}\p{Z}\p{C}])"


def split_tokens(texts, max_tokens, max_characters):
    """Cuts each text into words, numbers and single marks.

    Args:
        texts: string (batch,), UTF-8; bytes that are not become U+FFFD.
        max_tokens: tokens kept of a text, from its start.
        max_characters: characters looked at, so that no text costs more than a long one.

    Returns:
        Ragged string (batch, tokens), case kept. A text with nothing in it gives one empty token.
    """
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    texts = tf.strings.substr(texts, 0, max_characters, unit="UTF8_CHAR")
    texts = tf.strings.regex_replace(texts, _TOKEN, r" \1 ")
    texts = tf.strings.regex_replace(texts, r"[\p{Z}\p{C}]+", " ")
    return tf.strings.split(tf.strings.strip(texts), " ")[:, :max_tokens]


def subword_features(tokens, widths):
    """Describes each token by its parts, so that a word never seen still resembles its kin.

    After fastText (Bojanowski et al., "Enriching Word Vectors with Subword Information", TACL 2017,
    section 3.2), with the token's shape added.

    Args:
        tokens: string (tokens,) as `split_tokens` cuts them.
        widths: lengths of the character n-grams.

    Returns:
        Ragged string (tokens, features): `=` and the lower-cased token; `#` and its shape, with X for a
        capital, x for small letters, 0 for each digit; then the n-grams of the lower-cased token between
        two spaces, in the order of `widths`.
    """
    lower = tf.strings.lower(tokens, encoding="utf-8")
    shape = tf.strings.regex_replace(tokens, r"[\p{Ll}\p{Lt}\p{Lm}\p{Lo}\p{M}]+", "x")
    shape = tf.strings.regex_replace(shape, r"\p{Lu}", "X")
    shape = tf.strings.regex_replace(shape, "XX+", "XX")
    shape = tf.strings.regex_replace(shape, r"\p{N}", "0")
    whole = tf.stack([tf.strings.join(["=", lower]), tf.strings.join(["#", shape])], axis=1)
    characters = tf.strings.unicode_split(tf.strings.join([" ", lower, " "]), "UTF-8")
    ngrams = tf.strings.ngrams(characters, tuple(widths), separator="")
    return tf.concat([tf.RaggedTensor.from_tensor(whole), ngrams], axis=1)
