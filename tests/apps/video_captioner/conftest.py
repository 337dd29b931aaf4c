"""Small clips, good and bad, a small trained video captioner, and a small backbone."""

import fractions

import av
import keras
import numpy as np
import pytest

from apps.video_captioner import backbone
from apps.video_captioner import captioner as captioner_module
from apps.video_captioner.captioner import Captioner
from apps.video_captioner.sample_data.make_clips import encode
from tests.apps.cases import video_captioner

# Settings of `cases.video_captioner` on which frames and batches depend.
SMALL = {"max_frames": 4, "captions_per_clip": 2, "frame_size": 32}


@pytest.fixture(scope="session")
def folder(data_once):
    """Sixty clips with captions.csv; tests do not write into it."""
    return data_once(video_captioner) / "clips"


@pytest.fixture(scope="session")
def options(options_once):
    return options_once(video_captioner)


@pytest.fixture(scope="session")
def cache(options):
    return options[options.index("--cache") + 1]


@pytest.fixture(scope="session")
def trained(trained_once):
    return trained_once(video_captioner)


@pytest.fixture(scope="session")
def captioner(trained):
    return Captioner(trained)


@pytest.fixture
def compiled(captioner, monkeypatch):
    """Let `predict` use `captioner`, which is compiled already."""
    monkeypatch.setattr(captioner_module, "Captioner", lambda run_dir, search: captioner)


@pytest.fixture
def small_application(monkeypatch):
    """Replace the models of keras.applications by a small one with batch normalization."""

    def build(include_top, pooling, input_shape, weights):
        layers = [
            keras.layers.Conv2D(6, 5, strides=4, name="first"),
            keras.layers.BatchNormalization(name="normalization"),
            keras.layers.Conv2D(8, 3, strides=2, activation="relu", name="second"),
            keras.layers.GlobalAveragePooling2D(name="pooling"),
        ]
        return keras.Sequential([keras.Input(input_shape), *layers], name="application")

    monkeypatch.setattr(backbone, "_application", lambda name: (build, lambda frames: frames / 128 - 1))


def numbered(count, height=16, width=24):
    """Draw frames whose brightness is 4 times their index."""
    return np.broadcast_to(4 * np.arange(count, dtype="uint8")[:, None, None, None], (count, height, width, 3)).copy()


def encode_at(path, frames, milliseconds):
    """Write frames as a video in which each has its own time."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", options={"crf": "10"})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.time_base = stream.codec_context.time_base = fractions.Fraction(1, 1000)
        for array, time in zip(frames, milliseconds, strict=True):
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            frame.pts, frame.time_base = int(time), stream.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def encode_audio(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        audio = av.AudioFrame.from_ndarray(np.zeros((1, 8000), "float32"), format="fltp", layout="mono")
        audio.sample_rate = 8000
        container.mux(stream.encode(audio))
        container.mux(stream.encode())


@pytest.fixture(scope="session")
def bad_clips(tmp_path_factory, folder):
    """{what is wrong: file}, none of which can be captioned."""
    path = tmp_path_factory.mktemp("bad")
    complete = min(folder.glob("*.mp4")).read_bytes()
    contents = {"cut.mp4": complete[: len(complete) // 2]}
    for name in ("cut.avi", "cut.webm"):
        encode(path / name, np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3)).astype("uint8"))
        contents[name] = (path / name).read_bytes()[: (path / name).stat().st_size // 2]
    contents |= {"empty.mp4": b"", "text.mp4": b"this is not a video, it is a text file " * 20}
    for name, content in contents.items():
        (path / name).write_bytes(content)
    encode_audio(path / "audio.mp4")
    return {name: path / name for name in [*contents, "audio.mp4"]}
