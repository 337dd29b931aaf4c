"""Serve exported runs on a cluster, with Ray Serve (docs.ray.io/en/latest/serve): same models, same HTTP API.

Optional: `pip install "ray[serve]"`. Each replica does what `serve.py` does on one machine, without gRPC: it batches
requests, polls the folders and replaces versions. Ray spreads the replicas over the nodes, sends each request to the
least loaded one, scales with the load, and restarts the replicas of a lost node elsewhere.

The limits of a request are the same: --max-body, --max-values, --max-instances, --max-queue and --deadline. Those of
a connection (headers, slow clients, --max-connections, --keep-alive, --drain-seconds) are those of Ray's proxy, which
has none for the size of headers: put another proxy before it.

Ray's own ports are open on every interface and no setting closes them: run it in a trusted network.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from .common import cli
from .serving.arguments import find_folders, read_labels, read_token
from .serving.core import Service
from .serving.options import Batching, Limits, Loading
from .serving.rest import make_app


@dataclass(frozen=True)
class Scaling:
    """Number of replicas and their resources."""

    min_replicas: int = 1
    """Replicas without any requests."""
    max_replicas: int = 4
    """Maximum number of replicas."""
    target_requests: float = 32.0
    """Concurrent requests per replica, on average, above which Ray adds replicas and below which it removes them."""
    cpus: float = 1.0
    """CPU cores that Ray reserves for each replica."""

    def __post_init__(self):
        if not 1 <= self.min_replicas <= self.max_replicas:
            raise cli.UserError(
                f"--min-replicas {self.min_replicas} --max-replicas {self.max_replicas}: expected 1 or more, and the "
                "maximum at least the minimum"
            )
        for name in ("target_requests", "cpus"):
            if not getattr(self, name) > 0:
                raise cli.UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: expected a number above 0")


class Replica:
    """`Service` behind Ray Serve.

    Args:
        settings: dict of the arguments of `Service`.
    """

    async def __init__(self, settings):
        self.service = Service(**settings)
        await self.service.load()
        # asyncio keeps only a weak reference to a task.
        self.polling = asyncio.create_task(self.service.poll())

    def __serve_build_asgi_app__(self):
        return make_app(self.service, log=None)


def serve_ray(
    models: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME=]FOLDER [...]")],
    address: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8501,
    scaling: tyro.conf.OmitArgPrefixes[Scaling] = Scaling(),
    batching: tyro.conf.OmitArgPrefixes[Batching] = Batching(),
    limits: tyro.conf.OmitArgPrefixes[Limits] = Limits(),
    loading: tyro.conf.OmitArgPrefixes[Loading] = Loading(),
    labels: tuple[str, ...] = (),
    token_file: Path | None = None,
):
    """Serve exported runs on the nodes of a Ray cluster, in TensorFlow Serving's protocol over HTTP.

    Every node with a replica listens on the port and forwards requests to any replica. This repository and the models
    must have the same path on all nodes. Stopping this command stops its replicas.

    Args:
        models: Exported run directories, or folders with one SavedModel per version in a subfolder named by the
            version number; NAME= replaces the name of the app or folder.
        address: HOST:PORT of the cluster's head node, or auto for the cluster that runs on this machine; the default
            starts a cluster of this machine only.
        host: Address that each node listens on; the default accepts connections from the node itself only.
        port: Port for HTTP on each node.
        scaling: Number of replicas and their resources.
        batching: How requests are batched.
        limits: Limits of a request.
        loading: Which versions are loaded.
        labels: NAME:LABEL=NUMBER: version labels for request paths; labelled versions stay loaded.
        token_file: File with the token that requests must send as Authorization: Bearer TOKEN.
    """
    folders = {name: folder.resolve() for name, folder in find_folders(models).items()}
    settings = {
        "folders": folders, "labels": read_labels(labels, folders), "loading": loading, "batching": batching,
        "limits": limits, "token": read_token(token_file),
    }  # fmt: skip
    ray, serve = _ray()
    _connect(ray, address)
    try:
        # One deadline for receiving the request, one for computing the response.
        http = {"host": host, "port": port, "request_timeout_s": 2 * limits.deadline}
        serve.start(proxy_location="EveryNode", http_options=http)
        deployment = _deployment(serve, scaling, batching.max_queue, limits.deadline)
        serve.run(deployment.bind(settings), name="engram", route_prefix="/")
        stopped = threading.Event()
        # Set after Ray has installed its own handlers.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        for name in folders:
            print(f"http://{host}:{port}/v1/models/{name}:predict", flush=True)
        stopped.wait()
    except RuntimeError as error:
        raise cli.UserError(f"Ray Serve failed to start: {str(error).strip().splitlines()[0]}") from None
    finally:
        serve.shutdown()
        ray.shutdown()


def _deployment(serve, scaling, max_queue, deadline):
    return serve.deployment(
        serve.ingress()(Replica),
        name="engram",
        # A lower limit would queue requests in Ray, where the batcher cannot batch them.
        max_ongoing_requests=max_queue,
        ray_actor_options={"num_cpus": scaling.cpus},
        autoscaling_config={
            "min_replicas": scaling.min_replicas,
            "initial_replicas": scaling.min_replicas,
            "max_replicas": scaling.max_replicas,
            "target_ongoing_requests": scaling.target_requests,
        },
        graceful_shutdown_timeout_s=deadline,
    )


def _ray():
    # Ray reports usage statistics by default.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        from ray import serve
    except ImportError:
        raise cli.UserError('Ray Serve is not installed; pip install "ray[serve]"') from None
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    return ray, serve


def _connect(ray, address):
    environment = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent.parent)}}
    options = {"address": address} if address else {"include_dashboard": False}
    try:
        ray.init(runtime_env=environment, log_to_driver=False, logging_level="warning", **options)
    except (ConnectionError, ValueError) as error:
        raise cli.UserError(
            f"--address {address}: no Ray cluster found ({error}); start one with ray start --head"
        ) from None


if __name__ == "__main__":
    sys.exit(cli.run(serve_ray))
