"""Quality of the video captioner on its sample, three models next to two baselines, and speed of reading clips.

The task: 1,308 clips of coloured shapes. The 136 test clips have combinations that no training clip has: every two of
colour, shape and action occur in training, the three together do not; nor do the pairs of shapes that meet. A caption
is exact if it equals one of the clip's four references.

Real clips, for example of MSVD (Chen and Dolan, "Collecting Highly Parallel Data for Paraphrase Evaluation", ACL 2011),
are read with --clips, encoded by a model of keras.applications with random weights, and captioned by a model trained on
the sample with that backbone. This measures speed, not quality.

Each training is a run directory under --runs-dir, so an interrupted benchmark resumes.
"""

import dataclasses
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tyro

from apps.common import cli, files
from apps.common.options import Search, TrainingOptions
from apps.video_captioner.baseline import most_frequent, nearest
from apps.video_captioner.captioner import Captioner
from apps.video_captioner.config import Config
from apps.video_captioner.data import split_clips
from apps.video_captioner.evaluation import mean_features
from apps.video_captioner.features import sample_frames
from apps.video_captioner.fit import fit, prepare_clips
from apps.video_captioner.metrics import caption_metrics
from apps.video_captioner.reading import read_clips
from apps.video_captioner.sample_data.make_clips import make_clips
from apps.video_captioner.video import choose_frames, open_video, read_frames

from .results import write_results

PACKAGES = ("tensorflow", "keras", "av")
NOTES = (
    "Exact: captions that equal one of their clip's four references. METEOR: NLTK's, without synonyms.",
    "Nearest training clip: cosine similarity of the CNN features of the first model, averaged over the frames.",
    "Training: all epochs at the median time of an epoch. Clips a second: all test clips, from frames to strings, "
    "after a warm-up.",
)
READING_NOTES = (
    "Drawing and encoding the {count} clips of the sample took {seconds:.0f} s.",
    "Frames a second: all frames are decoded, the sampled ones resized; median of 5.",
    "Backbone: milliseconds a frame. Its weights are random and the captioner learned from coloured shapes, so the "
    "captions only show that all steps from file to sentence run.",
)


def caption_quality(
    config: tyro.conf.OmitArgPrefixes[Config] = Config(),
    models: tuple[str, ...] = ("mean", "s2vt", "attention"),
    clips: tuple[Path, ...] = (),
    clips_backbone: str = "MobileNetV2",
    runs_dir: Path = Path("runs/caption_quality"),
    cache: Path = Path("runs/video_captioner_cache"),
):
    """Train and measure video captioners on the sample, and read real clips.

    Args:
        config: Settings of the app.
        models: Models to train.
        clips: Real clips to read, too.
        clips_backbone: Model of keras.applications for the real clips.
        runs_dir: Folder for the trainings.
        cache: Folder for the frames or features of each clip.
    """
    rows = []
    for model in models:
        splits, paths = train_captioner(dataclasses.replace(config, model=model), runs_dir / model, cache)
        test = splits["test"]
        if not rows:
            rows += _baselines(Captioner(runs_dir / model), splits, paths)
        rows += _measured(runs_dir / model, model, test, [np.load(paths[content]) for content in test.hashes])
    write_results(
        "caption_quality", "Video captioner on its sample, held-out combinations", rows, PACKAGES, None, NOTES
    )
    own = _reading("the sample", [path for part in splits.values() for path in part.paths][:200], config)
    real = dataclasses.replace(config, backbone=clips_backbone, weights="random", frame_size=96, epochs=8)
    reading = [{**own, "backbone, ms": "", "caption": ""}]
    if clips:
        train_captioner(real, runs_dir / clips_backbone, cache)
        reading += [_real(Captioner(runs_dir / clips_backbone), clip) for clip in clips]
    count, seconds = _making()
    notes = [note.format(count=count, seconds=seconds) for note in READING_NOTES]
    write_results(
        "caption_reading", "Video captioner: clips from file to sentence", reading, PACKAGES, None, notes,
        "--clips CLIP ...", "caption_quality",
    )  # fmt: skip


def train_captioner(config, run_dir, cache):
    """Train; return the splits, and the file of each clip's frames or features by the clip's hash."""
    clips = read_clips(config, cache)
    fit(config, TrainingOptions(run_dir), clips, cache)
    splits, paths, _ = prepare_clips(config, split_clips(clips, config), cache)
    return splits, paths


def _baselines(captioner, splits, paths):
    train, test = splits["train"], splits["test"]
    means = [mean_features(captioner, [paths[content] for content in part.hashes]) for part in (train, test)]
    return [
        _row("most frequent caption", "", caption_metrics([most_frequent(train.captions)] * len(test), test.captions)),
        _row("nearest training clip", "", caption_metrics(nearest(means[0], train.captions, means[1]), test.captions)),
    ]


def _measured(run_dir, model, test, parts):
    history = files.read_csv(run_dir / "history.csv")
    rows = []
    for beam in (1, 5):
        captioner = Captioner(run_dir, Search(beam=beam))
        captioner(parts)
        start = time.perf_counter()
        captions, _ = captioner(parts)
        seconds = time.perf_counter() - start
        more = {
            "clips/s": f"{len(test) / seconds:.0f}",
            "weights": f"{captioner.model.count_params() / 1e6:.2f} M",
            "epochs": len(history),
            "training, min": f"{len(history) * statistics.median(row['seconds'] for row in history) / 60:.1f}",
        }
        rows.append(_row(model, beam, caption_metrics(captions, test.captions), more))
    return rows


def _row(name, beam, figures, more=None):
    titles = {"exact": "exact, %", "bleu_4": "BLEU-4", "rouge_l": "ROUGE-L", "cider": "CIDEr", "meteor": "METEOR"}
    row = {"model": name, "beam": beam, **{title: f"{figures[metric]:.1f}" for metric, title in titles.items()}}
    return row | dict.fromkeys(("clips/s", "weights", "epochs", "training, min"), "") | (more or {})


def _making():
    """Return the number of clips of the sample, and the seconds to make them."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        make_clips(folder)
        seconds = time.perf_counter() - start
        return len(list(Path(folder).glob("*.mp4"))), seconds


def _reading(name, paths, config):
    """Measure how fast clips are read, one after another."""

    def read():
        count = 0
        for path in paths:
            video = open_video(path)
            chosen = choose_frames(video.times, video.duration, config.sampling, config.max_frames, config.fps)
            count += len(video.times)
            list(read_frames(video, chosen, config.frame_size))
        return count

    speeds = []
    for _ in range(5):
        start = time.perf_counter()
        count = read()
        speeds.append(count / (time.perf_counter() - start))
    return {"clips": name, "frames": count, "frames/s": f"{np.median(speeds):.0f}"}


def _real(captioner, path):
    row = _reading(path.name, [path], captioner.config)
    frames = sample_frames(path, captioner.config)[None]
    captioner.model.frame_features(frames)
    start = time.perf_counter()
    captioner.model.frame_features(frames)
    row["backbone, ms"] = f"{1000 * (time.perf_counter() - start) / frames.shape[1]:.1f}"
    return row | {"caption": captioner([frames[0]])[0][0]}


if __name__ == "__main__":
    sys.exit(cli.run(caption_quality))
