"""Loading of versioned SavedModels, and their replacement without interrupting requests."""

import asyncio
import contextlib
import gc
import re
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from .arguments import version_number
from .batching import Batcher, check_queue
from .errors import RequestError

# Seconds until a version that failed is tried again although nothing changed: at first, doubling, at most.
FIRST_PAUSE, LAST_PAUSE = 2.0, 60.0


# HTTP status for an error of an operation; 500 for all others.
CODES = {
    tf.errors.InvalidArgumentError: 400,
    tf.errors.OutOfRangeError: 400,
    tf.errors.FailedPreconditionError: 400,
    tf.errors.NotFoundError: 404,
    tf.errors.UnimplementedError: 501,
    tf.errors.ResourceExhaustedError: 503,
    tf.errors.UnavailableError: 503,
    tf.errors.DeadlineExceededError: 504,
}


class Signature:
    """Signature of a SavedModel.

    Args:
        function: its ConcreteFunction.
        definition: its SignatureDef.

    Attributes:
        inputs: {name: tf.TensorSpec}.
        batched: whether the first axis of every input and output is the batch.
    """

    def __init__(self, function, definition):
        self._function, self.definition = function, definition
        self.inputs = dict(sorted(function.structured_input_signature[1].items()))
        # TensorFlow's own order changes from one process to the next.
        self._outputs = sorted(function.structured_outputs)
        outputs = function.structured_outputs.values()
        self.batched = all(
            spec.shape.rank and spec.shape[0] is None for spec in [*self.inputs.values(), *outputs]
        ) and bool(self.inputs)

    def __call__(self, tensors):
        """Run the signature: {name: array} -> {name: array}.

        Raises:
            RequestError: If the model rejects the inputs, or one of its operations fails.
        """
        try:
            outputs = self._function(**{name: tf.constant(array) for name, array in tensors.items()})
        except tf.errors.OpError as error:
            raise RequestError(operation_message(error.message), CODES.get(type(error), 500)) from None
        return {name: outputs[name].numpy() for name in self._outputs}

    def example_inputs(self):
        """Return valid inputs of one row, for warming up."""
        shapes = {
            name: [size or 1 for size in spec.shape] if spec.shape.rank is not None else [1]
            for name, spec in self.inputs.items()
        }
        return {
            name: np.full(shapes[name], b"", object) if spec.dtype == tf.string
            else np.ones(shapes[name], spec.dtype.as_numpy_dtype)
            for name, spec in self.inputs.items()
        }  # fmt: skip


def operation_message(text):
    """Return what an operation of a model says, without the names of graph nodes and the traces around it."""
    text = re.sub(r"\s*\[\[\{\{node .*?\]\]|\s*\[Op:[^\]]*\]|\{\{(function_)?node [^}]*\}\}\s*", "", text)
    noise = (
        "Graph execution error:|Detected at node|<stack traces|[0-9]+ (successful operations|derived error|root error)"
    )
    # Traces are indented; of several errors, numbered (0), (1) ..., only the first counts.
    lines = [line for line in text.splitlines() if re.match(r" *\(0\) |\S", line) and not re.match(noise, line)]
    lines = [re.sub(r"^ *\(0\) ([A-Z_]+: *)?", "", line) for line in lines if not re.match(r"\([1-9]\d*\) ", line)]
    message = " ".join(" ".join(lines).split())[:1000] or "the model failed"
    only = re.fullmatch(r"assertion failed: \[([^\[\]]*)\]", message)
    return only[1] if only else message


