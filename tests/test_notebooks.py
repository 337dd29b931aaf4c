"""The notebooks: each is what its script gives, and the scripts run."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.apps.cases import CASES
from tests.conftest import ROOT

FOLDER = ROOT / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
MOST_BYTES = 300_000


def cells_of(script):
    """Return the kind and the source of each cell of a script in jupytext's percent format."""
    _, *parts = re.split(r"^# %%", script.read_text(encoding="utf-8"), flags=re.MULTILINE)
    cells = []
    for part in parts:
        first, _, source = part.partition("\n")
        kind = "markdown" if first.strip() == "[markdown]" else "code"
        if kind == "markdown":
            source = re.sub(r"^# ?", "", source, flags=re.MULTILINE)
        cells.append((kind, source.strip("\n")))
    return cells


def notebook_of(name):
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_every_script_has_a_notebook():
    scripts = {path.stem for path in FOLDER.glob("*.py")} - {"make"}
    assert scripts == set(NAMES) and "recurrent_layers" in NAMES
    assert set(NAMES) - {"recurrent_layers"} <= {case.APP for case in CASES} and len(NAMES) > 1


def test_notebook_has_the_cells_of_its_script(name):
    cells = notebook_of(name)["cells"]
    found = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    assert found == cells_of(FOLDER / f"{name}.py") and len(found) >= 8


def test_outputs_are_those_of_one_execution_without_errors(name):
    assert (FOLDER / f"{name}.ipynb").stat().st_size < MOST_BYTES
    code = [cell for cell in notebook_of(name)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert any("image/png" in output.get("data", {}) for output in outputs)
    # All but the first cell, which installs, show something.
    assert all(cell["outputs"] for cell in code[1:])


def test_first_cell_installs_the_same_in_all():
    def installing(name):
        source = next(source for kind, source in cells_of(FOLDER / f"{name}.py") if kind == "code")
        return source.partition("\n\n\ndef show")[0]

    assert len({installing(name) for name in NAMES}) == 1
    code = installing("recurrent_layers")
    assert "REPOSITORY = " in code.splitlines()[1]
    # Where the repository is not there and has no address, the cell says what to do.
    command = [sys.executable, "-I", "-S", "-c", code]  # without installed packages
    done = subprocess.run(command, cwd="/", env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert done.returncode and "REPOSITORY is empty" in done.stderr


@pytest.mark.slow
def test_script_runs(name, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    command = [sys.executable, FOLDER / f"{name}.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout
