"""Text into tokens and subwords, with TensorFlow's own operations, so that an exported model can do it too."""

import io
import unicodedata

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


# What sentencepiece puts in the place of a space, so that pieces joined again are the text.
SPACE = "\u2581"
_LONGEST_PIECE = 16
# Soft hyphens and marks of width and direction. The joiners that some scripts write with are not among them.
_INVISIBLE = r"[\x{AD}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}\x{2066}-\x{2069}\x{FEFF}]"
SPECIAL_PIECES = ("<pad>", "<unknown>", "<start>", "<end>")
PAD_ID, UNKNOWN_ID, START_ID, END_ID = range(4)


class Subwords(tf.Module):
    """Text to numbers of subwords and back, in TensorFlow's own operations.

    The pieces are chosen by sentencepiece (byte-pair encoding: Sennrich, Haddow and Birch, ACL 2016); a text is cut by
    taking the longest piece each time, which does as well as undoing the merges (Uzan et al., "Greed is All You
    Need: An Evaluation of Tokenizer Inference Methods", ACL 2024) and needs no operation that TensorFlow has not.
    Case, accents and marks are kept. Accents that follow their letter are joined to it, runs of spaces and control
    characters become one space.

    Args:
        pieces: as `fit` found them, numbered from 4 on; 0 to 3 are padding, unknown, start and end.
    """

    def __init__(self, pieces):
        super().__init__()
        self.pieces = list(pieces)
        # Not the special ones: a text cannot spell them.
        self._numbers = _table(dict(zip(self.pieces, range(4, self.vocabulary_size), strict=True)), tf.int32, -1)
        self._accents = _table(_accented(), tf.string, "")
        self._strings = tf.constant(["", "", "", "", *self.pieces])

    @classmethod
    def fit(cls, texts, vocabulary_size):
        """Chooses at most `vocabulary_size` pieces, with the four special ones. The texts must be training texts alone.

        Raises:
            ValueError: more characters than pieces.
        """
        # Needed to train alone.
        import sentencepiece

        # A table cannot be empty.
        normalised = cls([SPACE])._normalised(list(texts)).numpy()
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=(text.decode() for text in normalised),
                model_writer=model,
                model_type="bpe",
                vocab_size=vocabulary_size,
                hard_vocab_limit=False,
                character_coverage=1.0,
                normalization_rule_name="identity",
                max_sentencepiece_length=_LONGEST_PIECE,
                max_sentence_length=1 << 20,
                split_digits=True,
                pad_id=PAD_ID,
                unk_id=UNKNOWN_ID,
                bos_id=START_ID,
                eos_id=END_ID,
                num_threads=1,
                minloglevel=2,
            )
        except RuntimeError as error:
            raise ValueError(str(error).strip().splitlines()[-1]) from error
        chosen = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        return cls([chosen.id_to_piece(number) for number in range(4, chosen.vocab_size())])

    @property
    def vocabulary_size(self):
        """Pieces with the four special ones."""
        return 4 + len(self.pieces)

    def encode(self, texts):
        """Strings (batch,), UTF-8 -> ragged int32 (batch, time). A character in no piece gives one unknown."""
        characters = self._characters(texts)
        flat = characters.flat_values
        numbers = self._numbers.lookup(flat)
        lengths = tf.ones_like(numbers)
        grown = flat
        for length in range(2, _LONGEST_PIECE + 1):
            grown = tf.strings.join([grown, _shifted(flat, length - 1)])
            found = self._numbers.lookup(grown)
            numbers = tf.where(found < 0, numbers, found)
            lengths = tf.where(found < 0, lengths, length)
        begins = _reached(tf.equal(flat, SPACE), lengths)
        numbers = tf.where(numbers < 0, UNKNOWN_ID, numbers)
        return tf.ragged.boolean_mask(characters.with_flat_values(numbers), characters.with_flat_values(begins))

    def names(self, numbers):
        """The pieces of int (time,), with the mark of a space where they begin with one."""
        pieces = [*SPECIAL_PIECES, *self.pieces]
        return [pieces[number] for number in numbers]

    def spell(self, numbers):
        """As `names`, of a tensor of any shape; nothing for the padding."""
        return tf.gather(["", *SPECIAL_PIECES[1:], *self.pieces], numbers)

    def decode(self, numbers):
        """Int (batch, time), padded or ended anyhow -> strings (batch,)."""
        text = tf.strings.reduce_join(tf.gather(self._strings, numbers), axis=-1)
        return tf.strings.strip(tf.strings.regex_replace(text, SPACE, " "))

    def _characters(self, texts):
        characters = tf.strings.unicode_split(self._marked(texts), "UTF-8")
        # A letter can carry two accents.
        for _ in range(2):
            flat = characters.flat_values
            joined = self._accents.lookup(tf.strings.join([flat, _shifted(flat, 1)]))
            is_joined = tf.not_equal(joined, "")
            kept = tf.concat([[True], tf.logical_not(is_joined)], axis=0)[: tf.size(flat)]
            characters = characters.with_flat_values(tf.where(is_joined, joined, flat))
            characters = tf.ragged.boolean_mask(characters, characters.with_flat_values(kept))
        return characters

    def _normalised(self, texts):
        joined = tf.strings.reduce_join(self._characters(texts), axis=-1)
        return tf.strings.strip(tf.strings.regex_replace(joined, SPACE, " "))

    def _marked(self, texts):
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        texts = tf.strings.regex_replace(texts, _INVISIBLE, "")
        texts = tf.strings.regex_replace(texts, rf"[\p{{Z}}\p{{Cc}}\p{{Co}}{SPACE}]+", " ")
        texts = tf.strings.regex_replace(tf.strings.strip(texts), r"^(.)", r" \1")
        return tf.strings.regex_replace(texts, " ", SPACE)


def _accented():
    """Every letter and accent that Unicode has as one character too: the two -> the one."""
    found = {}
    for one in map(chr, range(0xC0, 0x3100)):
        parts = unicodedata.decomposition(one).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            pair = "".join(chr(int(part, 16)) for part in parts)
            if unicodedata.normalize("NFC", pair) == one:
                found[pair] = one
    return found


def _table(values, dtype, default):
    keys = tf.constant(list(values), tf.string)
    initial = tf.lookup.KeyValueTensorInitializer(keys, tf.constant(list(values.values()), dtype))
    return tf.lookup.StaticHashTable(initial, default)


def _shifted(characters, count):
    """Each place's character `count` places later; a space, which is in no piece, past the end."""
    ahead = characters[count:]
    return tf.concat([ahead, tf.fill([tf.size(characters) - tf.size(ahead)], " ")], axis=0)


def _reached(starts, lengths):
    """The places that jumps of these lengths come by from the starts, in as many rounds as the jumps' logarithm."""
    count = tf.size(lengths)
    places = tf.range(count)

    def more(reached, ahead, changed):
        landed = tf.boolean_mask(ahead, reached)
        landed = tf.boolean_mask(landed, landed < count)
        new = tf.logical_or(reached, tf.scatter_nd(landed[:, None], tf.ones_like(landed), [count]) > 0)
        further = tf.gather(tf.concat([ahead, [count]], axis=0), tf.minimum(ahead, count))
        return new, further, tf.reduce_any(tf.not_equal(new, reached))

    begin = starts, tf.minimum(places + lengths, count), tf.constant(True)
    return tf.while_loop(lambda reached, ahead, changed: changed, more, begin)[0]
