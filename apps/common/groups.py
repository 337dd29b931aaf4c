"""Processes, on one machine or many, that train together on JAX.

All run the same command. The first of them alone reads and writes the run directory; the others work in a copy of their
own, which they throw away. What one process of a group cannot do, none of them does.
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
from pathlib import Path

import keras
import numpy as np

from . import roll_call, runs
from .cli import UserError

# Keras' own, see keras.distribution.initialize.
ADDRESS, COUNT, NUMBER = (f"KERAS_DISTRIBUTION_{name}" for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID"))


def sign():
    """The environment variable that says that this process is one of several; None if there is none."""
    if {ADDRESS, COUNT, NUMBER} & set(os.environ):
        return COUNT
    counts = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
    found = [name for name in counts if os.environ.get(name, "1") != "1"]
    if "KUBERNETES_SERVICE_HOST" in os.environ and "JOB_COMPLETION_INDEX" in os.environ:
        found.append("JOB_COMPLETION_INDEX")
    if "," in os.environ.get("TPU_WORKER_HOSTNAMES", ""):
        found.append("TPU_WORKER_HOSTNAMES")
    return found[0] if found else None


def join(timeout, asked=False):
    """Joins the group that the environment names; must come before anything is computed.

    The group is named by three variables, KERAS_DISTRIBUTION_JOB_ADDRESSES, _NUM_PROCESSES and _PROCESS_ID, or found by
    JAX: on Cloud TPU pods, under SLURM and Open MPI, in a Kubernetes job.

    Args:
        timeout: seconds to wait for the others.
        asked: look for a group also where the environment says nothing of one.

    Raises:
        UserError: the environment names no group that can be, or a process of it does not come.
    """
    import jax

    if jax.distributed.is_initialized():
        return
    if sign() == COUNT:
        address, number, count = _named()
        if count > 1:
            try:
                roll_call.answer(address, number, count, timeout)
            except ConnectionError as error:
                raise UserError(error) from None
            jax.distributed.initialize(
                address, count, number, cluster_detection_method="deactivate", initialization_timeout=timeout
            )
    elif sign() or asked:
        if sign():
            print(f"{sign()}: waiting for the group, {timeout} s at most", file=sys.stderr, flush=True)
        try:
            jax.distributed.initialize(initialization_timeout=timeout)
        except ValueError as error:
            if sign():
                raise UserError(
                    f"{sign()} says that this is one of several processes, and JAX does not find the group ({error}); "
                    f"set {ADDRESS}, {COUNT} and {NUMBER}, or --distribute none"
                ) from None


def _named():
    absent = [name for name in (ADDRESS, COUNT, NUMBER) if name not in os.environ]
    if absent:
        raise UserError(f"{absent[0]} is not set; a group is named by {ADDRESS}, {COUNT} and {NUMBER} together")
    address = os.environ[ADDRESS].split(",")[0]
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"{ADDRESS}: expected HOST:PORT of process 0, found {address!r}")
    numbers = []
    for name in (NUMBER, COUNT):
        if not os.environ[name].isdigit():
            raise UserError(f"{name}: expected a number, found {os.environ[name]!r}")
        numbers.append(int(os.environ[name]))
    number, count = numbers
    if number >= count:
        raise UserError(f"{NUMBER} is {number}, {COUNT} {count}: expected 0 to {count - 1}")
    return address, number, count


@contextlib.contextmanager
def watched(processes):
    """A computation that fails because the group lost a process ends in one line."""
    import jax

    try:
        yield
    except Exception as error:
        if processes == 1 or not (isinstance(error, jax.errors.JaxRuntimeError) or "Gloo" in str(error)):
            raise
        roll_call.await_end()
        raise UserError(
            f"the group broke, as when one of its {processes} processes ends ({str(error).splitlines()[0][:120]}); "
            "start the same command again in all: it goes on after the last whole epoch"
        ) from None


def is_trained(run_dir, about, overwrite, placement):
    """Whether the run that the first process has in `run_dir` came to its end, so that there is nothing left to do.

    For what takes long before `run_directory`, which refuses the same.
    """

    def ended():
        return runs.check_run(run_dir, about, overwrite) and runs.is_finished(run_dir)

    if not _told_by_first(ended, placement):
        return False
    roll_call.leave()
    return True


def _told_by_first(function, placement):
    """The answer, of plain values, of `function`, which the first process alone calls; its `UserError` is all's."""
    if placement.processes == 1:
        return function()
    told = {}
    if placement.process == 0:
        try:
            told = {"answer": function()}
        except (UserError, OSError) as error:
            told = {"error": str(error)}
            _sent(json.dumps(told).encode())
            raise
    told = json.loads(_sent(json.dumps(told).encode()))
    if "error" in told:
        raise UserError(f"process 0 of the group: {told['error']}")
    return told["answer"]


