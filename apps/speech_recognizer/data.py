"""Choose the recordings to learn from, encode their transcripts, and make batches."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..common.buckets import bucketed
from ..common.cli import UserError
from ..common.vocabularies import Vocabulary
from ..common.words import counted, listed
from .model import frames_of
from .sounds import Sounds, lengths_of


class Noise(NamedTuple):
    """Noise that is added: its range in decibels below the sound, of its fall by frequency (0 is white), how often."""

    decibels: tuple[float, float]
    fall: tuple[float, float]
    fraction: float


# For sentences and for single words.
NOISE = {False: Noise((10.0, 40.0), (0.0, 0.0), 0.5), True: Noise((0.0, 40.0), (0.0, 2.0), 0.8)}
# Seconds that are cut from each end of a single word at most: recordings differ in how close to it they end.
CUT = 0.04
# Least fraction of transcripts of one word with which recordings hold single words.
SINGLE = 0.9
# Largest change of the level, in decibels.
LEVEL_DECIBELS = 6.0


class Encoder:
    """Encode transcripts as ids of characters or subwords.

    Args:
        vocabulary: a `Vocabulary`.
    """

    def __init__(self, vocabulary):
        self.vocabulary = vocabulary

    @classmethod
    def fit(cls, texts, config):
        """Choose the vocabulary from training transcripts."""
        try:
            return cls(Vocabulary.fit(config.unit, texts, config.vocabulary_size))
        except ValueError as error:
            raise UserError(
                f"{config.data}: cannot choose subwords ({error}); give another --vocabulary-size, or --unit characters"
            ) from None

    def rows(self, texts):
        """Return the ids of texts, a list of int32 (tokens,)."""
        if not len(texts):
            return []
        ids = self.vocabulary.encode(tf.constant(list(texts)))
        return np.split(ids.flat_values.numpy(), ids.row_splits.numpy()[1:-1])

    def texts(self, tokens):
        """Return the texts of int (rows, tokens), in which 0 is padding."""
        return [text.decode().strip() for text in self.vocabulary.decode(tf.constant(tokens, tf.int32)).numpy()]


class Utterances:
    """Recordings with the tokens of their transcripts, as far as a network can learn from them.

    Args:
        recordings: `Recordings`.
        encoder: `Encoder`.
        config: a `Config`.

    Attributes:
        recordings: those that are left.
        sounds: `Sounds` of them.
        tokens: list of int32 (tokens,).
        notes: list of strings, which were left out and why.
    """

    def __init__(self, recordings, encoder, config):
        sounds, tokens = Sounds(recordings.paths, config.rate), encoder.rows(recordings.texts)
        self.notes, kept = [], np.ones(len(recordings), bool)

        def leave_out(bad, why):
            bad = [index for index in bad if kept[index]]
            if bad:
                kept[bad] = False
                name = Path(recordings.paths[bad[0]]).name
                self.notes.append(f"{counted(len(bad), 'recording')} left out, {why}, such as {name}")

        leave_out(list(sounds.errors), "not readable")
        seconds = sounds.lengths / config.rate
        leave_out(np.flatnonzero(seconds > config.max_seconds), f"longer than --max-seconds {config.max_seconds:g}")
        needed = np.array([_frames_needed(each) for each in tokens])
        frames = np.array([frames_of(length, config.rate) for length in sounds.lengths])
        leave_out(np.flatnonzero(needed > frames), "too short for their transcripts (a token takes 40 ms)")
        rows = np.flatnonzero(kept)
        if not len(rows):
            raise UserError(f"{config.data}: no recording to learn from; {listed(self.notes, 3)}")
        self.recordings, self.sounds = recordings.take(rows), sounds.take(rows)
        self.tokens = [tokens[row] for row in rows]

    def __len__(self):
        return len(self.tokens)


def _frames_needed(tokens):
    """Return the frames of the shortest path: between equal tokens there must be a blank."""
    return len(tokens) + int(np.sum(tokens[1:] == tokens[:-1]))


def have_single_words(recordings, config):
    """Return whether the recordings hold single words, see `Config.utterances`."""
    if config.utterances != "auto":
        return config.utterances == "words"
    return bool(np.mean([len(text.split()) == 1 for text in recordings.texts]) >= SINGLE)


def make_dataset(utterances, width, config, epochs=None, single_words=False):
    """Make batches of utterances of similar length, padded to few lengths.

    In training they are changed at random, each time differently: ends, speed, level and noise.

    Args:
        utterances: `Utterances`.
        width: tokens to pad to; the same for training and validation, as TensorFlow compiles the loss once.
        config: a `Config`.
        epochs: range of epochs. The order and the changes of each depend only on the seed and the epoch. None gives the
            utterances once, unchanged.
        single_words: whether a recording holds a single word.

    Returns:
        A tf.data.Dataset of inputs, see `SpeechRecognizer`, and zeros (batch, 1), with the same number of batches in
        every epoch.
    """
    training = epochs is not None
    slowest = 1 + config.speed_change if training else 1.0
    lengths = np.ceil(utterances.sounds.lengths * slowest).astype("int32")
    edges = lengths_of(int(lengths.max()), config.rate)
    rows = bucketed((tf.range(len(utterances)),), lengths, edges, config.batch_size, config.seed, epochs)
    first = 0 if not training else epochs.start * (int(rows.cardinality()) // max(1, len(epochs)))

    def load(number, rows):
        edge = edges[np.searchsorted(edges, lengths[rows].max())]
        samples, tokens = np.zeros((len(rows), edge), "float32"), np.zeros((len(rows), width), "int32")
        count = np.zeros(len(rows), "int32")
        for place, row in enumerate(rows):
            own = utterances.sounds[row]
            if training:
                other = changed(own, np.random.default_rng([config.seed, first + number, place]), config, single_words)
                if frames_of(len(other), config.rate) >= _frames_needed(utterances.tokens[row]):
                    own = other
            own = own[:edge]
            count[place], samples[place, : len(own)] = len(own), own
            tokens[place, : len(utterances.tokens[row])] = utterances.tokens[row]
        return samples, count, tokens

    def inputs(number, parts):
        samples, count, tokens = tf.numpy_function(load, [number, *parts], [tf.float32, tf.int32, tf.int32])
        samples.set_shape([None, None])
        count.set_shape([None])
        tokens.set_shape([None, width])
        return {"samples": samples, "lengths": count, "tokens": tokens}, tf.zeros([tf.size(count), 1])

    cardinality = rows.cardinality()
    batches = rows.enumerate().map(inputs, tf.data.AUTOTUNE, deterministic=True)
    return batches.apply(tf.data.experimental.assert_cardinality(cardinality)).prefetch(2)


def changed(samples, generator, config, single_words=False):
    """Return samples at another speed and level, with noise; of a single word with other ends, too.

    Args:
        samples: float32 (samples,).
        generator: np.random.Generator.
        config: a `Config`.
        single_words: whether a recording holds a single word.
    """
    if single_words and config.noise and len(samples) > 8 * CUT * config.rate:
        start, end = generator.integers(0, int(CUT * config.rate), 2)
        samples = samples[start : len(samples) - end]
    if config.speed_change:
        factor = 1 + generator.uniform(-config.speed_change, config.speed_change)
        count = int(len(samples) * factor)
        # Linear interpolation: what it blurs is above most of speech.
        samples = np.interp(np.arange(count) / factor, np.arange(len(samples)), samples).astype("float32")
    noise = NOISE[single_words]
    if config.noise and generator.random() < noise.fraction:
        level = np.sqrt(np.mean(np.square(samples))) * 10 ** (-generator.uniform(*noise.decibels) / 20)
        samples = samples + level * colored_noise(len(samples), generator, noise.fall)
    if config.noise:
        samples = samples * np.float32(10 ** (generator.uniform(-LEVEL_DECIBELS, LEVEL_DECIBELS) / 20))
    return samples.astype("float32")


def colored_noise(count, generator, fall):
    """Return noise of power 1 that falls with the frequency by a random exponent in a range, (count,)."""
    spectrum = np.fft.rfft(generator.standard_normal(count))
    spectrum *= np.maximum(np.fft.rfftfreq(count), 1 / count) ** (-generator.uniform(*fall) / 2)
    noise = np.fft.irfft(spectrum, count)
    return noise / max(np.sqrt(np.mean(np.square(noise))), 1e-9)
