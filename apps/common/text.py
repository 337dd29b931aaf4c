"""Split text into tokens and subwords, with TensorFlow's own operations, so that an exported model can do it, too."""

import io
import unicodedata
from collections.abc import Iterable

import tensorflow as tf

# Letters with their accents, digits, or any one other visible character.
_TOKEN = r"([\p{L}\p{M}]+|\p{N}+|[^\p{L}\p{M}\p{N}\p{Z}\p{C}])"


def split_tokens(texts: tf.Tensor, max_tokens: int, max_characters: int) -> tf.RaggedTensor:
    """Split texts into words, numbers and single other characters.

    Args:
        texts: string (batch,), UTF-8; invalid bytes become U+FFFD.
        max_tokens: number of tokens to return of a text, from its start.
        max_characters: number of characters to read of a text, from its start, which bounds the cost.

    Returns:
        Ragged string (batch, tokens), in the case of the text. An empty text gives one empty token.
    """
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    texts = tf.strings.substr(texts, 0, max_characters, unit="UTF8_CHAR")
    texts = tf.strings.regex_replace(texts, _TOKEN, r" \1 ")
    texts = tf.strings.regex_replace(texts, r"[\p{Z}\p{C}]+", " ")
    return tf.strings.split(tf.strings.strip(texts), " ")[:, :max_tokens]


# Replaces a space in pieces, as in sentencepiece, so that joined pieces are the text.
SPACE = "\u2581"
_LONGEST_PIECE = 16
# Soft hyphens and marks of width and direction, without the joiners that some scripts need.
_INVISIBLE = r"[\x{AD}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}\x{2066}-\x{2069}\x{FEFF}]"
SPECIAL_PIECES = ("<pad>", "<unknown>", "<start>", "<end>")
PAD_ID, UNKNOWN_ID, START_ID, END_ID = range(4)


class Subwords(tf.Module):
    """Encode texts as ids of subwords, and decode them, with TensorFlow's own operations.

    sentencepiece chooses the pieces by byte-pair encoding (Sennrich, Haddow and Birch, ACL 2016). A text is split by
    taking the longest piece each time, which does as well as applying the merges (Uzan et al., "Greed is All You Need:
    An Evaluation of Tokenizer Inference Methods", ACL 2024) and needs no custom operation. Case, accents and marks are
    kept. Accents that follow their letter are joined to it; runs of spaces and control characters become one space.

    Args:
        pieces: strings, as `fit` chooses them; their ids count from 4. Ids 0 to 3 are padding, unknown, start and end.
    """

    def __init__(self, pieces: Iterable[str]):
        super().__init__()
        self.pieces = list(pieces)
        # Without the special pieces, so that no text can contain them.
        self._ids = _table(dict(zip(self.pieces, range(4, self.vocabulary_size), strict=True)), tf.int32, -1)
        self._accents = _table(_accented(), tf.string, "")
        self._strings = tf.constant(["", "", "", "", *self.pieces])

    @classmethod
    def fit(cls, texts: Iterable[str], vocabulary_size: int) -> "Subwords":
        """Choose the pieces from texts, which must be training texts only.

        Args:
            texts: strings.
            vocabulary_size: largest number of pieces, with the four special ones.

        Raises:
            ValueError: the texts have more different characters than `vocabulary_size` allows.
        """
        # Only needed to train.
        import sentencepiece

        # A table cannot be empty.
        normalized = cls([SPACE])._normalized(list(texts)).numpy()
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=(text.decode() for text in normalized),
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
        return cls([chosen.id_to_piece(index) for index in range(4, chosen.vocab_size())])

    @property
    def vocabulary_size(self) -> int:
        """Number of pieces, with the four special ones."""
        return 4 + len(self.pieces)

    def encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Return the ids of texts.

        Args:
            texts: string (batch,), UTF-8.

        Returns:
            Ragged int32 (batch, time). A character that is in no piece gives one unknown id.
        """
        characters, ids, starts = self._cut(texts)
        return tf.ragged.boolean_mask(characters.with_flat_values(ids), characters.with_flat_values(starts))

    def split(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Return the pieces of texts as they are in them, ragged string (batch, time), one for each id of `encode`."""
        characters, _, starts = self._cut(texts)
        number = tf.cumsum(tf.cast(starts, tf.int32)) - 1
        pieces = tf.strings.unsorted_segment_join(
            characters.flat_values, number, tf.reduce_sum(tf.cast(starts, tf.int32))
        )
        lengths = tf.ragged.boolean_mask(characters, characters.with_flat_values(starts)).row_lengths()
        return tf.RaggedTensor.from_row_lengths(pieces, lengths)

    def _cut(self, texts):
        """Return the ragged characters of texts, and of each the id of the longest piece there, and if one starts."""
        characters = self._characters(texts)
        flat = characters.flat_values
        ids = self._ids.lookup(flat)
        lengths = tf.ones_like(ids)
        candidates = flat
        for length in range(2, _LONGEST_PIECE + 1):
            candidates = tf.strings.join([candidates, _shift(flat, length - 1)])
            found = self._ids.lookup(candidates)
            ids = tf.where(found < 0, ids, found)
            lengths = tf.where(found < 0, lengths, length)
        starts = _reachable(tf.equal(flat, SPACE), lengths)
        return characters, tf.where(ids < 0, UNKNOWN_ID, ids), starts

    def names(self, ids: Iterable[int]) -> list[str]:
        """Return a list of the pieces of ids, int (time,); `SPACE` is kept."""
        pieces = [*SPECIAL_PIECES, *self.pieces]
        return [pieces[index] for index in ids]

    def spell(self, ids: tf.Tensor) -> tf.Tensor:
        """Return the pieces of a tensor of ids of any shape, as `names` does; empty strings for padding."""
        return tf.gather(["", *SPECIAL_PIECES[1:], *self.pieces], ids)

    def decode(self, ids: tf.Tensor) -> tf.Tensor:
        """Return the texts, string (batch,), of int (batch, time); special ids anywhere are ignored."""
        text = tf.strings.reduce_join(tf.gather(self._strings, ids), axis=-1)
        return tf.strings.strip(tf.strings.regex_replace(text, SPACE, " "))

    def _characters(self, texts):
        characters = tf.strings.unicode_split(self._with_space_marks(texts), "UTF-8")
        # A letter can carry two accents.
        for _ in range(2):
            flat = characters.flat_values
            joined = self._accents.lookup(tf.strings.join([flat, _shift(flat, 1)]))
            is_joined = tf.not_equal(joined, "")
            kept = tf.concat([[True], tf.logical_not(is_joined)], axis=0)[: tf.size(flat)]
            characters = characters.with_flat_values(tf.where(is_joined, joined, flat))
            characters = tf.ragged.boolean_mask(characters, characters.with_flat_values(kept))
        return characters

    def _normalized(self, texts):
        joined = tf.strings.reduce_join(self._characters(texts), axis=-1)
        return tf.strings.strip(tf.strings.regex_replace(joined, SPACE, " "))

    def _with_space_marks(self, texts):
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        texts = tf.strings.regex_replace(texts, _INVISIBLE, "")
        texts = tf.strings.regex_replace(texts, rf"[\p{{Z}}\p{{Cc}}\p{{Co}}{SPACE}]+", " ")
        texts = tf.strings.regex_replace(tf.strings.strip(texts), r"^(.)", r" \1")
        return tf.strings.regex_replace(texts, " ", SPACE)


