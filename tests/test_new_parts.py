"""What `apps.new` leaves out, renames and refuses; `test_new.py` has the projects that it makes."""

import os
import re
from pathlib import Path

import pytest

from apps.common import cli
from apps.common.cli import UserError
from apps.new import project as projects
from apps.new.__main__ import new
from apps.new.names import rename_code, rename_text
from apps.new.tests import trim_tests
from tests.conftest import ROOT, assert_refused

COMMAND = ["my_app", "--from", "forecaster", "--to"]


@pytest.fixture
def quick_wheel(monkeypatch):
    """Put an empty file in place of the wheel."""

    def build(folder):
        folder.mkdir()
        wheel = folder / "engram-0.1.0-py3-none-any.whl"
        wheel.touch()
        return wheel

    monkeypatch.setattr(projects, "build_wheel", build)


@pytest.mark.parametrize("other", ["speech_recognizer", "sentiment_classifier"])
def test_tests_that_train_another_app_are_left_out_and_named(other, quick_wheel, tmp_path, capsys):
    assert cli.run(new, ["my_app", "--from", other, "--to", str(tmp_path / "project")]) == 0
    shown = capsys.readouterr().out
    named = re.findall(r"tests/apps/my_app/(test_\w+\.py)::(test_\w+)", shown)
    assert named and "need another app" in shown
    for file, name in named:
        source = (ROOT / "tests" / "apps" / other / file).read_text(encoding="utf-8")
        assert f"def {name}(" in source
        assert f"def {name}(" not in (tmp_path / "project" / "tests" / "apps" / "my_app" / file).read_text()


CONFTEST = """
import pytest
from tests.apps.cases import one, two

@pytest.fixture
def trained(trained_once):
    return trained_once(one)

@pytest.fixture
def lent(trained_once):
    return trained_once(two)
"""
TESTS = """
COUNT = 3

def helper():
    from apps.two.train import train
    return train

def test_own(trained):
    assert COUNT

def test_with_fixture(lent):
    assert lent

@pytest.mark.slow
def test_with_helper(trained):
    assert helper()
"""
SHARED = """
@pytest.fixture
def trained(trained_once):
    from tests.apps.cases import two
    return trained_once(two)

@pytest.fixture
def run_dir(trained):
    return trained
"""


def test_tests_that_need_another_app_directly_or_by_a_fixture_are_removed():
    files = {
        "tests/conftest.py": SHARED,
        "tests/apps/one/conftest.py": CONFTEST,
        "tests/apps/one/test_verbs.py": TESTS,
        "tests/apps/one/test_lending.py": "def test_lending(lent):\n    pass\n",
    }
    kept, left_out = trim_tests(files, "one", {"two"})
    assert left_out == [
        "tests/apps/one/test_lending.py::test_lending",
        "tests/apps/one/test_verbs.py::test_with_fixture",
        "tests/apps/one/test_verbs.py::test_with_helper",
    ]
    assert "tests/apps/one/test_lending.py" not in kept
    verbs = kept["tests/apps/one/test_verbs.py"]
    assert "test_own" in verbs and "COUNT" in verbs and "helper" not in verbs and "slow" not in verbs
    assert "import one\n" in kept["tests/apps/one/conftest.py"] and "lent" not in kept["tests/apps/one/conftest.py"]
    # The app's own fixture replaces the removed one for the fixture that uses it.
    assert "def run_dir" in kept["tests/conftest.py"] and "def trained" not in kept["tests/conftest.py"]


