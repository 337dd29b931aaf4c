"""How long training steps wait for data: the fraction of an epoch spent on waiting for batches."""

import sys
import time
from pathlib import Path

from apps.common import cli
from apps.common.options import TrainingOptions
from apps.common.training.devices import find_devices
from benchmarks.results import write_results

NOTES = (
    "Each app on its sample with the default settings. The first epoch, which compiles, is not counted. The pipeline "
    "runs on the same two cores as the training. Last column: batches a second of the pipeline without training on "
    "both cores, the speed up to which a device would not wait.",
)


def spam_detector(placement, config, cache):
    from apps.spam_detector import data, fit, reading

    rows = data.split_examples(reading.read_examples(config), config)["train"]
    encoder = data.Encoder.fit(rows.texts, config)
    model = fit.build_model(config, encoder.lookup.vocabulary_size())
    fit.compile_model(model, config, 1000)

    def batches(epochs):
        return placement.batches(data.make_dataset(rows, encoder, config, epochs), len(rows) * len(epochs))

    return model, batches


def translator(placement, config, cache):
    from apps.translator import data, fit, reading

    pairs = data.split_pairs(reading.read_pairs(config), config)["train"]
    subwords = data.fit_subwords(pairs, config)
    encoded = data.encode_pairs(pairs, subwords, config)
    model = fit.build_model(config, *(side.vocabulary_size for side in subwords))
    fit.compile_model(model, config, 100)

    def batches(epochs):
        return placement.batches(data.make_dataset(encoded, config, epochs), len(encoded) * len(epochs))

    return model, batches


def forecaster(placement, config, cache):
    from apps.forecaster import data, fit, reading

    series = reading.read_series(config)
    config = data.complete_config(series, config)
    split = data.TimeSplit(len(series), config)
    scaling, origins = data.Scaling.fit(series, split), split.origins("train", config.stride)

    def batches(epochs):
        dataset = data.make_dataset(series, origins, scaling, config, epochs)
        return placement.batches(dataset, len(origins) * len(epochs))

    return fit.compiled_model(config, len(series.names)), batches


def video_captioner(placement, config, cache):
    from apps.video_captioner import data, features, fit, reading

    clips = data.split_clips(reading.read_clips(config, cache), config)["train"]
    clips, files = features.ClipCache(config, cache)(clips)
    subwords = data.fit_subwords(clips, config)
    captions = data.encode_captions(clips, subwords, config)
    model = fit.build_model(config, subwords.vocabulary_size)
    fit.compile_model(model, config, config.learning_rate, 1000)

    def batches(epochs):
        dataset = placement.batches(data.caption_batches(captions, config, epochs), len(captions) * len(epochs))
        return data.load_frames(dataset, [files[content] for content in clips.hashes], config)

    return model, batches


APPS = {each.__name__: each for each in (spam_detector, translator, forecaster, video_captioner)}


def main(cache: Path = Path("runs/video_captioner_cache")):
    """Measure the fraction of an epoch that the training of every app waits for data.

    Args:
        cache: Folder for the frames of the captioner's clips.
    """
    start, rows = time.perf_counter(), []
    for name, prepare in APPS.items():
        module = __import__(f"apps.{name}.config", fromlist=["Config"])
        config = module.Config()
        model, dataset = prepare(find_devices(TrainingOptions(Path("runs")), config.batch_size), config, cache)
        _epoch(model, dataset(range(1)))
        waited, learned, steps = _epoch(model, dataset(range(1, 2)))
        rows.append(
            {
                "app": name,
                "steps": steps,
                "step in ms": f"{1000 * (waited + learned) / steps:.1f}",
                "of which waiting, ms": f"{1000 * waited / steps:.2f}",
                "fraction": f"{waited / (waited + learned):.1%}",
                "batches/s of the pipeline": f"{_alone(dataset(range(2, 4))):.0f}",
            }
        )
        print(rows[-1], flush=True)
    seconds = time.perf_counter() - start
    write_results("input_pipeline", "Waiting for data", rows, ("tensorflow", "keras"), seconds, NOTES)


def _epoch(model, dataset):
    """Train an epoch; return the seconds of waiting and of training, and the number of steps."""
    waited, learned, steps, batches = 0.0, 0.0, 0, iter(dataset)
    # The pipeline fills while the epoch before is validated and saved.
    batch = next(batches)
    while batch is not None:
        start = time.perf_counter()
        inputs, targets, weights = batch
        model.train_on_batch(inputs, targets, weights)
        done = time.perf_counter()
        batch = next(batches, None)
        learned, waited, steps = learned + done - start, waited + time.perf_counter() - done, steps + 1
    return waited, learned, steps


def _alone(dataset):
    """Return the batches a second of the pipeline without training, after the first ones."""
    batches = iter(dataset)
    skipped = 5
    for _ in range(skipped):
        next(batches)
    start = time.perf_counter()
    count = sum(1 for _ in batches)
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(cli.run(main))
