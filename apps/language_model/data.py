"""Split a corpus, encode it, and cut it into strands of chunks that training reads side by side."""

import hashlib
import tempfile
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..common.cli import UserError
from ..common.text import END_ID, START_ID, UNKNOWN_ID
from ..common.vocabularies import Vocabulary
from ..common.words import counted
from .reading import is_split_by_documents

SPLITS = ("train", "validation", "test")
# Parts of the text, each with a stretch for validation.
STRETCHES = 10
# Characters that are encoded at once.
_AT_ONCE = 1 << 20


def split_blocks(corpus, config):
    """Yield (split, text, starts, ends) for all blocks of a corpus.

    By documents, the hash of its first block decides about a document, so equal documents are in the same split. By
    position, the test text is the end of the corpus, and the validation text are stretches of the rest: the text just
    before the test text is the most like it, and is needed for training. A document that is cut has neither an end
    before nor a start behind the cut.
    """
    split_one = _split_by_documents if is_split_by_documents(corpus.documents, config) else _split_by_position
    return split_one(corpus, config)


def _split_by_documents(corpus, config):
    for block in corpus.blocks():
        if block.starts:
            digest = hashlib.sha256(f"{config.seed}\0{block.text}".encode("utf-8", "surrogatepass")).digest()
            drawn = int.from_bytes(digest[:6], "big") / 2**48 - config.test_fraction
            split = "test" if drawn < 0 else "validation" if drawn < config.validation_fraction else "train"
        yield split, block.text, block.starts, block.ends


def _split_by_position(corpus, config):
    borders = _borders(corpus.characters, config)
    split, border = next(borders)
    position = 0
    for block in corpus.blocks():
        text, starts = block.text, block.starts
        while text:
            part, text = text[: border - position], text[border - position :]
            position += len(part)
            if part:
                yield split, part, starts, block.ends and not text
            starts = False
            if position == border and position < corpus.characters:
                split, border = next(borders)


def _borders(characters, config):
    """Yield (split, where it ends) of the parts of a text, in characters."""
    rest = round((1 - config.test_fraction) * characters)
    share = config.validation_fraction / (1 - config.test_fraction)
    for number in range(STRETCHES):
        yield "validation", round((number + share) / STRETCHES * rest)
        yield "train", round((number + 1) / STRETCHES * rest)
    yield "test", characters


@dataclass(frozen=True)
class Tokens:
    """The ids of the documents of a split, on disk.

    Attributes:
        ids: int (tokens,), each document with a start, and with an end if the corpus has several documents.
        starts: int (documents + 1,), where documents begin in `ids`, and the length of `ids`.
        characters, words, unknown: their numbers in the text.
    """

    ids: np.ndarray
    starts: np.ndarray
    characters: int
    words: int
    unknown: int

    @property
    def predictions(self):
        """Number of tokens to predict: all but the starts."""
        return len(self.ids) - (len(self.starts) - 1)

    def document(self, index):
        """Return the ids of a document with its start."""
        return np.asarray(self.ids[self.starts[index] : self.starts[index + 1]], "int32")


class _TokenFile:
    """Collect the ids of a split in a temporary file."""

    def __init__(self, dtype):
        self.dtype = dtype
        # `tokens` closes it.
        self.file = tempfile.TemporaryFile()  # noqa: SIM115
        self.starts, self.length, self.characters, self.words, self.unknown = [], 0, 0, 0, 0

    def add(self, ids, text, starts, ends):
        if starts:
            self.starts.append(self.length)
            ids = np.concatenate([[START_ID], ids])
        if ends:
            ids = np.concatenate([ids, [END_ID]])
        self.length += len(ids)
        self.characters, self.words = self.characters + len(text), self.words + len(text.split())
        self.unknown += int(np.count_nonzero(ids == UNKNOWN_ID))
        self.file.write(ids.astype(self.dtype).tobytes())

    def tokens(self):
        # The mapping outlives the file, and disappears with the process.
        with self.file as file:
            file.flush()
            ids = np.memmap(file, self.dtype, "r", shape=(self.length,)) if self.length else np.zeros(0, self.dtype)
        starts = np.array([*self.starts, self.length])
        return Tokens(ids, starts, self.characters, self.words, self.unknown)


def encode_corpus(corpus, vocabulary, config=None):
    """Encode a corpus.

    Args:
        corpus: a `Corpus`.
        vocabulary: a `Vocabulary`.
        config: a `Config`, which says how the corpus is split; None makes all of it the test text.

    Returns:
        {split: `Tokens`}.
    """
    dtype = "uint16" if vocabulary.size < 2**16 else "int32"
    files = {split: _TokenFile(dtype) for split in (SPLITS if config else ("test",))}
    waiting, characters, before = [], 0, None

    def flush():
        encoded = vocabulary.encode(tf.constant([text for _, text, _, _ in waiting], tf.string))
        rows = np.split(encoded.flat_values.numpy(), encoded.row_splits.numpy()[1:-1])
        for ids, (split, text, starts, ends) in zip(rows, waiting, strict=True):
            files[split].add(ids, text, starts, ends and corpus.documents > 1)
        waiting.clear()

    whole = (("test", block.text, block.starts, block.ends) for block in corpus.blocks())
    for split, text, starts, ends in split_blocks(corpus, config) if config else whole:
        # What is behind a cut does not follow what is before it.
        waiting.append((split, text, starts or split != before, ends))
        characters, before = characters + len(text), split
        if characters >= _AT_ONCE:
            flush()
            characters = 0
    if waiting:
        flush()
    return {split: file.tokens() for split, file in files.items()}


