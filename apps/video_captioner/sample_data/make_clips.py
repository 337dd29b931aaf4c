"""Clips of coloured shapes that move, grow, shrink, bounce, meet and part, with captions by a small grammar.

What is held out for validation and test are combinations that no training clip has: of a colour, a shape and what it
does, and of two shapes that meet. To caption them a model must have learned what the words mean one by one.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

SIZE, RATE = 64, 12
COLOURS = {
    "red": (220, 50, 47),
    "green": (60, 170, 60),
    "blue": (50, 90, 220),
    "yellow": (230, 205, 50),
    "purple": (160, 60, 190),
    "white": (240, 240, 240),
}
SHAPES = ("circle", "square", "triangle", "star")
# What one shape does: the ways to say it.
DEEDS = {
    "left": ("moves to the left", "is moving to the left", "goes left"),
    "right": ("moves to the right", "is moving to the right", "goes right"),
    "up": ("moves up", "is moving up", "goes up"),
    "down": ("moves down", "is moving down", "goes down"),
    "grow": ("grows", "is growing", "gets bigger"),
    "shrink": ("shrinks", "is shrinking", "gets smaller"),
    "bounce": ("bounces", "is bouncing", "jumps up and down"),
}
# What two do: of both, and of one to the other.
ENCOUNTERS = {"meet": ("meet", "touches"), "part": ("part", "moves away from")}
# Clips of each combination of colour, shape and deed; and pairs of shapes, which in training both meet and part.
CLIPS = {"train": 5, "validation": 3, "test": 5}
PAIRS = {"train": 240, "validation": 20, "test": 16}


@dataclass(frozen=True)
class Scene:
    """What a clip shows: one shape and its deed, or two and their encounter.

    Attributes:
        split: `train`, `validation` or `test`.
        shapes: (colour, shape) of each.
        deed: of `DEEDS` or `ENCOUNTERS`.
    """

    split: str
    shapes: tuple[tuple[str, str], ...]
    deed: str

    def captions(self):
        """Every way to say it."""
        names = [" ".join(shape) for shape in self.shapes]
        if len(names) == 1:
            colour, shape = self.shapes[0]
            plain, progressive, other = DEEDS[self.deed]
            return [
                f"a {names[0]} {plain}",
                f"a {names[0]} {other}",
                f"the {names[0]} {progressive}",
                f"a {shape} that is {colour} {plain}",
            ]
        both, one = ENCOUNTERS[self.deed]
        orders = names, names[::-1]
        return [f"a {a} and a {b} {both}" for a, b in orders] + [f"a {a} {one} a {b}" for a, b in orders]


def scenes(seed=0):
    """All `Scene`s of the sample, with the same seed always the same."""
    found = []
    # A Latin pattern: of each two of the three, every pairing stays among the training clips.
    held_out = {0: "test", 1: "validation"}
    for colour_number, colour in enumerate(COLOURS):
        for shape_number, shape in enumerate(SHAPES):
            for deed_number, deed in enumerate(DEEDS):
                split = held_out.get((colour_number + 2 * shape_number + 3 * deed_number) % len(DEEDS), "train")
                found += [Scene(split, ((colour, shape),), deed)] * CLIPS[split]
    generator = np.random.default_rng(seed)
    objects = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    pairs = [(a, b) for place, a in enumerate(objects) for b in objects[:place]]
    order = generator.permutation(len(pairs)).tolist()
    for split, count in PAIRS.items():
        for number in range(count):
            pair = pairs[order.pop()]
            deeds = list(ENCOUNTERS) if split == "train" else [list(ENCOUNTERS)[number % 2]]
            found += [Scene(split, pair[:: generator.choice([1, -1])], deed) for deed in deeds]
    return found


def draw(scene, generator):
    """The frames of a scene, uint8 (frames, 64, 64, 3); from 1.5 to 2.5 seconds."""
    time = np.linspace(0, 1, generator.integers(18, 31))
    background = generator.uniform(15, 60, 3)
    frames = np.broadcast_to(background, (len(time), SIZE, SIZE, 3)).copy()
    for shape, path in zip(scene.shapes, _paths(scene.deed, time, generator), strict=True):
        covered = _covered(shape[1], *path)[..., None]
        colour = np.clip(np.array(COLOURS[shape[0]]) + generator.uniform(-15, 15, 3), 0, 255)
        frames = frames * (1 - covered) + colour * covered
    frames += generator.normal(0, 3, frames.shape)
    return np.clip(frames, 0, 255).astype("uint8")


def _paths(deed, time, generator):
    """For each shape of a scene its centre (x, y), from -32 to 32 with y downwards, and its radius, over time."""

    def near(spread, middle=0.0):
        return middle + generator.uniform(-spread, spread)

    still = np.zeros_like(time)
    radius = still + generator.uniform(9, 12)
    ahead, aside = near(5) + time * near(3, 22), still + near(6)
    if deed in ("left", "right"):
        return [((-ahead if deed == "left" else ahead), aside, radius)]
    if deed in ("up", "down"):
        return [(aside, (-ahead if deed == "up" else ahead), radius)]
    if deed in ("grow", "shrink"):
        first, last = (near(1, 7), near(2, 21)) if deed == "grow" else (near(1.5, 14), near(1, 4))
        return [(still + near(4), still + near(4), first + time * (last - first))]
    if deed == "bounce":
        jumps, height = generator.integers(2, 4), near(5, 32)
        return [(near(4) + time * near(4), 20 - height * np.abs(np.sin(np.pi * jumps * time)), radius * 0.85)]
    # Two, from the left and from the right.
    radius = radius * 0.8
    apart = radius[0] * 1.05 + (1 - time if deed == "meet" else time) * near(2, 11)
    tilt, middle = near(10), (near(3), near(8))
    return [(middle[0] + side * apart, middle[1] + side * apart / 22 * tilt, radius) for side in (-1, 1)]


def _covered(shape, x, y, radius):
    """How much of each pixel a shape covers, from 0 to 1: (frames, 64, 64)."""
    grid = np.arange(SIZE) - SIZE / 2 + 0.5
    across, down = grid[None, None] - x[:, None, None], grid[None, :, None] - y[:, None, None]
    radius = radius[:, None, None]
    if shape == "circle":
        outside = np.hypot(across, down) - radius
    elif shape == "square":
        outside = np.maximum(np.abs(across), np.abs(down)) - 0.85 * radius
    elif shape == "triangle":
        outside = np.maximum(down, np.abs(across) * np.sqrt(3) / 2 - down / 2) - 0.6 * radius
    else:
        # From a point of the star to the notch beside it the edge comes nearer by a half.
        turn = np.arctan2(across, -down) / (2 * np.pi / 5)
        outside = np.hypot(across, down) - 1.25 * radius * (1 - 1.1 * np.abs(turn - np.round(turn)))
    return np.clip(0.5 - outside, 0, 1)


def encode(path, frames, rate=RATE):
    """Writes frames, uint8 (frames, height, width, 3), as a video; the suffix of `path` says in which container."""
    codec = "libvpx-vp9" if Path(path).suffix == ".webm" else "libx264"
    options = {"crf": "18", "preset": "veryfast"} if codec == "libx264" else {"crf": "20", "b": "0"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec if codec in av.codecs_available else "mpeg4", rate=rate, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def make_clips(folder, seed=0, every=1):
    """Writes the clips, and captions.csv with the columns clip, caption and split, into a folder that exists.

    Args:
        every: only every so many-th scene; for a smaller sample.
    """
    folder, generator = Path(folder), np.random.default_rng(seed)
    rows = []
    for number, scene in enumerate(scenes(seed)[::every], 1):
        name = f"{scene.split}_{number:04d}.mp4"
        encode(folder / name, draw(scene, generator))
        rows += [(name, caption, scene.split) for caption in scene.captions()]
    with (folder / "captions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("clip", "caption", "split"), *rows])
