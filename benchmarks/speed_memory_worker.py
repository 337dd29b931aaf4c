"""One measurement of `benchmarks.speed_memory`, run in its own process and printed as a line of JSON."""

import ctypes
import statistics
import time
from pathlib import Path

import keras

from .speed_worker import calls, inputs, layer_pair, main


def _status(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":"))


def _reset_high_water_mark():
    Path("/proc/self/clear_refs").write_text("5")


class _Repeated:
    """A layer without weights, whose outputs are its inputs, repeated."""

    trainable_weights = trainable_variables = non_trainable_variables = ()

    def __init__(self, times):
        self.times = times

    def __call__(self, sequences, mask=None, training=False):
        return keras.ops.concatenate([sequences] * self.times, axis=-1)

    def stateless_call(self, weights, others, sequences, **arguments):
        return self(sequences), others


def memory(family: str, shape: tuple[int, int, int, int], whose: str):
    """Measure how many MiB training steps add to the process, with and without compiling, and the seconds of a step.

    `whose` is "keras", "ours", "least", which is ours with the least memory, or "none": no layer, but the loss of
    outputs of the same shape.
    """
    # Gives what is free back to the system.
    trim = ctypes.CDLL(None).malloc_trim
    batch, _, features, units = shape
    if whose == "none":
        layer = _Repeated(units // features)
    else:
        layer = layer_pair(family, shape)["keras" if whose == "keras" else "ours"]
    memory = "least" if whose == "least" else "default"
    # Start the backend and its compiler.
    calls(layer, *inputs((batch, 8, features, units), False), memory)[1]()
    trim(0)
    held = _status("VmRSS")
    _reset_high_water_mark()
    _, train = calls(layer, *inputs(shape, False), memory)
    train()
    compiling = _status("VmHWM") - held
    trim(0)
    _reset_high_water_mark()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        train()
        times.append(time.perf_counter() - start)
    steps = _status("VmHWM") - held
    return {"mebibytes": max(compiling, steps), "steps": steps, "seconds": statistics.median(times)}


if __name__ == "__main__":
    main(memory)
