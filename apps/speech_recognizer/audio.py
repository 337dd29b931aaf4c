"""Decode the sound of a file to mono samples of a given rate, with PyAV."""

import io
import wave
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from ..common.cli import UserError
from ..common.words import listed

# Fraction of the length in the header that a complete file has; headers of lossy formats count padding, too.
COMPLETE = 0.9
# Sample rates of a source, in Hz.
MIN_RATE, MAX_RATE = 4000, 192000
# A channel this much below the loudest, as a ratio of energies, is silent: -60 dB.
SILENT = 1e-6
# Sum of the channels this much below the loudest means that they cancel out, as with one of them inverted.
CANCELLED = 1e-2
# Sizes of the data in WAV headers that were written before the size was known.
_UNKNOWN_SIZE = 0x7FFFF000


@dataclass(frozen=True)
class Sound:
    """Properties of the first sound stream of a file.

    Attributes:
        rate: samples a second.
        channels: number of channels.
        seconds: duration that the header gives; None if it gives none.
    """

    rate: int
    channels: int
    seconds: float | None


def decode(source, rate):
    """Decode a sound.

    Args:
        source: path of a sound or video file, or its content, bytes.
        rate: samples a second of the result.

    Returns:
        float32 (samples,), full scale is 1: the mean of the channels that are not silent. If they cancel out, the
        loudest channel.

    Raises:
        UserError: not a readable sound, empty, truncated or damaged, or without samples.
    """
    samples, energies = _mix(source, rate, None)
    loudest = energies.max(initial=0)
    alive = int((energies > SILENT * loudest).sum())
    mixed = float(np.vdot(samples, samples))
    if alive > 1 and mixed < CANCELLED * loudest:
        return _mix(source, rate, int(energies.argmax()))[0]
    if alive > 1:
        samples /= alive
    return samples


def probe(source):
    """Return the `Sound` of a path or bytes, without decoding it.

    Raises:
        UserError: not a readable sound, empty, or truncated.
    """
    with _opened(source) as (container, stream, _):
        length = container.duration / av.time_base if container.duration else None
        if stream.duration:
            length = float(stream.duration * stream.time_base)
        return Sound(stream.rate, stream.channels, length)


def write_wav(path, samples, rate):
    """Write samples from -1 to 1, (samples,) or (samples, channels), as a WAV file of 16 bits."""
    samples = np.asarray(samples)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1] if samples.ndim == 2 else 1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


class _opened:
    """Context manager of (container, sound stream, name for messages); turns errors of FFmpeg into `UserError`."""

    def __init__(self, source):
        self.name, self.source = ("the sound", source) if isinstance(source, bytes) else (str(source), Path(source))

    def __enter__(self):
        size = len(self.source) if isinstance(self.source, bytes) else _size(self.source)
        if not size:
            raise UserError(f"{self.name}: the file is empty (0 bytes); record or download it again")
        is_bytes = isinstance(self.source, bytes)
        with io.BytesIO(self.source) if is_bytes else self.source.open("rb") as file:
            _require_whole_wav(self.name, file, size)
        # Other protocols would let a playlist read other files, or the network.
        file = io.BytesIO(self.source) if is_bytes else f"file:{self.source}"
        try:
            self.container = av.open(file, options={"protocol_whitelist": "pipe" if is_bytes else "file"})
        except av.FFmpegError as error:
            self._refuse(error)
        try:
            self.stream = _sound_stream(self.name, self.container)
        except BaseException:
            self.container.close()
            raise
        return self.container, self.stream, self.name

    def __exit__(self, kind, error, traceback):
        self.container.close()
        if isinstance(error, av.FFmpegError):
            self._refuse(error)

    def _refuse(self, error):
        reason = str(error.strerror or error).strip().lower()
        raise UserError(
            f"{self.name}: not a readable sound file, or truncated ({reason}); expected WAV, FLAC, MP3, OGG, M4A or "
            "another format of FFmpeg; record or download it again"
        ) from None


