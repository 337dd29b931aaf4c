"""How well the video captioner does on its sample, in three models beside two baselines, and how fast clips are read.

The task: 1,308 clips of coloured shapes. The 136 test clips show what no training clip does: of a colour, a shape and
what it does each two are known from training, all three together are not; nor are the pairs of shapes that meet. A
caption is right if it is word for word one of the clip's four references.

Real clips, of MSVD (Chen and Dolan, "Collecting Highly Parallel Data for Paraphrase Evaluation", ACL 2011) for example,
are read with --clips, run through a model of keras.applications with random weights, and captioned by what was trained
on the sample with that: whether it all works and how fast, not how well.

Each training is a run directory under --runs-dir, so an interrupted benchmark goes on where it stopped.
"""

import dataclasses
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tyro

from apps.common import cli, devices, runs
from apps.common.decoding import Search
from apps.common.metrics import caption_metrics
from apps.video_captioner.baseline import most_frequent, nearest
from apps.video_captioner.config import Config
from apps.video_captioner.data import split_clips
from apps.video_captioner.evaluate import mean_features
from apps.video_captioner.features import frames_of
from apps.video_captioner.predict import Describer
from apps.video_captioner.reading import read_clips
from apps.video_captioner.sample_data.make_clips import make_clips
from apps.video_captioner.train import describe_run, fit, look
from apps.video_captioner.video import choose_frames, open_video, read_frames

from .results import write_results

PACKAGES = ("tensorflow", "keras", "av")
NOTES = (
    "Exact: captions that are word for word one of their clip's four references. METEOR: NLTK's, without synonyms.",
    "Nearest training clip: by the mean over the frames of what the CNN of the first model sees, by the cosine.",
    "Training: all epochs, the kept one need not be the last, each as long as the median one. Clips a second: all test "
    "clips, from frames to strings, the second time.",
)
READING_NOTES = (
    "Making the sample, drawing and encoding its {count} clips, took {seconds:.0f} s.",
    "Frames a second: all of the clip's frames are decoded, the chosen ones resized; median of 5.",
    "Backbone: milliseconds a frame. Its weights are random and it was trained on coloured shapes, so the captions are "
    "proof that the way from file to sentence works, and of nothing else.",
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
        models: Which to train.
        clips: Real clips to read as well.
        clips_backbone: Model of keras.applications that sees these.
        runs_dir: Folder for the trainings.
        cache: Folder for what was seen of each clip.
    """
    rows = []
    for model in models:
        splits, files = train_captioner(dataclasses.replace(config, model=model), runs_dir / model, cache)
        test = splits["test"]
        if not rows:
            rows += _baselines(Describer(runs_dir / model), splits, files)
        rows += _measured(runs_dir / model, model, test, [np.load(files[content]) for content in test.hashes])
    write_results(
        "caption_quality", "Video captioner on its sample, held-out combinations", rows, PACKAGES, None, NOTES
    )
    own = _reading("the sample", [path for part in splits.values() for path in part.paths][:200], config)
    seen = dataclasses.replace(config, backbone=clips_backbone, weights="random", frame_size=96, epochs=8)
    reading = [{**own, "backbone, ms": "", "caption": ""}]
    if clips:
        train_captioner(seen, runs_dir / clips_backbone, cache)
        reading += [_real(Describer(runs_dir / clips_backbone), clip) for clip in clips]
    count, seconds = _making()
    notes = [note.format(count=count, seconds=seconds) for note in READING_NOTES]
    write_results(
        "caption_reading", "Video captioner: clips from file to sentence", reading, PACKAGES, None, notes,
        "--clips CLIP ...", "caption_quality",
    )  # fmt: skip


def train_captioner(config, run_dir, cache):
    """A trained run; its splits, and the files of what was seen of each clip by the clip's hash."""
    clips = read_clips(config, cache)
    splits, files, backbone = look(config, split_clips(clips, config), cache)
    if not (runs.start_run(run_dir, describe_run(config, clips)) and runs.is_finished(run_dir)):
        placement = devices.settle(devices.Devices(), config.batch_size)
        fit(config, run_dir, splits, files, backbone, placement, cache)
    return splits, files


def _baselines(describer, splits, files):
    train, test = splits["train"], splits["test"]
    means = [mean_features(describer, [files[content] for content in part.hashes]) for part in (train, test)]
    return [
        _row("most frequent caption", "", caption_metrics([most_frequent(train.captions)] * len(test), test.captions)),
        _row("nearest training clip", "", caption_metrics(nearest(means[0], train.captions, means[1]), test.captions)),
    ]


def _measured(run_dir, model, test, parts):
    history = runs.read_csv(run_dir / "history.csv")
    rows = []
    for beam in (1, 5):
        describer = Describer(run_dir, Search(beam=beam))
        describer(parts)
        start = time.perf_counter()
        captions, _ = describer(parts)
        seconds = time.perf_counter() - start
        more = {
            "clips/s": f"{len(test) / seconds:.0f}",
            "weights": f"{describer.model.count_params() / 1e6:.2f} M",
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
    """Clips of the sample, and the seconds that it takes to make them."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        make_clips(folder)
        seconds = time.perf_counter() - start
        return len(list(Path(folder).glob("*.mp4"))), seconds


def _reading(name, paths, config):
    """How fast clips are read, one after another."""

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


def _real(describer, path):
    row = _reading(path.name, [path], describer.config)
    frames = frames_of(path, describer.config)[None]
    describer.model.see(frames)
    start = time.perf_counter()
    describer.model.see(frames)
    row["backbone, ms"] = f"{1000 * (time.perf_counter() - start) / frames.shape[1]:.1f}"
    return row | {"caption": describer([frames[0]])[0][0]}


if __name__ == "__main__":
    sys.exit(cli.run(caption_quality))
