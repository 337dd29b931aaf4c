"""Serves exported runs on a cluster, with Ray Serve (docs.ray.io/en/latest/serve): the same models, the same HTTP.

Optional: `pip install "ray[serve]"`. Each replica is what `serve.py` is on one machine, without gRPC: it batches,
watches the folders and swaps versions by itself. Ray spreads replicas over the nodes, sends each request to the one
with the least to do, starts more of them when requests pile up, and starts those of a lost node elsewhere.

Ray's own ports are open on every interface whatever it is told: run it in a network that you trust.
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
from .serving.batching import Batching
from .serving.core import Limits, Loading, Service
from .serving.rest import make_app


@dataclass(frozen=True)
class Scaling:
    """How many replicas there are."""

    min_replicas: int = 1
    """Replicas when nobody asks."""
    max_replicas: int = 4
    """Most replicas."""
    target_requests: float = 32.0
    """Requests in the hands of a replica, on average, above which there will be more of them, and below which fewer."""
    cpus: float = 1.0
    """Cores that Ray sets aside for a replica."""

    def __post_init__(self):
        if not 1 <= self.min_replicas <= self.max_replicas:
            raise cli.UserError(
                f"--min-replicas {self.min_replicas} --max-replicas {self.max_replicas}: expected 1 or more, and the "
                "second not below the first"
            )
        for name in ("target_requests", "cpus"):
            if not getattr(self, name) > 0:
                raise cli.UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: expected a number above 0")


class Replica:
    """A `Service` behind Ray Serve.

    Args:
        settings: of the `Service`.
    """

    async def __init__(self, settings):
        self.service = Service(**settings)
        await self.service.load()
        # asyncio itself keeps no hold of a task.
        self.watching = asyncio.create_task(self.service.watch())

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
    """Answer requests for exported runs on the nodes of a Ray cluster, in TensorFlow Serving's protocol over HTTP.

    Every node with a replica answers at the port, whichever replica does the work. This checkout and the models must
    lie at the same path on all nodes. It runs until it is stopped, and takes its replicas with it.

    Args:
        models: Run directories that were exported, or folders of SavedModels, each in a folder named by its version's
            number; NAME= gives another name than the app's or the folder's.
        address: HOST:PORT of the cluster's head, or auto for the cluster of this machine; without it a cluster of this
            machine alone is started.
        host: Address that each node listens on for requests; the default is the node alone.
        port: Port for HTTP, on each node.
        scaling: How many replicas there are.
        batching: How requests are gathered.
        limits: What a request may take.
        loading: What is loaded.
        labels: NAME:LABEL=NUMBER, versions that can be asked for by a label and stay served.
        token_file: File with a token that requests must bring, as Authorization: Bearer TOKEN.
    """
    folders = {name: folder.resolve() for name, folder in find_folders(models).items()}
    settings = {
        "folders": folders, "labels": read_labels(labels, folders), "loading": loading, "batching": batching,
        "limits": limits, "token": read_token(token_file),
    }  # fmt: skip
    ray, serve = _ray()
    _connect(ray, address)
    try:
        # Half of it for the request to come, half for its answer.
        http = {"host": host, "port": port, "request_timeout_s": 2 * limits.deadline}
        serve.start(proxy_location="EveryNode", http_options=http)
        deployment = _deployment(serve, scaling, batching.max_queue, limits.deadline)
        serve.run(deployment.bind(settings), name="engram", route_prefix="/")
        stopped = threading.Event()
        # After Ray, which has handlers of its own.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        for name in folders:
            print(f"http://{host}:{port}/v1/models/{name}:predict", flush=True)
        stopped.wait()
    except RuntimeError as error:
        raise cli.UserError(f"Ray Serve does not start: {str(error).strip().splitlines()[0]}") from None
    finally:
        serve.shutdown()
        ray.shutdown()


def _deployment(serve, scaling, max_queue, deadline):
    return serve.deployment(
        serve.ingress()(Replica),
        name="engram",
        # A queue of Ray's own before that of the batcher would hide from it who waits.
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
    # It would report to its makers.
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
            f"--address {address}: no Ray cluster there ({error}); ray start --head starts one"
        ) from None


if __name__ == "__main__":
    sys.exit(cli.run(serve_ray))
