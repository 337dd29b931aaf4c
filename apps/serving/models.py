"""SavedModels with numbered versions: loaded, tried once, swapped for newer ones while requests go on."""

import asyncio
import contextlib
import gc
import re
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from .batching import Batcher, check_queue
from .errors import RequestError

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


class Signature:
    """One function of a SavedModel.

    Attributes:
        definition: its SignatureDef.
        inputs: {name: tf.TensorSpec}.
        batched: whether the first axis of everything is that of the batch.
    """

    def __init__(self, function, definition):
        self._function, self.definition = function, definition
        self.inputs = dict(sorted(function.structured_input_signature[1].items()))
        outputs = function.structured_outputs.values()
        self.batched = all(
            spec.shape.rank and spec.shape[0] is None for spec in [*self.inputs.values(), *outputs]
        ) and bool(self.inputs)

    def __call__(self, tensors):
        """{name: array} -> {name: array}.

        Raises:
            RequestError: what the model says of its inputs.
        """
        try:
            outputs = self._function(**{name: tf.constant(array) for name, array in tensors.items()})
        except tf.errors.InvalidArgumentError as error:
            raise RequestError(_told(error.message)) from None
        return {name: value.numpy() for name, value in outputs.items()}

    def ones(self):
        """An input that fits, of one row, to try it with."""
        shapes = {name: [size or 1 for size in spec.shape] for name, spec in self.inputs.items()}
        return {
            name: np.full(shapes[name], b"", object) if spec.dtype == tf.string
            else np.ones(shapes[name], spec.dtype.as_numpy_dtype)
            for name, spec in self.inputs.items()
        }  # fmt: skip


def _told(message):
    """What a model says of its inputs by an assertion in its graph, without where in the graph that was."""
    told = re.search(r"assertion failed: \[(.*)\]", message, re.DOTALL)
    return told[1] if told else message.strip().splitlines()[0][:500]


class Version:
    """One SavedModel in memory.

    Args:
        folder: of the SavedModel; its name is the number.
        batching: `Batching`.
        executor: of the threads that run it.
        observe: called with the rows of each batch.

    Raises:
        OSError, ValueError, tf.errors.OpError: it is not whole.
    """

    def __init__(self, folder, batching, executor, observe):
        self.folder, self.number, self.identity = folder, int(folder.name), identity(folder)
        self._model = tf.saved_model.load(str(folder))
        graphs = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs
        definitions = next(graph.signature_def for graph in graphs if "serve" in graph.meta_info_def.tags)
        self.signatures = {
            name: Signature(function, definitions[name]) for name, function in self._model.signatures.items()
        }
        if not self.signatures:
            raise ValueError("it has no signatures")
        self._executor, self._max_queue, self._waiting = executor, batching.max_queue, 0
        self.batchers = {
            name: Batcher(signature, batching, executor, observe)
            for name, signature in self.signatures.items()
            if signature.batched
        }
        self._users = 0
        self._warm_up(batching)
        if identity(folder) != self.identity:
            raise ValueError("it was changed while it was loaded")

    def _warm_up(self, batching):
        for signature in self.signatures.values():
            rows = batching.allowed_batch_sizes if signature.batched else ()
            for count in {1, *rows}:
                # Models refuse what does not make sense; they have still been built for it.
                with contextlib.suppress(RequestError):
                    signature({name: np.repeat(array, count, axis=0) for name, array in signature.ones().items()})

    async def __call__(self, name, tensors):
        """What the signature of that name answers.

        Raises:
            RequestError: too many requests wait.
        """
        if name in self.batchers and _same_rows(tensors):
            return await self.batchers[name](tensors)
        check_queue(self._waiting, self._max_queue)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, self.signatures[name], tensors)
        finally:
            self._waiting -= 1

    def signature(self, name):
        """The signature of that name.

        Raises:
            RequestError: there is none.
        """
        if not isinstance(name, str) or name not in self.signatures:
            raise RequestError(
                f"no signature {name!r} in version {self.number}; available: {', '.join(self.signatures)}"
            )
        return self.signatures[name]

    @contextlib.contextmanager
    def in_use(self):
        """While this is open the version is not let go."""
        self._users += 1
        try:
            yield self
        finally:
            self._users -= 1

    def close(self):
        """Gives its memory back: what TensorFlow loads refers to itself."""
        self.signatures, self.batchers, self._model = {}, {}, None
        gc.collect()

    async def drained(self):
        """Waits until nobody uses it."""
        while self._users:
            await asyncio.sleep(0.05)


