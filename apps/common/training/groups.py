"""Groups of processes, on one machine or several, that train together on JAX.

All run the same command. Only the first reads and writes the run directory; the others work in a temporary copy. If
one process refuses to start, none starts.
"""

import contextlib
import hashlib
import io
import json
import os
import platform
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from .. import roll_call
from ..cli import UserError

if TYPE_CHECKING:
    from .devices import Placement

# The variables of keras.distribution.initialize.
ADDRESS, COUNT, INDEX = (f"KERAS_DISTRIBUTION_{name}" for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID"))


def launcher_variable() -> str | None:
    """Return the environment variable that says that this is one of several processes; None if there is none."""
    if {ADDRESS, COUNT, INDEX} & set(os.environ):
        return COUNT
    counts = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
    found = [name for name in counts if os.environ.get(name, "1") != "1"]
    if "KUBERNETES_SERVICE_HOST" in os.environ and "JOB_COMPLETION_INDEX" in os.environ:
        found.append("JOB_COMPLETION_INDEX")
    if "," in os.environ.get("TPU_WORKER_HOSTNAMES", ""):
        found.append("TPU_WORKER_HOSTNAMES")
    return found[0] if found else None


def join(timeout: int, requested: bool = False) -> None:
    """Join the group that the environment names; must precede any computation.

    The variables KERAS_DISTRIBUTION_JOB_ADDRESSES, _NUM_PROCESSES and _PROCESS_ID name a group, or JAX finds it: on
    Cloud TPU pods, under SLURM and Open MPI, in a Kubernetes job.

    Args:
        timeout: seconds to wait for the others.
        requested: look for a group even if the environment mentions none.

    Raises:
        UserError: the variables are invalid, or a process is missing.
    """
    import jax

    variable = launcher_variable()
    if jax.distributed.is_initialized():
        return
    if variable == COUNT:
        address, index, count = _from_environment()
        if count > 1:
            try:
                roll_call.answer(address, index, count, timeout)
            except ConnectionError as error:
                raise UserError(error) from None
            jax.distributed.initialize(
                address, count, index, cluster_detection_method="deactivate", initialization_timeout=timeout
            )
    elif variable or requested:
        if variable:
            print(f"{variable}: waiting for the group, at most {timeout} s", file=sys.stderr, flush=True)
        try:
            jax.distributed.initialize(initialization_timeout=timeout)
        except ValueError as error:
            if variable:
                raise UserError(
                    f"{variable} says that this is one of several processes, but JAX does not find the group ({error});"
                    f" set {ADDRESS}, {COUNT} and {INDEX}, or --distribute none"
                ) from None


def _from_environment():
    absent = [name for name in (ADDRESS, COUNT, INDEX) if name not in os.environ]
    if absent:
        raise UserError(f"{absent[0]} is not set; a group needs {ADDRESS}, {COUNT} and {INDEX}")
    address = os.environ[ADDRESS].split(",")[0]
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"{ADDRESS}: expected HOST:PORT of process 0, found {address!r}")
    for name in (INDEX, COUNT):
        if not os.environ[name].isdigit():
            raise UserError(f"{name}: expected a number, found {os.environ[name]!r}")
    index, count = int(os.environ[INDEX]), int(os.environ[COUNT])
    if index >= count:
        raise UserError(f"{INDEX} is {index}, {COUNT} {count}: expected 0 to {count - 1}")
    return address, index, count


@contextlib.contextmanager
def one_line_if_broken(processes: int) -> Iterator[None]:
    """Raise a `UserError` for an exception that means that the group lost a process."""
    import jax

    try:
        yield
    except Exception as error:
        if processes == 1 or not (isinstance(error, jax.errors.JaxRuntimeError) or "Gloo" in str(error)):
            raise
        roll_call.await_end()
        raise UserError(
            f"the group broke, as when one of its {processes} processes ends ({str(error).splitlines()[0][:120]}); "
            "start the same command again in all: it resumes after the last complete epoch"
        ) from None


