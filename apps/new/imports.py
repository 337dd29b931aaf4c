"""Find what Python files import, without running them."""

import ast
import functools
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Packages of this repository; all other absolute imports are of Python or of installed distributions.
_OWN = {"apps", "layers", "tests"}
_MODULE = re.compile(r"\b(?:apps|tests)(?:\.\w+)+")


def imported_names(tree: ast.AST, package: str) -> set[str]:
    """Return the absolute dotted names that a syntax tree imports, also within functions.

    `from a import b` gives `a` and `a.b`, because `b` may be a module.

    Args:
        tree: of a module or a part of one.
        package: dotted name of the module's package.
    """
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and _called(node) in ("find_spec", "importorskip"):
            found |= {each.value for each in node.args[:1] if isinstance(each, ast.Constant)}
    return found


def _called(call):
    return getattr(call.func, "attr", getattr(call.func, "id", None))


def names_in_strings(tree: ast.AST) -> set[str]:
    """Return the modules that strings name: `-m apps.serve`, an attribute to replace, code for another process."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= set(_MODULE.findall(node.value))
            if re.search(r"^\s*(import|from) ", node.value, re.MULTILINE):
                try:
                    found |= imported_names(ast.parse(node.value), "")
                except SyntaxError:
                    continue
    return found


@functools.cache
def find_module(name: str) -> tuple[str, ...]:
    """Return the files, relative to the repository, that importing a dotted name runs.

    These are the module itself and the `__init__.py` of the packages that contain it; what follows the module in the
    name is taken as one of its attributes.
    """
    files, parts = [], name.split(".")
    for end in range(1, len(parts) + 1):
        path = "/".join(parts[:end])
        if (ROOT / path / "__init__.py").is_file():
            files.append(f"{path}/__init__.py")
        elif (ROOT / f"{path}.py").is_file():
            return (*files, f"{path}.py")
        else:
            break
    return tuple(files)


def close(texts: dict[str, str]) -> tuple[dict[str, str], set[str]]:
    """Add the modules of this repository that modules import, directly or not.

    Args:
        texts: {path relative to the repository: content} of Python files, which may differ from the files there.

    Returns:
        `texts` with the further modules, and the names of the other top-level packages that are imported.
    """
    texts, others = dict(texts), set()
    queue = list(texts)
    for path in queue:
        tree = ast.parse(texts[path], path)
        names = imported_names(tree, ".".join(Path(path).parent.parts))
        if path.startswith("tests/"):
            names |= names_in_strings(tree)
        for name in names:
            if name.split(".")[0] not in _OWN:
                others.add(name.split(".")[0])
                continue
            for file in find_module(name):
                if file not in texts and not file.startswith("layers/"):
                    texts[file] = (ROOT / file).read_text(encoding="utf-8")
                    queue.append(file)
    return texts, {name for name in others if name and name not in sys.stdlib_module_names}
