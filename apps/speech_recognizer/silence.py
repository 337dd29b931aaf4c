"""Cut long recordings where it is silent."""

import numpy as np

# Seconds of the frames whose power is compared, and of a window in which the most silent frame is looked for.
FRAME = 0.02


def cut_at_silence(samples, rate, max_seconds):
    """Cut a recording into pieces, each at the most silent place of the second half of the longest piece allowed.

    Args:
        samples: float (samples,).
        rate: samples a second.
        max_seconds: of a piece.

    Returns:
        List of (first sample, float (samples,)).
    """
    longest, size = int(max_seconds * rate), max(1, int(FRAME * rate))
    pieces, start = [], 0
    while len(samples) - start > longest:
        part = samples[start + longest // 2 : start + longest]
        count = len(part) // size
        power = np.mean(np.square(part[: count * size].reshape(count, size)), axis=1)
        # Of equally silent frames the middle one.
        quiet = np.flatnonzero(power <= power.min() * 1.1 + 1e-12)
        end = start + longest // 2 + int(quiet[len(quiet) // 2]) * size + size // 2
        pieces.append((start, samples[start:end]))
        start = end
    return [*pieces, (start, samples[start:])]
