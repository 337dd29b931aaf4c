"""Take out of the tests what needs another app."""

import ast
from pathlib import Path

from .imports import imported_names


def trim_tests(texts: dict[str, str], app: str, others: set[str]) -> tuple[dict[str, str], list[str]]:
    """Remove the tests and fixtures that import another app, and those that use them.

    An app's network may start from a run of another app, and the tests of that train one.

    Args:
        texts: {path: content} of the Python files of the tests.
        app: name of the app.
        others: names of the other apps.

    Returns:
        The files that are left, and the removed tests, as pytest names them.
    """
    own = f"tests/apps/{app}/conftest.py"
    # Fixtures are looked up from the test outwards: the app's own come before those of all tests.
    kept, missing = {}, set()
    provided = set()
    for path in sorted(texts, key=lambda path: (path != own, not path.endswith("conftest.py"))):
        text, removed = _trim(texts[path], path, others, missing, provided)
        if path.endswith("conftest.py"):
            if path == own:
                provided = _functions(text)
            missing |= removed - provided
        kept[path] = text
    removed = {path: _functions(texts[path]) - _functions(text) for path, text in kept.items()}
    is_test = {path: Path(path).name.startswith("test_") for path in kept}
    left_out = [f"{path}::{name}" for path in sorted(kept) if is_test[path] for name in sorted(removed[path])]
    empty = {path for path in kept if is_test[path] and not any(map(_is_test, _functions(kept[path])))}
    return {path: text for path, text in kept.items() if path not in empty}, list(filter(_is_test, left_out))


def _is_test(name):
    return name.rpartition("::")[2].startswith("test_")


def _functions(text):
    return {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}


def _trim(text, path, others, missing, provided):
    """Return a module without what needs another app, and the names that it then lacks.

    `missing` are fixtures that are absent elsewhere, `provided` those that another file gives in any case.
    """
    tree, package = ast.parse(text), ".".join(Path(path).parent.parts)
    lines, removed = text.splitlines(keepends=True), set()
    missing = missing - _functions(text)
    statements = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign)]
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) and _needs(imported_names(node, package), others):
            removed |= _cut_import(node, lines, package, others)
    count = -1
    while count < len(removed):
        count = len(removed)
        for node in statements:
            fixtures = _fixtures(node)
            uses_absent = (_names(node) - fixtures) & removed or fixtures & (removed | missing) - provided
            if uses_absent or _needs(imported_names(node, package), others):
                removed |= _defined(node)
    for node in statements:
        if _defined(node) & removed:
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
            lines[first - 1 : node.end_lineno] = [""] * (node.end_lineno - first + 1)
    return "".join(lines), removed


def _needs(names, others):
    """Return whether dotted names are of another app, or of its part of the tests."""
    parts = [name.removeprefix("tests.").split(".") for name in names]
    return any(each[0] == "apps" and others & set(each[1:3]) for each in parts)


def _cut_import(node, lines, package, others):
    """Take other apps out of an import statement, and return the names that it no longer gives."""
    gone = []
    for alias in node.names:
        alone = ast.copy_location(type(node)(**{**vars(node), "names": [alias]}), node)
        if _needs(imported_names(alone, package), others):
            gone.append(alias)
    rest = [alias for alias in node.names if alias not in gone]
    lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    if rest:
        lines[node.lineno - 1] = ast.unparse(type(node)(**{**vars(node), "names": rest})) + "\n"
    return {alias.asname or alias.name.split(".")[0] for alias in gone}


def _defined(node):
    if isinstance(node, ast.Assign):
        return {each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    return {node.name}


def _names(node):
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _fixtures(node):
    return {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
