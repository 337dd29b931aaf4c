"""Captions without a decoder: the most frequent one, and that of the most similar training clip."""

from collections import Counter

import numpy as np


def most_frequent(captions):
    """Return the most frequent caption; of equally frequent ones the first.

    Args:
        captions: list of strings for each training clip.
    """
    return Counter(caption for own in captions for caption in own).most_common(1)[0][0]


def nearest(features, captions, queries):
    """Return for each query the first caption of the training clip with the most similar mean features.

    Args:
        features: float (training clips, features), means over the frames of each clip.
        captions: list of strings for each training clip.
        queries: float (clips, features); compared by the cosine.

    Returns:
        List of strings.
    """
    return [captions[row][0] for row in np.argmax(_unit(queries) @ _unit(features).T, axis=1)]


def _unit(features):
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
