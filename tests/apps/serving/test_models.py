"""Loading, replacing and unloading of versions, also during requests."""

import asyncio
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from apps.common.cli import UserError
from apps.serving.arguments import find_folders
from apps.serving.errors import RequestError
from apps.serving.models import Model, Version
from apps.serving.options import Batching


class Times(tf.Module):
    """y = factor * x; with factor 0 it rejects every input."""

    def __init__(self, factor):
        self.factor = tf.Variable(float(factor))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def __call__(self, x):
        with tf.control_dependencies([tf.debugging.Assert(self.factor > 0, ["factor is", self.factor])]):
            return {"y": self.factor * x}


def write(folder, factor):
    """Write a SavedModel atomically."""
    part = folder.with_name(f".{folder.name}")
    module = Times(factor)
    tf.saved_model.save(module, str(part), module.__call__)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(part, folder)


@pytest.fixture
def load():
    with ThreadPoolExecutor(2) as executor:
        yield lambda folder: Version(folder, Batching(), executor, lambda rows: None)


async def predict(model, x=1.0, **which):
    version = model.find(**which)
    with version.in_use():
        return (await version("serving_default", {"x": np.array([x], "float32")}))["y"].tolist()


def test_newest_version_is_served(tmp_path, load):
    async def scenario():
        model = Model("times", tmp_path, load)
        for number in (2, 10, 9):
            write(tmp_path / str(number), number)
        await model.refresh()
        assert await predict(model) == [10] and list(model.versions) == [10]
        write(tmp_path / "11", 11)
        await model.refresh()
        assert await predict(model) == [11] and list(model.versions) == [11]
        shutil.rmtree(tmp_path / "11")
        await model.refresh()
        assert await predict(model) == [10]

    asyncio.run(scenario())


def test_rewritten_version_is_reloaded(tmp_path, load):
    async def scenario():
        model = Model("times", tmp_path, load)
        write(tmp_path / "1", 3)
        await model.refresh()
        first = model.find()
        await model.refresh()
        assert model.find() is first
        write(tmp_path / "1", 4)
        await model.refresh()
        assert await predict(model) == [4]

    asyncio.run(scenario())


