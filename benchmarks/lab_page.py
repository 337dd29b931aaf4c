"""Measure the lab: time from the command to a usable page, frames a second while playing, weight of the page.

Needs Chromium with its driver. Played is a sequence of 200 steps in networks of 16 units, with random weights.
"""

import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time

import numpy as np
import uvicorn
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait
from starlette.responses import JSONResponse
from starlette.routing import Route

from apps.common import cli
from apps.lab.make import PATH
from apps.lab.server import make_app

from .results import write_results

STEPS, UNITS, FEATURES, OUTPUTS = 200, 16, 4, 4
ROUNDS = 5
BLOCKS = {"simple_rnn": 1, "lstm": 4, "gru": 3}
DESKTOP, PHONE = (1200, 1000), (360, 740)
# Cell, window, part of the page at its top.
CASES = (
    ("lstm", DESKTOP, "step"),
    ("gru", DESKTOP, "step"),
    ("simple_rnn", DESKTOP, "step"),
    ("lstm", DESKTOP, "see"),
    ("lstm", DESKTOP, "understand"),
    ("lstm", PHONE, "step"),
)
# Plays to the end; gives the number of frames and the seconds that they took.
PLAY = """
const done = arguments[0], times = [];
document.querySelector("#speed").value = 60;
document.querySelector("#first").click();
document.querySelector("#play").click();
const frame = (now) => {
  times.push(now);
  if (document.querySelector("#play").textContent.includes("Pause")) requestAnimationFrame(frame);
  else done([times.length - 1, (times.at(-1) - times[0]) / 1000]);
};
requestAnimationFrame(frame);
"""
WEIGHT = """return [...performance.getEntriesByType("resource"), ...performance.getEntriesByType("navigation")]
.reduce((sum, entry) => sum + entry.encodedBodySize, 0)"""


@contextlib.contextmanager
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,1000"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def until_usable(driver):
    condition = "return document.querySelectorAll('#equations button').length"
    WebDriverWait(driver, 60, 0.02).until(lambda page: page.execute_script(condition))


def measure_start(driver):
    """Return the seconds from the command to a usable page, and the bytes of the page."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "apps.lab", "--port", "0", "--no-open"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        driver.get(process.stdout.readline().split()[0])
        until_usable(driver)
        return time.perf_counter() - start, driver.execute_script(WEIGHT)
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def large_networks():
    """Serve the lab with networks of 16 units; yields its address."""
    random, tasks = np.random.default_rng(0), json.loads(PATH.read_text(encoding="utf-8"))
    (echo,) = (task for task in tasks["tasks"] if task["name"] == "echo")
    for cell, network in echo["networks"].items():
        width = BLOCKS[cell] * UNITS
        shapes = {
            "kernel": (FEATURES, width),
            "recurrent_kernel": (UNITS, width),
            "bias": (width * (2 if cell == "gru" else 1),),
            "output_kernel": (UNITS, OUTPUTS),
            "output_bias": (OUTPUTS,),
        }
        network |= {"units": UNITS, **{name: random.normal(0, 0.5, s).ravel().tolist() for name, s in shapes.items()}}

    async def networks(request):
        return JSONResponse(tasks)

    app = make_app()
    app.router.routes.insert(0, Route("/networks.json", networks))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def measure_frames(driver, address, cell, size, part):
    """Play once; returns frames a second, and CPU milliseconds a frame of scripts and of the page's whole thread."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.get("about:blank")
    driver.get(f"{address}/#network=echo&cell={cell}&text={'abcd' * (STEPS // 4)}")
    until_usable(driver)
    driver.execute_script("document.getElementById(arguments[0]).scrollIntoView()", part)
    time.sleep(0.5)
    driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    before = _durations(driver)
    frames, seconds = driver.execute_async_script(PLAY)
    after = _durations(driver)
    driver.execute_cdp_cmd("Performance.disable", {})
    return frames / seconds, *(1000 * (late - early) / frames for early, late in zip(before, after, strict=True))


def _durations(driver):
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    found = {metric["name"]: metric["value"] for metric in metrics}
    return found["ScriptDuration"], found["TaskDuration"]


def measure():
    """Measure the lab's start, its weight, and its frames while it plays; write results/lab_page.md."""
    start, load = time.perf_counter(), os.getloadavg()[0]
    with browser() as driver, large_networks() as address:
        starts = [measure_start(driver) for _ in range(ROUNDS)]
        runs = [[measure_frames(driver, address, *case) for case in CASES] for _ in range(ROUNDS)]
        chromium = driver.capabilities["browserVersion"]
    row = {"measured": "", "window": "", "value": "", "lowest to highest": "", "script, ms a frame": ""}
    row |= {"thread, ms a frame": "", "aim": ""}
    seconds = [each for each, _ in starts]
    rows = [
        row
        | {"measured": "from the command to a usable page", "value": f"{statistics.median(seconds):.1f} s"}
        | {"lowest to highest": f"{min(seconds):.1f} to {max(seconds):.1f} s", "aim": "3 s"},
        row | {"measured": "page with all networks", "value": f"{starts[0][1] / 1000:.0f} kB", "aim": "< 500 kB"},
    ]
    for (cell, (width, height), part), results in zip(CASES, zip(*runs, strict=True), strict=True):
        rates, scripts, tasks = zip(*results, strict=True)
        rows.append(
            row
            | {"measured": f"playing, {cell}", "window": f"{width} x {height}, at {part.capitalize()}"}
            | {"value": f"{statistics.median(rates):.0f} frames/s", "aim": "60 frames/s"}
            | {"lowest to highest": f"{min(rates):.0f} to {max(rates):.0f}"}
            | {"script, ms a frame": f"{min(scripts):.1f}", "thread, ms a frame": f"{min(tasks):.1f}"}
        )
    notes = (
        f"Playing: {STEPS} steps of {UNITS} units, 60 steps a second, in headless Chromium {chromium}, without a GPU.",
        f"Value: median of {ROUNDS} runs. A frame has at most 16.7 ms; the browser draws at most 60 frames/s.",
        "Script, thread: CPU time of the page's scripts, and of its main thread with style, layout and paint, least of "
        "the runs; unlike frames/s, they hardly depend on what else runs on the machine.",
        f"Load of the machine, mean of a minute: {load:.0f} at the start, {os.getloadavg()[0]:.0f} at the end.",
    )
    packages = ("selenium", "starlette", "uvicorn")
    write_results("lab_page", "The lab's page", rows, packages, time.perf_counter() - start, notes)


if __name__ == "__main__":
    sys.exit(cli.run(measure))
