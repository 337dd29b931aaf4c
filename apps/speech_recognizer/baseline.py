"""Recognisers without a network: the nearest training recording, and a hidden Markov model of each transcript.

Sakoe and Chiba, "Dynamic Programming Algorithm Optimization for Spoken Word Recognition", IEEE Transactions on
Acoustics, Speech, and Signal Processing 26(1), 1978; Rabiner, "A Tutorial on Hidden Markov Models and Selected
Applications in Speech Recognition", Proceedings of the IEEE 77(2), 1989. Both choose among the transcripts of the
training, so they fit words and commands, not free speech.
"""

import numpy as np
from scipy.fft import dct

from .features import FLOOR, FRAME, HOP, mel_filters

# Mel filters and cepstral coefficients.
FILTERS, COEFFICIENTS = 40, 13
# Training recordings that are compared with, by every second frame, and the most transcripts of which there are models.
MOST_RECORDINGS, EVERY, MOST_MODELS = 500, 2, 200
# States of a model, passes of its training, and the smallest variance.
STATES, PASSES, LEAST_VARIANCE = 8, 8, 0.05


def cepstra(samples, rate):
    """Return cepstral coefficients and their slopes with mean 0 and variance 1, float32 (frames, 2 * COEFFICIENTS)."""
    length, hop = round(FRAME * rate), round(HOP * rate)
    padded = np.pad(samples, (length - hop, hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop] * np.hanning(length)
    size = 1 << (length - 1).bit_length()
    power = np.square(np.abs(np.fft.rfft(frames, size))) / length
    found = dct(np.log(power @ mel_filters(size // 2 + 1, rate, FILTERS) + FLOOR), norm="ortho")[:, :COEFFICIENTS]
    found = np.concatenate([found, np.gradient(found, axis=0)], axis=1)
    return ((found - found.mean(axis=0)) / (found.std(axis=0) + 1e-3)).astype("float32")


class NearestRecording:
    """The transcript of the training recording with the smallest distance after dynamic time warping.

    Args:
        features: list of `cepstra`.
        texts: their transcripts.
    """

    def __init__(self, features, texts):
        chosen = np.random.default_rng(0).permutation(len(features))[:MOST_RECORDINGS]
        self.texts, features = [texts[index] for index in chosen], [features[index][::EVERY] for index in chosen]
        self.lengths = np.array([len(own) for own in features])
        self.padded = np.zeros((len(chosen), self.lengths.max(), features[0].shape[1]), "float32")
        for place, own in enumerate(features):
            self.padded[place, : len(own)] = own
        self.squares = np.sum(np.square(self.padded), axis=2)

    def __call__(self, features):
        """Return the transcript for float (frames, coefficients)."""
        return self.texts[int(np.argmin(self.distances(features)))]

    def distances(self, features):
        """Return the distance to each training recording for each step of the path, float (recordings,)."""
        features, count, longest = features[::EVERY], len(self.texts), self.padded.shape[1]
        totals = np.full((count, longest + 1), np.inf, "float32")
        totals[:, 0] = 0
        for frame in features:
            local = self.squares - 2 * (self.padded @ frame) + np.sum(np.square(frame))
            local = np.sqrt(np.maximum(local, 0))
            diagonal = totals[:, :-1].copy()
            # From the frame before: the same place, or the one before it, which costs no more.
            before = np.minimum(totals[:, 1:], diagonal) + local
            # Along the frame: the running minimum of totals, less what the way there costs.
            cost = np.cumsum(local, axis=1)
            totals[:, 1:] = np.minimum.accumulate(before - cost, axis=1) + cost
            totals[:, 0] = np.inf
        reached = totals[np.arange(count), self.lengths]
        return reached / (len(features) + self.lengths)


class MarkovModels:
    """A left-to-right model of each transcript, with a Gaussian of independent coefficients in each state.

    Trained by the segmental k-means algorithm: cut the recordings at the likeliest path, fit, and repeat.

    Args:
        features: list of `cepstra`.
        texts: their transcripts.
    """

    def __init__(self, features, texts):
        grouped = {}
        for own, text in zip(features, texts, strict=True):
            if len(own) >= STATES:
                grouped.setdefault(text, []).append(own)
        together = np.concatenate(features)
        self.floor = LEAST_VARIANCE * together.var(axis=0)
        self.models = {text: self._fit(own) for text, own in grouped.items()}

    def _fit(self, recordings):
        paths = [np.arange(len(each)) * STATES // len(each) for each in recordings]
        for _ in range(PASSES):
            together, states = np.concatenate(recordings), np.concatenate(paths)
            members = [together[states == state] for state in range(STATES)]
            mean = np.stack([each.mean(axis=0) for each in members])
            variance = np.stack([each.var(axis=0) for each in members]) + self.floor
            stay = np.array([1 - len(recordings) / (len(each) + 1) for each in members]).clip(0.05, 0.99)
            model = mean, variance, np.log(stay), np.log(1 - stay)
            paths = [_viterbi(each, model)[1] for each in recordings]
        return model

    def __call__(self, features):
        """Return the transcript for float (frames, coefficients)."""
        scores = {text: _viterbi(features, model)[0] for text, model in self.models.items()}
        return max(scores, key=scores.get)


def _viterbi(features, model):
    """Return the log likelihood of the likeliest path from the first state to the last, and its states."""
    mean, variance, stay, leave = model
    emitted = -0.5 * np.sum(
        np.square(features[:, None] - mean) / variance + np.log(2 * np.pi * variance), axis=2, dtype="float64"
    )
    best, came = np.full(STATES, -np.inf), np.zeros((len(features), STATES), bool)
    best[0] = emitted[0, 0]
    for frame in range(1, len(features)):
        moved = np.r_[-np.inf, best[:-1] + leave[:-1]]
        came[frame] = moved > best + stay
        best = np.maximum(moved, best + stay) + emitted[frame]
    path = np.full(len(features), STATES - 1)
    for frame in range(len(features) - 1, 0, -1):
        path[frame - 1] = path[frame] - came[frame, path[frame]]
    return best[-1], path


def fit_baselines(recordings, texts, rate):
    """Return {name: function of samples that returns a transcript}.

    Args:
        recordings: list of float (samples,), of the training.
        texts: their transcripts.
        rate: samples a second.
    """
    found = [cepstra(samples, rate) for samples in recordings]
    fitted = {"nearest training recording": NearestRecording(found, texts)}
    counts = {text: texts.count(text) for text in set(texts)}
    repeated = [text for text, count in counts.items() if count >= 3]
    if 1 < len(repeated) <= MOST_MODELS and sum(counts[text] for text in repeated) > 0.9 * len(texts):
        rows = [row for row, text in enumerate(texts) if counts[text] >= 3]
        fitted["hidden Markov models"] = MarkovModels([found[row] for row in rows], [texts[row] for row in rows])
    return {name: lambda samples, model=model: model(cepstra(samples, rate)) for name, model in fitted.items()}
