"""Time and memory of compiling the layers, next to Keras'.

Each measurement runs in a separate process, ours and Keras' in turns. A small model without a recurrent layer
trains and predicts first, so that starting TensorFlow and Keras is not counted.
"""

import json
import statistics
import sys
import time
from pathlib import Path

from apps.common import cli

from .results import write_results
from .speed import Measure

FEATURES, BATCH, LENGTHS, MODELS, DELETED = 8, 16, 50, 24, 11
PEERS = ("ours", "warm_up", "keras")
WARM_UP = 10_000


def _layers(whose):
    import keras

    import layers

    if whose == "warm_up":
        layers.set_warm_up(WARM_UP)
    return keras.layers if whose == "keras" else layers


def _compiled(*recurrent):
    import keras

    model = keras.Sequential([keras.Input((None, FEATURES)), *recurrent, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def _small(whose, units=16):
    return _compiled(_layers(whose).LSTM(units))


def _deep(whose):
    import keras

    kind = _layers(whose)
    return _compiled(keras.layers.Bidirectional(kind.LSTM(16, return_sequences=True)), kind.GRU(16))


def _data(rows, length):
    import numpy as np

    return np.ones((rows, length, FEATURES), "float32"), np.ones((rows, 1), "float32")


def _seconds(function, *arguments, **options):
    start = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - start


def _lengths():
    import numpy as np

    return np.random.default_rng(0).integers(5, 301, size=LENGTHS)


def _over(times):
    return {"seconds": sum(times), "slowest": max(times)}


def first_step(whose):
    """The first training step of a small LSTM."""
    return {"seconds": _seconds(_small(whose).train_on_batch, *_data(BATCH, 20))}


def first_deep_step(whose):
    """The first training step of a bidirectional LSTM and a GRU."""
    return {"seconds": _seconds(_deep(whose).train_on_batch, *_data(BATCH, 20))}


def first_epoch(whose):
    """A first epoch of `fit` of a small LSTM, two steps; the graph does not know the batch size."""
    return {"seconds": _seconds(_small(whose).fit, *_data(2 * BATCH, 20), batch_size=BATCH, verbose=0)}


def training_lengths(whose):
    """`train_on_batch` on 16 rows, once at each of 50 random lengths of 5 to 300 steps."""
    model = _small(whose)
    return _over([_seconds(model.train_on_batch, *_data(BATCH, length)) for length in _lengths()])


def prediction_lengths(whose):
    """`predict` of one row, once at each of the 50 lengths."""
    model = _small(whose)
    return _over([_seconds(model.predict, _data(1, length)[0], verbose=0) for length in _lengths()])


def _train_sizes(whose, count):
    import gc

    import keras

    for units in range(FEATURES, FEATURES + count):
        model = _small(whose, units)
        model.fit(*_data(2 * BATCH, 20), batch_size=BATCH, verbose=0)
        del model
        keras.utils.clear_session()
        gc.collect()


def model_sizes(whose):
    """24 LSTMs of different sizes, built, trained for two steps and deleted in one process."""
    return {"seconds": _seconds(_train_sizes, whose, MODELS)}


def memory_kept(whose):
    """Measure the memory that eleven such models leave in the process after `clear_session`."""
    _train_sizes(whose, 1)
    before = _resident()
    _train_sizes(whose, DELETED)
    return {"mebibytes": _resident() - before}


def _resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


CASES = {
    f.__name__: f
    for f in (
        first_step,
        first_deep_step,
        first_epoch,
        training_lengths,
        prediction_lengths,
        model_sizes,
        memory_kept,
    )
}


def measure(case, whose):
    """Run one measurement in this process."""
    import keras

    warm = _compiled(keras.layers.GlobalAveragePooling1D())
    warm.train_on_batch(*_data(2, 5))
    warm.fit(*_data(2, 5), verbose=0)
    warm.predict(_data(2, 5)[0], verbose=0)
    return CASES[case](whose)


def first_steps(folder: Path = Path("runs/first_steps"), rounds: int = 3):
    """Measure first steps, compilation and its memory next to Keras' layers, on TensorFlow.

    Args:
        folder: Keeps each measurement, so that an interrupted benchmark resumes.
        rounds: Processes of each measurement, of which the median counts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = Measure(folder, "benchmarks.first_steps")
    found = {}
    for case in CASES:
        for number in range(rounds):
            for whose in PEERS:
                result = run("tensorflow", case, whose=whose, number=number)
                for unit, value in result.items():
                    found.setdefault((case, unit), {}).setdefault(whose, []).append(value)
    rows = []
    for (case, unit), values in found.items():
        ours, warm, theirs = (statistics.median(values[whose]) for whose in PEERS)
        digits = 0 if unit == "mebibytes" else 2
        rows.append(
            {
                "case": CASES[case].__doc__.rstrip(".").replace("`", "") + (", slowest" if unit == "slowest" else ""),
                "unit": "MiB" if unit == "mebibytes" else "s",
                "ours": f"{ours:.{digits}f}",
                "with a warm-up": f"{warm:.{digits}f}",
                "Keras": f"{theirs:.{digits}f}",
                "ours/Keras": f"{ours / theirs:.2f}",
                "with a warm-up/Keras": f"{warm / theirs:.2f}",
            }
        )
    notes = (
        f"LSTM of 16 units where nothing else is said, {FEATURES} features. Medians of {rounds} processes each.",
        f"With a warm-up: `layers.set_warm_up({WARM_UP:_})`.",
    )
    write_results("first_steps", "First steps on TensorFlow", rows, ("keras", "tensorflow"), None, notes)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in CASES:
        print(json.dumps(measure(sys.argv[1], json.loads(sys.argv[2])["whose"])), flush=True)
    else:
        sys.exit(cli.run(first_steps))
