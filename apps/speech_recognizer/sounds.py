"""Decode recordings once, and keep them in memory while they fit."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..common.buckets import lengths_to_pad_to
from ..common.cli import UserError
from .audio import decode

# Bytes of samples that are kept; other recordings are decoded each time.
KEPT = 2 << 30


def lengths_of(longest, rate):
    """Return the few lengths, in samples, that recordings are padded to; the first is a quarter of a second."""
    return lengths_to_pad_to(longest, rate // 8 * 2)


class Sounds:
    """The samples of recordings.

    Args:
        paths: of their files.
        rate: samples a second.

    Attributes:
        lengths: samples of each recording, int64 (recordings,); 0 for one that cannot be read.
        errors: {index: `UserError`} of those.
    """

    def __init__(self, paths, rate):
        self.paths, self.rate = list(paths), rate
        self._kept, self._bytes, self.errors = {}, 0, {}
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
            self.lengths = np.array(list(threads.map(self._length, range(len(self.paths)))), "int64")

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        """Return float32 (samples,), in -1 to 1."""
        if index in self._kept:
            return self._kept[index].astype("float32") / 32767
        return decode(self.paths[index], self.rate)

    def _length(self, index):
        try:
            samples = decode(self.paths[index], self.rate)
        except UserError as error:
            self.errors[index] = error
            return 0
        if self._bytes + 2 * len(samples) <= KEPT:
            self._bytes += 2 * len(samples)
            self._kept[index] = np.round(np.clip(samples, -1, 1) * 32767).astype("int16")
        return len(samples)

    def take(self, rows):
        """Return the samples of some recordings."""
        taken = object.__new__(Sounds)
        taken.paths, taken.rate, taken.lengths = [self.paths[row] for row in rows], self.rate, self.lengths[list(rows)]
        taken._kept = {place: self._kept[row] for place, row in enumerate(rows) if row in self._kept}
        taken._bytes, taken.errors = self._bytes, {}
        return taken
