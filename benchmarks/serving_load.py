"""How many requests a second the server answers, how fast, and whether any is lost; beside it LitServe.

Clients and server share the machine's cores. Each client keeps a connection open and asks again as soon as it is
answered; a request holds one text. Loopback alone, bounded in requests, the soak in seconds.
"""

import asyncio
import contextlib
import importlib.util
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import requests

from apps.common import cli

from .results import write_results

PACKAGES = ("tensorflow", "uvicorn", "starlette")
NOTES = (
    "Clients and server run on the same cores. p50, p99: milliseconds from the first byte sent to the last received, "
    "medians over the rounds, as is the rate.",
    "The soaks: 8 clients. Memory: of the server, resident, from a tenth of the time on, when all is warm, to the end.",
    "LitServe: the same model and largest batch, one thread for TensorFlow, one worker, and the delay of 0.5 ms with "
    "which it did best of 0.5, 2 and 10.",
)
TEXT = "WINNER!! You have been selected to receive a 900 prize. Call 09061701461 now"
PATH = "/v1/models/spam_detector:predict"


class Client(asyncio.Protocol):
    """One connection that asks, waits for the answer, and asks again.

    Args:
        request: its bytes.
        go_on: says whether to ask again.
        seconds: list that the time of each answer is added to.
        failed: list that what was not answered well is added to.
    """

    def __init__(self, request, go_on, seconds, failed):
        self.request, self.go_on, self.seconds, self.failed = request, go_on, seconds, failed
        self.done, self.received = asyncio.get_running_loop().create_future(), b""

    def connection_made(self, transport):
        self.transport = transport
        self._ask()

    def _ask(self):
        if not self.go_on():
            self.transport.close()
            self.done.done() or self.done.set_result(None)
            return
        self.start, self.received = time.perf_counter(), b""
        self.transport.write(self.request)

    def data_received(self, data):
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self.seconds.append(time.perf_counter() - self.start)
        if not head.startswith(b"HTTP/1.1 200") or b"probability" not in body:
            self.failed.append(self.received)
        self._ask()

    def connection_lost(self, error):
        if not self.done.done():
            self.failed.append(error)
            self.done.set_result(None)


def ask_bytes(host="127.0.0.1"):
    """The bytes of a predict request."""
    body = json.dumps({"instances": [TEXT]}).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def load(port, clients, go_on):
    """What `clients` that ask at once see.

    Returns:
        Seconds of each answer, what was not answered well, and the seconds that it all took.
    """
    seconds, failed, start = [], [], time.perf_counter()
    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(lambda: Client(ask_bytes(), go_on, seconds, failed), "127.0.0.1", port))[1]
        for _ in range(clients)
    ]
    await asyncio.gather(*(client.done for client in made))
    return np.array(seconds), failed, time.perf_counter() - start


