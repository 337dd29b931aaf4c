"""What the package, one app and all apps take to install, and the time from a clone to the first prediction.

Each is installed into an empty environment; the time includes the download, so it depends on the network and on pip's
cache.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from apps.common import cli

from .results import write_results

ROOT = Path(__file__).parent.parent
TEXT = "WIN a cash prize now, text YES to 80082"


def installation(app: str = "forecaster"):
    """Measure installations, and the time from a clone of this repository to the first prediction.

    Args:
        app: Of the standalone project.
    """
    with tempfile.TemporaryDirectory() as folder:
        rows = [*packages(Path(folder)), project(Path(folder), app), repository(Path(folder))]
    notes = (
        "MiB: of the environment's packages, without Python. Each was installed in an empty environment by pip.",
        "Seconds: with the downloads, so they depend on the network and on pip's cache.",
        "The first prediction: of a spam detector that was trained on the sample for one epoch.",
    )
    rows = [{"what": "", "MiB": "", "packages": "", "seconds": "", "first prediction, s": ""} | row for row in rows]
    write_results("installation", "Size and time of installations", rows, ("keras",), None, notes)


def packages(folder):
    """Install the wheel alone, with Keras and NumPy, and with each backend."""
    run("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder / "dist", ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    yield {"what": "the wheel itself", "MiB": f"{wheel.stat().st_size / 2**20:.2f}", "packages": 1, "seconds": ""}
    for extra, name in (
        ("", "engram, without a backend"),
        ("[jax]", "engram[jax]"),
        ("[tensorflow]", "engram[tensorflow]"),
    ):
        yield install(folder / "venv", name, f"{wheel}{extra}")


def project(folder, app):
    """Install a standalone project of one app."""
    target = folder / "project"
    run("-m", "apps.new", "mine", "--from", app, "--to", target)
    return install(folder / "venv", f"one app: a project made from the {app}", "-r", "requirements.txt", cwd=target)


def install(venv, name, *what, cwd=None):
    run("-m", "venv", venv)
    start = time.perf_counter()
    run(
        "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what, python=venv / "bin" / "python", cwd=cwd
    )
    seconds = time.perf_counter() - start
    row = {"what": name, **size(venv), "seconds": f"{seconds:.0f}"}
    shutil.rmtree(venv)
    return row


def repository(folder):
    """Clone this repository, install all apps, train the spam detector briefly, and predict."""
    clone, start = folder / "clone", time.perf_counter()
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    subprocess.run(["make", "--silent", ".venv/ready"], cwd=clone, check=True)
    installed, python = time.perf_counter() - start, clone / ".venv" / "bin" / "python"
    run("-m", "apps.spam_detector.train", "--run-dir", "runs/first", "--epochs", "1", python=python, cwd=clone)
    run("-m", "apps.spam_detector.predict", "runs/first", TEXT, python=python, cwd=clone)
    seconds = time.perf_counter() - start
    return {
        "what": "all apps: clone and `make .venv/ready`",
        **size(clone / ".venv"),
        "seconds": f"{installed:.0f}",
        "first prediction, s": f"{seconds:.0f}",
    }


def size(venv):
    """Return the MiB and the number of the packages of an environment."""
    (packages,) = venv.glob("lib/python*/site-packages")
    total = sum(path.lstat().st_size for path in packages.rglob("*") if path.is_file())
    return {"MiB": f"{total / 2**20:.0f}", "packages": len(list(packages.glob("*.dist-info")))}


def run(*command, python=sys.executable, cwd=None):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([python, *command], cwd=cwd or ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise cli.UserError(f"{' '.join(map(str, command))}: {done.stderr.strip().splitlines()[-1]}")


if __name__ == "__main__":
    sys.exit(cli.run(installation))
