"""Files that are complete or absent."""

import signal
import subprocess
import sys

import pytest

from apps.common import files
from tests.conftest import ROOT


def test_file_is_replaced_only_when_it_is_complete(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"é": 1})
    with pytest.raises(RuntimeError), files.replacing(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert files.read_json(path) == {"é": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_folder_is_replaced_as_a_whole(tmp_path):
    for content in ("one", "two"):
        with files.replacing(tmp_path / "model") as part:
            part.mkdir()
            (part / content).write_text(content)
        assert [entry.name for entry in (tmp_path / "model").iterdir()] == [content]
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_kill_during_a_write_leaves_the_file_before(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    code = (
        "import sys, time; from apps.common import files\n"
        "with files.replacing(sys.argv[1]) as part:\n"
        "    part.write_text('half'); print('writing', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
    assert path.read_text() == "before"


def test_csv_round_trip_keeps_numbers(tmp_path):
    rows = [{"epoch": 1, "loss": 0.25}, {"epoch": 2, "loss": 1e-9}]
    files.write_csv(tmp_path / "a.csv", rows)
    assert files.read_csv(tmp_path / "a.csv") == rows
    assert isinstance(files.read_csv(tmp_path / "a.csv")[0]["epoch"], int)
    assert files.read_csv(tmp_path / "absent.csv") == []
