"""Whether every process of a group is there, before JAX is asked, and while it works.

JAX, when one never comes or is lost, ends the others after a while with a stack trace that names nobody. So they first
call each other here, at the address at which JAX will, and keep the line open for as long as they work.
"""

import atexit
import contextlib
import json
import os
import socket
import sys
import threading
import time

# Lines to the others by their number: the first process has one to each, the others to the first.
_lines = {}
_ENDED = b"ended\n"
_ending = threading.Event()
# Seconds to end by itself for a process that has the same reason as the one that is lost.
_GRACE = 2


def answer(address, number, count, timeout):
    """Waits until every process of a group is there. One that is lost from then on ends this one, with status 2.

    Args:
        address: "HOST:PORT" of process 0, on which it listens meanwhile.
        number: of this process.
        count: of processes.
        timeout: seconds.

    Raises:
        ConnectionError: says which processes have not come, or that process 0 cannot listen.
    """
    host, _, port = address.rpartition(":")
    place, deadline = (host.strip("[]"), int(port)), time.monotonic() + timeout
    wrong = _call(place, count, deadline) if number == 0 else _come(place, number, count, deadline)
    if wrong is None:
        raise ConnectionError(
            f"process 0 of the group was not at {address} in {timeout} s; start the same command there"
        )
    if wrong:
        raise ConnectionError(f"the group did not come together: {wrong}")
    for other, (name, line) in _lines.items():
        threading.Thread(target=_watch, args=(other, name, line), daemon=True).start()
    atexit.register(_give_up)


def leave():
    """Tells the others that this process has done its part."""
    for _, line in _lines.values():
        with contextlib.suppress(OSError):
            line.sendall(_ENDED)
    _lines.clear()


def _give_up(lost=None):
    """Ends a process that has not done its part; the others hear of it, and of which one is `lost`."""
    if _ending.is_set():
        time.sleep(4 * _GRACE)  # another thread is about to
    if not _lines:
        return
    _ending.set()
    is_first = 0 not in _lines
    for _, line in _lines.values():
        with contextlib.suppress(OSError):
            line.sendall(f"{lost}\n".encode() if lost else b"")
            line.shutdown(socket.SHUT_RDWR)
    _lines.clear()
    sys.stdout.flush()
    sys.stderr.flush()
    # JAX would wait for the others at the end; and aborts the others as soon as the first is gone.
    time.sleep(2 * _GRACE if is_first else 0)
    os._exit(2)


def await_end():
    """For one whose computation failed: time to learn whether another process was the reason, and to end of that."""
    if _lines:
        time.sleep(3 * _GRACE)


def _call(place, count, deadline):
    """What is wrong, in words, an empty text if nothing is; all that came are told."""
    wrong = ""
    try:
        listener = socket.create_server(place)
    except OSError as error:
        raise ConnectionError(
            f"process 0 cannot listen at {place[0]}:{place[1]} ({os.strerror(error.errno)}); expected an address of "
            "its own machine, and a port that is free"
        ) from None
    with listener:
        while len(_lines) + 1 < count and not wrong:
            listener.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                line = _kept_alive(listener.accept()[0])
                line.settimeout(max(deadline - time.monotonic(), 0.001))
                told = json.loads(line.makefile().readline())
                number, host = int(told["process"]), str(told["host"])
            except TimeoutError:
                break
            except (ValueError, KeyError, TypeError, OSError):
                continue  # not one of the group
            if told["processes"] != count:
                wrong = f"process {number} on {host} has a group of {told['processes']}, process 0 one of {count}"
            elif number in (0, *_lines):
                wrong = f"{host} and {_lines.get(number, [socket.gethostname()])[0]} both are process {number}"
            if number in _lines:
                _tell(line, wrong)
            else:
                _lines[number] = host, line
    if len(_lines) + 1 < count and not wrong:
        here = {0: socket.gethostname()} | {number: host for number, (host, _) in _lines.items()}
        missing = [str(each) for each in range(count) if each not in here]
        present = ", ".join(f"{number} on {host}" for number, host in sorted(here.items()))
        wrong = f"of {count} processes {', '.join(missing)} did not come; here are {present}"
    for _, line in _lines.values():
        _tell(line, wrong)
    return wrong


def _tell(line, wrong):
    line.settimeout(None)
    with contextlib.suppress(OSError):
        line.sendall(json.dumps({"wrong": wrong, "host": socket.gethostname()}).encode() + b"\n")


def _come(place, number, count, deadline):
    """What process 0 says is wrong; None if it is not there."""
    own = {"process": number, "processes": count, "host": socket.gethostname()}
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = _kept_alive(socket.create_connection(place, timeout=left))
            line.sendall(json.dumps(own).encode() + b"\n")
            # Process 0 has the same time limit, and may have begun later.
            line.settimeout(None)
            told = json.loads(line.makefile().readline())
            _lines[0] = told["host"], line
            return told["wrong"]
        except (OSError, ValueError):
            time.sleep(0.2)
    return None


def _kept_alive(line):
    """Notices within a minute that the other machine is gone."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
    return line


def _watch(number, host, line):
    try:
        said = line.recv(1024)
    except OSError:
        said = b""
    if said == _ENDED:
        return
    time.sleep(_GRACE)
    if _lines:
        lost = said.decode().strip() or f"process {number} on {host}"
        print(
            f"error: the group lost {lost}; start the same command again in all processes: it goes on after the last "
            "whole epoch",
            file=sys.stderr,
        )
        _give_up(lost)
