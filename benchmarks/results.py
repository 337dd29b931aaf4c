"""Write the results of a benchmark: rows with the hardware and the versions, as JSON and as a table."""

import importlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

from apps.common.files import replacing, write_json
from apps.common.reports import table

FOLDER = Path(__file__).parent / "results"


def hardware():
    """Describe the machine in one line."""
    model = platform.processor() or platform.machine()
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        names = [line.partition(":")[2].strip() for line in cpu_info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, {_accelerators()}"


def _accelerators():
    """Name the NVIDIA GPUs, which a benchmark may or may not have used."""
    if not shutil.which("nvidia-smi"):
        return "no accelerator"
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    names = subprocess.run(command, capture_output=True, text=True).stdout.split("\n")
    return ", ".join(name.strip() for name in names if name.strip()) or "no accelerator"


def versions(*packages):
    found = {package: importlib.import_module(package).__version__ for package in packages}
    return {"python": platform.python_version(), **found}


def write_results(name, title, rows, packages, seconds, notes=(), options="", module=None):
    """Write results/NAME.json and results/NAME.md.

    Args:
        rows: dicts with the same keys, values as they shall be read.
        packages: import names of those whose versions matter.
        seconds: how long the measuring took; None where it was done in several goes.
        notes: sentences that go below the table.
        options: what must stand behind the command to run it again.
        module: of the benchmark, if its name is not `name`.
    """
    FOLDER.mkdir(exist_ok=True)
    about = {"hardware": hardware(), "versions": versions(*packages), "seconds": seconds and round(seconds)}
    write_json(FOLDER / f"{name}.json", {"title": title, **about, "rows": rows, "notes": list(notes)})
    made_by = ", ".join(f"{package} {number}" for package, number in about["versions"].items())
    lines = [
        f"# {title}",
        "",
        table(rows, "github"),
        "",
        *(f"- {note}" for note in notes),
        f"- Measured on {about['hardware']}{f', in {round(seconds)} s' if seconds else ''}; {made_by}.",
        f"- Rerun with `{f'python -m benchmarks.{module or name} {options}'.strip()}`.",
        "",
    ]
    with replacing(FOLDER / f"{name}.md") as part:
        part.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


def grouped(found):
    """Return {case: list of the seeds' results} from {(*case, seed): result}."""
    groups = {}
    for (*case, _), result in found.items():
        groups.setdefault(tuple(case), []).append(result)
    return groups
