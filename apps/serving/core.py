"""What both protocols share: models, limits, authorization and metrics."""

import asyncio
import contextlib
import functools
import hmac
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import prometheus_client
import tensorflow as tf

from ..common.cli import UserError
from .arguments import read_labels_file
from .errors import RequestError
from .models import Model, Version
from .options import Batching, Limits, Loading, num_processors


class Metrics:
    """Prometheus metrics."""

    def __init__(self):
        self.registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
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
        labels_file: file of labels that is watched, see `read_labels_file`; None for none.
    """

    def __init__(
        self,
        folders,
        labels=None,
        loading=Loading(),
        batching=Batching(),
        limits=Limits(),
        token=None,
        labels_file=None,
    ):
        self.limits, self.metrics, self.models = limits, Metrics(), {}
        # Whether the server is about to end.
        self.draining = False
        self._token, self._poll_seconds, self._labels_file = token, loading.poll, labels_file
        self._executor = ThreadPoolExecutor(num_processors(), "model")
        tf.config.threading.set_intra_op_parallelism_threads(loading.threads)
        tf.config.threading.set_inter_op_parallelism_threads(loading.threads)
        for name, folder in folders.items():
            observe = self.metrics.rows.labels(name).observe
            load = functools.partial(Version, batching=batching, executor=self._executor, observe=observe)
            self.models[name] = Model(name, folder, load, loading.versions)
            self.models[name].set_labels((labels or {}).get(name, {}))
            self.metrics.waiting.labels(name).set_function(self.models[name].num_waiting)

    async def load(self):
        """Load all models.

        Raises:
            UserError: If a model has no version that can be loaded.
        """
        loaded = await asyncio.gather(*(model.refresh() for model in self.models.values()))
        for model, messages in zip(self.models.values(), loaded, strict=True):
            if not model.versions:
                raise UserError(messages[0] if messages else f"{model.folder}: all versions have been deleted")
            _warn(messages)

    async def poll(self):
        """Load new versions and unload old ones periodically; never returns.

        Each model by itself, so that none waits for another that is slow to load.
        """
        async with asyncio.TaskGroup() as group:
            for model in self.models.values():
                group.create_task(self._poll_model(model))
            if self._labels_file:
                group.create_task(self._poll_labels())

    async def _poll_model(self, model):
        while True:
            await asyncio.sleep(self._poll_seconds)
            _warn(await model.refresh())

    async def _poll_labels(self):
        before = self._labels_file.stat()
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                status = self._labels_file.stat()
                if (status.st_mtime_ns, status.st_ino) == (before.st_mtime_ns, before.st_ino):
                    continue
                before = status
                for name, labels in read_labels_file(self._labels_file, self.models).items():
                    self.models[name].set_labels(labels)
            except (OSError, UserError) as error:
                _warn([f"{error}; the labels stay as they were"])

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