def test_name_changes_where_it_stands_for_the_app():
    story = "def forecaster(config):\n    return cli.run(forecaster), module.forecaster\n"
    assert rename_code("apps/forecaster/__main__.py", story, "forecaster", "mine") == (
        "def mine(config):\n    return cli.run(mine), module.forecaster\n"
    )
    code = 'import layers\nfrom .forecaster import Forecaster\nforecaster = Model(name="forecaster")\n'
    assert rename_code("apps/forecaster/model.py", code, "forecaster", "mine") == (
        'import engram as layers\nfrom .forecaster import Forecaster\nforecaster = Model(name="mine")\n'
    )
    text = "apps.forecaster.train apps/forecaster runs/forecaster_cache models/forecaster:predict the forecaster"
    assert rename_text(text, "forecaster", "mine") == (
        "apps.mine.train apps/mine runs/mine_cache models/mine:predict the forecaster"
    )
    with pytest.raises(UserError, match=r"config: apps/forecaster/__main__\.py uses this name"):
        rename_code("apps/forecaster/__main__.py", story, "forecaster", "config")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("My-App", "lower-case"),
        ("2nd", "lower-case"),
        ("a.b", "lower-case"),
        ("", "lower-case"),
        ("lambda", "keyword"),
        ("match", "keyword"),
        ("common", "apps/ has"),
        ("translator", "apps/ has"),
        ("new", "apps/ has"),
        ("layers", "exists"),
        ("engram", "exists"),
        ("json", "exists"),
        ("numpy", "exists"),
        ("run_dir", "uses this name"),
    ],
)
def test_name_that_is_invalid_or_taken_is_refused(name, words, tmp_path, capsys):
    assert_refused(capsys, new, [name, "--from", "forecaster", "--to", tmp_path / "project"], words)
    assert list(tmp_path.iterdir()) == []


def test_unknown_app_is_refused(tmp_path, capsys):
    assert_refused(capsys, new, ["my_app", "--from", "forcaster", "--to", tmp_path / "a"], "no such app", "forecaster")
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_hold_a_project_is_refused(tmp_path, capsys, monkeypatch):
    (tmp_path / "thesis.txt").write_text("years of work")
    before = sorted(ROOT.iterdir())
    for folder, words in (
        (tmp_path, "not empty"),
        (tmp_path / "thesis.txt", "a file"),
        (tmp_path / "absent" / "project", "create it first"),
        (ROOT, "inside the repository"),
        (ROOT / "runs" / "project", "inside the repository"),
        (ROOT / "apps" / ".." / "project", "inside the repository"),
    ):
        assert_refused(capsys, new, [*COMMAND, folder], f"--to {folder}", words)
    monkeypatch.chdir(ROOT / "apps")
    assert_refused(capsys, new, [*COMMAND, "project"], "inside the repository")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"] and sorted(ROOT.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_folder_without_permission_is_refused(tmp_path, capsys):
    tmp_path.chmod(0o500)
    assert_refused(capsys, new, [*COMMAND, tmp_path / "project"], "Permission denied")


@pytest.mark.parametrize("exists", [False, True])
def test_failure_leaves_nothing_half_written(exists, quick_wheel, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "project"
    if exists:
        folder.mkdir()

    def refuse(path, content):
        raise PermissionError(13, "", str(path))

    failures = [
        ("_format", lambda folder: projects._run_tool("ruff", "nonesuch", cwd=folder), "ruff nonesuch failed"),
        ("_write_settings", lambda *_: refuse("pyproject.toml", ""), "Permission denied"),
        ("build_wheel", lambda _: refuse("wheels", ""), "Permission denied"),
    ]
    for name, fail, words in failures:
        with monkeypatch.context() as context:
            context.setattr(projects, name, fail)
            assert_refused(capsys, new, [*COMMAND, folder], words)
        assert list(tmp_path.iterdir()) == [folder] * exists and (not exists or not any(folder.iterdir()))
    rename, count = Path.rename, []

    def fail_at_the_third(path, target):
        count.append(path)
        return rename(path, target) if len(count) < 3 else refuse(target, "")

    monkeypatch.setattr(Path, "rename", fail_at_the_third)
    assert_refused(capsys, new, [*COMMAND, folder], "Permission denied")
    assert list(tmp_path.iterdir()) == [folder] * exists and (not exists or not any(folder.iterdir()))


@pytest.mark.parametrize("tool", ["hatchling", "ruff"])
def test_absent_tool_is_named(tool, tmp_path, capsys, monkeypatch):
    found = projects.importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *more: None if name == tool else found(name, *more))
    assert_refused(capsys, new, [*COMMAND, tmp_path / "project"], f"has no {tool}", "requirements.txt")
    assert list(tmp_path.iterdir()) == []