def _same_rows(tensors):
    return len({len(array) if array.ndim else None for array in tensors.values()}) == 1


def identity(folder):
    """What changes when another SavedModel stands there; None if there is none."""
    try:
        found = (folder / "saved_model.pb").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class Model:
    """The versions of a model, of which the newest are served.

    Args:
        name: in addresses.
        folder: with a folder for each version, named by its number.
        load: folder of a version -> `Version`.
        keep: versions served at once.
        labels: {label: version number}.
    """

    def __init__(self, name, folder, load, keep=1, labels=None):
        self.name, self.folder, self._load, self._keep, self.labels = name, Path(folder), load, keep, labels or {}
        self.versions, self.broken, self._going = {}, {}, []

    def waiting(self):
        """Requests that wait for one of its versions, or are in its hands."""
        return sum(batcher.num_waiting for version in self.versions.values() for batcher in version.batchers.values())

    def find(self, number=None, label=None):
        """The version that a request is for, the newest if it does not say.

        Raises:
            RequestError: there is none.
        """
        number = self.numbered(number, label)
        if number is None and self.versions:
            return self.versions[max(self.versions)]
        if number not in self.versions:
            raise RequestError(f"model {self.name!r} has no version {number}; available: {_list(self.versions)}", 404)
        return self.versions[number]

    def numbered(self, number=None, label=None):
        """The number that a label stands for, or the one that is given."""
        if label is None:
            return number
        if label not in self.labels:
            raise RequestError(f"model {self.name!r} has no label {label!r}; available: {_list(self.labels)}", 404)
        return self.labels[label]

    def wanted(self):
        """{number: folder} of the versions that should be served."""
        try:
            found = {int(path.name): path for path in self.folder.iterdir() if path.name.isdecimal() and identity(path)}
        except OSError:
            found = {}
        # What is gone is no longer broken.
        self.broken = {number: before for number, before in self.broken.items() if number in found}
        pinned = set(self.labels.values())
        kept = [number for number in sorted(found, reverse=True) if self.broken.get(number) != identity(found[number])]
        return {number: found[number] for number in sorted({*kept[: self._keep], *(pinned & set(kept))})}

    async def refresh(self):
        """Loads what is new and lets go of what is old; what cannot be loaded changes nothing.

        Returns:
            What could not be loaded this time, in words.
        """
        failed = []
        while True:
            wanted = self.wanted()
            new = [
                number
                for number, folder in wanted.items()
                if number not in self.versions or self.versions[number].identity != identity(folder)
            ]
            if not new:
                break
            number, folder = new[-1], wanted[new[-1]]
            before = identity(folder)
            try:
                version = await asyncio.to_thread(self._load, folder)
            # Whatever is wrong with it must not end what is served.
            except Exception as error:
                first = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
                failed.append(f"{folder}: not a whole SavedModel ({first}); export it again")
                self.broken[number] = before
                continue
            self._replace(number, version)
        # With nothing whole in the folder the last good version goes on.
        if wanted:
            for number in self.versions.keys() - wanted.keys():
                self._replace(number, None)
        return failed

    def _replace(self, number, version):
        old = self.versions.pop(number, None)
        if version is not None:
            self.versions[number] = version
            self.broken.pop(number, None)
            print(f"{version.folder}: version {number} of {self.name} is served", flush=True)
        if old is not None:
            self._going = [task for task in self._going if not task.done()]
            self._going.append(asyncio.create_task(_let_go(self.name, old)))

    def states(self, number=None, label=None):
        """[(number, state, error)] of the versions that are or were tried, as TensorFlow Serving names states.

        Args:
            number, label: of one; of all if neither is given.
        """
        found = [(each, "AVAILABLE", "") for each in self.versions]
        found += [(each, "END", "not a whole SavedModel") for each in self.broken if each not in self.versions]
        number = self.numbered(number, label)
        if number is not None:
            found = [state for state in found if state[0] == number]
            # Says that there is none.
            found or self.find(number)
        return sorted(found, reverse=True)


async def _let_go(name, version):
    await version.drained()
    version.close()
    print(f"{version.folder}: version {version.number} of {name} is no longer served", flush=True)


def _list(things):
    return ", ".join(map(str, sorted(things))) or "none"
