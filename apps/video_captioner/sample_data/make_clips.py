"""Clips of coloured shapes that move, grow, shrink, bounce, meet and part, with captions by a small grammar.

Validation and test hold combinations that no training clip has: of a colour, a shape and its action, and of two shapes
that meet. To caption them a model must have learned the meaning of single words.
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
# Actions of one shape, and the ways to describe them.
ACTIONS = {
    "left": ("moves to the left", "is moving to the left", "goes left"),
    "right": ("moves to the right", "is moving to the right", "goes right"),
    "up": ("moves up", "is moving up", "goes up"),
    "down": ("moves down", "is moving down", "goes down"),
    "grow": ("grows", "is growing", "gets bigger"),
    "shrink": ("shrinks", "is shrinking", "gets smaller"),
    "bounce": ("bounces", "is bouncing", "jumps up and down"),
}
# Actions of two shapes: of both, and of one to the other.
ENCOUNTERS = {"meet": ("meet", "touches"), "part": ("part", "moves away from")}
# Clips of each combination of colour, shape and action; and pairs of shapes, which in training both meet and part.
CLIPS = {"train": 5, "validation": 3, "test": 5}
PAIRS = {"train": 240, "validation": 20, "test": 16}


@dataclass(frozen=True)
class Scene:
    """The content of a clip: one shape and its action, or two and their encounter.

    Attributes:
        split: `train`, `validation` or `test`.
        shapes: (colour, shape) of each.
        action: one of `ACTIONS` or `ENCOUNTERS`.
    """

    split: str
    shapes: tuple[tuple[str, str], ...]
    action: str

    def captions(self):
        """Return all captions of the scene."""
        names = [" ".join(shape) for shape in self.shapes]
        if len(names) == 1:
            colour, shape = self.shapes[0]
            plain, progressive, other = ACTIONS[self.action]
            return [
                f"a {names[0]} {plain}",
                f"a {names[0]} {other}",
                f"the {names[0]} {progressive}",
                f"a {shape} that is {colour} {plain}",
            ]
        both, one = ENCOUNTERS[self.action]
        orders = names, names[::-1]
        return [f"a {a} and a {b} {both}" for a, b in orders] + [f"a {a} {one} a {b}" for a, b in orders]


def scenes(seed=0):
    """Return all `Scene`s of the sample; they depend only on the seed."""
    found = []
    # A Latin pattern: every pair of colour and shape, colour and action, shape and action stays in training.
    held_out = {0: "test", 1: "validation"}
    for colour_index, colour in enumerate(COLOURS):
        for shape_index, shape in enumerate(SHAPES):
            for action_index, action in enumerate(ACTIONS):
                split = held_out.get((colour_index + 2 * shape_index + 3 * action_index) % len(ACTIONS), "train")
                found += [Scene(split, ((colour, shape),), action)] * CLIPS[split]
    generator = np.random.default_rng(seed)
    objects = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    pairs = [(a, b) for index, a in enumerate(objects) for b in objects[:index]]
    order = generator.permutation(len(pairs)).tolist()
    for split, count in PAIRS.items():
        for number in range(count):
            pair = pairs[order.pop()]
            actions = list(ENCOUNTERS) if split == "train" else [list(ENCOUNTERS)[number % 2]]
            found += [Scene(split, pair[:: generator.choice([1, -1])], action) for action in actions]
    return found


def draw(scene, generator):
    """Draw a scene, uint8 (frames, 64, 64, 3); from 1.5 to 2.5 seconds."""
    time = np.linspace(0, 1, generator.integers(18, 31))
    background = generator.uniform(15, 60, 3)
    frames = np.broadcast_to(background, (len(time), SIZE, SIZE, 3)).copy()
    for shape, path in zip(scene.shapes, _paths(scene.action, time, generator), strict=True):
        coverage = _coverage(shape[1], *path)[..., None]
        colour = np.clip(np.array(COLOURS[shape[0]]) + generator.uniform(-15, 15, 3), 0, 255)
        frames = frames * (1 - coverage) + colour * coverage
    frames += generator.normal(0, 3, frames.shape)
    return np.clip(frames, 0, 255).astype("uint8")


def _paths(action, time, generator):
    """Return the centre (x, y), from -32 to 32 with y downwards, and the radius of each shape over time."""

    def near(distance, centre=0.0):
        return centre + generator.uniform(-distance, distance)

    zeros = np.zeros_like(time)
    radius = zeros + generator.uniform(9, 12)
    along, across = near(5) + time * near(3, 22), zeros + near(6)
    if action in ("left", "right"):
        return [((-along if action == "left" else along), across, radius)]
    if action in ("up", "down"):
        return [(across, (-along if action == "up" else along), radius)]
    if action in ("grow", "shrink"):
        first, last = (near(1, 7), near(2, 21)) if action == "grow" else (near(1.5, 14), near(1, 4))
        return [(zeros + near(4), zeros + near(4), first + time * (last - first))]
    if action == "bounce":
        jumps, height = generator.integers(2, 4), near(5, 32)
        return [(near(4) + time * near(4), 20 - height * np.abs(np.sin(np.pi * jumps * time)), radius * 0.85)]
    # Two, one from the left, one from the right.
    radius = radius * 0.8
    offset = radius[0] * 1.05 + (1 - time if action == "meet" else time) * near(2, 11)
    tilt, centre = near(10), (near(3), near(8))
    return [(centre[0] + side * offset, centre[1] + side * offset / 22 * tilt, radius) for side in (-1, 1)]


def _coverage(shape, x, y, radius):
    """Return the fraction of each pixel that a shape covers, (frames, 64, 64)."""
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
        # From a point of the star to the next notch the distance of the edge falls by a half.
        turn = np.arctan2(across, -down) / (2 * np.pi / 5)
        outside = np.hypot(across, down) - 1.25 * radius * (1 - 1.1 * np.abs(turn - np.round(turn)))
    return np.clip(0.5 - outside, 0, 1)


def encode(path, frames, rate=RATE):
    """Write frames as a video.

    Args:
        path: of the file; the suffix determines the container.
        frames: uint8 (frames, height, width, 3).
        rate: frames a second.
    """
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
    """Write the clips, and captions.csv with the columns clip, caption and split, into an existing folder.

    Args:
        folder: to write into.
        seed: of the scenes and the drawing.
        every: interval of the scenes that are drawn; larger for a smaller sample.
    """
    folder, generator = Path(folder), np.random.default_rng(seed)
    rows = []
    for number, scene in enumerate(scenes(seed)[::every], 1):
        name = f"{scene.split}_{number:04d}.mp4"
        encode(folder / name, draw(scene, generator))
        rows += [(name, caption, scene.split) for caption in scene.captions()]
    with (folder / "captions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("clip", "caption", "split"), *rows])
