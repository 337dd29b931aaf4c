"""Loading, replacing and unloading of versions, also during requests."""

import asyncio
import os
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from apps.common.cli import UserError
from apps.serving.arguments import find_folders
from apps.serving.errors import RequestError
from apps.serving.models import Model, Version, operation_message
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
        (number, state, reason), newest = model.states()
        assert (number, state) == (2, "END") and reason.startswith("not a complete SavedModel (") and len(reason) > 40
        assert newest == (1, "AVAILABLE", "")
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


def test_version_that_is_copied_slowly_is_loaded_when_it_is_complete(tmp_path, load):
    async def scenario():
        write(tmp_path / "whole", 4)
        model = Model("times", tmp_path / "served", load)
        folder = tmp_path / "served" / "1"
        folder.mkdir(parents=True)
        files = sorted(path for path in (tmp_path / "whole").rglob("*") if path.is_file())
        # As cp and rsync do: the graph first, then the variables, the last one in parts.
        files.sort(key=lambda path: path.name != "saved_model.pb")
        for path in files:
            target = folder / path.relative_to(tmp_path / "whole")
            target.parent.mkdir(exist_ok=True)
            content = path.read_bytes()
            for part in (content[: len(content) // 2], content):
                target.write_bytes(part)
                await model.refresh()
                if path != files[-1] or part is not content:
                    assert not model.versions or await predict(model) == [4]
        await model.refresh()
        assert await predict(model) == [4] and not model.failed
        (folder / "variables" / "variables.index").touch()
        before = model.versions[1]
        await model.refresh()
        assert model.versions[1] is not before

    asyncio.run(scenario())


def test_failed_version_is_tried_again_with_growing_pauses(tmp_path, load, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("apps.serving.models.time.monotonic", lambda: now[0])
    attempts = []

    def refuse(folder):
        attempts.append(now[0])
        raise ValueError("the disk is away")

    async def scenario():
        model = Model("times", tmp_path, refuse)
        write(tmp_path / "1", 3)
        messages = []
        for second in range(100):
            now[0] = float(second)
            messages += await model.refresh()
        assert attempts == [0, 2, 6, 14, 30, 62] and len(messages) == 1
        assert model.states() == [(1, "END", "not a complete SavedModel (the disk is away)")]

    asyncio.run(scenario())


def test_only_folders_named_by_int64_in_ascii_digits_are_versions(tmp_path, load):
    async def scenario():
        for name in ("00000007", "٣", "9223372036854775808", "1e3", "-1", "+2", "1.0"):
            write(tmp_path / name, 3)
        model = Model("times", tmp_path, load)
        await model.refresh()
        assert list(model.versions) == [7]

    asyncio.run(scenario())


def test_slow_load_of_one_model_holds_up_no_other(tmp_path, load):
    release = threading.Event()

    def load_slowly(folder):
        release.wait(30)
        return load(folder)

    async def scenario():
        for name in ("slow", "quick"):
            (tmp_path / name).mkdir()
            write(tmp_path / name / "1", 2)
        slow, quick = Model("slow", tmp_path / "slow", load_slowly), Model("quick", tmp_path / "quick", load)
        waiting = asyncio.create_task(slow.refresh())
        await quick.refresh()
        assert await predict(quick) == [2] and not slow.versions
        release.set()
        await waiting
        assert await predict(slow) == [2]

    asyncio.run(scenario())


def test_labels_move_and_absent_versions_are_warned_of(tmp_path, load, capsys):
    async def scenario():
        model = Model("times", tmp_path, load)
        for number in (1, 2):
            write(tmp_path / str(number), number)
        model.set_labels({"stable": 1})
        await model.refresh()
        assert await predict(model, label="stable") == [1]
        model.set_labels({"stable": 2, "canary": 9})
        await model.refresh()
        assert await predict(model, label="stable") == [2] and list(model.versions) == [2]
        assert "label 'canary' is for version 9" in capsys.readouterr().err

    asyncio.run(scenario())


class Unknown(tf.Module):
    """Half plus two of an input of unknown rank, which fails on anything but [3]."""

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, "x")])
    def __call__(self, x):
        return {"y": 0.5 * tf.reshape(x, [3]) + 2}


def test_input_of_unknown_rank_and_a_failing_trial_run_do_not_prevent_loading(tmp_path, load):
    async def scenario():
        module = Unknown()
        tf.saved_model.save(module, str(tmp_path / "1"), module.__call__)
        model = Model("unknown", tmp_path, load)
        assert await model.refresh() == []
        version = model.find()
        found = await version("serving_default", {"x": np.array([1, 2, 5], "float32")})
        assert found["y"].tolist() == [2.5, 3, 4.5]

    asyncio.run(scenario())


class Failing(tf.Module):
    """Operations that fail on an input of 7."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def asserting(self, x):
        tf.debugging.assert_less(x, 7.0, message="x must be below 7")
        return {"y": x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def refusing(self, x):
        tf.debugging.Assert(x[0] < 7, ["fill the gaps"])
        return {"y": x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def gathering(self, x):
        return {"y": tf.gather(tf.range(3), tf.cast(x, tf.int32))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def multiplying(self, x):
        return {"y": tf.matmul(tf.ones([1, tf.cast(x[0], tf.int32)]), tf.ones([3, 1]))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def parsing(self, x):
        return {"y": tf.strings.to_number(tf.strings.join(["no ", tf.strings.as_string(x)]))}


def test_errors_of_operations_are_words_without_nodes_and_traces(tmp_path, load):
    module = Failing()
    names = ("asserting", "refusing", "gathering", "multiplying", "parsing")
    tf.saved_model.save(module, str(tmp_path / "1"), {name: getattr(module, name) for name in names})
    version = load(tmp_path / "1")
    words = {
        "asserting": "x must be below 7",
        "refusing": "fill the gaps",
        "gathering": "indices[0] = 7 is not in [0, 3)",
        "multiplying": "Matrix size-incompatible: In[0]: [1,7], In[1]: [3,1]",
        "parsing": "StringToNumberOp could not correctly convert string: no 7",
    }
    for name, expected in words.items():
        with pytest.raises(RequestError) as error:
            version.signatures[name]({"x": np.array([7], "float32")})
        message = str(error.value)
        assert expected in message and error.value.code == 400
        assert not re.search(r"node|Graph execution|Detected|Op:|trace|\n", message)
    assert message.startswith("StringToNumberOp")


def test_first_of_several_errors_is_told():
    text = """Graph execution error:

2 root error(s) found.
  (0) INVALID_ARGUMENT:  too long
"""
    assert operation_message(text) == "too long"
    trace = (
        'Detected at node A defined at (most recent call last):\n  File "x.py", line 1\n\nbad size\n\t [[{{node A}}]]'
    )
    traced = f"Graph execution error:\n\n{trace}"
    assert operation_message(traced) == "bad size"
