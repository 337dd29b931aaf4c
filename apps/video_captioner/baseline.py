"""Captions that need no network that writes: the most frequent one, and the one of the likest training clip."""

from collections import Counter

import numpy as np


def most_frequent(captions):
    """The caption that most of the training captions are; of equally frequent ones the first.

    Args:
        captions: for each training clip a list of strings.
    """
    return Counter(caption for own in captions for caption in own).most_common(1)[0][0]


def nearest(features, captions, wanted):
    """The first caption of the training clip whose mean feature is nearest by the cosine, for each wanted one.

    Args:
        features: float (training clips, features), the mean over each clip's frames.
        captions: for each training clip a list of strings.
        wanted: float (clips, features).

    Returns:
        List of strings.
    """
    return [captions[row][0] for row in np.argmax(_unit(wanted) @ _unit(features).T, axis=1)]


def _unit(features):
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