class Version:
    """Loaded version of a model.

    Args:
        folder: of the SavedModel, named by the version number.
        batching: `Batching`.
        executor: concurrent.futures.Executor that runs the model.
        observe: function that receives the number of rows of each batch.

    Raises:
        OSError, ValueError, tf.errors.OpError: If the SavedModel is incomplete or changes while it is loaded.
    """

    def __init__(self, folder, batching, executor, observe):
        self.folder, self.number, self.fingerprint = folder, version_number(folder), fingerprint(folder)
        self._model = tf.saved_model.load(str(folder))
        graphs = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs
        definitions = next(graph.signature_def for graph in graphs if "serve" in graph.meta_info_def.tags)
        self.signatures = {
            name: Signature(function, definitions[name]) for name, function in self._model.signatures.items()
        }
        if not self.signatures:
            raise ValueError("it has no signatures")
        self._executor, self._max_queue, self._num_waiting = executor, batching.max_queue, 0
        self.batchers = {
            name: Batcher(signature, batching, executor, observe)
            for name, signature in self.signatures.items()
            if signature.batched
        }
        self._num_users = 0
        self._warm_up(batching)
        if fingerprint(folder) != self.fingerprint:
            raise ValueError("it changed while it was loaded")

    def _warm_up(self, batching):
        for signature in self.signatures.values():
            sizes = batching.allowed_batch_sizes if signature.batched else ()
            for size in {1, *sizes}:
                # A model may reject these inputs, but has been traced by then.
                try:
                    inputs = signature.example_inputs()
                    signature({name: np.repeat(array, size, axis=0) for name, array in inputs.items()})
                except RequestError:
                    pass
                except Exception as error:
                    print(f"warning: {self.folder}: a trial run failed ({_reason(error)})", file=sys.stderr, flush=True)
                    break

    async def __call__(self, name, tensors):
        """Run the signature `name`, batched if possible: {name: array} -> {name: array}.

        Raises:
            RequestError: If the queue is full or the model rejects the inputs.
        """
        if name in self.batchers and _same_num_rows(tensors):
            return await self.batchers[name](tensors)
        check_queue(self._num_waiting, self._max_queue)
        self._num_waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, self.signatures[name], tensors)
        finally:
            self._num_waiting -= 1

    def signature(self, name):
        """Return the `Signature` with this name.

        Raises:
            RequestError: If there is none.
        """
        if not isinstance(name, str) or name not in self.signatures:
            available = ", ".join(self.signatures)
            raise RequestError(f"no signature {name!r} in version {self.number}; available: {available}")
        return self.signatures[name]

    @contextlib.contextmanager
    def in_use(self):
        """Prevent the version from being unloaded inside this context."""
        self._num_users += 1
        try:
            yield self
        finally:
            self._num_users -= 1

    def close(self):
        """Free its memory; explicit garbage collection is needed as TensorFlow's objects form reference cycles."""
        self.signatures, self.batchers, self._model = {}, {}, None
        gc.collect()

    async def wait_until_unused(self):
        """Wait until no request uses the version."""
        while self._num_users:
            await asyncio.sleep(0.05)


def _same_num_rows(tensors):
    return len({len(array) if array.ndim else None for array in tensors.values()}) == 1


def fingerprint(folder):
    """Return a value that changes when any file of a SavedModel does; None if there is no SavedModel."""
    try:
        if not (folder / "saved_model.pb").is_file():
            return None
        statuses = [(str(path.relative_to(folder)), path.stat()) for path in sorted(folder.rglob("*"))]
    except OSError:
        # A file has just been removed.
        return None
    return tuple((name, each.st_mode, each.st_ino, each.st_mtime_ns, each.st_size) for name, each in statuses)


