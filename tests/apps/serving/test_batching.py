"""Dynamic batching: which requests share a batch, and that each gets its own rows."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from apps.common.cli import UserError
from apps.serving.batching import Batcher
from apps.serving.errors import RequestError
from apps.serving.options import Batching


class Doubler:
    """Function that doubles x and records its batches; it rejects negative numbers and blocks while `gate` is unset."""

    def __init__(self):
        self.batches, self.gate = [], threading.Event()
        self.gate.set()

    def __call__(self, tensors):
        self.gate.wait(10)
        self.batches.append(tensors["x"].tolist())
        if (tensors["x"] < 0).any():
            raise RequestError("negative")
        return {"y": 2 * tensors["x"]}


def run(requests, batching):
    """Return the outputs or the exception for each request, a list of numbers, and the batches."""
    doubler = Doubler()

    async def run_all():
        with ThreadPoolExecutor(2) as executor:
            batcher = Batcher(doubler, batching, executor)
            calls = [batcher({"x": np.array(request, "float32")}) for request in requests]
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert batcher.num_waiting == 0 and not batcher._queues
            return [result if isinstance(result, Exception) else result["y"].tolist() for result in results]

    return asyncio.run(run_all()), doubler.batches


def test_each_request_gets_its_own_rows():
    requests = [[10 * n + row for row in range(1 + n % 3)] for n in range(40)]
    results, batches = run(requests, Batching(max_batch_size=16))
    assert results == [[2 * n for n in request] for request in requests]
    assert all(len(batch) <= 16 for batch in batches)
    assert sum(map(len, batches)) == sum(map(len, requests)) and len(batches) < 10


def test_request_larger_than_a_batch_runs_alone():
    results, batches = run([[1], [2] * 9, [3]], Batching(max_batch_size=4))
    assert results == [[2], [4] * 9, [6]]
    assert sorted(map(len, batches)) == [1, 1, 9]


def test_rows_of_different_shapes_are_not_batched():
    results, batches = run([[[1, 2]], [[3]], [[4, 5]]], Batching())
    assert results == [[[2, 4]], [[6]], [[8, 10]]]
    assert sorted(batches) == [[[1, 2], [4, 5]], [[3]]]


def test_batch_is_padded_to_an_allowed_size():
    results, batches = run([[1], [2], [3]], Batching(max_batch_size=8, allowed_batch_sizes=(2, 4, 8)))
    assert results == [[2], [4], [6]] and batches == [[1, 2, 3, 1]]


def test_bad_request_fails_alone():
    results, batches = run([[1], [-1], [3]], Batching())
    assert results[0] == [2] and results[2] == [6]
    assert isinstance(results[1], RequestError)
    assert batches == [[1, -1, 3], [1], [-1, 3], [-1], [3]]


def test_bad_request_costs_few_calls():
    rows = [[n] for n in range(32)]
    rows[13] = [-1]
    results, batches = run(rows, Batching())
    assert [index for index, result in enumerate(results) if isinstance(result, RequestError)] == [13]
    assert results[31] == [62] and len(batches) == 11


def test_requests_are_batched_while_the_model_is_busy():
    doubler = Doubler()

    async def scenario():
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(doubler, Batching(batch_delay=0), executor)
            doubler.gate.clear()
            calls = [asyncio.create_task(batcher({"x": np.array([0.0])}))]
            await asyncio.sleep(0.05)
            calls += [asyncio.create_task(batcher({"x": np.array([float(n)])})) for n in range(1, 5)]
            await asyncio.sleep(0.05)
            doubler.gate.set()
            return [result["y"].tolist() for result in await asyncio.gather(*calls)]

    assert asyncio.run(scenario()) == [[0], [2], [4], [6], [8]]
    assert doubler.batches == [[0], [1, 2, 3, 4]]


def test_full_queue_rejects_and_cancelled_requests_do_not_run():
    doubler = Doubler()

    async def scenario():
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(doubler, Batching(batch_delay=0, max_queue=3), executor)
            doubler.gate.clear()
            calls = [asyncio.create_task(batcher({"x": np.array([0.0])}))]
            await asyncio.sleep(0.05)
            calls += [asyncio.create_task(batcher({"x": np.array([float(n)])})) for n in (1, 2)]
            await asyncio.sleep(0.05)
            with pytest.raises(RequestError, match="3 requests are already waiting") as error:
                await batcher({"x": np.array([9.0])})
            assert error.value.code == 429
            calls[2].cancel()
            await asyncio.sleep(0.05)
            doubler.gate.set()
            await asyncio.gather(*calls, return_exceptions=True)
            return await batcher({"x": np.array([5.0])})

    assert asyncio.run(scenario())["y"].tolist() == [10]
    assert not any(2.0 in batch for batch in doubler.batches)


@pytest.mark.parametrize(
    "wrong", [{"max_batch_size": 0}, {"batch_delay": -1}, {"max_queue": 0}, {"allowed_batch_sizes": (4, 2)},
              {"allowed_batch_sizes": (2, 4)}]
)  # fmt: skip
def test_wrong_options_raise(wrong):
    with pytest.raises(UserError, match="--"):
        Batching(**wrong)


def test_delay_ends_when_the_batch_is_full():
    doubler = Doubler()

    async def scenario():
        with ThreadPoolExecutor(2) as executor:
            batcher = Batcher(doubler, Batching(max_batch_size=2, batch_delay=600), executor)
            first = asyncio.create_task(batcher({"x": np.array([1.0])}))
            await asyncio.sleep(0.05)
            assert not first.done()
            second = await asyncio.wait_for(batcher({"x": np.array([2.0])}), 60)
            return (await first)["y"].tolist(), second["y"].tolist()

    assert asyncio.run(scenario()) == ([2], [4])
    assert doubler.batches == [[1, 2]]


def test_delay_ends_without_further_requests():
    results, batches = run([[1]], Batching(batch_delay=0.05))
    assert results == [[2]] and batches == [[1]]