def _accented():
    """Map each pair of a letter and an accent to the one character that Unicode has for it."""
    found = {}
    for character in map(chr, range(0xC0, 0x3100)):
        parts = unicodedata.decomposition(character).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            pair = "".join(chr(int(part, 16)) for part in parts)
            if unicodedata.normalize("NFC", pair) == character:
                found[pair] = character
    return found


def _table(values, dtype, default):
    keys = tf.constant(list(values), tf.string)
    initial = tf.lookup.KeyValueTensorInitializer(keys, tf.constant(list(values.values()), dtype))
    return tf.lookup.StaticHashTable(initial, default)


def _shift(characters, count):
    """Return for each index the character `count` later; past the end a space, which is in no piece."""
    ahead = characters[count:]
    return tf.concat([ahead, tf.fill([tf.size(characters) - tf.size(ahead)], " ")], axis=0)


def _reachable(starts, lengths):
    """Return which indices are reached by jumps of `lengths` from `starts`.

    Doubles the jumps in each round, so the number of rounds is the logarithm of the number of jumps.

    Args:
        starts: bool (characters,).
        lengths: int (characters,), length of the jump from each index.

    Returns:
        Bool (characters,).
    """
    count = tf.size(lengths)
    indices = tf.range(count)

    def jump(reached, targets, changed):
        landed = tf.boolean_mask(targets, reached)
        landed = tf.boolean_mask(landed, landed < count)
        new = tf.logical_or(reached, tf.scatter_nd(landed[:, None], tf.ones_like(landed), [count]) > 0)
        farther = tf.gather(tf.concat([targets, [count]], axis=0), tf.minimum(targets, count))
        return new, farther, tf.reduce_any(tf.not_equal(new, reached))

    initial = starts, tf.minimum(indices + lengths, count), tf.constant(True)
    return tf.while_loop(lambda reached, targets, changed: changed, jump, initial)[0]
