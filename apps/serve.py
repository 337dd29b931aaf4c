"""Serves exported runs, and other SavedModels, over HTTP and gRPC, in TensorFlow Serving's protocol.

Behind it stands `serving/`: `rest.py` and `grpc_service.py` are the protocols, `models.py` loads versions and swaps them,
`batching.py` gathers requests, `core.py` limits and counts them.
"""

import asyncio
import contextlib
import importlib.util
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import Annotated

import tyro
import uvicorn

from .common import cli
from .serving.arguments import find_folders, read_labels, read_token
from .serving.batching import Batching
from .serving.core import Limits, Loading, Service
from .serving.rest import make_app
from .serving.timeouts import protocol_with_timeout


def serve(
    models: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME=]FOLDER [...]")],
    host: str = "127.0.0.1",
    port: int = 8501,
    grpc_port: int | None = 8500,
    batching: tyro.conf.OmitArgPrefixes[Batching] = Batching(),
    limits: tyro.conf.OmitArgPrefixes[Limits] = Limits(),
    loading: tyro.conf.OmitArgPrefixes[Loading] = Loading(),
    labels: tuple[str, ...] = (),
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
        loading: What is loaded.
        labels: NAME:LABEL=NUMBER, versions that can be asked for by a label and stay served.
        token_file: File with a token that requests must bring, as Authorization: Bearer TOKEN.
        tls_certificate: File with the server's certificate and its chain, PEM, for HTTPS and gRPC.
        tls_key: File with the certificate's private key, PEM.
        cors: Origins whose pages may ask, for example https://example.org.
        access_log: File for a JSON line about each request; - is standard error.
    """
    folders = find_folders(models)
    labels, token, tls = read_labels(labels, folders), read_token(token_file), _tls(tls_certificate, tls_key)
    try:
        listening = socket.create_server((host, port), backlog=1024)
    except (OSError, OverflowError) as error:
        raise cli.UserError(f"--host {host} --port {port}: {error}; choose another") from None
    service = Service(folders, labels, loading, batching, limits, token)
    # An answer's head and body must not wait for each other: 40 ms a request on Linux.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with _opened(access_log) as log:
        serving = _serve(service, listening, host, grpc_port, tls, make_app(service, log, cors))
        with asyncio.Runner(loop_factory=uvicorn.Config(None).get_loop_factory()) as runner:
            runner.run(serving)
    service.close()


async def _serve(service, listening, host, grpc_port, tls, app):
    await service.load()
    config = uvicorn.Config(
        app,
        http=protocol_with_timeout(service.limits.deadline),
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
    watching = asyncio.create_task(service.watch())
    # uvicorn stops by these signals and raises them once more at its end; they must not kill what is still to be done.
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: None)
    await uvicorn.Server(config).serve(sockets=[listening])
    watching.cancel()
    if remote:
        await remote.stop(grace=service.limits.deadline)


async def _start_grpc(service, host, port, tls):
    """A running server and its port; None where the protocol's definitions are not installed."""
    if not importlib.util.find_spec("tensorflow_serving"):
        print("gRPC is left out; for it: pip install --no-deps tensorflow-serving-api", file=sys.stderr, flush=True)
        return None, None
    import grpc

    from .serving import grpc_service

    limit = service.limits.max_body
    options = [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", -1),
    ]
    server = grpc.aio.server(options=options)
    grpc_service.add_servicers(server, service)
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


def _tls(certificate, key):
    if (certificate is None) != (key is None):
        raise cli.UserError("--tls-certificate and --tls-key: give both or none")
    if certificate is None:
        return None
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise cli.UserError(
            f"{certificate}, {key}: not a certificate and its key, PEM ({error.reason or error})"
        ) from None
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
