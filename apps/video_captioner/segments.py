"""Caption the segments of a long video."""

import itertools

import numpy as np

from .captioner import BATCH_SIZE
from .video import choose_frames, open_video, read_frames


def caption_segments(captioner, path, seconds):
    """Caption the segments of a video in their order; neighbours with the same caption are joined.

    Args:
        captioner: a `Captioner`.
        path: of the video.
        seconds: length of a segment.

    Returns:
        List of dicts: `start` and `end` in seconds, `caption`, and `score`, the mean of the joined segments.
    """
    video = open_video(path)
    # A remainder of less than half a segment belongs to the segment before.
    count = max(1, int(np.floor(video.duration / seconds + 0.5)))
    edges = np.append(np.arange(count) * seconds, video.duration)
    captions, scores = [], []
    frames = _frames_of_segments(video, edges, captioner.config)
    while batch := list(itertools.islice(frames, BATCH_SIZE)):
        batch_captions, batch_scores = captioner(batch)
        captions += batch_captions
        scores += batch_scores.tolist()
    starts = [index for index in range(count) if index == 0 or captions[index] != captions[index - 1]]
    return [
        {
            "start": round(float(edges[start]), 3),
            "end": round(float(edges[stop]), 3),
            "caption": captions[start],
            "score": round(float(np.mean(scores[start:stop])), 4),
        }
        for start, stop in zip(starts, [*starts[1:], count], strict=True)
    ]


def _frames_of_segments(video, edges, config):
    """Yield the frames of each segment; decodes the video once and keeps no more of it than a segment."""
    chosen = [
        choose_frames(video.times, video.duration, config.sampling, config.max_frames, config.fps, start, stop)
        for start, stop in itertools.pairwise(edges)
    ]
    wanted = np.unique(np.concatenate(chosen))
    decoded = zip(wanted.tolist(), read_frames(video, wanted, config.frame_size), strict=True)
    kept = {}
    for indices in chosen:
        kept = {index: frame for index, frame in kept.items() if index >= indices[0]}
        while indices[-1] not in kept:
            index, kept[index] = next(decoded)
        yield np.stack([kept[index] for index in indices])
