"""Dynamic batching: one call of the model answers several concurrent requests.

A call for 32 rows takes little longer than a call for one. While the model runs on one batch, requests for the next are
queued; a batch is closed once the model is idle and either its first request has waited `batch_delay` or it is full.
"""

import asyncio
import collections
import contextlib
from typing import NamedTuple

import numpy as np

from .errors import RequestError


class _Request(NamedTuple):
    tensors: dict[str, np.ndarray]
    rows: int
    future: asyncio.Future
    arrival: float


class _Queue:
    """Requests waiting for a batch; the event `full` is set while they fill one."""

    def __init__(self, max_rows):
        self._max_rows, self._requests, self._rows, self.full = max_rows, collections.deque(), 0, asyncio.Event()

    def __bool__(self):
        return bool(self._requests)

    def put(self, request):
        self._requests.append(request)
        self._add_rows(request.rows)

    def _add_rows(self, rows):
        self._rows += rows
        if self._rows >= self._max_rows:
            self.full.set()
        else:
            self.full.clear()

    def first(self):
        return self._requests[0]

    def next_batch(self):
        """Remove and return the requests of the next batch, without those cancelled or timed out."""
        batch, rows = [], 0
        while self._requests and (not batch or rows + self.first().rows <= self._max_rows):
            request = self._requests.popleft()
            self._add_rows(-request.rows)
            if not request.future.done():
                batch.append(request)
                rows += request.rows
        return batch


def check_queue(num_waiting, max_queue):
    """Raise a `RequestError` if the queue is full."""
    if num_waiting >= max_queue:
        raise RequestError(f"{num_waiting} requests are already waiting; try again later", 429)


class Batcher:
    """Batching of the calls of a function. Not thread-safe: use it in a single event loop.

    Args:
        call: function {name: array} -> {name: array}, all with the same number of rows; it runs in a thread.
        batching: `Batching`.
        executor: concurrent.futures.Executor that runs `call`.
        observe: function that receives the number of rows of each batch.
    """

    def __init__(self, call, batching, executor, observe=lambda rows: None):
        self._call, self._batching, self._executor, self._observe = call, batching, executor, observe
        # One queue per shape and dtype: only rows of equal shapes can be concatenated.
        self._queues = collections.defaultdict(lambda: _Queue(batching.max_batch_size))
        self._tasks = {}
        self.num_waiting = 0

    async def __call__(self, tensors):
        """Return the function's outputs for the rows of `tensors`.

        Raises:
            RequestError: If the queue is full.
        """
        check_queue(self.num_waiting, self._batching.max_queue)
        key = tuple((name, array.dtype.str, array.shape[1:]) for name, array in tensors.items())
        rows = len(next(iter(tensors.values())))
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._queues[key].put(_Request(tensors, rows, future, loop.time()))
        self.num_waiting += 1
        if key not in self._tasks:
            # asyncio keeps only a weak reference to a task.
            self._tasks[key] = loop.create_task(self._process(key))
        try:
            return await future
        finally:
            self.num_waiting -= 1

    async def _process(self, key):
        """Run batches until the queue is empty."""
        queue = self._queues[key]
        while queue:
            remaining = queue.first().arrival + self._batching.batch_delay - asyncio.get_running_loop().time()
            if remaining > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(queue.full.wait(), remaining)
            batch = queue.next_batch()
            if batch:
                await self._run(batch)
        del self._queues[key], self._tasks[key]

    async def _run(self, batch):
        loop = asyncio.get_running_loop()
        try:
            outputs = await loop.run_in_executor(self._executor, self._call_batched, batch)
        except Exception as error:
            if len(batch) == 1:
                _resolve(batch[0].future, error)
                return
            # Halve the batch, so that a bad request fails alone and costs few calls.
            for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
                if half := [request for request in half if not request.future.done()]:
                    await self._run(half)
            return
        for request, output in zip(batch, outputs, strict=True):
            _resolve(request.future, output)

    def _call_batched(self, batch):
        rows = sum(request.rows for request in batch)
        self._observe(rows)
        padding = self._batching.padded_size(rows) - rows
        inputs = {}
        for name in batch[0].tensors:
            parts = [request.tensors[name] for request in batch]
            inputs[name] = np.concatenate([*parts, np.repeat(parts[0][:1], padding, axis=0)])
        outputs = self._call(inputs)
        ends = np.cumsum([request.rows for request in batch])
        return [
            {name: array[end - request.rows : end] for name, array in outputs.items()}
            for request, end in zip(batch, ends, strict=True)
        ]


def _resolve(future, result):
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
