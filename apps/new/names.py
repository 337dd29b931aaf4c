"""Give the files of an app another name, in code, tests and README."""

import ast
import io
import itertools
import re
import tokenize
from pathlib import Path

from ..common.cli import UserError


def rename_code(path: str, text: str, old: str, new: str) -> str:
    """Return a Python file with an app's new name.

    The app's name may also be a word of its language, such as `forecaster`: variables and modules keep it. It is
    replaced where it stands for the app: in module names and paths, as a whole string, and as the name of the story
    function in `__main__.py` and of the case that a test imports.

    Raises:
        UserError: the new name has another meaning in a file in which the app's is an identifier.
    """
    if _is_identifier(path, text, old):
        text = _rename_identifier(path, text, old, new)
    text = re.sub(rf"""(?<![\w"'])(["']){old}\1(?!["'])""", rf"\g<1>{new}\1", text)
    return rename_text(text, old, new)


def _is_identifier(path, text, old):
    if path == f"apps/{old}/__main__.py":
        return True
    imports = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom))
    return any(node.module == "tests.apps.cases" and old in {each.name for each in node.names} for node in imports)


def _rename_identifier(path, text, old, new):
    lines = text.splitlines(keepends=True)
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    names = [token for token in tokens if token.type == tokenize.NAME]
    if any(token.string == new for token in names):
        raise UserError(f"{new}: {path} uses this name; choose another")
    # Attributes, and modules of a package, are not the app.
    attributes = {after.start for before, after in itertools.pairwise(tokens) if before.string == "."}
    for token in reversed(names):
        if token.string == old and token.start not in attributes:
            row, column = token.start[0] - 1, token.start[1]
            lines[row] = lines[row][:column] + new + lines[row][column + len(old) :]
    return "".join(lines)


def rename_text(text: str, old: str, new: str) -> str:
    """Replace an app's name in module names, paths and addresses, and import the layers from their package."""
    text = re.sub(rf"\b((?:apps|cases)[./]|(?:models|runs)/){old}(?![a-z])", rf"\g<1>{new}", text)
    return re.sub(r"^(\s*)import layers\b", r"\1import engram as layers", text, flags=re.MULTILINE)


def rename_path(path: str, old: str, new: str) -> str:
    """Return the path of a file in the new project."""
    parts = Path(path).parts
    head = 1 if parts[0] == "apps" else 2
    if len(parts) > head and parts[head] == old:
        parts = (*parts[:head], new, *parts[head + 1 :])
    if parts[:3] == ("tests", "apps", "cases") and parts[-1] == f"{old}.py":
        parts = (*parts[:-1], f"{new}.py")
    return "/".join(parts)


def rename_readme(text: str, old: str, new: str, links: set[str]) -> str:
    """Return an app's README for the new project.

    Args:
        text: its content.
        old: name of the app.
        new: its new name.
        links: targets of links that the new project has; other links become plain text, and pictures are removed.
    """
    kept = [line for line in text.splitlines() if not line.startswith(f"`cp -r apps/{old} ")]
    text = rename_text("\n".join(kept).rstrip() + "\n", old, new)
    # Code has brackets before parentheses, too.
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    text = "".join(part if index % 2 else _without_links(part, links) for index, part in enumerate(parts))
    note = "Measured in the repository of Engram, which has the benchmarks and all results."
    return re.sub(r"^(## Measured.*\n)", rf"\1\n{note}\n", text, flags=re.MULTILINE)


def _without_links(text, links):
    text = re.sub(r"^!\[[^\]]*\]\(([^):]+)\)\n", lambda found: found[0] * (found[1] in links), text, flags=re.MULTILINE)
    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^):]+)\)", lambda found: found[0] if found[2] in links else found[1], text)
