"""Measure throughput, latency and failed requests of the server and of LitServe.

Clients and server share the machine's cores and use only loopback. Each client keeps one connection open and sends its
next request, of one text, as soon as it has received a response. Rounds are bounded in requests, soak tests in seconds.
"""

import asyncio
import contextlib
import importlib.util
import itertools
import json
import multiprocessing
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
    "Clients and server run on the same cores. p50, p99: milliseconds from the first byte sent to the last received; "
    "these and the rate are medians over the rounds.",
    "Hostile: one more process sends, without a pause, endless headers, bodies of 8 MB of numbers, and many headers.",
    "Refused rows: a model of one assertion; one more client sends only rows that it refuses, in batches with others.",
    "Soak: 8 clients. Memory: resident, of the server, after a tenth of the time, when it is warm, and at the end.",
    "LitServe: same model and maximum batch size, one TensorFlow thread, one worker, and a delay of 0.5 ms, the best "
    "of 0.5, 2 and 10.",
)
TEXT = "WINNER!! You have been selected to receive a 900 prize. Call 09061701461 now"
PATH = "/v1/models/spam_detector:predict"
ASSERTING_PATH = "/v1/models/asserting:predict"


class Client(asyncio.Protocol):
    """Connection that sends a request, waits for the response, and repeats.

    Args:
        request: bytes of the request.
        has_next: function that returns whether to send another request.
        seconds: list; the duration of each request is appended.
        failed: list; each response that is not a prediction is appended, as is the error of a lost connection.
    """

    def __init__(self, request, has_next, seconds, failed):
        self.request, self.has_next, self.seconds, self.failed = request, has_next, seconds, failed
        self.done, self.received = asyncio.get_running_loop().create_future(), b""

    def connection_made(self, transport):
        self.transport = transport
        self._send()

    def _send(self):
        if not self.has_next():
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
        if not head.startswith(b"HTTP/1.1 200") or b"predictions" not in body:
            self.failed.append(self.received)
        self._send()

    def connection_lost(self, error):
        if not self.done.done():
            self.failed.append(error)
            self.done.set_result(None)


def request_bytes(host="127.0.0.1", path=PATH, instance=TEXT):
    """Return the bytes of a predict request."""
    body = json.dumps({"instances": [instance]}).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def load(port, num_clients, has_next, request=None):
    """Send requests from several concurrent clients.

    Args:
        port: of the server.
        num_clients: number of clients.
        has_next: function that returns whether to send another request.
        request: bytes; those of `request_bytes` if None.

    Returns:
        Array of the duration of each request in seconds, list of failures, total duration in seconds.
    """
    seconds, failed, start = [], [], time.perf_counter()
    loop = asyncio.get_running_loop()

    def make_client():
        return Client(request or request_bytes(), has_next, seconds, failed)

    clients = [(await loop.create_connection(make_client, "127.0.0.1", port))[1] for _ in range(num_clients)]
    await asyncio.gather(*(client.done for client in clients))
    return np.array(seconds), failed, time.perf_counter() - start


@contextlib.contextmanager
def serving(run_dir, *options):
    """Run the server in a subprocess; yield the process and the port."""
    command = [sys.executable, "-m", "apps.serve", str(run_dir), "--port", "0", "--grpc-port", "None", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url = next((line for line in process.stdout if line.startswith("http")), None)
        if url is None:
            raise cli.UserError(f"{run_dir}: the server did not start, see above; make demo makes a run to measure")
        yield process, int(url.split(":")[2].split("/")[0])
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextlib.contextmanager
def serving_with_litserve(run_dir):
    """Run LitServe in a subprocess; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["--run-dir", str(run_dir), "--port", str(port), "--path", PATH, "--threads", "1", "--delay", "0.0005"]
    command = [sys.executable, "-m", "benchmarks.serving_litserve", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("LitServe failed to start")
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
    """Return the resident memory of a process in MiB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def measure_rounds(port, num_clients, count, rounds, request=None):
    """Return a row with the median rate and latencies of several rounds of `count` requests."""
    measured, num_failed = [], 0
    for _ in range(rounds):
        sent = itertools.count()
        seconds, failed, total = asyncio.run(load(port, num_clients, lambda: next(sent) < count, request))  # noqa: B023
        num_failed += len(failed)
        measured.append([len(seconds) / total, *(1000 * np.percentile(seconds, [50, 99]))])
    rate, p50, p99 = np.median(measured, axis=0)
    return {"requests/s": f"{rate:.0f}", "p50, ms": f"{p50:.1f}", "p99, ms": f"{p99:.1f}", "failed": str(num_failed)}


@contextlib.contextmanager
def beside(target, *arguments):
    """Run a function in another process during a block."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments, daemon=True)
    process.start()
    try:
        time.sleep(1)
        yield
    finally:
        process.kill()
        process.join()


def attack(port):
    """Send what costs a server without limits much; never returns."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\n".encode()
    numbers = b'{"instances": [' + b"0," * 4_000_000 + b"0]}"
    kinds = itertools.cycle([
        head + b"X: " + b"a" * 4_000_000,
        head + b"Content-Length: %d\r\n\r\n" % len(numbers) + numbers,
        head + b"X: 1\r\n" * 1000,
    ])  # fmt: skip
    for content in kinds:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(content)
            client.recv(1000)


def send_refused_rows(port):
    """Send rows that the model of `write_asserting_model` refuses; never returns."""
    asyncio.run(load(port, 1, lambda: True, request_bytes(path=ASSERTING_PATH, instance=-1.0)))


def write_asserting_model(folder):
    """Write a SavedModel that refuses negative numbers."""
    import tensorflow as tf

    class Asserting(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def __call__(self, x):
            with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(x >= 0), ["x is negative"])]):
                return {"y": tf.sqrt(x)}

    module = Asserting()
    tf.saved_model.save(module, str(folder), module.__call__)


