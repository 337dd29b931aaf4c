"""The examples of the pages in docs/: what they are, and how they are run.

Blocks of the language `python` run in order in one namespace; a block `output` is what the one above it prints. In
blocks of the language `console` a line that starts with `$ ` is a command, and the lines below it are what it prints.
`...` stands for anything. Blocks without a language are not run. A command that serves runs in the background until the
end of its page.
"""

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT, serving

DOCS = ROOT / "docs"
# Of a server, and of the lab.
ADDRESS = re.compile(r"http://127\.0\.0\.1:8[56]0[01]")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVER = "python -m apps.serve "
LAB = "python -m apps.lab"


class Command(NamedTuple):
    """A command line, and what the page says that it prints."""

    line: str
    output: str


def pages():
    """Return the pages in docs/; the site has others, which are tested where they are."""
    found = sorted(DOCS.rglob("*.md"))
    assert len(found) >= 15
    return found


def blocks(page, *languages):
    """Return (language, text) of each block of a page in one of the languages, in order."""
    return [match.groups() for match in FENCE.finditer(page.read_text(encoding="utf-8")) if match[1] in languages]


def commands(text):
    """Return the commands of a `console` block."""
    found = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        end = next(index for index, line in enumerate(lines) if not line.endswith("\\\n")) + 1
        found.append(Command("".join(lines[:end]).strip(), "".join(lines[end:])))
    return found


def all_commands(page):
    return [command for _, text in blocks(page, "console") for command in commands(text)]


def differs(expected, printed):
    """Return whether a command printed something else than a page says; blanks do not count."""
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return not doctest.OutputChecker().check_output(expected, printed, options)


def run_page(page, folder, show=print):
    """Run the `python` and `console` blocks of a page in an empty folder, and return how many examples ran."""
    seen, names, printed, address = 0, {}, "", ""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(folder))
        for language, text in blocks(page, "python", "console", "output"):
            if language == "output":
                assert not differs(text, printed), (page, text, printed)
            elif language == "python":
                printed = _exec(ADDRESS.sub(address, text), page, names)
                show(printed)
                seen += 1
            for command in commands(text) if language == "console" else ():
                seen += 1
                if command.line.startswith(SERVER):
                    address = stack.enter_context(serving(*served(command.line, folder))).http
                    continue
                if command.line.startswith(LAB):
                    address = stack.enter_context(lab(command.line))
                    continue
                done = _run(ADDRESS.sub(address, command.line))
                show(f"$ {command.line}\n{done.stdout}")
                assert done.returncode == 0, (page, command.line, done.stderr)
                assert not command.output or not differs(command.output, done.stdout), (command, done.stdout)
    return seen


@contextlib.contextmanager
def lab(line):
    """Start the lab in a new process, on any port, and yield its address."""
    command = [sys.executable, *shlex.split(line)[1:], "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment())
    try:
        yield process.stdout.readline().split()[0].rstrip("/")
    finally:
        process.terminate()
        process.communicate(timeout=60)


def served(line, folder):
    """Return the arguments of a command that serves, with full paths."""
    arguments = line.removeprefix(SERVER).split()
    return [Path(folder, each) if not each.startswith("-") else each for each in arguments]


def _exec(code, page, names):
    """Run Python code and return what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, str(page), "exec"), names)
    return printed.getvalue()


def _environment():
    """Return the environment of a user who has activated .venv."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}


def _run(line):
    return subprocess.run(["bash", "-c", line], env=_environment(), capture_output=True, text=True, timeout=1200)


if __name__ == "__main__":
    run_page(Path(sys.argv[1]).absolute(), sys.argv[2])
