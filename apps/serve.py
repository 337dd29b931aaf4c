"""Serves exported runs, and other SavedModels, over HTTP and gRPC, in TensorFlow Serving's protocol.

Behind it stands `serving/`: `rest.py` and `rpc.py` are the protocols, `models.py` loads versions and swaps them,
`batching.py` gathers requests, `core.py` limits and counts them.
"""

import asyncio
import contextlib
import functools
import importlib.util
import os
import re
import signal
import socket
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import tensorflow as tf
import tyro
import uvicorn

from .common import cli
from .serving.batching import Batching
from .serving.core import Limits, Metrics, Service
from .serving.models import Model, Version, find_folder
from .serving.patience import patient
from .serving.rest import make_app


def serve(
    models: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME=]FOLDER [...]")],
    host: str = "127.0.0.1",
    port: int = 8501,
    grpc_port: int | None = 8500,
    batching: tyro.conf.OmitArgPrefixes[Batching] = Batching(),
    limits: tyro.conf.OmitArgPrefixes[Limits] = Limits(),
    threads: int = max(1, (os.cpu_count() or 1) - 1),
    versions: int = 1,
    labels: tuple[str, ...] = (),
    poll: float = 1.0,
    token_file: Path | None = None,
    tls_certificate: Path | None = None,
    tls_key: Path | None = None,
    cors: tuple[str, ...] = (),
    access_log: Path | None = None,
):
    """Answer requests for exported runs, or for any SavedModels, in TensorFlow Serving's protocol.

    Args:
        models: Run directories that were exported, or folders of SavedModels, each in a folder named by its version's
            number; NAME= gives another name than the app's or the folder's.
        host: Address to listen on; the default is this machine alone.
        port: Port for HTTP; 0 takes one that is free.
        grpc_port: Port for gRPC; 0 takes one that is free, None leaves gRPC out.
        batching: How requests are gathered.
        limits: What a request may take.
        threads: Threads for the operations of models; unless it is said, one fewer than there are cores: the last one
            is for HTTP.
        versions: Newest versions of a model that are served at once.
        labels: NAME:LABEL=NUMBER, versions that can be asked for by a label and stay served.
        poll: Seconds between looks for new versions.
        token_file: File with a token that requests must bring, as Authorization: Bearer TOKEN.
        tls_certificate: File with the server's certificate and its chain, PEM, for HTTPS and gRPC.
        tls_key: File with the certificate's private key, PEM.
        cors: Origins whose pages may ask, for example https://example.org.
        access_log: File for a JSON line about each request; - is standard error.
    """
    if not models:
        raise cli.UserError("no model given; for example runs/spam_detector")
    if not (versions >= 1 and threads >= 1 and poll > 0):
        raise cli.UserError(
            f"--versions {versions}, --threads {threads}, --poll {poll}: expected 1 or more, and a number above 0"
        )
    found = {}
    for given in models:
        name, folder = find_folder(given)
        if name in found:
            raise cli.UserError(f"{given}: a second model called {name!r}; give it another name, as in NAME={folder}")
        found[name] = folder
    token = _token(token_file)
    tls = _tls(tls_certificate, tls_key)
    metrics = Metrics()
    executor = ThreadPoolExecutor(os.cpu_count(), "model")
    served = {}
    for name, folder in found.items():
        observe = metrics.rows.labels(name).observe
        load = functools.partial(Version, batching=batching, executor=executor, observe=observe)
        served[name] = Model(name, folder, load, versions, _labels(labels, name, found))
        metrics.waiting.labels(name).set_function(served[name].waiting)
    service = Service(served, limits, token, metrics)
    try:
        listening = socket.create_server((host, port), backlog=1024)
    except (OSError, OverflowError) as error:
        raise cli.UserError(f"--host {host} --port {port}: {error}; choose another") from None
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    # An answer's head and body must not wait for each other: 40 ms a request on Linux.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with _opened(access_log) as log:
        serving = _serve(service, listening, host, grpc_port, tls, poll, make_app(service, log, cors))
        with asyncio.Runner(loop_factory=uvicorn.Config(None).get_loop_factory()) as runner:
            runner.run(serving)
    executor.shutdown(wait=False, cancel_futures=True)


async def _serve(service, listening, host, grpc_port, tls, poll, app):
    for model in service.models.values():
        failed = await model.refresh()
        if not model.versions:
            raise cli.UserError(failed[0] if failed else f"{model.folder}: no version is there any more")
        _warn(failed)
    config = uvicorn.Config(
        app,
        http=patient(service.limits.deadline),
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=int(service.limits.deadline) + 1,
        ssl_certfile=tls and tls[0],
        ssl_keyfile=tls and tls[1],
    )
    remote = None
    if grpc_port is not None:
        remote, grpc_port = await _start_grpc(service, host, grpc_port, tls)
    scheme, port = "https" if tls else "http", listening.getsockname()[1]
    for name in service.models:
        print(f"{scheme}://{host}:{port}/v1/models/{name}:predict", flush=True)
    if remote:
        print(f"grpc://{host}:{grpc_port}", flush=True)
    watching = asyncio.create_task(_watch(service.models.values(), poll))
    # uvicorn stops by these signals and raises them once more at its end; they must not kill what is still to be done.
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: None)
    await uvicorn.Server(config).serve(sockets=[listening])
    watching.cancel()
    if remote:
        await remote.stop(grace=service.limits.deadline)


async def _watch(models, poll):
    while True:
        await asyncio.sleep(poll)
        for model in models:
            _warn(await model.refresh())


def _warn(failed):
    for text in failed:
        print(f"not served: {text}", file=sys.stderr, flush=True)


async def _start_grpc(service, host, port, tls):
    """A running server and its port; None where the protocol's definitions are not installed."""
    if not importlib.util.find_spec("tensorflow_serving"):
        print("gRPC is left out; for it: pip install --no-deps tensorflow-serving-api", file=sys.stderr, flush=True)
        return None, None
    import grpc

    from .serving import rpc

    limit = service.limits.max_body
    options = [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", -1),
    ]
    server = grpc.aio.server(options=options)
    rpc.add_to(server, service)
    address = f"{host}:{port}"
    try:
        if tls:
            pair = tls[1].read_bytes(), tls[0].read_bytes()
            port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        else:
            port = server.add_insecure_port(address)
    except RuntimeError:
        raise cli.UserError(f"--grpc-port {port}: cannot listen on {address}; choose another") from None
    await server.start()
    return server, port


def _labels(labels, name, models):
    found = {}
    for text in labels:
        place = re.fullmatch(r"([^:=]+):([^:=/]+)=([0-9]+)", text)
        if not place or place[1] not in models:
            raise cli.UserError(f"--labels {text}: expected NAME:LABEL=NUMBER with one of {', '.join(models)}")
        if place[1] == name:
            found[place[2]] = int(place[3])
    return found


def _token(file):
    if file is None:
        return None
    token = file.read_text(encoding="utf-8").strip()
    if not token:
        raise cli.UserError(f"{file}: empty; expected a token")
    return token


def _tls(certificate, key):
    if (certificate is None) != (key is None):
        raise cli.UserError("--tls-certificate and --tls-key: give both or none")
    if certificate is None:
        return None
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise cli.UserError(f"{certificate}, {key}: not a certificate and its key, PEM ({error.reason})") from None
    return certificate, key


@contextlib.contextmanager
def _opened(path):
    if path is None or str(path) == "-":
        yield path and sys.stderr
    else:
        with path.open("a", encoding="utf-8") as file:
            yield file


if __name__ == "__main__":
    sys.exit(cli.run(serve))
