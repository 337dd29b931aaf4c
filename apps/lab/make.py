"""Train the built-in networks and write networks.json."""

import dataclasses
import json
import logging
import sys
import time
from pathlib import Path

from ..common import cli
from ..common.files import replacing
from .networks import CELLS, TASKS, train_network

PATH = Path(__file__).with_name("networks.json")


def make(path: Path = PATH, seed: int = 0):
    """Train the built-in networks, 4 tasks by 3 cells.

    Args:
        path: JSON file to write.
        seed: Of data and weights.
    """
    cli.require_folder_of("--path", path)
    cli.import_tensorflow()
    # Each layer is a new function, which TensorFlow takes for a mistake.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    start, tasks = time.perf_counter(), []
    for task in TASKS:
        networks = {}
        for cell in CELLS:
            network, measured = train_network(task, cell, seed)
            networks[cell] = {**network, "score": round(measured, 4)}
            print(f"{task.name:10} {cell:10} {measured:.4f}", flush=True)
        tasks.append({**dataclasses.asdict(task), "networks": networks})
    with replacing(path) as part:
        Path(part).write_text(json.dumps({"tasks": tasks}, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{path}: {path.stat().st_size} bytes, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    sys.exit(cli.run(make))
