"""Create a standalone project from an app."""

import keyword
import re
import sys
from pathlib import Path
from typing import Annotated

import tyro

from ..common import cli
from .imports import ROOT, find_module
from .project import APPS, write_project

# A folder of apps/ of this name would hide a module that apps import.
_TAKEN = {"common", "serve", "serving", "serve_ray", "lab", "new"}


def new(
    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")],
    source: Annotated[str, tyro.conf.arg(name="from", metavar="APP")],
    target: Annotated[Path, tyro.conf.arg(name="to", metavar="FOLDER")],
):
    """Create a standalone project from an app, which needs nothing of this repository.

    The project holds the app under its new name, the helpers that it imports, its tests, the server, and a wheel of the
    recurrent layers.

    Args:
        name: Name of the app in the project, a Python package: python -m apps.NAME.
        source: App to copy, such as forecaster.
        target: Folder of the project, outside this repository; created, or empty.
    """
    if source not in APPS:
        raise cli.UserError(f"--from {source}: no such app; expected one of {', '.join(APPS)}")
    require_name(name)
    folder = target.expanduser().resolve()
    require_folder(target, folder)
    left_out = write_project(folder, source, name)
    print(f"{target}: apps.{name}, copied from apps.{source}")
    if left_out:
        print(f"left out, as they need another app: {', '.join(left_out)}")
    print(f"\nNext:\n  cd {target}\n  make demo\n  make test")


def require_name(name: str) -> None:
    """Raise `UserError` for a name that is no name of a package, or that of another one."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise cli.UserError(f"{name!r}: expected a name of lower-case letters, digits and _ that begins with a letter")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise cli.UserError(f"{name}: a keyword of Python; choose another name")
    if name in APPS or name in _TAKEN:
        raise cli.UserError(f"{name}: apps/ has a package of this name; choose another")
    if name in sys.stdlib_module_names or find_module(name) or _is_installed(name):
        raise cli.UserError(f"{name}: a package of this name exists; choose another")


def _is_installed(name):
    from importlib.util import find_spec

    return name == "engram" or find_spec(name) is not None


def require_folder(shown: Path, folder: Path) -> None:
    """Raise `UserError` for a folder into which no project may be written."""
    if folder == ROOT or ROOT in folder.parents:
        raise cli.UserError(f"--to {shown}: inside the repository {ROOT}; choose a folder outside")
    if folder.exists() and not folder.is_dir():
        raise cli.UserError(f"--to {shown}: a file, expected a folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise cli.UserError(f"--to {shown}: the folder is not empty; choose a new one")
    if not folder.parent.is_dir():
        raise cli.UserError(f"--to {shown}: no such folder as {folder.parent}; create it first")


if __name__ == "__main__":
    sys.exit(cli.run(new))
