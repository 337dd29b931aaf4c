"""Which frames of a file are chosen, and that these are read from files of every kind."""

import av
import numpy as np
import pytest

from apps.common.cli import UserError
from apps.video_captioner.sample_data.make_clips import encode
from apps.video_captioner.video import Video, choose_frames, fit, open_video, read_frames
from tests.apps.video_captioner.conftest import encode_at, numbered
from tests.conftest import shared_data


def indices(frames):
    """Return the indices of frames of `numbered`."""
    return [round(float(frame.mean()) / 4) for frame in frames]


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".webm", ".mkv"])
def test_chosen_frames_are_read(tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    encode(path, numbered(50), rate=10)
    video = open_video(path)
    assert len(video.times) == 50
    np.testing.assert_allclose(video.times, np.arange(50) / 10, atol=2e-3)
    assert video.duration == pytest.approx(5.0, abs=0.01)
    chosen = np.array([0, 1, 7, 23, 48, 49])
    assert indices(read_frames(video, chosen)) == chosen.tolist()


def test_animated_gif_is_read_as_a_video(tmp_path):
    path = tmp_path / "clip.gif"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("gif", rate=10)
        stream.height, stream.width, stream.pix_fmt = 16, 24, "rgb8"
        for frame in numbered(12) * 5:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="rgb8")))
        container.mux(stream.encode())
    video = open_video(path)
    assert len(video.times) == 12
    brightness = [frame.mean() for frame in read_frames(video, np.arange(12))]
    assert len(brightness) == 12 and brightness[-1] > brightness[5] > brightness[0]


@pytest.mark.parametrize(
    ("count", "sampling", "max_frames", "rate", "expected"),
    [
        (10, "uniform", 10, 0, list(range(10))),
        (10, "uniform", 5, 0, [1, 3, 5, 7, 9]),
        (10, "uniform", 3, 0, [1, 5, 8]),
        (4, "uniform", 16, 0, [0, 1, 2, 3]),
        (1, "uniform", 16, 0, [0]),
        (10, "fps", 16, 5.0, [1, 3, 5, 7, 9]),
        (10, "fps", 3, 5.0, [1, 5, 8]),
        (10, "fps", 16, 0.1, [5]),
    ],
)
def test_frames_are_chosen_evenly_and_never_twice(count, sampling, max_frames, rate, expected):
    times = np.arange(count) / 10
    assert choose_frames(times, count / 10, sampling, max_frames, rate).tolist() == expected


def test_frames_of_a_segment_are_chosen_within_it():
    times = np.arange(100) / 10
    assert choose_frames(times, 10.0, "uniform", 4, 0, start=2.0, stop=4.0).tolist() == [22, 27, 32, 37]
    assert choose_frames(times, 10.0, "uniform", 4, 0, start=9.0, stop=99.0).tolist() == [91, 93, 96, 98]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_frames_are_chosen_by_time_where_the_frame_rate_varies(tmp_path, suffix):
    """One frame for half of the time, then twenty in quick succession."""
    path = tmp_path / f"varied{suffix}"
    encode_at(path, numbered(21), [0, *range(1000, 2000, 50)])
    video = open_video(path)
    assert video.times[1] == pytest.approx(1.0) and video.duration == pytest.approx(2.0, abs=0.06)
    chosen = choose_frames(video.times, video.duration, "uniform", 4, 0)
    assert indices(read_frames(video, chosen)) == [0, 6, 16]


