"""Processes that wait for each other on the loopback address, without JAX."""

import re
import socket
import subprocess
import sys

import pytest

from tests.conftest import ROOT

CODE = """
import sys, time
from apps.common import roll_call
address, index, count, timeout, then = sys.argv[1:]
try:
    roll_call.answer(address, int(index), int(count), float(timeout))
except ConnectionError as error:
    sys.exit(str(error))
print("together", flush=True)
{"leave": roll_call.leave, "end": lambda: None, "stay": lambda: time.sleep(60)}[then]()
"""


@pytest.fixture
def address():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return f"127.0.0.1:{port}"


@pytest.fixture
def process(address):
    started = []

    def start(index, count, timeout=30, then="leave"):
        command = [sys.executable, "-c", CODE, address, str(index), str(count), str(timeout), then]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def ends(process):
    out, error = process.communicate(timeout=60)
    return process.returncode, out.strip(), error.strip()


def test_group_is_complete_whoever_is_first(process):
    started = [process(index, 3) for index in (2, 0, 1)]
    assert [ends(each) for each in started] == [(0, "together", "")] * 3


def test_missing_processes_are_named_to_all_present(process):
    for each in [process(index, 4, timeout=3) for index in (0, 2)]:
        status, _, error = ends(each)
        assert status == 1
        assert re.search(r"of 4 processes 1, 3 did not connect; present are 0 on \S+, 2 on \S+$", error)


def test_absent_first_process_is_named_with_its_address(process, address):
    status, _, error = ends(process(1, 2, timeout=1))
    assert (status, error) == (1, f"process 0 of the group was not at {address} in 1.0 s; start the same command there")


def test_used_port_is_named(process, address):
    host, port = address.split(":")
    with socket.create_server((host, int(port))):
        status, _, error = ends(process(0, 2))
    assert status == 1 and error.startswith(f"process 0 cannot listen at {address} (Address already in use); expected")


def test_two_processes_of_the_same_index_are_refused(process):
    found = [ends(each) for each in [process(0, 3, timeout=20), process(1, 3), process(1, 3)]]
    assert all(status == 1 and "both are process 1" in error for status, _, error in found)


def test_groups_of_different_sizes_are_refused(process):
    found = [ends(each) for each in [process(0, 2, timeout=20), process(1, 3)]]
    assert all(status == 1 and "process 1 on" in error and "a group of 3" in error for status, _, error in found)


def test_other_clients_of_the_port_are_ignored(process, address):
    first = process(0, 2)
    host, port = address.split(":")
    for message in (b"GET / HTTP/1.1\r\n\r\n", b"{}\n", b"3\n", b"[" * 100_000):
        while True:
            try:
                with socket.create_connection((host, int(port)), timeout=5) as stranger:
                    stranger.sendall(message)
                break
            except ConnectionRefusedError:
                assert first.poll() is None
    assert ends(process(1, 2)) == ends(first) == (0, "together", "")


@pytest.mark.parametrize("lost", [0, 2])
def test_killed_process_ends_the_others_with_its_name(process, lost):
    group = [process(index, 3, then="stay") for index in range(3)]
    assert [each.stdout.readline() for each in group] == ["together\n"] * 3
    group.pop(lost).kill()
    for status, _, error in map(ends, group):
        assert status == 2 and error.startswith(f"error: the group lost process {lost} on ") and error.count("\n") == 0


@pytest.mark.parametrize("early", [0, 1])
def test_process_that_ends_before_its_part_is_done_ends_the_others(process, early):
    found = [
        ends(each) for each in [process(number, 2, then="end" if number == early else "stay") for number in (0, 1)]
    ]
    assert [status for status, *_ in found] == [2, 2]
    assert f"the group lost process {early} on " in found[1 - early][2] and not found[early][2]
