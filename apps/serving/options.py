"""Options of the servers; imports no framework, so that `--help` is quick."""

import os
from dataclasses import dataclass

from ..common.cli import UserError


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
    threads: int = max(1, (os.cpu_count() or 1) - 1)
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
    """Seconds for receiving a request (status 408 after that), and again for computing its response (504)."""

    def __post_init__(self):
        for name in ("max_body", "max_instances", "deadline"):
            if not getattr(self, name) > 0:
                raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: expected a number above 0")
