"""Check that every process of a group is present, before JAX starts and while it works.

When a process never comes or is lost, JAX (0.10) aborts the others with a C++ stack trace that names nobody. So the
processes first connect to each other here, at the address that JAX will use, and keep the connections while they work.
"""

import atexit
import contextlib
import json
import os
import socket
import sys
import threading
import time

# Connections to the other processes by their index: the first has one to each, the others to the first.
_connections: dict[int, tuple[str, socket.socket]] = {}
_DONE = b"done\n"
_ending = threading.Event()
# Seconds that a process may take to end by itself, for the same reason as the one that is lost.
_GRACE = 2
# Most bytes of a message, and seconds that a client may take to send its own.
_MESSAGE_SIZE, _MESSAGE_SECONDS = 1024, 10


def answer(address: str, index: int, count: int, timeout: int) -> None:
    """Wait until every process of a group is present. If one is lost from then on, end this one with status 2.

    Args:
        address: "HOST:PORT" of process 0, which listens there meanwhile.
        index: index of this process.
        count: number of processes.
        timeout: seconds.

    Raises:
        ConnectionError: says which processes are missing, or that process 0 cannot listen.
    """
    host, _, port = address.rpartition(":")
    endpoint, deadline = (host.strip("[]"), int(port)), time.monotonic() + timeout
    problem = _listen(endpoint, count, deadline) if index == 0 else _connect(endpoint, index, count, deadline)
    if problem is None:
        raise ConnectionError(
            f"process 0 of the group was not at {address} in {timeout} s; start the same command there"
        )
    if problem:
        raise ConnectionError(f"the group is not complete: {problem}")
    for other, (name, connection) in _connections.items():
        threading.Thread(target=_watch, args=(other, name, connection), daemon=True).start()
    atexit.register(_give_up)


def leave() -> None:
    """Tell the others that this process has done its part."""
    for _, connection in _connections.values():
        with contextlib.suppress(OSError):
            connection.sendall(_DONE)
    _connections.clear()


def await_end() -> None:
    """Wait, after a failed computation, until `_watch` has found out whether another process was the reason."""
    if _connections:
        time.sleep(3 * _GRACE)


def _give_up(lost=None):
    """End a process that has not done its part, and tell the others that it ends, or which process is `lost`."""
    if _ending.is_set():
        time.sleep(4 * _GRACE)  # another thread is about to end the process
    if not _connections:
        return
    _ending.set()
    is_first = 0 not in _connections
    for _, connection in _connections.values():
        with contextlib.suppress(OSError):
            connection.sendall(f"{lost}\n".encode() if lost else b"")
            connection.shutdown(socket.SHUT_RDWR)
    _connections.clear()
    sys.stdout.flush()
    sys.stderr.flush()
    # JAX would wait for the others at exit, and aborts them as soon as the first is gone.
    time.sleep(2 * _GRACE if is_first else 0)
    os._exit(2)


def _listen(endpoint, count, deadline):
    """Accept the other processes; return the problem and report it to them, "" if there is none."""
    try:
        listener = socket.create_server(endpoint)
    except OSError as error:
        raise ConnectionError(
            f"process 0 cannot listen at {endpoint[0]}:{endpoint[1]} ({os.strerror(error.errno)}); expected an address "
            "of this machine and a free port"
        ) from None
    problem = ""
    with listener:
        while len(_connections) + 1 < count and not problem:
            listener.settimeout(_seconds_until(deadline))
            try:
                connection = _keep_alive(listener.accept()[0])
            except TimeoutError:
                break
            try:
                connection.settimeout(min(_seconds_until(deadline), _MESSAGE_SECONDS))
                message = _receive(connection)
                index, host, size = int(message["process"]), str(message["host"]), message["processes"]
            except (ValueError, KeyError, TypeError, RecursionError, OSError):
                connection.close()  # not one of the group
                continue
            if size != count:
                problem = f"process {index} on {host} has a group of {size}, process 0 one of {count}"
            elif index in (0, *_connections):
                other = _connections.get(index, [socket.gethostname()])[0]
                problem = f"{host} and {other} both are process {index}"
            if index in _connections:
                _tell(connection, problem)
            else:
                _connections[index] = host, connection
    if len(_connections) + 1 < count and not problem:
        hosts = {0: socket.gethostname()} | {index: host for index, (host, _) in _connections.items()}
        missing = ", ".join(str(index) for index in range(count) if index not in hosts)
        present = ", ".join(f"{index} on {host}" for index, host in sorted(hosts.items()))
        problem = f"of {count} processes {missing} did not connect; present are {present}"
    for _, connection in _connections.values():
        _tell(connection, problem)
    return problem


def _seconds_until(deadline):
    return max(deadline - time.monotonic(), 0.001)


def _receive(connection):
    with connection.makefile("rb") as file:
        return json.loads(file.readline(_MESSAGE_SIZE))


def _tell(connection, problem):
    connection.settimeout(None)
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps({"problem": problem, "host": socket.gethostname()}).encode() + b"\n")


def _connect(endpoint, index, count, deadline):
    """Connect to process 0; return the problem that it reports, None if it is not there."""
    own = {"process": index, "processes": count, "host": socket.gethostname()}
    while (left := deadline - time.monotonic()) > 0:
        try:
            connection = _keep_alive(socket.create_connection(endpoint, timeout=left))
            connection.sendall(json.dumps(own).encode() + b"\n")
            # Process 0 has the same timeout, and may have started later.
            connection.settimeout(None)
            message = _receive(connection)
            _connections[0] = message["host"], connection
            return message["problem"]
        except (ValueError, KeyError, TypeError, RecursionError, OSError):
            time.sleep(0.2)
    return None


def _keep_alive(connection):
    """Notice within a minute that the other machine is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
    return connection


def _watch(index, host, connection):
    try:
        message = connection.recv(_MESSAGE_SIZE)
    except OSError:
        message = b""
    if message == _DONE:
        return
    time.sleep(_GRACE)
    if _connections:
        lost = message.decode(errors="replace").strip() or f"process {index} on {host}"
        print(
            f"error: the group lost {lost}; start the same command again in all processes: it resumes after the last "
            "complete epoch",
            file=sys.stderr,
        )
        _give_up(lost)
