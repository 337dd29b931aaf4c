"""What both protocols need: the models, the limits, who may ask, and what is counted."""

import asyncio
import contextlib
import hmac
import time
from dataclasses import dataclass

import prometheus_client

from ..common.cli import UserError
from .refusals import Refused


@dataclass(frozen=True)
class Limits:
    """What a request may take."""

    max_body: int = 16 * 2**20
    """Bytes of a request's body or message; more is refused with status 413."""
    max_instances: int = 1024
    """Rows of a request."""
    deadline: float = 30.0
    """Seconds that a request's head, its body and its answer may each take; a later answer is status 504."""

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
        models: {name: Model}.
        limits: `Limits`.
        token: what a request must bring as its bearer token, if it must.
        metrics: `Metrics`.
    """

    def __init__(self, models, limits, token=None, metrics=None):
        self.models, self.limits, self._token, self.metrics = models, limits, token, metrics or Metrics()

    def find(self, name):
        """The model of that name.

        Raises:
            Refused: there is none.
        """
        if name not in self.models:
            raise Refused(f"no model {name!r}; there are {', '.join(sorted(self.models))}", 404)
        return self.models[name]

    def admit(self, authorization):
        """Refuses who does not bring the token."""
        if self._token is None:
            return
        kind, _, given = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token.encode()):
            raise Refused("expected the header Authorization: Bearer TOKEN", 401)

    async def answer(self, version, name, tensors):
        """What a signature of a version makes of tensors, within the deadline."""
        with version.in_use():
            try:
                async with asyncio.timeout(self.limits.deadline):
                    return await version(name, tensors)
            except TimeoutError:
                raise Refused(f"no answer within {self.limits.deadline:g} s", 504) from None

    @contextlib.contextmanager
    def counted(self, model, method, protocol):
        """Counts a request and its time; yields a dict in which its code is left."""
        start, done = time.perf_counter(), {"code": 500}
        # A name that somebody made up must not make a metric of its own.
        model = model if model in self.models else ""
        try:
            yield done
        finally:
            self.metrics.requests.labels(model, method, protocol, done["code"]).inc()
            self.metrics.seconds.labels(model, method).observe(time.perf_counter() - start)
