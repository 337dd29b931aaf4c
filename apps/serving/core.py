"""What both protocols need: the models, the limits, who may ask, and what is counted."""

import asyncio
import contextlib
import functools
import hmac
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import prometheus_client
import tensorflow as tf

from ..common.cli import UserError
from .batching import Batching
from .errors import RequestError
from .models import Model, Version


@dataclass(frozen=True)
class Loading:
    """Which versions of models are loaded, and what runs them."""

    versions: int = 1
    """Newest versions of a model that are served at once."""
    poll: float = 1.0
    """Seconds between looks for new versions."""
    threads: int = max(1, (os.cpu_count() or 1) - 1)
    """Threads for the operations of models; unless it is said, one fewer than there are cores: the last one is for
    HTTP."""

    def __post_init__(self):
        for name, fits in (("versions", self.versions >= 1), ("poll", self.poll > 0), ("threads", self.threads >= 1)):
            if not fits:
                expected = "a number above 0" if name == "poll" else "1 or more"
                raise UserError(f"--{name} {getattr(self, name)}: expected {expected}")


@dataclass(frozen=True)
class Limits:
    """What a request may take."""

    max_body: int = 16 * 2**20
    """Bytes of a request's body or message; more is refused with status 413."""
    max_instances: int = 1024
    """Rows of a request."""
    deadline: float = 30.0
    """Seconds that a request may take to come (else status 408), and its answer to be made (504)."""

    def __post_init__(self):
        for name in ("max_body", "max_instances", "deadline"):
            if not getattr(self, name) > 0:
                raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: expected a number above 0")


class Metrics:
    """What Prometheus is told."""

    def __init__(self):
        self.registry = prometheus_client.CollectorRegistry()
        self.requests = prometheus_client.Counter(
            "engram_requests", "Requests answered.", ["model", "method", "protocol", "code"], registry=self.registry
        )
        self.seconds = prometheus_client.Histogram(
            "engram_request_seconds", "Time from the whole request to its answer.", ["model", "method"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30), registry=self.registry,
        )  # fmt: skip
        self.rows = prometheus_client.Histogram(
            "engram_batch_rows", "Rows in a batch, without those that fill it up.", ["model"],
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024), registry=self.registry,
        )  # fmt: skip
        self.waiting = prometheus_client.Gauge(
            "engram_waiting_requests", "Requests that wait for a model or are in its hands.", ["model"],
            registry=self.registry,
        )  # fmt: skip

    def text(self):
        """In Prometheus' text format."""
        return prometheus_client.generate_latest(self.registry)


class Service:
    """Models behind the protocols.

    Args:
        folders: {name: folder with a SavedModel for each version}.
        labels: {name: {label: version}}.
        loading: `Loading`.
        batching: `Batching`.
        limits: `Limits`.
        token: what a request must bring as its bearer token, if it must.
    """

    def __init__(self, folders, labels=None, loading=Loading(), batching=Batching(), limits=Limits(), token=None):
        self.limits, self.metrics, self.models = limits, Metrics(), {}
        self._token, self._poll, self._executor = token, loading.poll, ThreadPoolExecutor(os.cpu_count(), "model")
        tf.config.threading.set_intra_op_parallelism_threads(loading.threads)
        tf.config.threading.set_inter_op_parallelism_threads(loading.threads)
        for name, folder in folders.items():
            observe = self.metrics.rows.labels(name).observe
            load = functools.partial(Version, batching=batching, executor=self._executor, observe=observe)
            self.models[name] = Model(name, folder, load, loading.versions, (labels or {}).get(name))
            self.metrics.waiting.labels(name).set_function(self.models[name].num_waiting)

    async def load(self):
        """Loads the models.

        Raises:
            UserError: one of them has no version that can be loaded.
        """
        for model in self.models.values():
            failed = await model.refresh()
            if not model.versions:
                raise UserError(failed[0] if failed else f"{model.folder}: no version is there any more")
            _warn(failed)

    async def poll(self):
        """Looks for new versions, for ever."""
        while True:
            await asyncio.sleep(self._poll)
            for model in self.models.values():
                _warn(await model.refresh())

    def close(self):
        """Lets go of its threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def find(self, name):
        """The model of that name.

        Raises:
            RequestError: there is none.
        """
        if name not in self.models:
            raise RequestError(f"no model {name!r}; available: {', '.join(sorted(self.models))}", 404)
        return self.models[name]

    def authorize(self, authorization):
        """Refuses who does not bring the token."""
        if self._token is None:
            return
        kind, _, given = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token.encode()):
            raise RequestError("expected the header Authorization: Bearer TOKEN", 401)

    async def run(self, version, name, tensors):
        """What a signature of a version makes of tensors, within the deadline."""
        with version.in_use():
            try:
                async with asyncio.timeout(self.limits.deadline):
                    return await version(name, tensors)
            except TimeoutError:
                raise RequestError(f"no answer within {self.limits.deadline:g} s", 504) from None

    @contextlib.contextmanager
    def track_request(self, model, method, protocol):
        """Counts a request and its time; yields a dict in which its code is left."""
        start, done = time.perf_counter(), {"code": 500}
        # A name that somebody made up must not make a metric of its own.
        model = model if model in self.models else ""
        try:
            yield done
        finally:
            self.metrics.requests.labels(model, method, protocol, done["code"]).inc()
            self.metrics.seconds.labels(model, method).observe(time.perf_counter() - start)


def _warn(failed):
    for text in failed:
        print(f"not served: {text}", file=sys.stderr, flush=True)