@contextlib.contextmanager
def joined(placement: "Placement", settings: dict) -> Iterator[None]:
    """Require that the processes of a group agree, let only the first print, and leave the group at the end.

    Args:
        placement: a `devices.Placement`.
        settings: dict of plain values.

    Raises:
        UserError: names the process and the first setting, package or file that differs; in all processes.
    """
    if placement.processes == 1:
        yield
        return
    _require_alike(settings, placement.processes)
    with contextlib.ExitStack() as stack:
        if placement.process:
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(open(os.devnull, "w"))))
        yield
    roll_call.leave()


def _require_alike(settings, processes):
    own = json.loads(json.dumps({**settings, **_software()}))
    first, *others = (json.loads(each) for each in _gathered(json.dumps(own).encode(), processes))
    for index, other in enumerate(others, 1):
        for key in dict.fromkeys([*first, *other]):
            if first.get(key) != other.get(key):
                raise UserError(
                    f"the processes of the group differ: {key} is {_short(first.get(key))} in process 0 and "
                    f"{_short(other.get(key))} in process {index}; start all with the same command, code and data"
                )


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _software():
    digest = hashlib.sha256()
    root = Path(__file__).parents[3]
    for path in sorted([*root.glob("apps/**/*.py"), *root.glob("layers/**/*.py")]):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    import jax

    versions = {"python": platform.python_version(), "keras": keras.version(), "jax": jax.__version__}
    return {"code": digest.hexdigest()[:16], **versions, "devices": jax.local_device_count()}


def from_first(function: Callable[[], Any], placement: "Placement") -> Any:
    """Call `function` in the first process of the group only; return its result, or raise its `UserError`, in all.

    Args:
        function: returns a plain value.
        placement: a `devices.Placement`.
    """
    if placement.processes == 1:
        return function()
    message = {}
    if placement.process == 0:
        try:
            message = {"result": function()}
        except (UserError, OSError) as error:
            _broadcast(json.dumps({"error": str(error)}).encode())
            raise
    message = json.loads(_broadcast(json.dumps(message).encode()))
    if "error" in message:
        raise UserError(f"process 0 of the group: {message['error']}")
    return message["result"]


@contextlib.contextmanager
def copied_from_first(run_dir: str | Path, placement: "Placement") -> Iterator[Path]:
    """Yield the run directory in the first process, and a temporary copy of it in the others."""
    if placement.processes == 1:
        yield Path(run_dir)
        return
    packed = _broadcast(_packed(run_dir) if placement.process == 0 else b"")
    if placement.process == 0:
        yield Path(run_dir)
        return
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def _packed(run_dir):
    """Return the files of a run, without its export, as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(path for path in Path(run_dir).iterdir() if path.is_file()):
            archive.add(path, path.name)
    return buffer.getvalue()


def _broadcast(content):
    """Return the bytes that the first process passes, in all processes."""
    from jax.experimental import multihost_utils

    size = int(multihost_utils.broadcast_one_to_all(np.array(len(content), "int32")))
    padded = np.zeros(size, "uint8")
    padded[: len(content)] = np.frombuffer(content[:size], "uint8")
    return np.asarray(multihost_utils.broadcast_one_to_all(padded)).astype("uint8").tobytes()


def _gathered(content, processes):
    """Return the bytes that each process passes, in all processes."""
    from jax.experimental import multihost_utils

    sizes = np.asarray(multihost_utils.process_allgather(np.array(len(content), "int32"))).reshape(processes)
    padded = np.zeros(sizes.max(), "uint8")
    padded[: len(content)] = np.frombuffer(content, "uint8")
    rows = np.asarray(multihost_utils.process_allgather(padded)).reshape(processes, -1)
    return [row[:size].tobytes() for row, size in zip(rows, sizes, strict=True)]
