"""A server of the small spam detector, with an access log."""

import json

import pytest
import requests

from tests.conftest import serving


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("server") / "access.log"


@pytest.fixture(scope="module")
def server(trained, log):
    with serving(trained, "--access-log", log) as running:
        yield running


@pytest.fixture(scope="module")
def post(server):
    def send(body, path="/v1/models/spam_detector:predict", **options):
        data = body if isinstance(body, bytes) else json.dumps(body)
        return requests.post(server.http + path, data=data, timeout=60, **options)

    return send