def measure_refused_rows(count, rounds):
    """Return rows for a model that refuses some rows, without and with a client that sends such rows."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "asserting"
        subprocess.run([sys.executable, "-c", f"from {__spec__.name} import write_asserting_model as write; "
                        f"write({str(model / '1')!r})"], check=True)  # fmt: skip
        with serving(model) as (_, port):
            request = request_bytes(path=ASSERTING_PATH, instance=4.0)
            rows = [{"load": "32 clients, asserting model", **measure_rounds(port, 32, count, rounds, request)}]
            with beside(send_refused_rows, port):
                rows.append({"load": "32 clients, refused rows", **measure_rounds(port, 32, count, rounds, request)})
    return rows


def soak(run_dir, seconds, swap_every=None):
    """Return a row for a long load; with `swap_every`, a new version appears every so many seconds."""
    with contextlib.ExitStack() as stack:
        # New versions go to a copy, so that the run directory is unchanged.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "spam_detector"
        shutil.copytree(Path(run_dir) / "export" / "1", folder / "1")
        process, port = stack.enter_context(serving(folder, "--poll", "0.5"))
        start, numbers, memories = time.perf_counter(), itertools.count(2), []

        def has_next():
            return time.perf_counter() - start < seconds

        async def swap():
            while has_next():
                await asyncio.sleep(swap_every)
                number = next(numbers)
                await asyncio.to_thread(shutil.copytree, folder / "1", folder / f".{number}")
                os.replace(folder / f".{number}", folder / str(number))

        async def record_memory():
            await asyncio.sleep(seconds / 10)
            while has_next():
                memories.append(memory(process))
                await asyncio.sleep(seconds / 50)

        async def run():
            tasks = [asyncio.create_task(record_memory())]
            if swap_every:
                tasks.append(asyncio.create_task(swap()))
            result = await load(port, 8, has_next)
            for task in tasks:
                task.cancel()
            return result

        durations, failed, total = asyncio.run(run())
        status = requests.get(f"http://127.0.0.1:{port}{PATH.removesuffix(':predict')}", timeout=60).json()
        last_version = status["model_version_status"][0]["version"]
    p50, p99 = 1000 * np.percentile(durations, [50, 99])
    growth = 100 * (memories[-1] / memories[0] - 1)
    return {
        "requests/s": f"{len(durations) / total:.0f}", "p50, ms": f"{p50:.1f}", "p99, ms": f"{p99:.1f}",
        "failed": str(len(failed)), "requests": f"{len(durations):,}", "versions": last_version,
        "memory, MiB": f"{memories[0]:.0f} to {memories[-1]:.0f} ({growth:+.1f} %)",
    }  # fmt: skip


def serving_load(
    run_dir: Path = Path("runs/spam_detector"),
    count: int = 20_000,
    rounds: int = 5,
    soak_seconds: int = 300,
    swap_every: float = 10.0,
):
    """Measure the server under load.

    Args:
        run_dir: Exported run of the spam detector, as made by `make demo`.
        count: Requests per round; a tenth of them with a single client.
        rounds: Number of rounds.
        soak_seconds: Duration in seconds of each soak test: without and with new versions.
        swap_every: Seconds between new versions.
    """
    start = time.perf_counter()
    empty = {"requests": "", "versions": "", "memory, MiB": ""}
    rows = []

    def add_rows(name, port):
        for clients in (1, 8, 32):
            row = measure_rounds(port, clients, count // 10 if clients == 1 else count, rounds)
            rows.append({"server": name, "load": f"{clients} clients", **row, **empty})

    with serving(run_dir) as (_, port):
        add_rows("ours", port)
        with beside(attack, port):
            rows.append(
                {"server": "ours", "load": "32 clients, hostile", **measure_rounds(port, 32, count, rounds), **empty}
            )
    rows += [{"server": "ours", **row, **empty} for row in measure_refused_rows(count, rounds)]
    packages = PACKAGES
    if importlib.util.find_spec("litserve"):
        with serving_with_litserve(run_dir) as port:
            add_rows("LitServe", port)
        packages += ("litserve",)
    rows.append({"server": "ours", "load": "soak", **soak(run_dir, soak_seconds)})
    swapped = soak(run_dir, soak_seconds, swap_every)
    rows.append({"server": "ours", "load": f"soak, a version every {swap_every:g} s", **swapped})
    write_results(
        "serving_load", "The server under load: the spam detector", rows, packages, time.perf_counter() - start, NOTES
    )


if __name__ == "__main__":
    sys.exit(cli.run(serving_load))
