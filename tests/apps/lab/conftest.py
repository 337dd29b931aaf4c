"""The lab's server in this process, and its page in Chromium."""

import contextlib
import socket
import threading
import time

import pytest
import uvicorn

from apps.lab.server import make_app


@contextlib.contextmanager
def lab_server(run=None):
    """Serve the lab in a thread; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(make_app(run), lifespan="off", log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def lab():
    with lab_server() as address:
        yield address
