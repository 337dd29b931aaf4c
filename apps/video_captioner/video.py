"""Frames of a video file: which of them are looked at, and reading those, with PyAV."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import tensorflow as tf

from ..common.cli import UserError

SUFFIXES = (".avi", ".mp4", ".webm", ".gif", ".mkv", ".mov", ".m4v", ".mpg", ".mpeg")
# Share of what a file says that it has; containers count a frame or two differently.
WHOLE = 0.9


@dataclass(frozen=True)
class Video:
    """What is known of a video without decoding it.

    Attributes:
        path: its file.
        times: float64 (frames,), seconds from the first frame on, at which each is shown.
        duration: seconds until the last one ends.
    """

    path: Path
    times: np.ndarray
    duration: float


def open_video(path):
    """Reads when each frame of a file is shown.

    Raises:
        UserError: not a file, empty, not a video, cut off, or without a picture.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if path.is_dir():
        raise UserError(f"{path}: this is a folder, expected a video file")
    if not path.stat().st_size:
        raise UserError(f"{path}: the file is empty (0 bytes); fetch it again")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
                raise UserError(f"{path}: there is no picture in it, only {kinds}; expected a video")
            stream = container.streams.video[0]
            ticks = [
                packet.dts if packet.pts is None else packet.pts for packet in container.demux(stream) if packet.size
            ]
            rate, unit = stream.guessed_rate or stream.average_rate, stream.time_base
            frames, alone, length = stream.frames, len(container.streams) == 1, container.duration
    except av.FFmpegError as error:
        raise UserError(
            f"{path}: not a video that can be read, or cut off ({_reason(error)}); fetch it again"
        ) from None
    if not ticks:
        raise UserError(f"{path}: there is no frame in it, the file may be cut off; fetch it again")
    step = float(1 / rate) if rate else 0.04
    times = np.arange(len(ticks)) * step if None in ticks else (np.sort(ticks) - min(ticks)) * float(unit)
    video = Video(path, times, float(times[-1] + (np.median(np.diff(times)) if len(times) > 1 else step)))
    # A file's length is its longest stream's, and sound may well go on after the picture.
    seconds = length / av.time_base if alone and length and not frames else 0
    if len(ticks) < WHOLE * frames or video.duration < WHOLE * seconds:
        found, told = (f"{len(ticks)} frames", frames) if frames else (f"{video.duration:.1f} s", f"{seconds:.1f} s")
        raise UserError(f"{path}: cut off: {found} in it, its header tells of {told}; fetch it again")
    return video


def _reason(error):
    return str(error.strerror or error).strip().lower()


def choose_frames(times, duration, sampling, max_frames, rate, start=0.0, stop=None):
    """Which frames to look at.

    Args:
        times, duration: of a `Video`.
        sampling: `uniform`: `max_frames`, in the middle of as many equal parts; `fps`: `rate` a second, and if these
            are more than `max_frames`, as `uniform`. Never a frame twice, so of a short video fewer.
        start, stop: seconds between which to look; to the end if `stop` is None.

    Returns:
        Int (frames,), rising; not empty.
    """
    stop = duration if stop is None else min(stop, duration)
    count = max_frames
    if sampling == "fps":
        count = min(max_frames, max(1, round((stop - start) * rate)))
    middles = start + (np.arange(count) + 0.5) * (stop - start) / count
    # The frame that is on the screen at that moment.
    return np.unique(np.maximum(np.searchsorted(times, middles, side="right") - 1, 0))


def read_frames(video, chosen, size=None):
    """Decodes the chosen frames one after another.

    Args:
        chosen: int (frames,), rising.
        size: see `fit`; None leaves them as large as they are.

    Yields:
        uint8 (height, width, 3), upright. Where a file has fewer frames than it seemed to, the last one again.
    """
    wanted, frame = iter(chosen.tolist()), None
    place = next(wanted, None)
    try:
        with av.open(str(video.path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for number, frame in enumerate(container.decode(stream)):
                if number == place:
                    yield _picture(frame, size)
                    place = next(wanted, None)
                if place is None:
                    return
    except av.FFmpegError as error:
        raise UserError(f"{video.path}: damaged: it cannot be decoded ({_reason(error)}); fetch it again") from None
    if frame is None:
        raise UserError(f"{video.path}: damaged: not one of its frames can be decoded; fetch it again")
    while place is not None:
        yield _picture(frame, size)
        place = next(wanted, None)


def _picture(frame, size):
    picture = frame.to_ndarray(format="rgb24")
    # How a camera was held is told beside the picture, in degrees against the clock.
    picture = np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90)))
    return picture if size is None else fit(picture[None], size).numpy()[0]


def fit(frames, size):
    """Makes frames square without cutting or stretching: as large as fits, in the middle, black around it.

    Args:
        frames: uint8 (frames, height, width, 3), of any size.

    Returns:
        uint8 (frames, size, size, 3), a tensor; the same numbers if they have that size.
    """
    frames = tf.ensure_shape(frames, [None, None, None, 3])
    shape = tf.shape(frames)[1:3]
    scale = size / tf.reduce_max(shape)
    inner = tf.maximum(1, tf.cast(tf.round(tf.cast(shape, "float64") * scale), "int32"))
    resized = tf.image.resize(frames, inner, antialias=True)
    resized = tf.cast(tf.round(tf.clip_by_value(resized, 0, 255)), "uint8")
    before = (size - inner) // 2
    padding = tf.concat([[[0, 0]], tf.stack([before, size - inner - before], axis=1), [[0, 0]]], axis=0)
    fitted = tf.pad(resized, padding)
    fitted.set_shape([None, size, size, 3])
    return fitted
