"""Run the HTTP and the gRPC server until a signal ends them."""

import asyncio
import importlib.util
import math
import signal
import socket
import sys

import uvicorn

from ..common.cli import UserError
from .connections import limited_protocol
from .core import Service
from .rest import make_app


def run(service_arguments, listener, host, grpc_port, tls, log, cors):
    """Serve until SIGTERM or SIGINT.

    Args:
        service_arguments: arguments of `Service`.
        listener: listening socket for HTTP.
        host: address that the sockets listen on.
        grpc_port: port for gRPC, 0 for any free port, None for no gRPC.
        tls: paths of certificate and key; None for no TLS.
        log: file of the access log; None for none.
        cors: allowed origins.
    """
    service = Service(*service_arguments)
    # Without it, Nagle's algorithm delays the body of a response by 40 ms on Linux.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    app = make_app(service, log, cors)
    with asyncio.Runner(loop_factory=uvicorn.Config(None).get_loop_factory()) as runner:
        runner.run(_serve(service, listener, host, grpc_port, tls, app))
    service.close()


async def _serve(service, listener, host, grpc_port, tls, app):
    await service.load()
    config = uvicorn.Config(
        app,
        http=limited_protocol(service.limits),
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        # Nobody may choose the address that the log names.
        proxy_headers=False,
        timeout_keep_alive=math.ceil(service.limits.keep_alive),
        timeout_graceful_shutdown=int(service.limits.deadline) + 1,
        ssl_certfile=tls and tls[0],
        ssl_keyfile=tls and tls[1],
    )
    grpc_server = checks = None
    if grpc_port is not None:
        grpc_server, checks, grpc_port = await _start_grpc(service, host, grpc_port, tls)
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
    await _Server(config, service, checks).serve(sockets=[listener])
    polling.cancel()
    if grpc_server:
        await grpc_server.stop(grace=service.limits.deadline)


class _Server(uvicorn.Server):
    """Server that fails its readiness checks for `drain_seconds`, still answering, before it stops at a signal."""

    def __init__(self, config, service, checks):
        super().__init__(config)
        self._service, self._checks, self._loop = service, checks, asyncio.get_running_loop()

    def handle_exit(self, number, frame):
        if self._service.draining or not self._service.limits.drain_seconds:
            super().handle_exit(number, frame)
            return
        self._service.draining = True
        self._loop.call_soon_threadsafe(self._drain, number, frame)

    def _drain(self, number, frame):
        if self._checks:
            self._draining = self._loop.create_task(self._checks.enter_graceful_shutdown())
        self._loop.call_later(self._service.limits.drain_seconds, super().handle_exit, number, frame)


async def _start_grpc(service, host, port, tls):
    """Start a gRPC server; return it, its health checks and its port, or Nones without tensorflow-serving-api."""
    if not importlib.util.find_spec("tensorflow_serving"):
        message = "gRPC is disabled; to enable it: pip install --no-deps tensorflow-serving-api"
        print(message, file=sys.stderr, flush=True)
        return None, None, None
    import grpc

    from . import grpc_service

    limit = service.limits.max_body
    options = [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_connection_idle_ms", int(1000 * service.limits.keep_alive)),
    ]
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=service.limits.max_connections)
    checks = grpc_service.add_servicers(server, service)
    address = f"{host}:{port}"
    try:
        if tls:
            certificate, key = (file.read_bytes() for file in tls)
            port = server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))
        else:
            port = server.add_insecure_port(address)
    except RuntimeError:
        raise UserError(f"--grpc-port {port}: cannot listen on {address}; choose another") from None
    await server.start()
    await grpc_service.set_serving(checks)
    return server, checks, port
