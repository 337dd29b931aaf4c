"""Dynamic batching: requests that wait at the same time are answered by one call of the model.

One call for thirty-two rows takes little longer than for one. While the model works on one batch, the next gathers; it
is closed when the model is free and its first request has waited for `batch_delay`, or it is full.
"""

import asyncio
import collections
import contextlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..common.cli import UserError
from .errors import RequestError


@dataclass(frozen=True)
class Batching:
    """How requests are gathered."""

    max_batch_size: int = 32
    """Most rows in a batch; a request with more is a batch of its own."""
    batch_delay: float = 0.0
    """Seconds that a request waits for others to come while the model is free; with 0 only those share a batch that
    came while it was busy."""
    allowed_batch_sizes: tuple[int, ...] = ()
    """Batches are filled up to the next of these, with copies of a row, where a model is slow for each new size; with
    none they stay as they are."""
    max_queue: int = 1000
    """Requests that may wait for a model; more are refused with status 429."""

    def __post_init__(self):
        for name, least in (("max_batch_size", 1), ("max_queue", 1), ("batch_delay", 0)):
            if not getattr(self, name) >= least:
                raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: expected {least} or more")
        sizes = self.allowed_batch_sizes
        if sizes and (list(sizes) != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] != self.max_batch_size):
            raise UserError(
                f"--allowed-batch-sizes {' '.join(map(str, sizes))}: expected rising numbers from 1 up, the last of "
                f"which is --max-batch-size, {self.max_batch_size}"
            )

    def padded(self, rows):
        """The size that a batch of so many rows is filled up to."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


class _Waiting(NamedTuple):
    tensors: dict[str, np.ndarray]
    rows: int
    answer: Any
    since: float


class _Queue:
    """What waits for one batch or several, and whether it fills one."""

    def __init__(self, size):
        self._size, self._waiting, self._rows, self.full = size, collections.deque(), 0, asyncio.Event()

    def __bool__(self):
        return bool(self._waiting)

    def put(self, one):
        self._waiting.append(one)
        self._count(one.rows)

    def _count(self, rows):
        self._rows += rows
        if self._rows >= self._size:
            self.full.set()
        else:
            self.full.clear()

    def first(self):
        return self._waiting[0]

    def take(self):
        """The next batch, without those whose sender has gone or whose time is over."""
        batch, rows = [], 0
        while self._waiting and (not batch or rows + self.first().rows <= self._size):
            one = self._waiting.popleft()
            self._count(-one.rows)
            if not one.answer.done():
                batch.append(one)
                rows += one.rows
        return batch


def check_queue(waiting, max_queue):
    """Raises `RequestError` where no further request may wait."""
    if waiting >= max_queue:
        raise RequestError(f"{waiting} requests wait already; try again later", 429)


class Batcher:
    """Gathers calls of one function of arrays. To be used in one event loop.

    Args:
        call: {name: array} -> {name: array}, all with as many rows; it runs in a thread.
        batching: `Batching`.
        executor: of the threads.
        observe: called with the rows of each batch.
    """

    def __init__(self, call, batching, executor, observe=lambda rows: None):
        self._call, self._batching, self._executor, self._observe = call, batching, executor, observe
        # Only rows of one shape can stand in one array.
        self._queues = collections.defaultdict(lambda: _Queue(batching.max_batch_size))
        self._working = {}
        self.waiting = 0

    async def __call__(self, tensors):
        """The rows that the function gives for these.

        Raises:
            RequestError: too many wait.
        """
        check_queue(self.waiting, self._batching.max_queue)
        shape = tuple((name, array.dtype.str, array.shape[1:]) for name, array in tensors.items())
        rows = len(next(iter(tensors.values())))
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        self._queues[shape].put(_Waiting(tensors, rows, answer, loop.time()))
        self.waiting += 1
        if shape not in self._working:
            # asyncio itself keeps no hold of a task.
            self._working[shape] = loop.create_task(self._work(shape))
        try:
            return await answer
        finally:
            self.waiting -= 1

    async def _work(self, shape):
        """Answers what waits in a queue until nothing does."""
        queue = self._queues[shape]
        while queue:
            left = queue.first().since + self._batching.batch_delay - asyncio.get_running_loop().time()
            if left > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(queue.full.wait(), left)
            batch = queue.take()
            if batch:
                await self._answer(batch)
        del self._queues[shape], self._working[shape]

    async def _answer(self, batch):
        loop = asyncio.get_running_loop()
        try:
            outputs = await loop.run_in_executor(self._executor, self._together, batch)
        except Exception as error:
            if len(batch) == 1:
                _settle(batch[0].answer, error)
            # One bad request must not be the others' misfortune.
            else:
                for one in batch:
                    await self._answer([one])
            return
        for one, output in zip(batch, outputs, strict=True):
            _settle(one.answer, output)

    def _together(self, batch):
        rows = sum(one.rows for one in batch)
        self._observe(rows)
        missing = self._batching.padded(rows) - rows
        inputs = {}
        for name in batch[0].tensors:
            parts = [one.tensors[name] for one in batch]
            inputs[name] = np.concatenate([*parts, np.repeat(parts[0][:1], missing, axis=0)])
        outputs = self._call(inputs)
        ends = np.cumsum([one.rows for one in batch])
        return [
            {name: array[end - one.rows : end] for name, array in outputs.items()}
            for one, end in zip(batch, ends, strict=True)
        ]


def _settle(answer, value):
    if answer.done():
        return
    if isinstance(value, Exception):
        answer.set_exception(value)
    else:
        answer.set_result(value)
