"""The video captioner, see `tests.apps.cases`."""

import numpy as np
from PIL import Image

from apps.video_captioner.captioner import Captioner
from apps.video_captioner.sample_data.make_clips import COLOURS, encode
from apps.video_captioner.video import choose_frames, fit

APP = "video_captioner"
OPTIONS = ["--epochs", "25", "--units", "32", "--embedding-dim", "24", "--max-frames", "4", "--captions-per-clip", "2",
           "--frame-size", "32", "--batch-size", "4", "--learning-rate", "0.003", "--dropout", "0"]  # fmt: skip
FILES = {"vocabulary.json"}
SHOWN = "captions ["
BASELINE = "nearest training clip"
SETTINGS = [
    (["--epochs", "0"], ["--epochs 0", "from 1 up"]),
    (["--max-frames", "-4"], ["--max-frames -4"]),
    (["--fps", "0"], ["--fps 0.0", "above 0"]),
    (["--frame-size", "8"], ["--frame-size 8", "from 32 to 1024"]),
    (["--vocabulary-size", "5"], ["--vocabulary-size 5", "from 8 up"]),
    (["--test-fraction", "0.97"], ["--test-fraction 0.97", "--validation-fraction"]),
    (["--dropout", "1"], ["--dropout 1.0"]),
    (["--fine-tune-epochs", "-1"], ["--fine-tune-epochs -1", "from 0 up"]),
    (["--fine-tune-epochs", "3"], ["--fine-tune-epochs", "small backbone"]),
    (["--backbone", "AlexNet"], ["--backbone AlexNet", "VGG16"]),
    (["--backbone", "VGG16", "--weights", "absent.h5"], ["--weights absent.h5", "no such file"]),
    (["--data", "absent"], ["absent", "no such file"]),
    (["--captions", "absent.csv"], ["absent.csv", "no such file"]),
    (["--clip-column", "film"], ["no column 'film' (--clip-column)", "'clip', 'caption', 'split'"]),
    (["--caption-column", "film"], ["no column 'film' (--caption-column)"]),
    (["--language", "fr"], ["--language fr", "names no language"]),
    (["--separator", "ab"], ["--separator 'ab'"]),
]
QUESTIONS = [
    (["a.mp4", "--picture", "a.xyz"], ["--picture a.xyz", ".png"]),
    ([], ["no clip given"]),
    (["--file", "absent.txt"], ["absent.txt", "no such file"]),
    (["a.mp4", "--file", "absent.txt"], ["not both"]),
    (["absent.mp4"], ["absent.mp4", "no such file"]),
    (["."], ["this is a folder"]),
    (["absent.mp4", "--beam", "0"], ["--beam 0"]),
    (["absent.mp4", "--output", "x"], ["--every"]),
    (["absent.mp4", "--every", "2"], ["--every 2", "with its unit"]),
    (["absent.mp4", "--every", "soon"], ["--every soon"]),
    (["absent.mp4", "--every", "1ms"], ["--every 1ms", "from 100ms"]),
    (["absent.mp4", "--every", "2s", "--picture", "x.png"], ["--picture x.png"]),
    (["a/x.mp4", "b/x.mp4", "--every", "2s", "--output", "."], ["the same name"]),
]
REFUSED = [
    ({"lengths": [0, 3]}, ["lengths [0 3] must be from 1 to the 8 frames"]),
    ({"lengths": [8, 9]}, ["lengths [8 9] must be from 1 to the 8 frames"]),
]
TOLERANCE = 1e-4


def make_data(folder):
    """Write sixty clips of one colour, or of one and then another, for which little training suffices, and a GIF."""
    generator = np.random.default_rng(0)
    clips = folder / "clips"
    clips.mkdir()
    rows = ["clip,caption,split\n"]
    for index in range(60):
        split = ("test", "validation", *["train"] * 4)[index % 6]
        first, second = generator.choice(list(COLOURS), 2, replace=False)
        last = first if index % 4 else second
        name = f"{split}_{index:02d}.mp4"
        encode(clips / name, show([first, last], generator.integers(3, 7), generator), rate=8)
        captions = [first, f"all {first}"] if first == last else [f"{first} {last}", f"{first} to {last}"]
        rows += [f'{name},"{caption}",{split}\n' for caption in captions]
    (clips / "captions.csv").write_text("".join(rows))
    first, *others = (Image.fromarray(frame) for frame in show(["red", "blue"], 3, generator))
    first.save(folder / "clip.gif", save_all=True, append_images=others)
    return ["--data", str(clips), "--cache", str(folder.with_name("video_captioner_cache"))]


def show(colours, count, generator, height=32, width=32):
    """Draw frames with a square of one colour each, `count` for every name, uint8 (frames, height, width, 3).

    The small backbone subtracts the mean of a frame, so a frame of one colour would be black to it.
    """
    colours = np.repeat(np.array([COLOURS[name] for name in colours]), count, axis=0)
    frames = generator.normal(20, 5, (len(colours), height, width, 3))
    frames[:, height // 4 : -height // 4, width // 4 : -width // 4] += colours[:, None, None] - 20
    return np.clip(frames, 0, 255).astype("uint8")


def arguments(folder):
    return sorted((folder / "clips").glob("test*.mp4"))[:2]


def spoil(folder):
    (folder / "clips" / "captions.csv").write_text("clip,caption\ntest_00.mp4,\n")
    return ["captions.csv", "row 2"]


def change(folder):
    captions = folder / "clips" / "captions.csv"
    captions.write_text("".join(captions.read_text().splitlines(keepends=True)[:-1]))
    return ["clips", "not the clips"]


def inputs(run_dir):
    """Frames of another size than the network's, more than it samples, and fewer."""
    generator = np.random.default_rng(1)
    frames = np.stack([show(colours, 4, generator, 20, 40) for colours in (["red", "blue"], ["green", "white"])])
    return {"frames": frames, "lengths": np.array([8, 3], "int32")}


def answers(run_dir, inputs):
    captioner = Captioner(run_dir)
    clips = []
    for frames, length in zip(inputs["frames"], inputs["lengths"], strict=True):
        chosen = choose_frames(np.arange(length), length, "uniform", captioner.config.max_frames, 0)
        clips.append(fit(frames[chosen], captioner.config.frame_size).numpy())
    captions, scores = captioner(clips)
    return {"caption": np.array(captions, object), "score": scores}


def readme_example(example, folder):
    return example.replace("clip.gif", str(folder / "clip.gif"))
