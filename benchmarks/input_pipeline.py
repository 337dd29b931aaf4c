"""How long a training step waits for its data: the share of an epoch that passes before each batch is there."""

import sys
import time
from pathlib import Path

import keras

from apps.common import cli
from apps.common.devices import Devices, settle
from benchmarks.results import write_results

NOTES = (
    "Each app on its sample at its own settings. The first epoch, in which everything is compiled, is not counted; the "
    "batches of the next are taken one by one from the pipeline, as the training does, and each is learned from before "
    "the next is asked for. The pipeline works on the same two cores meanwhile. Alone, on both cores, it makes as many "
    "batches as the last column says: how fast a device may be until it waits.",
)


def spam_detector(placement, config, cache):
    from apps.spam_detector import data, train

    rows = data.split_examples(data.read_examples(config), config)["train"]
    encoder = data.Encoder.fit(rows.texts, config)
    model = train.build_model(config, encoder.lookup.vocabulary_size())
    train.compile_model(model, config, 1000)
    return model, lambda epochs: data.make_dataset(rows, encoder, config, epochs, placement.share)


def translator(placement, config, cache):
    from apps.translator import data, train

    pairs = data.split_pairs(data.read_pairs(config), config)["train"]
    subwords = data.fit_subwords(pairs, config)
    model = train.build_model(config, *(side.vocabulary_size for side in subwords))
    train.compile_model(model, config, 100)
    return model, lambda epochs: data.make_dataset(pairs, subwords, config, epochs, placement.share)


def forecaster(placement, config, cache):
    from apps.forecaster import data, reading, train

    series = reading.read_series(config)
    config = data.settle(series, config)
    scaling = data.fit_scaling(series, data.borders(len(series), config)["train"][1])
    model = train.build_model(config, len(series.names), data.count_covariates(config))
    model.compile(keras.optimizers.Adam(config.learning_rate), loss=train.loss_of(config))
    return model, lambda epochs: data.make_dataset(series, scaling, config, "train", epochs, placement.share)


def video_captioner(placement, config, cache):
    from apps.video_captioner import data, features, reading, train

    clips = data.split_clips(reading.read_clips(config, cache), config)["train"]
    clips, files = features.Looked(config, cache)(clips)
    subwords = data.fit_subwords(clips, config)
    model = train.build_model(config, subwords.vocabulary_size)
    train.compile_model(model, config, config.learning_rate, 1000)
    return model, lambda epochs: data.make_dataset(clips, files, subwords, config, epochs, placement.share)


APPS = {each.__name__: each for each in (spam_detector, translator, forecaster, video_captioner)}


def main(cache: Path = Path("runs/video_captioner_cache")):
    """Measure the share of an epoch that every app's training waits for data.

    Args:
        cache: Folder for what is seen of the captioner's clips.
    """
    start, rows = time.perf_counter(), []
    for name, prepare in APPS.items():
        module = __import__(f"apps.{name}.config", fromlist=["Config"])
        config = module.Config()
        model, dataset = prepare(settle(Devices(), config.batch_size), config, cache)
        _epoch(model, dataset(range(1)))
        waited, learned, steps = _epoch(model, dataset(range(1, 2)))
        rows.append(
            {
                "app": name,
                "steps": steps,
                "step in ms": f"{1000 * (waited + learned) / steps:.1f}",
                "of which waiting": f"{1000 * waited / steps:.2f}",
                "share": f"{waited / (waited + learned):.1%}",
                "batches/s of the pipeline alone": f"{_alone(dataset(range(2, 4))):.0f}",
            }
        )
        print(rows[-1], flush=True)
    seconds = time.perf_counter() - start
    write_results("input_pipeline", "Waiting for data", rows, ("tensorflow", "keras"), seconds, NOTES)


def _epoch(model, dataset):
    """Seconds of waiting and of learning, number of steps."""
    waited, learned, steps, batches = 0.0, 0.0, 0, iter(dataset)
    # The pipeline is filled while the epoch before is validated and saved.
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
    """Batches a second that the pipeline makes when nobody learns from them, the first ones not counted."""
    batches = iter(dataset)
    skipped = 5
    for _ in range(skipped):
        next(batches)
    start = time.perf_counter()
    count = sum(1 for _ in batches)
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(cli.run(main))