@contextlib.contextmanager
def run_directory(run_dir, about, overwrite, placement):
    """`runs.start_run` by the first process of a group; the others get a copy, and say no more.

    Args:
        about: what config.json says; must be the same in all processes, as must the code.
        placement: `devices.Placement`.

    Yields:
        The folder to work in; whether a training with the same settings began there before.

    Raises:
        UserError: settings, data or code of the processes differ; what `runs.start_run` refuses, in all of them.
    """
    if placement.processes == 1:
        yield Path(run_dir), runs.start_run(run_dir, about, overwrite)
        return
    require_alike(about, placement)
    begun = _told_by_first(lambda: runs.start_run(run_dir, about, overwrite), placement)
    packed = _sent(_packed(run_dir) if placement.process == 0 else b"")
    if placement.process == 0:
        yield Path(run_dir), begun
    else:
        with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                archive.extractall(folder, filter="data")
            with contextlib.redirect_stdout(nowhere):
                yield Path(folder), begun
    roll_call.leave()


def require_alike(about, placement):
    """Refuses a group whose processes have other settings, data, code or versions.

    Raises:
        UserError: names the process and the first setting that differs, in all processes.
    """
    own = json.loads(json.dumps({**about, **_software()}))
    first, *others = (json.loads(each) for each in _gathered(json.dumps(own).encode(), placement.processes))
    for number, other in enumerate(others, 1):
        for key in dict.fromkeys([*first, *other]):
            if first.get(key) != other.get(key):
                raise UserError(
                    f"the group is not alike: {key} is {_short(first.get(key))} in process 0 and "
                    f"{_short(other.get(key))} in process {number}; start all with the same command, code and data"
                )


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _software():
    digest = hashlib.sha256()
    root = Path(__file__).parents[2]
    for path in sorted([*root.glob("apps/**/*.py"), *root.glob("layers/**/*.py")]):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    import jax

    versions = {"python": platform.python_version(), "keras": keras.version(), "jax": jax.__version__}
    return {"code": digest.hexdigest()[:16], **versions, "devices": jax.local_device_count()}


def _packed(run_dir):
    """The files of a run, as a tar archive, without what was exported."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(path for path in Path(run_dir).iterdir() if path.is_file()):
            archive.add(path, path.name)
    return buffer.getvalue()


def _sent(content):
    """The bytes that the first process has, in all."""
    from jax.experimental import multihost_utils

    size = int(multihost_utils.broadcast_one_to_all(np.array(len(content), "int32")))
    padded = np.zeros(size, "uint8")
    padded[: len(content)] = np.frombuffer(content[:size], "uint8")
    return np.asarray(multihost_utils.broadcast_one_to_all(padded)).astype("uint8").tobytes()


def _gathered(content, processes):
    """The bytes of every process, in all."""
    from jax.experimental import multihost_utils

    sizes = np.asarray(multihost_utils.process_allgather(np.array(len(content), "int32"))).reshape(processes)
    padded = np.zeros(sizes.max(), "uint8")
    padded[: len(content)] = np.frombuffer(content, "uint8")
    rows = np.asarray(multihost_utils.process_allgather(padded)).reshape(processes, -1)
    return [row[:size].tobytes() for row, size in zip(rows, sizes, strict=True)]
