"""What both protocols share: models, limits, authorization and metrics."""

import asyncio
import contextlib
import functools
import hmac
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import prometheus_client
import tensorflow as tf

from ..common.cli import UserError
from .errors import RequestError
from .models import Model, Version
from .options import Batching, Limits, Loading


class Metrics:
    """Prometheus metrics."""

    def __init__(self):
        self.registry = prometheus_client.CollectorRegistry()
        self.requests = prometheus_client.Counter(
            "engram_requests", "Answered requests.", ["model", "method", "protocol", "code"], registry=self.registry
        )
        self.seconds = prometheus_client.Histogram(
            "engram_request_seconds", "Time to handle a request.", ["model", "method"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30), registry=self.registry,
        )  # fmt: skip
        self.rows = prometheus_client.Histogram(
            "engram_batch_rows", "Rows in a batch, without padding.", ["model"],
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024), registry=self.registry,
        )  # fmt: skip
        self.waiting = prometheus_client.Gauge(
            "engram_waiting_requests", "Requests queued for a model or running on it.", ["model"],
            registry=self.registry,
        )  # fmt: skip

    def text(self):
        """Return all metrics in Prometheus' text format, as bytes."""
        return prometheus_client.generate_latest(self.registry)


class Service:
    """Models, with what the protocols need to serve them.

    Args:
        folders: {model name: folder with one SavedModel per version}.
        labels: {model name: {label: version number}}.
        loading: `Loading`.
        batching: `Batching`.
        limits: `Limits`.
        token: bearer token that requests must send; None to accept all requests.
    """

    def __init__(self, folders, labels=None, loading=Loading(), batching=Batching(), limits=Limits(), token=None):
        self.limits, self.metrics, self.models = limits, Metrics(), {}
        self._token, self._poll_seconds = token, loading.poll
        self._executor = ThreadPoolExecutor(os.cpu_count(), "model")
        tf.config.threading.set_intra_op_parallelism_threads(loading.threads)
        tf.config.threading.set_inter_op_parallelism_threads(loading.threads)
        for name, folder in folders.items():
            observe = self.metrics.rows.labels(name).observe
            load = functools.partial(Version, batching=batching, executor=self._executor, observe=observe)
            self.models[name] = Model(name, folder, load, loading.versions, (labels or {}).get(name))
            self.metrics.waiting.labels(name).set_function(self.models[name].num_waiting)

    async def load(self):
        """Load all models.

        Raises:
            UserError: If a model has no version that can be loaded.
        """
        for model in self.models.values():
            messages = await model.refresh()
            if not model.versions:
                raise UserError(messages[0] if messages else f"{model.folder}: all versions have been deleted")
            _warn(messages)

    async def poll(self):
        """Load new versions and unload old ones periodically; never returns."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            for model in self.models.values():
                _warn(await model.refresh())

    def close(self):
        """Shut down the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def find(self, name):
        """Return the `Model` with this name.

        Raises:
            RequestError: If there is none.
        """
        if name not in self.models:
            raise RequestError(f"no model {name!r}; available: {', '.join(sorted(self.models))}", 404)
        return self.models[name]

    def authorize(self, authorization):
        """Raise a `RequestError` if an Authorization header, or None, does not hold the token."""
        if self._token is None:
            return
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token.encode()):
            raise RequestError("expected the header Authorization: Bearer TOKEN", 401)

    async def run(self, version, name, tensors):
        """Run the signature `name` of a `Version`: {name: array} -> {name: array}.

        Raises:
            RequestError: If the deadline passes, the queue is full or the model rejects the inputs.
        """
        with version.in_use():
            try:
                async with asyncio.timeout(self.limits.deadline):
                    return await version(name, tensors)
            except TimeoutError:
                raise RequestError(f"no response within {self.limits.deadline:g} s", 504) from None

    @contextlib.contextmanager
    def track_request(self, model, method, protocol):
        """Record the count and duration of a request; the caller sets "code" in the dict that this yields."""
        start, outcome = time.perf_counter(), {"code": 500}
        # Unknown names must not add label values to the metrics.
        model = model if model in self.models else ""
        try:
            yield outcome
        finally:
            self.metrics.requests.labels(model, method, protocol, outcome["code"]).inc()
            self.metrics.seconds.labels(model, method).observe(time.perf_counter() - start)


def _warn(messages):
    for message in messages:
        print(f"warning: {message}", file=sys.stderr, flush=True)
