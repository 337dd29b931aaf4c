"""Groups of processes in a network namespace, whose ports nobody else can reach."""

import contextlib
import os
import shutil
import subprocess
import sys

PORT = 29500


@contextlib.contextmanager
def loopback():
    """Create a network namespace with only the loopback device; needs root on Linux.

    Yields:
        The start of a command that runs another one in it.

    Raises:
        OSError: it cannot be created.
    """
    if not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        raise OSError("a network namespace needs unshare, nsenter and ip, of Linux")
    command = ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as holder:
        try:
            if holder.stdout.readline() != "up\n":
                raise OSError(f"no network namespace: {holder.communicate()[1].strip()}")
            yield ["nsenter", "--target", str(holder.pid), "--net"]
        finally:
            holder.kill()


def member(prefix, number, count, module, arguments, **environment):
    """Start `python -m MODULE ARGUMENTS` as one process of a group of `count`, on JAX.

    Args:
        prefix: of `loopback`.
        environment: further variables.
    """
    named = {
        "KERAS_BACKEND": "jax",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{PORT}",
        "KERAS_DISTRIBUTION_NUM_PROCESSES": str(count),
        "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
    }
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", module, *map(str, arguments)],
        env=os.environ | named | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
