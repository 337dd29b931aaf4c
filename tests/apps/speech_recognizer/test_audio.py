"""Decoding sound files, good and bad."""

import struct
import wave

import av
import numpy as np
import pytest

from apps.common.cli import UserError
from apps.speech_recognizer.audio import Sound, decode, probe, write_wav

RATE = 16000


def tone(rate, frequency=440, seconds=0.5, level=0.5):
    return (level * np.sin(2 * np.pi * frequency / rate * np.arange(round(seconds * rate)))).astype("float32")


def frequency_of(samples, rate):
    """Return the frequency of a tone, in Hz, and its level."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return spectrum.argmax() * rate / len(samples), spectrum.max() * 4 / len(samples)


def assert_is_tone(samples, frequency=440, level=0.5, seconds=0.5, rate=RATE, tolerance=0.02):
    assert samples.dtype == np.float32 and samples.ndim == 1
    assert len(samples) == pytest.approx(seconds * rate, rel=0.2)
    found, height = frequency_of(samples, rate)
    assert found == pytest.approx(frequency, abs=3)
    assert height == pytest.approx(level, rel=3 * tolerance)


def encode(path, codec, rate, form, samples=None, layout="mono"):
    samples = tone(rate) if samples is None else samples
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(np.atleast_2d(samples), format="fltp", layout=layout)
        frame.sample_rate = rate
        for part in av.AudioResampler(form, layout, rate).resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode())


def raw_wav(path, content, width, rate=8000, channels=1, form=1):
    """Write a WAV file by hand, for forms that the module wave cannot write."""
    header = struct.pack("<4sIHHIIHH", b"fmt ", 16, form, channels, rate, rate * channels * width, channels * width,
                         8 * width)  # fmt: skip
    data = b"data" + struct.pack("<I", len(content)) + content
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(header) + len(data)) + b"WAVE" + header + data)


@pytest.mark.parametrize(
    ("width", "form"), [("u1", 1), ("<i2", 1), ("i3", 1), ("<i4", 1), ("<f4", 3), ("<f8", 3)], ids=str
)
def test_every_sample_format_of_wav_has_the_same_level(tmp_path, width, form):
    samples, path = tone(8000).astype("float64"), tmp_path / "a.wav"
    if form == 3:
        content = samples.astype(width).tobytes()
    elif width == "u1":
        content = np.round(samples * 127 + 128).astype("u1").tobytes()
    elif width == "i3":
        content = np.round(samples * (2**23 - 1)).astype("<i4").view("u1").reshape(-1, 4)[:, :3].tobytes()
    else:
        content = np.round(samples * np.iinfo(width).max).astype(width).tobytes()
    raw_wav(path, content, int(width[-1]), form=form)
    np.testing.assert_allclose(decode(path, 8000), samples, atol=0.01)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "form"),
    [
        ("a.flac", "flac", 16000, "s16"),
        ("a.mp3", "libmp3lame", 22050, "fltp"),
        ("a.ogg", "libopus", 48000, "flt"),
        ("a.opus", "libopus", 16000, "flt"),
        ("a.m4a", "aac", 44100, "fltp"),
        ("a.webm", "libopus", 48000, "flt"),
        ("a.aiff", "pcm_s16be", 11025, "s16"),
        ("a.au", "pcm_mulaw", 8000, "s16"),
    ],
)
def test_common_formats_are_decoded(tmp_path, name, codec, rate, form):
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no encoder {codec}")
    path = tmp_path / name
    encode(path, codec, rate, form)
    samples = decode(path, RATE)
    assert_is_tone(samples, tolerance=0.1)
    np.testing.assert_array_equal(decode(path.read_bytes(), RATE), samples)
    found = probe(path)
    # Opus always decodes to 48 kHz.
    assert (found.rate, found.channels) == (48000 if codec == "libopus" else rate, 1)
    assert found.seconds is None or found.seconds == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("target", [8000, 16000])
def test_rate_is_converted_and_the_tone_kept(tmp_path, rate, target):
    write_wav(tmp_path / "a.wav", tone(rate), rate)
    assert probe(tmp_path / "a.wav") == Sound(rate, 1, round(rate / 2) / rate)
    samples = decode(tmp_path / "a.wav", target)
    assert len(samples) == pytest.approx(0.5 * target, abs=2)
    assert_is_tone(samples, rate=target)


def test_frequencies_above_the_new_rate_do_not_fold(tmp_path):
    write_wav(tmp_path / "a.wav", tone(48000, 13000), 48000)
    assert np.abs(decode(tmp_path / "a.wav", 16000))[100:-100].max() < 0.01


def test_level_is_right_whatever_the_channels(tmp_path):
    one, path = tone(8000), tmp_path / "a.wav"
    silent, hum = np.zeros_like(one), 1e-4 * tone(8000, 50)
    for channels in ([one], [one, one], [one, silent], [silent, one], [hum, one], [one, -one], [one] * 3, [one] * 9,
                     [silent] * 5 + [one]):  # fmt: skip
        write_wav(path, np.stack(channels, axis=1), 8000)
        np.testing.assert_allclose(decode(path, 8000), np.sign(decode(path, 8000)[5]) * one, atol=1e-3)
    write_wav(path, np.stack([one, tone(8000, 1000)], axis=1), 8000)
    np.testing.assert_allclose(decode(path, 8000), (one + tone(8000, 1000)) / 2, atol=1e-3)


def test_silent_clipped_and_short_sounds_are_decoded(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, np.zeros((1600, 2)), 8000)
    assert not decode(path, RATE).any()
    write_wav(path, 4 * tone(8000), 8000)
    assert decode(path, 8000).max() == pytest.approx(1, abs=1e-3)
    write_wav(path, tone(8000, seconds=0.01), 8000)
    assert len(decode(path, RATE)) == 160
    write_wav(path, tone(8000)[:1], 8000)
    with pytest.raises(UserError, match="no samples in it, or too few"):
        decode(path, RATE)


def test_wav_whose_header_has_no_size_is_decoded(tmp_path):
    write_wav(tmp_path / "a.wav", tone(8000), 8000)
    content = (tmp_path / "a.wav").read_bytes()
    for size in (b"\xff\xff\xff\xff", b"\0\0\0\0"):
        assert len(decode(content[:4] + size + content[8:40] + size + content[44:], 8000)) == 4000


def test_sound_of_a_video_is_decoded(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        video, sound = container.add_stream("libx264", rate=10), container.add_stream("aac", rate=16000)
        sound.layout, video.pix_fmt = "mono", "yuv420p"
        video.width = video.height = 32
        for _ in range(5):
            picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), "uint8"), format="rgb24")
            container.mux(video.encode(picture))
        container.mux(video.encode())
        frame = av.AudioFrame.from_ndarray(tone(16000)[None], format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    assert_is_tone(decode(path, RATE), tolerance=0.1)


def bad(folder):
    """Return {name: content} of files that are no sounds."""
    write_wav(folder / "x.wav", tone(8000), 8000)
    content = (folder / "x.wav").read_bytes()
    encode(folder / "x.flac", "flac", 16000, "s16", tone(16000, seconds=3))
    encode(folder / "x.m4a", "aac", 16000, "fltp")
    flac, m4a = (folder / "x.flac").read_bytes(), (folder / "x.m4a").read_bytes()
    with av.open(str(folder / "x.mp4"), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), "uint8"), format="rgb24")))
        container.mux(video.encode())
    raw_wav(folder / "nan.wav", np.full(100, np.nan, "<f4").tobytes(), 4, form=3)
    raw_wav(folder / "slow.wav", bytes(100), 2, rate=100)
    return {
        "text.wav": (b"this is not a sound, it is text\n" * 20, "not a readable sound file"),
        "empty.wav": (b"", r"the file is empty \(0 bytes\)"),
        "cut.wav": (content[:2000], "truncated: 1956 bytes of samples in it, 8000 in its header"),
        "head.wav": (content[:40] + bytes(4), "no samples in it"),
        "cut.flac": (flac[: len(flac) // 2], "truncated"),
        "cut.m4a": (m4a[: len(m4a) // 2], "truncated"),
        "silent.mp4": ((folder / "x.mp4").read_bytes(), "no sound in it, only 'video'"),
        "nan.wav": ((folder / "nan.wav").read_bytes(), "no finite numbers"),
        "slow.wav": ((folder / "slow.wav").read_bytes(), "100 samples a second, expected 4000 to 192000"),
        "list.m3u8": (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nx.wav\n#EXT-X-ENDLIST\n", "not a readable"),
    }


def test_bad_files_are_named(tmp_path):
    seen = 0
    for name, (content, words) in bad(tmp_path).items():
        path = tmp_path / name
        path.write_bytes(content)
        for source, start in ((path, str(path)), (content, "the sound")):
            with pytest.raises(UserError, match=words) as error:
                decode(source, RATE)
            assert str(error.value).startswith(f"{start}: ") and "\n" not in str(error.value), name
            seen += 1
    assert seen == 20
    with pytest.raises(UserError, match="no such file"):
        decode(tmp_path / "absent.wav", RATE)
    with pytest.raises(UserError, match="this is a folder"):
        decode(tmp_path, RATE)
    with pytest.raises(UserError, match="not a readable sound"):
        probe(tmp_path / "text.wav")


def test_odd_names_are_opened(tmp_path):
    for name in ("a:b.wav", "50% #1?.wav", "é ü.wav", "-.wav"):
        write_wav(tmp_path / name, tone(8000), 8000)
        assert len(decode(tmp_path / name, 8000)) == 4000


def test_written_wav_is_read_by_the_standard_library(tmp_path):
    write_wav(tmp_path / "a.wav", tone(8000), 8000)
    with wave.open(str(tmp_path / "a.wav")) as read:
        assert (read.getframerate(), read.getnchannels(), read.getnframes()) == (8000, 1, 4000)
