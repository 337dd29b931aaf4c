"""Options of the servers; imports no framework, so that `--help` is quick."""

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

from ..common.cli import UserError


def num_processors():
    """Return the number of processors that this process may use: by its affinity, and by the quota of its cgroup."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for quota, period in _quotas():
        if quota > 0:
            count = min(count, math.ceil(quota / period))
    return max(1, count)


def _quotas():
    """Yield quota and period of cgroups, version 2 and 1."""
    root = Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError):
        quota, period = (root / "cpu.max").read_text().split()
        yield (int(quota) if quota != "max" else 0), int(period)
    with contextlib.suppress(OSError, ValueError):
        folder = root / "cpu"
        yield tuple(int((folder / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))


@dataclass(frozen=True)
class Batching:
    """How requests are batched."""

    max_batch_size: int = 32
    """Maximum number of rows in a batch; a larger request forms a batch by itself."""
    batch_delay: float = 0.0
    """Seconds that a request waits for others while the model is idle; with 0, only requests that arrived while the
    model was busy are batched."""
    allowed_batch_sizes: tuple[int, ...] = ()
    """Pad batches to the next of these sizes, with copies of a row, for models that are slow on each new size; by
    default batches are not padded."""
    max_queue: int = 1000
    """Maximum number of requests waiting for a model; more are rejected with status 429."""

    def __post_init__(self):
        for name, minimum in (("max_batch_size", 1), ("max_queue", 1), ("batch_delay", 0)):
            if not getattr(self, name) >= minimum:
                raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: expected {minimum} or more")
        sizes = self.allowed_batch_sizes
        if sizes and (list(sizes) != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] != self.max_batch_size):
            raise UserError(
                f"--allowed-batch-sizes {' '.join(map(str, sizes))}: expected increasing positive numbers, the last "
                f"equal to --max-batch-size, {self.max_batch_size}"
            )

    def padded_size(self, rows):
        """Return the number of rows that a batch of `rows` rows is padded to."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


@dataclass(frozen=True)
class Loading:
    """Which versions of models are loaded, and the threads that run them."""

    versions: int = 1
    """Number of newest versions of each model that are loaded."""
    poll: float = 1.0
    """Seconds between checks for new versions."""
    threads: int = max(1, num_processors() - 1)
    """TensorFlow threads; the default leaves one core for HTTP."""

    def __post_init__(self):
        for name, valid in (("versions", self.versions >= 1), ("poll", self.poll > 0), ("threads", self.threads >= 1)):
            if not valid:
                expected = "a number above 0" if name == "poll" else "1 or more"
                raise UserError(f"--{name} {getattr(self, name)}: expected {expected}")


@dataclass(frozen=True)
class Limits:
    """Limits of a request."""

    max_body: int = 16 * 2**20
    """Maximum bytes of a request body or gRPC message; larger ones are rejected with status 413."""
    max_instances: int = 1024
    """Maximum rows of a request."""
    deadline: float = 30.0
    """Seconds for receiving a request (status 408 after that), for computing its response (504), and for sending it."""
    max_values: int = 4 * 2**20
    """Maximum numbers and strings of a request, as it declares them (status 413)."""
    max_connections: int = 1000
    """Maximum open HTTP connections (status 503)."""
    keep_alive: float = 75.0
    """Seconds that an idle HTTP connection stays open; longer than proxies keep theirs, which is 60 for most."""
    drain_seconds: float = 0.0
    """Seconds, after a signal to end, in which /readyz fails but requests are still answered, until balancers know."""

    def __post_init__(self):
        for name in ("max_body", "max_instances", "deadline", "max_values", "max_connections", "keep_alive"):
            if not getattr(self, name) > 0:
                raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: expected a number above 0")
        if not self.drain_seconds >= 0:
            raise UserError(f"--drain-seconds {self.drain_seconds}: expected 0 or more")
