"""Write the project of a copied app.

The apps import the layers as `layers`, a folder of the repository. The project gets them as the wheel `engram`, and
`import layers` becomes `import engram as layers`. All other lines stay as they are, so that the copy can be compared
with later versions of the app, and a newer wheel brings newer layers. Copying the folder instead would invite changes
that the layers' tests, which stay in the repository, do not see.
"""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ..common.cli import UserError
from .imports import ROOT, close
from .names import rename_code, rename_path, rename_readme
from .requirements import select_requirements
from .tests import trim_tests

APPS = sorted(path.parent.name for path in (ROOT / "apps").glob("*/model.py"))
TEMPLATE = Path(__file__).parent / "template"
# Beside the app and its tests. The server imports the page of the lab.
_MODULES = ("apps/serve.py", "tests/conftest.py", "tests/apps/conftest.py", "tests/apps/test_contract.py")
_AS_THEY_ARE = ("LICENSE", ".gitignore")
# Tables of pyproject.toml.
_SETTINGS = ("tool.pytest", "tool.ruff")


def write_project(folder: Path, app: str, name: str) -> list[str]:
    """Write a project with a copy of an app.

    Args:
        folder: where; it is empty or does not exist. It remains so if an error is raised.
        app: name of the app.
        name: name of its copy.

    Returns:
        The tests that are left out because they need another app.

    Raises:
        UserError: the name has a meaning in the app, or a tool to build or format is not installed.
    """
    for tool in ("hatchling", "ruff"):
        if not importlib.util.find_spec(tool):
            raise UserError(f"{sys.executable} has no {tool}; pip install -r {ROOT / 'requirements.txt'}")
    files, packages, left_out = collect(app)
    files = _renamed(files, app, name)
    with _filling(folder) as part:
        for path, content in files.items():
            (part / path).parent.mkdir(parents=True, exist_ok=True)
            (part / path).write_bytes(content)
        wheel = build_wheel(part / "wheels")
        _write_settings(part, app, name, wheel, select_requirements(packages, wheel.name))
        _format(part)
    return [test.replace(f"/{app}/", f"/{name}/") for test in left_out]


def collect(app: str) -> tuple[dict[str, bytes], set[str], list[str]]:
    """Return an app's files, {path: content}, the packages that they import, and the tests that need another app."""
    paths = [*_files(ROOT / "apps" / app), *_files(ROOT / "tests" / "apps" / app)]
    paths += [ROOT / each for each in (*_MODULES, f"tests/apps/cases/{app}.py", "tests/apps/cases/__init__.py")]
    texts = {_relative(path): path.read_text(encoding="utf-8") for path in paths if path.suffix == ".py"}
    tests = {path: text for path, text in texts.items() if path.startswith("tests/")}
    tests, left_out = trim_tests(tests, app, set(APPS) - {app})
    modules, packages = close({path: text for path, text in texts.items() if path.startswith("apps/")} | tests)
    paths += _data_of(modules, app)
    files = {_relative(path): path.read_bytes() for path in paths if path.suffix != ".py"}
    return files | {path: text.encode() for path, text in modules.items()}, packages, left_out


def _data_of(modules, app):
    """Return the pages and other files beside the modules of packages."""
    found = []
    for package in {Path(path).parent for path in modules if path.startswith("apps/")} - {
        Path("apps"),
        Path("apps", app),
    }:
        for path in (ROOT / package).iterdir():
            if path.is_dir() and not (path / "__init__.py").exists():
                found += _files(path)
            elif path.is_file() and path.suffix not in (".py", ".md"):
                found.append(path)
    return found


def _files(folder):
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]


def _relative(path):
    return path.relative_to(ROOT).as_posix()


def _renamed(files, app, name):
    paths = {path: rename_path(path, app, name) for path in files}
    renamed = {}
    for path, content in files.items():
        if path.endswith(".py") and path.startswith((f"apps/{app}/", "tests/")):
            content = rename_code(path, content.decode(), app, name).encode()
        elif path == f"apps/{app}/README.md":
            links = {os.path.relpath(each, f"apps/{app}") for each in files}
            content = rename_readme(content.decode(), app, name, links).encode()
        renamed[paths[path]] = content
    return renamed


@contextlib.contextmanager
def _filling(folder):
    """Yield a folder whose content moves to `folder` at the end; after an error `folder` is as it was."""
    existed, moved = folder.exists(), []
    folder.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as part:
            yield Path(part)
            for path in sorted(Path(part).iterdir()):
                moved.append(path.rename(folder / path.name))
    except BaseException:
        for path in moved:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not existed:
            folder.rmdir()
        raise


def build_wheel(folder: Path) -> Path:
    """Build the wheel of the layers, as `make package` does, into a folder, and return its path. Needs no network."""
    _run_tool("hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (wheel,) = folder.glob("engram-*.whl")
    return wheel


def _format(folder):
    """Sort the imports under their new names, remove those that only removed tests used, and wrap longer lines."""
    _run_tool("ruff", "check", "--quiet", "--no-cache", "--fix-only", "--select", "I,F401", ".", cwd=folder)
    _run_tool("ruff", "format", "--quiet", "--no-cache", ".", cwd=folder)


def _run_tool(tool, *arguments, cwd):
    done = subprocess.run([sys.executable, "-m", tool, *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise UserError(f"{tool} {arguments[0]} failed: {last}")


def _write_settings(folder, app, name, wheel, requirements):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    values = {"name": name, "app": app, "version": wheel.name.split("-")[1]}
    for variable in ("STUBS", "CHECK_PYTHON"):
        (values[variable.lower()],) = (
            line.partition(" := ")[2] for line in makefile.splitlines() if line.startswith(f"{variable} := ")
        )
    for path in TEMPLATE.iterdir():
        text = path.read_text(encoding="utf-8")
        for key, value in values.items():
            text = text.replace("{{" + key + "}}", value)
        (folder / path.name).write_text(text, encoding="utf-8")
    for each in _AS_THEY_ARE:
        shutil.copy(ROOT / each, folder)
    (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
    (folder / "pyproject.toml").write_text(_select_settings(), encoding="utf-8")


def _select_settings():
    """Return the tables of pyproject.toml that the project needs, too."""
    kept, keep = [], False
    for line in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            keep = line.strip("[]").startswith(_SETTINGS)
        kept += [line] * keep
    return "\n".join(kept).strip() + "\n"
