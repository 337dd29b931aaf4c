"""The requirements of a copied app: the lines of requirements.txt that its modules and tests import."""

import re

from .imports import ROOT

# Distributions of packages with another name.
_DISTRIBUTIONS = {
    "bs4": {"beautifulsoup4"},
    "grpc": {"grpcio"},
    "grpc_health": {"grpcio-health-checking"},
    "grpc_reflection": {"grpcio-reflection"},
    "sklearn": {"scikit-learn"},
    "tensorflow": {"tensorflow", "tensorflow-cpu"},
}
# Packages that come with others: Pillow with matplotlib, protobuf with TensorFlow; the Makefile installs the messages
# of TensorFlow Serving, and torch is only asked for its devices where a user has installed it.
FROM_OTHERS = {"PIL": "matplotlib", "google": "tensorflow", "tensorflow_serving": "grpc", "torch": "keras"}
# Distributions that a package imports if they are there, or without requiring them.
_COMPANIONS = {
    "pytest": {"pytest-xdist"},
    "tensorflow_datasets": {"dill", "importlib-resources"},
    "uvicorn": {"httptools", "uvloop"},
}
# For `make lint`.
_TOOLS = {"ruff"}


def distributions_of(packages: set[str]) -> set[str]:
    """Return the distributions that imported top-level packages need, as requirements.txt writes them in lower case."""
    found = set(_TOOLS)
    for package in packages - FROM_OTHERS.keys():
        found |= _DISTRIBUTIONS.get(package, {package.replace("_", "-").lower()})
        found |= _COMPANIONS.get(package, set())
    return found


def select_requirements(packages: set[str], wheel: str) -> str:
    """Return the content of requirements.txt for a project that imports these packages.

    The wheel of the layers comes first. Lines keep their ranges, comments and order.

    Raises:
        ValueError: requirements.txt has nothing for a package.
    """
    needed, lines = distributions_of(packages), []
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        name = requirement_name(line)
        if name is None or name in needed:
            lines.append(line)
    if lacking := needed - {requirement_name(line) for line in lines}:
        raise ValueError(f"requirements.txt lacks {', '.join(sorted(lacking))}")
    return "\n".join(["# The recurrent layers, `import engram`", f"./wheels/{wheel}", "", *lines]) + "\n"


def requirement_name(line: str) -> str | None:
    """Return the distribution that a line of a requirements file names; None for comments and blank lines."""
    found = re.match(r"([A-Za-z0-9][\w.-]*)(\[|[<>=!~; ]|$)", line)
    return found[1].lower().replace("_", "-") if found else None
