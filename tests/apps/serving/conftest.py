"""A server of the small spam detector, with both protocols."""

import json
import subprocess
import sys
from typing import NamedTuple

import pytest
import requests

from tests.conftest import ROOT


class Running(NamedTuple):
    """A server and where it is."""

    process: subprocess.Popen
    http: str
    grpc: str
    log: str


def start(tmp_path, *arguments):
    """A server that runs, with a log of requests."""
    log = tmp_path / "access.log"
    command = [sys.executable, "-m", "apps.serve", *map(str, arguments), "--port", "0", "--grpc-port", "0",
               "--access-log", str(log)]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = []
    while not lines or not lines[-1].startswith("grpc://"):
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    http = next(line for line in lines if line.startswith("http")).partition("/v1/")[0]
    return Running(process, http, lines[-1].strip().removeprefix("grpc://"), log)


def stop(running):
    """Ends a server; it must end well."""
    running.process.terminate()
    _, errors = running.process.communicate(timeout=60)
    assert running.process.returncode == 0
    assert "Traceback" not in errors


@pytest.fixture(scope="module")
def server(trained, tmp_path_factory):
    running = start(tmp_path_factory.mktemp("server"), trained)
    yield running
    stop(running)


@pytest.fixture(scope="module")
def post(server):
    def send(body, path="/v1/models/spam_detector:predict", **options):
        data = body if isinstance(body, bytes) else json.dumps(body)
        return requests.post(server.http + path, data=data, timeout=60, **options)

    return send