def test_rotation_of_the_camera_is_applied(tmp_path):
    """A phone's clip, with the rotation as metadata."""
    path = tmp_path / "phone.mp4"
    frames = np.zeros((3, 32, 64, 3), "uint8")
    # Red on the left becomes red at the top when rotated by 90 degrees clockwise.
    frames[:, :, :16, 0] = 255
    encode(path, frames)
    content = bytearray(path.read_bytes())
    # The track header holds a matrix of nine 32-bit numbers; replace the unit matrix by a rotation.
    unit = b"\x00\x01\x00\x00" + bytes(12) + b"\x00\x01\x00\x00" + bytes(12) + b"\x40\x00\x00\x00"
    rotated = bytes(4) + b"\x00\x01\x00\x00" + bytes(4) + b"\xff\xff\x00\x00" + bytes(16) + b"\x40\x00\x00\x00"
    start = content.index(unit, content.index(b"tkhd"))
    content[start : start + len(unit)] = rotated
    path.write_bytes(content)
    (frame,) = read_frames(open_video(path), np.array([1]))
    assert frame.shape == (64, 32, 3)
    assert frame[:12, :, 0].mean() > 200 and frame[-12:, :, 0].mean() < 30


def test_fit_keeps_the_whole_frame_and_its_proportions():
    wide = np.full((2, 20, 40, 3), 200, "uint8")
    fitted = fit(wide, 32).numpy()
    assert fitted.shape == (2, 32, 32, 3) and fitted.dtype == np.uint8
    assert (fitted[:, 8:24] == 200).all() and (fitted[:, :8] == 0).all() and (fitted[:, 24:] == 0).all()
    tall = fit(wide.transpose(0, 2, 1, 3), 32).numpy()
    np.testing.assert_array_equal(tall, fitted.transpose(0, 2, 1, 3))
    own = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("uint8")
    np.testing.assert_array_equal(fit(own, 32), own)
    assert fit(np.zeros((1, 1, 5000, 3), "uint8"), 32).shape == (1, 32, 32, 3)


def test_one_frame_and_4k_are_read(tmp_path):
    encode(tmp_path / "one.mp4", numbered(1))
    video = open_video(tmp_path / "one.mp4")
    assert choose_frames(video.times, video.duration, "uniform", 8, 0).tolist() == [0]
    encode(tmp_path / "large.mp4", np.full((2, 2160, 3840, 3), 90, "uint8"))
    video = open_video(tmp_path / "large.mp4")
    (frame,) = read_frames(video, np.array([1]), 64)
    assert frame.shape == (64, 64, 3) and abs(frame[32].mean() - 90) < 6 and frame[:12].max() == 0


def test_bad_clips_are_refused_with_the_reason(bad_clips):
    words = {
        "cut.mp4": "truncated",
        "cut.avi": "truncated: .* frames",
        "cut.webm": "truncated: .* s in it",
        "empty.mp4": "0 bytes",
        "text.mp4": "not a readable video",
        "audio.mp4": "no video stream in it, only audio",
    }
    assert words.keys() == bad_clips.keys()
    for name, path in bad_clips.items():
        with pytest.raises(UserError, match=words[name]) as error:
            open_video(path)
        assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


def test_damage_within_a_file_is_named(tmp_path):
    path = tmp_path / "clip.mp4"
    encode(path, np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3)).astype("uint8"))
    video = open_video(path)
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    content[start : start + 3000] = bytes(3000)
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        list(read_frames(video, np.arange(12)))


def test_file_with_fewer_frames_than_packets_repeats_its_last(tmp_path):
    path = tmp_path / "clip.mp4"
    encode(path, numbered(5))
    video = Video(path, np.arange(8) / 10, 0.8)
    assert indices(read_frames(video, np.array([3, 6, 7]))) == [3, 4, 4]


@pytest.mark.parametrize("name", ["3qqEKTPxLNs_1_15", "WTf5EgVY5uU_124_128", "j2Dhf-xFUxU_13_20"])
def test_real_clips_decode(name):
    video = open_video(shared_data(f"msvd/{name}.avi"))
    start, end = (int(part) for part in name.split("_")[-2:])
    assert abs(video.duration - (end - start)) < 0.6
    chosen = choose_frames(video.times, video.duration, "fps", 28, 2.0)
    frames = np.stack(list(read_frames(video, chosen, 96)))
    assert frames.shape == (len(chosen), 96, 96, 3) and frames.std() > 20
    assert len(chosen) == min(28, round(video.duration * 2))
