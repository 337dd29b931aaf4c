"""Serve exported runs and other SavedModels over HTTP and gRPC, in TensorFlow Serving's protocol.

In `serving/`, `rest.py` and `grpc_service.py` implement the protocols, `models.py` loads and replaces versions,
`batching.py` batches requests, `core.py` enforces limits and records metrics.
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
    """Serve exported runs, or any SavedModels, in TensorFlow Serving's protocol.

    Args:
        models: Exported run directories, or folders with one SavedModel per version in a subfolder named by the
            version number; NAME= replaces the name of the app or folder.
        host: Address to listen on; the default accepts connections from this machine only.
        port: Port for HTTP; 0 for any free port.
        grpc_port: Port for gRPC; 0 for any free port, None to disable gRPC.
        batching: How requests are batched.
        limits: Limits of a request.
        loading: Which versions are loaded.
        labels: NAME:LABEL=NUMBER: version labels for request paths; labelled versions stay loaded.
        token_file: File with the token that requests must send as Authorization: Bearer TOKEN.
        tls_certificate: PEM file with the server's certificate chain, for HTTPS and gRPC.
        tls_key: PEM file with the certificate's private key.
        cors: Origins allowed to send requests from a browser, for example https://example.org.
        access_log: File that gets one JSON line per request; - for standard error.
    """
    folders = find_folders(models)
    labels, token, tls = read_labels(labels, folders), read_token(token_file), _tls(tls_certificate, tls_key)
    try:
        listener = socket.create_server((host, port), backlog=1024)
    except (OSError, OverflowError) as error:
        raise cli.UserError(f"--host {host} --port {port}: {error}; choose another") from None
    service = Service(folders, labels, loading, batching, limits, token)
    # Without it, Nagle's algorithm delays the body of a response by 40 ms on Linux.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with _open_log(access_log) as log:
        app = make_app(service, log, cors)
        with asyncio.Runner(loop_factory=uvicorn.Config(None).get_loop_factory()) as runner:
            runner.run(_serve(service, listener, host, grpc_port, tls, app))
    service.close()


async def _serve(service, listener, host, grpc_port, tls, app):
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
    grpc_server = None
    if grpc_port is not None:
        grpc_server, grpc_port = await _start_grpc(service, host, grpc_port, tls)
    scheme, port = "https" if tls else "http", listener.getsockname()[1]
    for name in service.models:
        print(f"{scheme}://{host}:{port}/v1/models/{name}:predict", flush=True)
    if grpc_server:
        print(f"grpc://{host}:{grpc_port}", flush=True)
    polling = asyncio.create_task(service.poll())
    # uvicorn stops on these signals and raises them again when it has stopped; that must not skip the rest of the
    # shutdown.
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: None)
    await uvicorn.Server(config).serve(sockets=[listener])
    polling.cancel()
    if grpc_server:
        await grpc_server.stop(grace=service.limits.deadline)


async def _start_grpc(service, host, port, tls):
    """Start a gRPC server; return it and its port, or None, None without the package tensorflow-serving-api."""
    if not importlib.util.find_spec("tensorflow_serving"):
        message = "gRPC is disabled; to enable it: pip install --no-deps tensorflow-serving-api"
        print(message, file=sys.stderr, flush=True)
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
            certificate, key = (file.read_bytes() for file in tls)
            port = server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))
        else:
            port = server.add_insecure_port(address)
    except RuntimeError:
        raise cli.UserError(f"--grpc-port {port}: cannot listen on {address}; choose another") from None
    await server.start()
    return server, port


def _tls(certificate, key):
    if (certificate is None) != (key is None):
        raise cli.UserError("--tls-certificate and --tls-key: expected both or neither")
    if certificate is None:
        return None
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise cli.UserError(
            f"{certificate}, {key}: not a PEM certificate and its key ({error.reason or error})"
        ) from None
    return certificate, key


@contextlib.contextmanager
def _open_log(path):
    if path is None or str(path) == "-":
        yield path and sys.stderr
    else:
        with path.open("a", encoding="utf-8") as file:
            yield file


if __name__ == "__main__":
    sys.exit(cli.run(serve))
