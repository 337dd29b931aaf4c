"""Gathering requests: who shares a batch, and that nobody gets what is another's."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from apps.common.cli import UserError
from apps.serving.batching import Batcher, Batching
from apps.serving.errors import RequestError


class Doubler:
    """Doubles x, and remembers the batches; refuses negative numbers."""

    def __init__(self):
        self.batches, self.gate = [], threading.Event()
        self.gate.set()

    def __call__(self, tensors):
        self.gate.wait(10)
        self.batches.append(tensors["x"].tolist())
        if (tensors["x"] < 0).any():
            raise RequestError("negative")
        return {"y": 2 * tensors["x"]}


def run(requests, batching, doubler=None, together=True):
    """The answers to lists of numbers, or the exceptions."""
    doubler = doubler or Doubler()

    async def all_of_them():
        with ThreadPoolExecutor(2) as executor:
            batcher = Batcher(doubler, batching, executor)
            calls = [batcher({"x": np.array(request, "float32")}) for request in requests]
            answers = await asyncio.gather(*calls, return_exceptions=True)
            assert batcher.waiting == 0 and not batcher._queues
            return [answer if isinstance(answer, Exception) else answer["y"].tolist() for answer in answers]

    return asyncio.run(all_of_them()), doubler.batches


def test_each_gets_its_own_rows():
    requests = [[10 * n + row for row in range(1 + n % 3)] for n in range(40)]
    answers, batches = run(requests, Batching(max_batch_size=16))
    assert answers == [[2 * n for n in request] for request in requests]
    assert all(len(batch) <= 16 for batch in batches)
    assert sum(map(len, batches)) == sum(map(len, requests)) and len(batches) < 10


def test_a_request_larger_than_a_batch_is_one_of_its_own():
    answers, batches = run([[1], [2] * 9, [3]], Batching(max_batch_size=4))
    assert answers == [[2], [4] * 9, [6]]
    assert sorted(map(len, batches)) == [1, 1, 9]


def test_rows_of_other_shapes_are_not_mixed():
    answers, batches = run([[[1, 2]], [[3]], [[4, 5]]], Batching())
    assert answers == [[[2, 4]], [[6]], [[8, 10]]]
    assert sorted(batches) == [[[1, 2], [4, 5]], [[3]]]


def test_batches_are_filled_up_to_allowed_sizes():
    answers, batches = run([[1], [2], [3]], Batching(max_batch_size=8, allowed_batch_sizes=(2, 4, 8)))
    assert answers == [[2], [4], [6]] and batches == [[1, 2, 3, 1]]


def test_one_bad_request_does_not_spoil_the_others():
    answers, batches = run([[1], [-1], [3]], Batching())
    assert answers[0] == [2] and answers[2] == [6]
    assert isinstance(answers[1], RequestError)
    assert batches == [[1, -1, 3], [1], [-1], [3]]


def test_requests_gather_while_the_model_works():
    doubler = Doubler()

    async def story():
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(doubler, Batching(batch_delay=0), executor)
            doubler.gate.clear()
            calls = [asyncio.create_task(batcher({"x": np.array([0.0])}))]
            await asyncio.sleep(0.05)
            calls += [asyncio.create_task(batcher({"x": np.array([float(n)])})) for n in range(1, 5)]
            await asyncio.sleep(0.05)
            doubler.gate.set()
            return [answer["y"].tolist() for answer in await asyncio.gather(*calls)]

    assert asyncio.run(story()) == [[0], [2], [4], [6], [8]]
    assert doubler.batches == [[0], [1, 2, 3, 4]]


def test_more_than_may_wait_are_refused_and_who_gave_up_is_not_worked_for():
    doubler = Doubler()

    async def story():
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(doubler, Batching(batch_delay=0, max_queue=3), executor)
            doubler.gate.clear()
            calls = [asyncio.create_task(batcher({"x": np.array([0.0])}))]
            await asyncio.sleep(0.05)
            calls += [asyncio.create_task(batcher({"x": np.array([float(n)])})) for n in (1, 2)]
            await asyncio.sleep(0.05)
            with pytest.raises(RequestError, match="3 requests wait") as refused:
                await batcher({"x": np.array([9.0])})
            assert refused.value.code == 429
            calls[2].cancel()
            await asyncio.sleep(0.05)
            doubler.gate.set()
            await asyncio.gather(*calls, return_exceptions=True)
            return await batcher({"x": np.array([5.0])})

    assert asyncio.run(story())["y"].tolist() == [10]
    assert not any(2.0 in batch for batch in doubler.batches)


@pytest.mark.parametrize(
    "wrong", [{"max_batch_size": 0}, {"batch_delay": -1}, {"max_queue": 0}, {"allowed_batch_sizes": (4, 2)},
              {"allowed_batch_sizes": (2, 4)}]
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UserError, match="--"):
        Batching(**wrong)


def test_a_delay_lets_others_come_and_ends_when_the_batch_is_full():
    doubler = Doubler()

    async def story():
        with ThreadPoolExecutor(2) as executor:
            batcher = Batcher(doubler, Batching(max_batch_size=2, batch_delay=600), executor)
            first = asyncio.create_task(batcher({"x": np.array([1.0])}))
            await asyncio.sleep(0.05)
            assert not first.done()
            second = await asyncio.wait_for(batcher({"x": np.array([2.0])}), 60)
            return (await first)["y"].tolist(), second["y"].tolist()

    assert asyncio.run(story()) == ([2], [4])
    assert doubler.batches == [[1, 2]]


def test_a_delay_ends_although_nobody_comes():
    answers, batches = run([[1]], Batching(batch_delay=0.05))
    assert answers == [[2]] and batches == [[1]]