def _reason(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


class Failure(NamedTuple):
    """A version that could not be loaded: its fingerprint then, why, how often, and when it is tried again."""

    fingerprint: tuple | None
    reason: str
    attempts: int
    retry_at: float

    def blocks(self, found):
        """Return whether a version with the fingerprint `found` is not tried now."""
        return self.fingerprint == found and time.monotonic() < self.retry_at


class Model:
    """Model with several versions, the newest of which are loaded.

    Args:
        name: in request paths.
        folder: with one subfolder per version, named by its number.
        load: function: folder of a version -> `Version`.
        num_versions: number of newest versions that are loaded.
        labels: {label: version number}; labelled versions are loaded as well.

    Attributes:
        versions: {number: `Version`}.
        failed: {number: `Failure`} of versions that could not be loaded.
    """

    def __init__(self, name, folder, load, num_versions=1, labels=None):
        self.name, self.folder, self.labels = name, Path(folder), labels or {}
        self._load, self._num_versions = load, num_versions
        self.versions, self.failed, self._unloading = {}, {}, []

    def num_waiting(self):
        """Return the number of batched requests that are queued or running, over all versions."""
        return sum(batcher.num_waiting for version in self.versions.values() for batcher in version.batchers.values())

    def find(self, number=None, label=None):
        """Return the `Version` with this number or label; without either, the newest.

        Raises:
            RequestError: If there is none.
        """
        number = self.resolve(number, label)
        if number is None and self.versions:
            return self.versions[max(self.versions)]
        if number not in self.versions:
            raise RequestError(f"model {self.name!r} has no version {number}; available: {_join(self.versions)}", 404)
        return self.versions[number]

    def resolve(self, number=None, label=None):
        """Return the version number of a label; `number` if `label` is None."""
        if label is None:
            return number
        if label not in self.labels:
            raise RequestError(f"model {self.name!r} has no label {label!r}; available: {_join(self.labels)}", 404)
        return self.labels[label]

    def versions_to_load(self):
        """Return {number: folder} of the versions in the folder that should be loaded.

        Versions that failed are skipped until any of their files changes, or until a pause, which grows, is over.
        """
        try:
            found = {
                version_number(path): path
                for path in self.folder.iterdir()
                if version_number(path) is not None and (path / "saved_model.pb").is_file()
            }
        except OSError:
            found = {}
        self.failed = {number: previous for number, previous in self.failed.items() if number in found}
        loadable = [
            number
            for number in sorted(found, reverse=True)
            if not (number in self.failed and self.failed[number].blocks(fingerprint(found[number])))
        ]
        labelled = set(self.labels.values()) & set(loadable)
        return {number: found[number] for number in sorted({*loadable[: self._num_versions], *labelled})}

    async def refresh(self):
        """Load new versions and unload old ones; a version that cannot be loaded replaces none.

        Returns:
            list of messages, one for each version that could not be loaded for another reason than before.
        """
        messages = []
        while True:
            versions_to_load = self.versions_to_load()
            new = [
                number
                for number, folder in versions_to_load.items()
                if number not in self.versions or self.versions[number].fingerprint != fingerprint(folder)
            ]
            if not new:
                break
            number, folder = new[-1], versions_to_load[new[-1]]
            previous = fingerprint(folder)
            try:
                version = await _in_daemon_thread(self._load, folder)
            # No error of a new version may stop the server.
            except Exception as error:
                if self._fail(number, previous, _reason(error)):
                    messages.append(f"{folder}: not a complete SavedModel ({_reason(error)}); export it again")
                continue
            self._replace(number, version)
        # If the folder has no loadable version, the last good one stays.
        if versions_to_load:
            for number in self.versions.keys() - versions_to_load.keys():
                self._replace(number, None)
        return messages

    def _fail(self, number, found, reason):
        """Record a failure; return whether it is news."""
        before = self.failed.get(number)
        attempts = before.attempts + 1 if before and before.fingerprint == found else 0
        pause = min(LAST_PAUSE, FIRST_PAUSE * 2**attempts)
        self.failed[number] = Failure(found, reason, attempts, time.monotonic() + pause)
        return before is None or before.reason != reason

    def set_labels(self, labels):
        """Replace all labels.

        Args:
            labels: {label: version number}; a labelled version is loaded at the next check of the folder.
        """
        self.labels = dict(labels)
        for label, number in self.labels.items():
            if not (self.folder / str(number)).is_dir() and number not in self.versions:
                print(f"warning: {self.name}: label {label!r} is for version {number}, which is not in {self.folder}",
                      file=sys.stderr, flush=True)  # fmt: skip

    def _replace(self, number, version):
        old = self.versions.pop(number, None)
        if version is not None:
            self.versions[number] = version
            self.failed.pop(number, None)
            print(f"{version.folder}: loaded version {number} of {self.name}", flush=True)
        if old is not None:
            self._unloading = [task for task in self._unloading if not task.done()]
            self._unloading.append(asyncio.create_task(_unload(self.name, old)))

    def states(self, number=None, label=None):
        """Return the states of loaded and failed versions, newest first, as TensorFlow Serving names them.

        Args:
            number, label: of one version; None for all.

        Returns:
            list of (number, state, error message).

        Raises:
            RequestError: If there is no such version.
        """
        states = [(each, "AVAILABLE", "") for each in self.versions]
        states += [
            (number, "END", f"not a complete SavedModel ({failure.reason})")
            for number, failure in self.failed.items()
            if number not in self.versions
        ]
        number = self.resolve(number, label)
        if number is not None:
            states = [state for state in states if state[0] == number]
            # Raises if there is none.
            states or self.find(number)
        return sorted(states, reverse=True)


async def _in_daemon_thread(function, *arguments):
    """Call a function in a thread that does not hold up the end of the process, as those of an executor do."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def finish(result, error):
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def run():
        result = error = None
        try:
            result = function(*arguments)
        except Exception as raised:
            error = raised
        with contextlib.suppress(RuntimeError):
            # The loop may have been closed meanwhile.
            loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=run, daemon=True, name="load").start()
    return await future


async def _unload(name, version):
    await version.wait_until_unused()
    version.close()
    print(f"{version.folder}: unloaded version {version.number} of {name}", flush=True)


def _join(names):
    return ", ".join(map(str, sorted(names))) or "none"