@contextlib.contextmanager
def served(run_dir, *options):
    """A server in a process of its own; its process and port."""
    command = [sys.executable, "-m", "apps.serve", str(run_dir), "--port", "0", "--grpc-port", "None", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = next(line for line in process.stdout if line.startswith("http"))
        yield process, int(address.split(":")[2].split("/")[0])
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextlib.contextmanager
def served_by_litserve(run_dir):
    """LitServe in a process of its own; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["--run-dir", str(run_dir), "--port", str(port), "--path", PATH, "--threads", "1", "--delay", "0.0005"]
    command = [sys.executable, "-m", "benchmarks.serving_litserve", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("LitServe does not start")
            time.sleep(0.2)
        yield port
    finally:
        # Its workers outlive SIGTERM.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(url):
    with contextlib.suppress(requests.RequestException):
        return requests.post(url + PATH, json={"instances": [TEXT]}, timeout=10).ok
    return False


def memory(process):
    """Resident MiB of a process."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def rounds(port, clients, count, times):
    """Medians of several rounds."""
    found, lost = [], 0
    for _ in range(times):
        left = itertools.count()
        seconds, failed, whole = asyncio.run(load(port, clients, lambda: next(left) < count))  # noqa: B023
        lost += len(failed)
        found.append([len(seconds) / whole, *(1000 * np.percentile(seconds, [50, 99]))])
    rate, middle, slow = np.median(found, axis=0)
    return {"requests/s": f"{rate:.0f}", "p50, ms": f"{middle:.1f}", "p99, ms": f"{slow:.1f}", "failed": str(lost)}


def soak(run_dir, seconds, swap_every=None):
    """A long load; with `swap_every` a new version comes every so many seconds."""
    with contextlib.ExitStack() as stack:
        # Versions come and go in a copy: the run stays as it is.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "spam_detector"
        shutil.copytree(Path(run_dir) / "export" / "1", folder / "1")
        process, port = stack.enter_context(served(folder, "--poll", "0.5"))
        start, swaps, memories = time.perf_counter(), itertools.count(2), []

        def go_on():
            return time.perf_counter() - start < seconds

        async def swap():
            while go_on():
                await asyncio.sleep(swap_every)
                number = next(swaps)
                await asyncio.to_thread(shutil.copytree, folder / "1", folder / f".{number}")
                os.replace(folder / f".{number}", folder / str(number))

        async def watch():
            await asyncio.sleep(seconds / 10)
            while go_on():
                memories.append(memory(process))
                await asyncio.sleep(seconds / 50)

        async def everything():
            tasks = [asyncio.create_task(watch())]
            if swap_every:
                tasks.append(asyncio.create_task(swap()))
            result = await load(port, 8, go_on)
            for task in tasks:
                task.cancel()
            return result

        times, failed, whole = asyncio.run(everything())
        status = requests.get(f"http://127.0.0.1:{port}{PATH.removesuffix(':predict')}", timeout=60).json()
        served_last = status["model_version_status"][0]["version"]
    middle, slow = 1000 * np.percentile(times, [50, 99])
    growth = 100 * (memories[-1] / memories[0] - 1)
    return {
        "requests/s": f"{len(times) / whole:.0f}", "p50, ms": f"{middle:.1f}", "p99, ms": f"{slow:.1f}",
        "failed": str(len(failed)), "requests": f"{len(times):,}", "versions": served_last,
        "memory, MiB": f"{memories[0]:.0f} to {memories[-1]:.0f} ({growth:+.1f} %)",
    }  # fmt: skip


def serving_load(
    run_dir: Path = Path("runs/spam_detector"),
    count: int = 20_000,
    times: int = 5,
    soak_seconds: int = 600,
    swap_every: float = 10.0,
):
    """Measure the server under load.

    Args:
        run_dir: Run of the spam detector, exported; made by `make demo`.
        count: Requests in a round; of one client a tenth.
        times: Rounds.
        soak_seconds: Seconds of the soak, and of the one with versions that come and go.
        swap_every: Seconds between new versions.
    """
    start = time.perf_counter()
    empty = {"requests": "", "versions": "", "memory, MiB": ""}
    rows = []

    def loads(name, port):
        for clients in (1, 8, 32):
            found = rounds(port, clients, count // 10 if clients == 1 else count, times)
            rows.append({"server": name, "load": f"{clients} clients", **found, **empty})

    with served(run_dir) as (_, port):
        loads("ours", port)
    packages = PACKAGES
    if importlib.util.find_spec("litserve"):
        with served_by_litserve(run_dir) as port:
            loads("LitServe", port)
        packages += ("litserve",)
    rows.append({"server": "ours", "load": "soak", **soak(run_dir, soak_seconds)})
    swapped = soak(run_dir, soak_seconds, swap_every)
    rows.append({"server": "ours", "load": f"soak, a version every {swap_every:g} s", **swapped})
    write_results(
        "serving_load", "The server under load: the spam detector", rows, packages, time.perf_counter() - start, NOTES
    )


if __name__ == "__main__":
    sys.exit(cli.run(serving_load))
