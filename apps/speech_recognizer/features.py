"""Log-mel features, computed from samples inside the model.

Davis and Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word Recognition in Continuously
Spoken Sentences", IEEE Transactions on Acoustics, Speech, and Signal Processing 28(4), 1980 (mel filters); Radford et
al., "Robust Speech Recognition via Large-Scale Weak Supervision", ICML 2023 (normalization); Park et al., "SpecAugment:
A Simple Data Augmentation Method for Automatic Speech Recognition", Interspeech 2019; Jaitly and Hinton, "Vocal Tract
Length Perturbation (VTLP) Improves Speech Recognition", ICML workshop on audio, speech and language processing, 2013.
"""

import math

import keras
import numpy as np
from keras import ops

# Seconds of a frame, and from one to the next.
FRAME, HOP = 0.025, 0.01
LOWEST_HERTZ = 60.0
# Added to the power in a filter: about the noise of samples of 16 bits.
FLOOR = 1e-6
# What is kept below the loudest of a recording, in nepers of power (39 decibels), and what the features are divided by.
RANGE, SPREAD = 9.0, 2.5
# Largest change of the frequencies, as a fraction.
STRETCH = 0.15
# Masks of SpecAugment, of each kind, and the largest parts of the filters and of the time that one covers.
MASKS, FILTER_PART, TIME_PART = 2, 0.2, 0.1


def mel_filters(bins, rate, filters):
    """Return triangular filters, evenly spaced in mel, float32 (bins, filters).

    Args:
        bins: of the spectrum, from 0 to half the rate.
        rate: samples a second.
        filters: their number.
    """
    edges = np.linspace(*(2595 * np.log10(1 + np.array([LOWEST_HERTZ, rate / 2]) / 700)), filters + 2)
    edges = 700 * (10 ** (edges / 2595) - 1)
    # A filter narrower than a bin would see nothing.
    step = rate / 2 / (bins - 1)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    low, high = np.minimum(low, middle - step), np.maximum(high, middle + step)
    hertz = np.arange(bins)[:, None] * step
    return np.maximum(0, np.minimum((hertz - low) / (middle - low), (high - hertz) / (high - middle))).astype("float32")


class LogMel(keras.layers.Layer):
    """Compute the logarithm of the power in mel filters.

    Frame t ends with sample (t + 1) * hop, and sees no later one.

    Args:
        rate: samples a second.
        filters: number of mel filters.

    Call arguments:
        samples: float (batch, samples), in -1 to 1.
        before: the `context` samples before them, (batch, context); None for silence.

    Returns:
        Float32 (batch, samples // hop, filters).
    """

    def __init__(self, rate, filters, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.filters = rate, filters
        self.length, self.hop = round(FRAME * rate), round(HOP * rate)
        self.fft_length = 1 << (self.length - 1).bit_length()
        self.supports_masking = True

    @property
    def context(self):
        """Samples before the first that its frame sees."""
        return self.length - self.hop

    def call(self, samples, before=None):
        samples = ops.cast(samples, "float32")
        if before is None:
            before = ops.zeros_like(samples[:, :1]) * ops.ones((1, self.context))
        known = ops.concatenate([before, samples], axis=1)
        # `ops.stft` would cut frames as long as the transform.
        frames = ops.extract_sequences(known, self.length, self.hop) * np.hanning(self.length + 1)[1:].astype("float32")
        real, imaginary = ops.rfft(frames, self.fft_length)
        power = (ops.square(real) + ops.square(imaginary)) / self.length
        return ops.log(ops.matmul(power, mel_filters(self.fft_length // 2 + 1, self.rate, self.filters)) + FLOOR)


def normalized(features, lengths):
    """Return features with mean 0 and variance 1 of each filter over the frames of each row that are no padding.

    Args:
        features: (batch, frames, filters).
        lengths: int (batch,), frames that are no padding.
    """
    kept = ops.cast(ops.arange(ops.shape(features)[1])[None] < lengths[:, None], features.dtype)[..., None]
    count = ops.maximum(ops.sum(kept, axis=1, keepdims=True), 1.0)
    mean = ops.sum(features * kept, axis=1, keepdims=True) / count
    centered = (features - mean) * kept
    variance = ops.sum(ops.square(centered), axis=1, keepdims=True) / count
    # What is silent everywhere stays small.
    return centered / ops.sqrt(variance + 0.01)


def relative_to_loudest(features, lengths):
    """Return features relative to the loudest of each row, cut below its range, about 0; 0 in padding.

    What lies below the range is silence or noise, whose level depends on the recording. The mean over time stays: of a
    short recording it is much of what was said.

    Args:
        features: logarithms of power, (batch, frames, filters).
        lengths: int (batch,), frames that are no padding.
    """
    kept = (ops.arange(ops.shape(features)[1])[None] < lengths[:, None])[..., None]
    loudest = ops.max(ops.where(kept, features, math.log(FLOOR)), axis=(1, 2), keepdims=True)
    relative = (ops.maximum(features - loudest, -RANGE) + RANGE / 2) / SPREAD
    return ops.where(kept, relative, 0.0)


def warped_at_random(features, seed):
    """Stretch the frequencies of each row by a random factor, as if by a vocal tract of another length.

    Args:
        features: (batch, frames, filters). Filters are moved by their number: they are evenly spaced in mel.
        seed: a `keras.random.SeedGenerator`.
    """
    batch, _, filters = ops.shape(features)
    factor = 1 + keras.random.uniform((batch, 1), -STRETCH, STRETCH, seed=seed)
    place = ops.arange(filters, dtype="float32")
    source = ops.clip(factor * place[None], 0.0, filters - 1.0)
    weights = ops.relu(1 - ops.abs(source[:, :, None] - place[None, None]))
    return ops.einsum("btf,bgf->btg", features, weights)


def masked_at_random(features, lengths, seed):
    """Set some filters and some frames of each row to 0, about the mean: SpecAugment without its time warping.

    Args:
        features: normalized, (batch, frames, filters).
        lengths: int (batch,), frames that are no padding.
        seed: a `keras.random.SeedGenerator`.
    """
    batch, frames, filters = ops.shape(features)
    for axis, size in ((1, lengths), (2, ops.full((batch,), filters))):
        size = ops.cast(size, "float32")[:, None]
        width, start = (keras.random.uniform((batch, MASKS), seed=seed) for _ in range(2))
        width = ops.floor(width * size * (TIME_PART if axis == 1 else FILTER_PART))
        start = ops.floor(start * (size - width))
        at = ops.cast(ops.arange(frames if axis == 1 else filters), "float32")
        inside = ops.logical_and(at >= start[..., None], at < (start + width)[..., None])
        kept = ops.cast(ops.logical_not(ops.any(inside, axis=1)), features.dtype)
        features = features * (kept[:, :, None] if axis == 1 else kept[:, None])
    return features
