"""Serve exported runs and other SavedModels over HTTP and gRPC, in TensorFlow Serving's protocol.

In `serving/`, `server.py` runs the servers, `rest.py` and `grpc_service.py` implement the protocols, `models.py` loads
and replaces versions, `batching.py` batches requests, `core.py` enforces limits and records metrics.
"""

import contextlib
import socket
import ssl
import sys
from pathlib import Path
from typing import Annotated

import tyro

from .common import cli
from .serving.arguments import find_folders, read_labels, read_labels_file, read_token
from .serving.options import Batching, Limits, Loading


def serve(
    models: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME=]FOLDER [...]")],
    host: str = "127.0.0.1",
    port: int = 8501,
    grpc_port: int | None = 8500,
    batching: tyro.conf.OmitArgPrefixes[Batching] = Batching(),
    limits: tyro.conf.OmitArgPrefixes[Limits] = Limits(),
    loading: tyro.conf.OmitArgPrefixes[Loading] = Loading(),
    labels: tuple[str, ...] = (),
    labels_file: Path | None = None,
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
        labels_file: Instead of --labels, a JSON file {"NAME": {"LABEL": NUMBER}}, which is read again when it changes.
        token_file: File with the token that requests must send as Authorization: Bearer TOKEN.
        tls_certificate: PEM file with the server's certificate chain, for HTTPS and gRPC.
        tls_key: PEM file with the certificate's private key.
        cors: Origins allowed to send requests from a browser, for example https://example.org.
        access_log: File that gets one JSON line per request; - for standard error.
    """
    folders = find_folders(models)
    if labels and labels_file:
        raise cli.UserError("--labels and --labels-file: give only one of the two")
    labels = read_labels_file(labels_file, folders) if labels_file else read_labels(labels, folders)
    token, tls = read_token(token_file), _tls(tls_certificate, tls_key)
    try:
        listener = socket.create_server((host, port), backlog=1024)
    except (OSError, OverflowError) as error:
        raise cli.UserError(f"--host {host} --port {port}: {error}; choose another") from None
    with cli.importing_tensorflow():
        from .serving import server

    with _open_log(access_log) as log:
        arguments = folders, labels, loading, batching, limits, token, labels_file
        server.run(arguments, listener, host, grpc_port, tls, log, cors)


def _tls(certificate, key):
    if (certificate is None) != (key is None):
        raise cli.UserError("--tls-certificate and --tls-key: expected both or neither")
    if certificate is None:
        return None
    for option, file in (("--tls-certificate", certificate), ("--tls-key", key)):
        if not file.is_file():
            raise cli.UserError(f"{option} {file}: no such file")
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