def fit_vocabulary(corpus, config):
    """Choose the pieces from the training text."""
    texts = (text for split, text, _, _ in split_blocks(corpus, config) if split == "train")
    try:
        return Vocabulary.fit(config.unit, texts, config.vocabulary_size, config.min_count)
    except ValueError as error:
        raise UserError(f"{corpus.name}: cannot choose subwords ({error}); give another --vocabulary-size") from None


def require_enough(corpus, splits, config):
    """Raise `UserError` if there is too little text to train, or to measure, on."""
    least = {"train": config.chunk_length, "validation": 2, "test": 2 if config.test_fraction else 0}
    for name, count in least.items():
        if splits[name].predictions < count:
            raise UserError(
                f"{corpus.name}: {counted(splits[name].predictions, 'token')} for {name}, expected {count} or more "
                f"(of {counted(corpus.characters, 'character')}); give more text, or a smaller --chunk-length"
            )


class Strands:
    """One pass over tokens as batches of chunks: row r of batch s + 1 continues row r of batch s.

    All chunks, in the order of the text, are cut into `batch_size` strands of equal length. A chunk has tokens of one
    document; the last of a document is padded. A chunk that begins a document, or a strand, is fresh: it begins with
    zero states.

    Args:
        tokens: `Tokens`.
        batch_size: number of strands.
        chunk_length: tokens of a chunk.
        shuffle: numpy Generator that shuffles the documents and moves the borders of chunks in long ones; None keeps
            both.

    Attributes:
        steps: number of batches, which does not depend on `shuffle`.
    """

    def __init__(self, tokens, batch_size, chunk_length, shuffle=None):
        self.tokens, self.batch_size, self.chunk_length = tokens, batch_size, chunk_length
        lengths = np.diff(tokens.starts) - 1
        is_long = lengths > 4 * chunk_length
        order, first = np.arange(len(lengths)), np.full(len(lengths), chunk_length)
        if shuffle is not None:
            order = shuffle.permutation(len(lengths))
            first = np.where(is_long, shuffle.integers(1, chunk_length + 1, len(lengths)), chunk_length)
        counts = np.maximum(0, -((first - lengths) // chunk_length)) + 1
        most = -(-lengths // chunk_length) + is_long
        self.steps = max(1, -(-int(most.sum()) // batch_size))
        self._order, self._first, self._lengths = order, first[order], lengths[order]
        self._ends = np.cumsum(counts[order])

    def __len__(self):
        """Number of chunks."""
        return int(self._ends[-1])

    def batch(self, step):
        """Return inputs and targets, int32 (batch, time), 0 for padding, and fresh, bool (batch,)."""
        shape = self.batch_size, self.chunk_length
        inputs, targets, fresh = np.zeros(shape, "int32"), np.zeros(shape, "int32"), np.ones(shape[0], bool)
        chunks = np.arange(self.batch_size) * self.steps + step
        documents = np.searchsorted(self._ends, chunks, "right")
        for row, (chunk, document) in enumerate(zip(chunks.tolist(), documents.tolist(), strict=True)):
            if document == len(self._ends):
                continue
            index = chunk - (self._ends[document - 1] if document else 0)
            first, length = self._first[document], self._lengths[document]
            start = 0 if index == 0 else first + (index - 1) * self.chunk_length
            end = min(length, first if index == 0 else start + self.chunk_length)
            at = self.tokens.starts[self._order[document]]
            ids = self.tokens.ids[at + start : at + end + 1]
            inputs[row, : end - start], targets[row, : end - start] = ids[:-1], ids[1:]
            fresh[row] = index == 0 or step == 0
        return inputs, targets, fresh


def steps_of_epoch(tokens, config):
    """Return the number of batches of an epoch of training: a pass over the text, or a part of it."""
    steps = Strands(tokens, config.batch_size, config.chunk_length).steps
    return min(steps, max(1, config.epoch_tokens // (config.batch_size * config.chunk_length)))


def make_dataset(tokens, config, epochs=None):
    """Make batches of chunks.

    Args:
        tokens: `Tokens`.
        config: a `Config`.
        epochs: range of epochs. Their batches depend only on the seed and the epoch, so a resumed training sees the
            same. None reads the text once, in its order.

    Returns:
        A tf.data.Dataset of ({"tokens": int32 (batch, time), "fresh": int32 (batch,)}, targets, weights), where weights
        are 0 for padding.
    """
    shape = config.batch_size, config.chunk_length
    if epochs is None:
        steps = Strands(tokens, *shape).steps
        positions = [(0, step) for step in range(steps)]
    else:
        a_pass, an_epoch = Strands(tokens, *shape).steps, steps_of_epoch(tokens, config)
        positions = [divmod(step, a_pass) for step in range(epochs.start * an_epoch, epochs.stop * an_epoch)]

    def batches():
        strands, before = None, None
        for number, step in positions:
            if number != before:
                shuffle = None if epochs is None else np.random.default_rng([config.seed, number])
                strands, before = Strands(tokens, *shape, shuffle), number
            inputs, targets, fresh = strands.batch(step)
            if epochs is not None:
                _forget(inputs, fresh, config.forget, np.random.default_rng([config.seed, number, step]))
            weights = (targets > 0).astype("float32")
            yield {"tokens": inputs, "fresh": fresh.astype("int32")}, targets, weights

    chunk = tf.TensorSpec(shape, tf.int32)
    inputs = {"tokens": chunk, "fresh": tf.TensorSpec(shape[:1], tf.int32)}
    signature = inputs, chunk, tf.TensorSpec(shape, tf.float32)
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(positions))).prefetch(8)


def _forget(inputs, fresh, probability, draw):
    """Make some rows fresh, half of them with a start in place of their first token."""
    chosen = draw.random(len(fresh)) < probability
    fresh |= chosen
    inputs[chosen & (draw.random(len(fresh)) < 0.5), 0] = START_ID