@pytest.mark.parametrize("damage", ["cut graph", "no variables", "empty", "text"])
def test_broken_new_version_does_not_replace_the_old(tmp_path, load, damage):
    async def scenario():
        model = Model("times", tmp_path, load)
        write(tmp_path / "1", 3)
        await model.refresh()
        write(tmp_path / "2", 4)
        graph = tmp_path / "2" / "saved_model.pb"
        if damage == "no variables":
            shutil.rmtree(tmp_path / "2" / "variables")
        else:
            content = graph.read_bytes()
            graph.write_bytes({"cut graph": content[: len(content) // 2], "empty": b"", "text": b"no model"}[damage])
        (message,) = await model.refresh()
        assert str(tmp_path / "2") in message and "not a complete SavedModel" in message
        assert await predict(model) == [3]
        assert model.states() == [(2, "END", "not a complete SavedModel"), (1, "AVAILABLE", "")]
        assert await model.refresh() == []
        write(tmp_path / "2", 5)
        await model.refresh()
        assert await predict(model) == [5]
        assert model.states() == [(2, "AVAILABLE", "")]

    asyncio.run(scenario())


def test_deleted_broken_version_has_no_state(tmp_path, load):
    async def scenario():
        model = Model("times", tmp_path, load)
        write(tmp_path / "1", 3)
        (tmp_path / "2").mkdir()
        (tmp_path / "2" / "saved_model.pb").write_bytes(b"no model")
        assert len(await model.refresh()) == 1 and len(model.states()) == 2
        shutil.rmtree(tmp_path / "2")
        assert await model.refresh() == []
        assert model.states() == [(1, "AVAILABLE", "")]

    asyncio.run(scenario())


def test_version_replaced_during_loading_is_reloaded(tmp_path, load, monkeypatch):
    original = tf.saved_model.load

    def load_and_replace(path):
        loaded = original(path)
        monkeypatch.setattr(tf.saved_model, "load", original)
        write(tmp_path / "1", 5)
        return loaded

    async def scenario():
        model = Model("times", tmp_path, load)
        write(tmp_path / "1", 4)
        monkeypatch.setattr(tf.saved_model, "load", load_and_replace)
        (message,) = await model.refresh()
        assert "changed while it was loaded" in message
        assert await predict(model) == [5]

    asyncio.run(scenario())


def test_version_is_unloaded_after_its_last_request(tmp_path, load, capsys):
    async def scenario():
        model = Model("times", tmp_path, load)
        write(tmp_path / "1", 3)
        await model.refresh()
        old = model.find()
        with old.in_use():
            write(tmp_path / "2", 4)
            await model.refresh()
            await asyncio.sleep(0.2)
            assert "unloaded version" not in capsys.readouterr().out
            assert (await old("serving_default", {"x": np.array([1], "float32")}))["y"].tolist() == [3]
        await asyncio.sleep(0.2)
        assert "unloaded version 1 of times" in capsys.readouterr().out

    asyncio.run(scenario())


def test_requests_during_replacements_succeed(tmp_path, load):
    async def scenario():
        model = Model("times", tmp_path, load)
        write(tmp_path / "1", 1)
        await model.refresh()
        seen, done = set(), False

        async def client():
            while not done:
                seen.add((await predict(model))[0])
                await asyncio.sleep(0)

        clients = [asyncio.create_task(client()) for _ in range(4)]
        for number in range(2, 5):
            write(tmp_path / str(number), number)
            await model.refresh()
            await asyncio.sleep(0.05)
        done = True
        await asyncio.gather(*clients)
        return seen

    assert {1, 4} <= asyncio.run(scenario()) <= {1, 2, 3, 4}


def test_find_by_number_and_label(tmp_path, load):
    async def scenario():
        for number in (1, 2, 3):
            write(tmp_path / str(number), number)
        model = Model("times", tmp_path, load, num_versions=2, labels={"stable": 1})
        await model.refresh()
        assert sorted(model.versions) == [1, 2, 3]
        assert await predict(model, label="stable") == [1] and await predict(model, number=2) == [2]
        assert await predict(model) == [3]
        for which, message in (
            ({"number": 7}, "no version 7; available: 1, 2, 3"),
            ({"label": "x"}, "available: stable"),
        ):
            with pytest.raises(RequestError, match=message) as error:
                model.find(**which)
            assert error.value.code == 404

    asyncio.run(scenario())


def test_failed_assertion_in_the_graph_raises_a_request_error(tmp_path, load):
    async def scenario():
        model = Model("times", tmp_path, load)
        write(tmp_path / "1", 0)
        await model.refresh()
        with pytest.raises(RequestError, match="factor is"):
            await predict(model)

    asyncio.run(scenario())


def test_find_folders_accepts_names_and_rejects_other_folders(tmp_path):
    write(tmp_path / "plain" / "7", 1)
    assert find_folders([str(tmp_path / "plain")]) == {"plain": tmp_path / "plain"}
    assert find_folders([f"mine={tmp_path / 'plain'}"]) == {"mine": tmp_path / "plain"}
    (tmp_path / "empty").mkdir()
    for model, message in (
        ("=x", "NAME=FOLDER"),
        (tmp_path / "none", "no such folder"),
        (tmp_path / "empty", "neither"),
    ):
        with pytest.raises(UserError, match=message):
            find_folders([str(model)])


class Double(tf.Module):
    """y = 2 * x for a scalar; its signature has no batch axis."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, "x")])
    def __call__(self, x):
        return {"y": 2 * x}


def test_unbatched_requests_count_towards_the_queue_limit(tmp_path):
    async def scenario():
        version = Version(tmp_path / "1", Batching(max_queue=2), executor, lambda rows: None)
        assert not version.batchers
        calls = [version("serving_default", {"x": np.float32(x)}) for x in range(4)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [float(answer["y"]) for answer in answers[:2]] == [0, 2]
        assert [answer.code for answer in answers[2:]] == [429, 429]
        assert float((await version("serving_default", {"x": np.float32(5)}))["y"]) == 10

    module = Double()
    tf.saved_model.save(module, str(tmp_path / "1"), module.__call__)
    with ThreadPoolExecutor(1) as executor:
        asyncio.run(scenario())
