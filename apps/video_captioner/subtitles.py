"""A long video captioned piece by piece, as subtitles."""

import itertools

import numpy as np
import pandas as pd
import pysubs2

from ..common import cli, runs
from .video import choose_frames, open_video, read_frames

# Pieces captioned at a time.
TOGETHER = 16


def parse_length(text):
    """Seconds of a length of time, such as 2s."""
    try:
        seconds = pd.Timedelta(text).total_seconds() if not text.replace(".", "").isdigit() else None
    except ValueError:
        seconds = None
    if seconds is None or not 0.1 <= seconds <= 3600:
        raise cli.UserError(f"--every {text}: expected a length from 100ms to 1h, with its unit, for example 2s")
    return seconds


def subtitle_files(clips, output, overwrite):
    """Where the subtitles of each video go: {video: [its .srt, its .vtt]}.

    Args:
        output: folder for them, made if absent; beside each video if None.
        overwrite: whether over those that are there.
    """
    files = {clip: [(output or clip.parent) / f"{clip.stem}.{kind}" for kind in ("srt", "vtt")] for clip in clips}
    flat = [file for own in files.values() for file in own]
    if len(set(flat)) < len(flat):
        raise cli.UserError("two of the videos have the same name, so their subtitles would, too; give one at a time")
    for file in flat:
        if file.exists() and not overwrite:
            raise cli.UserError(f"{file}: is there already; give another folder with --output, or --overwrite")
    if output:
        output.mkdir(parents=True, exist_ok=True)
    return files


def caption_pieces(describer, path, seconds):
    """Captions of a video's pieces, one after another; neighbours that say the same are one.

    Returns:
        List of dicts: `start` and `end` in seconds, `caption`, and `score`, the mean of the pieces'.
    """
    video = open_video(path)
    # A rest of less than half a piece belongs to the piece before.
    count = max(1, int(np.floor(video.duration / seconds + 0.5)))
    edges = np.append(np.arange(count) * seconds, video.duration)
    captions, scores = [], []
    looked_at = _frames_of_pieces(video, edges, describer.config)
    while some := list(itertools.islice(looked_at, TOGETHER)):
        found = describer(some)
        captions += found[0]
        scores += found[1].tolist()
    starts = [place for place in range(count) if place == 0 or captions[place] != captions[place - 1]]
    return [
        {
            "start": round(float(edges[start]), 3),
            "end": round(float(edges[stop]), 3),
            "caption": captions[start],
            "score": round(float(np.mean(scores[start:stop])), 4),
        }
        for start, stop in zip(starts, [*starts[1:], count], strict=True)
    ]


def _frames_of_pieces(video, edges, config):
    """The frames of each piece, decoding the video once and holding no more of it than a piece."""
    chosen = [
        choose_frames(video.times, video.duration, config.sampling, config.max_frames, config.fps, start, stop)
        for start, stop in itertools.pairwise(edges)
    ]
    wanted = np.unique(np.concatenate(chosen))
    decoded = zip(wanted.tolist(), read_frames(video, wanted, config.frame_size), strict=True)
    held = {}
    for places in chosen:
        held = {place: frame for place, frame in held.items() if place >= places[0]}
        while places[-1] not in held:
            place, held[place] = next(decoded)
        yield np.stack([held[place] for place in places])


def write_subtitles(file, pieces):
    """Writes pieces of `caption_pieces` as .srt or .vtt, as the file's suffix says."""
    subtitles = pysubs2.SSAFile()
    for piece in pieces:
        start, end = (pysubs2.make_time(s=piece[name]) for name in ("start", "end"))
        subtitles.append(pysubs2.SSAEvent(start=start, end=end, text=piece["caption"]))
    with runs.replacing(file) as part:
        subtitles.save(str(part), format_=file.suffix[1:])
