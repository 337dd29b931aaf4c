"""Choose frames of a video file and read them, with PyAV."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import tensorflow as tf

from ..common.cli import UserError

# Fraction of the frames in the header that a complete file has; containers count a frame or two differently.
COMPLETE = 0.9


@dataclass(frozen=True)
class Video:
    """A video, not decoded.

    Attributes:
        path: of its file.
        times: float64 (frames,), seconds from the first frame to each.
        duration: seconds from the first frame to the end of the last.
    """

    path: Path
    times: np.ndarray
    duration: float


def open_video(path):
    """Read the time of each frame of a file.

    Returns:
        A `Video`.

    Raises:
        UserError: not a file, empty, not a video, truncated, or without frames.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if path.is_dir():
        raise UserError(f"{path}: this is a folder, expected a video file")
    if not path.stat().st_size:
        raise UserError(f"{path}: the file is empty (0 bytes); download it again")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
                raise UserError(f"{path}: no video stream in it, only {kinds}; expected a video")
            stream = container.streams.video[0]
            ticks = [
                packet.dts if packet.pts is None else packet.pts for packet in container.demux(stream) if packet.size
            ]
            rate, unit = stream.guessed_rate or stream.average_rate, stream.time_base
            frames, only_video, length = stream.frames, len(container.streams) == 1, container.duration
    except av.FFmpegError as error:
        raise UserError(f"{path}: not a readable video, or truncated ({_reason(error)}); download it again") from None
    if not ticks:
        raise UserError(f"{path}: no frame in it, the file may be truncated; download it again")
    step = float(1 / rate) if rate else 0.04
    times = np.arange(len(ticks)) * step if None in ticks else (np.sort(ticks) - min(ticks)) * float(unit)
    video = Video(path, times, float(times[-1] + (np.median(np.diff(times)) if len(times) > 1 else step)))
    # The duration of a file is that of its longest stream, and audio may be longer than video.
    seconds = length / av.time_base if only_video and length and not frames else 0
    if len(ticks) < COMPLETE * frames or video.duration < COMPLETE * seconds:
        found, expected = (
            (f"{len(ticks)} frames", frames) if frames else (f"{video.duration:.1f} s", f"{seconds:.1f} s")
        )
        raise UserError(f"{path}: truncated: {found} in it, {expected} in its header; download it again")
    return video


def _reason(error):
    return str(error.strerror or error).strip().lower()


def choose_frames(times, duration, sampling, max_frames, rate, start=0.0, stop=None):
    """Choose frames of a video; never one twice, so fewer of a short video.

    Args:
        times, duration: of a `Video`.
        sampling: `uniform`: `max_frames`, in the middle of as many equal parts; `fps`: `rate` a second, and if these
            are more than `max_frames`, as `uniform`.
        max_frames: largest number of frames.
        rate: frames a second, for `fps`.
        start, stop: interval in seconds; `stop` None is the end.

    Returns:
        Indices, int (frames,), ascending; not empty.
    """
    stop = duration if stop is None else min(stop, duration)
    count = max_frames
    if sampling == "fps":
        count = min(max_frames, max(1, round((stop - start) * rate)))
    middles = start + (np.arange(count) + 0.5) * (stop - start) / count
    # The frame that is displayed at that time.
    return np.unique(np.maximum(np.searchsorted(times, middles, side="right") - 1, 0))


def read_frames(video, chosen, size=None):
    """Decode chosen frames one after another.

    Args:
        video: a `Video`.
        chosen: indices, int (frames,), ascending.
        size: see `fit`; None keeps the size of the video.

    Yields:
        uint8 (height, width, 3), upright. If a file has fewer frames than its packets say, repeats the last one.

    Raises:
        UserError: the file is damaged.
    """
    indices, frame = iter(chosen.tolist()), None
    index = next(indices, None)
    try:
        with av.open(str(video.path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for number, frame in enumerate(container.decode(stream)):
                if number == index:
                    yield _to_array(frame, size)
                    index = next(indices, None)
                if index is None:
                    return
    except av.FFmpegError as error:
        raise UserError(f"{video.path}: damaged: it cannot be decoded ({_reason(error)}); download it again") from None
    if frame is None:
        raise UserError(f"{video.path}: damaged: none of its frames can be decoded; download it again")
    while index is not None:
        yield _to_array(frame, size)
        index = next(indices, None)


def _to_array(frame, size):
    array = frame.to_ndarray(format="rgb24")
    # The rotation of the camera is metadata, in degrees counterclockwise.
    array = np.ascontiguousarray(np.rot90(array, round(frame.rotation / 90)))
    return array if size is None else fit(array[None], size).numpy()[0]


def fit(frames, size):
    """Scale frames to fit into a square, centred on black, without cropping or distortion.

    Args:
        frames: uint8 (frames, height, width, 3), of any size.
        size: side of the square, in pixels.

    Returns:
        uint8 (frames, size, size, 3), a tensor; unchanged if the frames have that size.
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
