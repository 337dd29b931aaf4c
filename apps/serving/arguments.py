"""What the servers' command lines take: folders of models, labels, a token."""

import re
from pathlib import Path

from ..common import runs
from ..common.cli import UserError


def find_folders(models):
    """{name: folder with numbered versions} of run directories, folders of SavedModels, or NAME=FOLDER of either.

    Raises:
        UserError: one is none of these, or two have one name.
    """
    if not models:
        raise UserError("no model given; for example runs/spam_detector")
    found = {}
    for given in models:
        name, folder = _find_folder(given)
        if name in found:
            raise UserError(f"{given}: a second model called {name!r}; give it another name, as in NAME={folder}")
        found[name] = folder
    return found


def _find_folder(given):
    name, equals, path = given.rpartition("=")
    folder = Path(path)
    if equals and not name:
        raise UserError(f"{given}: expected NAME=FOLDER")
    if (folder / "config.json").is_file():
        app = runs.open_run(folder)["app"]
        if not _numbers(folder / "export"):
            raise UserError(f"{folder}: nothing exported; python -m apps.{app}.export {folder}")
        return name or app, folder / "export"
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected a run directory or a folder of SavedModels")
    if not _numbers(folder):
        raise UserError(
            f"{folder}: neither a run directory nor a folder of SavedModels; expected {folder}/1/saved_model.pb"
        )
    return name or folder.resolve().name, folder


def _numbers(folder):
    return [path for path in folder.glob("*") if path.name.isdecimal() and path.is_dir()]


def read_labels(labels, names):
    """{name: {label: version}} of NAME:LABEL=NUMBER texts."""
    found = {}
    for text in labels:
        place = re.fullmatch(r"([^:=]+):([^:=/]+)=([0-9]+)", text)
        if not place or place[1] not in names:
            raise UserError(f"--labels {text}: expected NAME:LABEL=NUMBER with one of {', '.join(names)}")
        found.setdefault(place[1], {})[place[2]] = int(place[3])
    return found


def read_token(file):
    """The token in a file, without the space around it; None for no file."""
    if file is None:
        return None
    token = file.read_text(encoding="utf-8").strip()
    if not token:
        raise UserError(f"{file}: empty; expected a token")
    return token
