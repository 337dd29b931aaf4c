"""Parsing of the command line arguments that both servers share: models, version labels, token."""

import json
import re
from pathlib import Path

from ..common import runs
from ..common.cli import UserError


def find_folders(models):
    """Return the folder of each model.

    Args:
        models: list of run directories, folders of SavedModels, or NAME=FOLDER of either.

    Returns:
        {name: folder with one subfolder per version}.

    Raises:
        UserError: If an argument is none of these, or a name is used twice.
    """
    if not models:
        raise UserError("no model given; for example runs/mine")
    folders = {}
    for argument in models:
        name, folder = _find_folder(argument)
        if name in folders:
            raise UserError(f"{argument}: a second model named {name!r}; choose another name with NAME={folder}")
        folders[name] = folder
    return folders


def _find_folder(argument):
    name, equals, path = argument.rpartition("=")
    folder = Path(path)
    if equals and not name:
        raise UserError(f"{argument}: expected NAME=FOLDER")
    if (folder / "config.json").is_file():
        app = runs.open_run(folder)["app"]
        if not _has_versions(folder / "export"):
            raise UserError(f"{folder}: not exported yet; run python -m apps.{app}.export {folder}")
        return name or app, folder / "export"
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected a run directory or a folder of SavedModels")
    if not _has_versions(folder):
        raise UserError(
            f"{folder}: neither a run directory nor a folder of SavedModels; expected {folder}/1/saved_model.pb"
        )
    return name or folder.resolve().name, folder


def _has_versions(folder):
    return any(version_number(path) is not None and path.is_dir() for path in folder.glob("*"))


def version_number(folder):
    """Return the version that a folder's name is: ASCII digits within int64; None if it is none."""
    if not re.fullmatch("[0-9]{1,30}", folder.name) or int(folder.name) >= 2**63:
        return None
    return int(folder.name)


def read_labels(labels, names):
    """Parse NAME:LABEL=NUMBER strings.

    Args:
        labels: list of the strings.
        names: names of the models.

    Returns:
        {name: {label: version number}}.

    Raises:
        UserError: If a string has another form or names an unknown model.
    """
    parsed = {}
    for text in labels:
        match = re.fullmatch(r"([^:=]+):([^:=/]+)=([0-9]+)", text)
        if not match or match[1] not in names:
            raise UserError(f"--labels {text}: expected NAME:LABEL=NUMBER with NAME one of {', '.join(names)}")
        parsed.setdefault(match[1], {})[match[2]] = int(match[3])
    return parsed


def read_labels_file(file, names):
    """Return the labels in a JSON file, {name: {label: version number}}.

    Args:
        file: path.
        names: names of the models.

    Raises:
        UserError: If the file has another form or names an unknown model.
    """
    try:
        labels = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file}: not JSON ({error})") from None
    is_valid = isinstance(labels, dict) and all(
        name in names
        and isinstance(own, dict)
        and all(type(number) is int and 0 <= number < 2**63 for number in own.values())
        for name, own in labels.items()
    )
    if not is_valid:
        raise UserError(f'{file}: expected {{"NAME": {{"LABEL": NUMBER}}}} with NAME one of {", ".join(names)}')
    return labels


def read_token(file):
    """Return the token in a file, without surrounding whitespace; None if `file` is None."""
    if file is None:
        return None
    token = file.read_text(encoding="utf-8").strip()
    if not token:
        raise UserError(f"{file}: empty; expected a token")
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise UserError(
            f"{file}: the token has blanks or characters that a header cannot carry; use letters and digits"
        )
    return token
