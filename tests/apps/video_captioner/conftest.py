"""Small clips, good and bad, and a small trained video captioner."""

import fractions
import shutil

import av
import numpy as np
import pytest

from apps.video_captioner.export import export
from apps.video_captioner.sample_data.make_clips import COLOURS, encode
from apps.video_captioner.train import train

SMALL = {
    "units": 48,
    "embedding_dim": 24,
    "max_frames": 4,
    "captions_per_clip": 2,
    "frame_size": 32,
    "batch_size": 4,
    "epochs": 12,
    "learning_rate": 0.005,
    "dropout": 0,
}
SMALL_OPTIONS = [text for name, value in SMALL.items() for text in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture(scope="session")
def folder(made_once):
    """Sixty clips of one colour, or of one and then another, with captions.csv, which little training is enough for.

    Tests read it and write nothing into it.
    """
    return made_once("clips", make_colours)


def make_colours(path):
    generator = np.random.default_rng(0)
    rows = ["clip,caption,split\n"]
    for number in range(60):
        split = ("test", "validation", *["train"] * 4)[number % 6]
        first, second = generator.choice(list(COLOURS), 2, replace=False)
        last = first if number % 4 else second
        frames = np.repeat(np.array([COLOURS[first], COLOURS[last]]), [generator.integers(3, 7)] * 2, axis=0)
        frames = frames[:, None, None] + generator.normal(0, 5, (len(frames), 32, 32, 3))
        encode(path / f"{split}_{number:02d}.mp4", np.clip(frames, 0, 255).astype("uint8"), rate=8)
        said = [first, f"all {first}"] if first == last else [f"{first} {last}", f"{first} to {last}"]
        rows += [f'{split}_{number:02d}.mp4,"{caption}",{split}\n' for caption in said]
    (path / "captions.csv").write_text("".join(rows))


@pytest.fixture(scope="session")
def cache(made_once):
    return made_once("cache", lambda path: None)


@pytest.fixture(scope="session")
def options(folder, cache):
    return ["--data", str(folder), "--cache", str(cache), *SMALL_OPTIONS]


@pytest.fixture(scope="session")
def trained(trained_once, options):
    return trained_once("video_captioner", train, export, options)


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of the trained run, to write into."""
    return shutil.copytree(trained, tmp_path / "run")


def numbered(count, height=16, width=24):
    """Frames that tell their number: as bright as 4 times it."""
    return np.broadcast_to(4 * np.arange(count, dtype="uint8")[:, None, None, None], (count, height, width, 3)).copy()


def encode_at(path, frames, milliseconds):
    """As `encode`, with each frame shown from its own time on."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", options={"crf": "10"})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.time_base = stream.codec_context.time_base = fractions.Fraction(1, 1000)
        for frame, time in zip(frames, milliseconds, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = int(time), stream.time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def encode_sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), "float32"), format="fltp", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())


@pytest.fixture(scope="session")
def bad_clips(tmp_path_factory, folder):
    """{what is wrong: file}, none of which can be captioned."""
    path = tmp_path_factory.mktemp("bad")
    whole = sorted(folder.glob("*.mp4"))[0].read_bytes()
    contents = {"cut.mp4": whole[: len(whole) // 2]}
    for name in ("cut.avi", "cut.webm"):
        encode(path / name, np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3)).astype("uint8"))
        contents[name] = (path / name).read_bytes()[: (path / name).stat().st_size // 2]
    contents |= {"empty.mp4": b"", "text.mp4": b"this is not a video, it is a text file " * 20}
    for name, content in contents.items():
        (path / name).write_bytes(content)
    encode_sound(path / "sound.mp4")
    return {name: path / name for name in [*contents, "sound.mp4"]}