def _size(path):
    if path.is_dir():
        raise UserError(f"{path}: this is a folder, expected a sound file")
    if not path.exists():
        raise UserError(f"{path}: no such file")
    return path.stat().st_size


def _require_whole_wav(name, file, size):
    """Raise `UserError` for a WAV file that is shorter than its header says; FFmpeg reads those without a word."""
    start = file.read(12)
    if start[:4] != b"RIFF" or start[8:] != b"WAVE":
        return
    while len(head := file.read(8)) == 8:
        length, position = int.from_bytes(head[4:], "little"), file.tell()
        if head[:4] == b"data":
            if position + length > size and length < _UNKNOWN_SIZE:
                raise UserError(
                    f"{name}: truncated: {size - position} bytes of samples in it, {length} in its header; record or "
                    "download it again"
                )
            return
        file.seek(position + length + length % 2)


def _sound_stream(name, container):
    if not container.streams.audio:
        kinds = listed(sorted({stream.type for stream in container.streams})) or "nothing"
        raise UserError(f"{name}: no sound in it, only {kinds}; expected a sound file, or a video with sound")
    stream = container.streams.audio[0]
    if not stream.channels or not stream.rate:
        raise UserError(f"{name}: no channels of sound in it; expected a sound file")
    if not MIN_RATE <= stream.rate <= MAX_RATE:
        raise UserError(
            f"{name}: {stream.rate} samples a second, expected {MIN_RATE} to {MAX_RATE}; convert it to 16000"
        )
    return stream


def _mix(source, rate, channel):
    """Return the sum of the channels, or one channel, as float32 (samples,), and the energy of each."""
    # A buffer that grows in place: an hour needs hardly more memory than its samples.
    buffer, energies, damaged, packets = bytearray(), 0, 0, 0
    with _opened(source) as (container, stream, name):
        channels = stream.channels
        energies = np.zeros(channels)
        resampler = av.AudioResampler("flt", None, rate)
        try:
            for packet in container.demux(stream):
                packets += 1
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    damaged += 1
                    continue
                for frame in frames:
                    # Samples follow each other, whatever their times say.
                    frame.pts = None
                    energies += _append(buffer, resampler.resample(frame), channels, channel)
            energies += _append(buffer, resampler.resample(None), channels, channel)
        except ValueError as error:
            raise UserError(f"{name}: damaged: {error}; record or download it again") from None
        seconds = float(stream.duration * stream.time_base) if stream.duration else None
        if seconds is None and len(container.streams) == 1 and container.duration:
            seconds = container.duration / av.time_base
    samples = np.frombuffer(buffer, "float32")
    _require_samples(name, samples, energies, rate, seconds, damaged, packets)
    return samples, energies


def _append(buffer, frames, channels, channel):
    """Append the sum of the channels of frames to a buffer and return their energies."""
    energies = np.zeros(channels)
    for frame in frames:
        block = frame.to_ndarray().reshape(-1, channels)
        energies += np.einsum("tc,tc->c", block, block, dtype="float64")
        buffer += (block.sum(axis=1) if channel is None else block[:, channel]).tobytes()
    return energies


def _require_samples(name, samples, energies, rate, seconds, damaged, packets):
    found = len(samples) / rate
    if seconds and found < COMPLETE * seconds - 0.1:
        raise UserError(
            f"{name}: truncated or damaged: {found:.1f} s of sound in it, {seconds:.1f} s in its header; record or "
            "download it again"
        )
    if not len(samples):
        raise UserError(f"{name}: no samples in it, or too few to convert; record or download it again")
    if damaged > max(1, 0.02 * packets):
        raise UserError(f"{name}: damaged: {damaged} of {packets} packets cannot be decoded; download it again")
    if not np.isfinite(energies).all():
        raise UserError(f"{name}: samples that are no finite numbers; write the file again")
