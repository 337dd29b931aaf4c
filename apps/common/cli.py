"""Run a verb from the command line: a function's signature gives the options, a user's mistake becomes one line.

Verbs import TensorFlow only when they run, so `--help` and mistakes in the command line are answered at once.
"""

import contextlib
import errno
import importlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import tyro

# First argument of the verbs of a trained run.
RunDir = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_DIR")]


class UserError(Exception):
    """A mistake of the user. Its text is one line: what is wrong, where, and what to do."""


def run(verb: Callable, argv: Sequence[str] | None = None) -> int:
    """Call `verb` with arguments from the command line and return the exit status.

    The verb's signature gives the options, its docstring their help. A `UserError`, and a file that cannot be read or
    written, print one line on stderr and return 2.
    """
    try:
        _set_interrupt(signal.default_int_handler)
        tyro.cli(verb, args=argv, prog=_program(verb), config=(tyro.conf.FlagCreatePairsOff,))
    except UserError as error:
        return _fail(error)
    except BrokenPipeError:
        # The reader of our output is gone. Python flushes it again at exit, which must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno is None:
            raise
        return _fail(describe(error))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


@contextlib.contextmanager
def importing_tensorflow() -> Iterator[None]:
    """Import modules that import TensorFlow, without what it then logs about itself; no setting prevents that."""
    if "tensorflow" in sys.modules:
        yield
        return
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)

        def quit(number, frame):
            # Extension modules turn KeyboardInterrupt into other errors; nothing is lost by ending here.
            os.write(stderr, b"stopped\n")
            os._exit(130)

        before = _set_interrupt(quit)
        try:
            yield
        finally:
            _set_interrupt(before)
            os.dup2(stderr, 2)
            os.close(stderr)
            log.seek(0)
            for line in log:
                if b"absl::InitializeLog()" not in line and b"oneDNN custom operations" not in line:
                    os.write(2, line)


def _set_interrupt(handler):
    """Set what Ctrl-C does and return what it did; leaves it as it is in a process that ignores it."""
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if handler is not None and is_main and before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, handler)
    return before


def import_tensorflow() -> None:
    """Import TensorFlow as in `importing_tensorflow`, at the start of a new process."""
    with importing_tensorflow():
        importlib.import_module("tensorflow")


def require_data(*sources: str) -> None:
    """Raise `UserError` for a value of --data that is neither `sample`, nor `tfds:NAME`, nor a file or folder."""
    for source in sources:
        path = Path(source)
        # A file in an archive is named as if the archive were a folder.
        if (
            source != "sample"
            and not source.startswith("tfds:")
            and not any(each.is_file() or (each == path and each.exists()) for each in (path, *path.parents))
        ):
            raise UserError(f"{source}: no such file or folder")


# Endings of pictures that matplotlib writes without further packages.
PICTURES = (".png", ".pdf", ".svg", ".jpg", ".webp")


def require_picture(option: str, path: Path | None) -> None:
    """Raise `UserError` if a picture cannot be written to `path`, before the work for it; None is no picture."""
    if path is not None and path.suffix.lower() not in PICTURES:
        raise UserError(f"{option} {path}: ending {path.suffix!r}; expected one of {', '.join(PICTURES)}")
    require_folder_of(option, path)


def require_folder_of(option: str, path: Path | None) -> None:
    """Raise `UserError` if the folder of a file to write does not exist, or the file is a folder."""
    if path is not None and not path.parent.is_dir():
        raise UserError(f"{option} {path}: no such folder as {path.parent}; create it first")
    if path is not None and path.is_dir():
        raise UserError(f"{option} {path}: this is a folder, expected the name of a file")


def print_next(app: str, run_dir: str | Path, commands: Iterable[str]) -> None:
    """Print commands to type after an app has run.

    Args:
        app: the app's package, "apps.NAME".
        run_dir: its run directory.
        commands: what follows `python -m APP`, strings.
    """
    python = os.path.relpath(sys.executable)
    print("\nNext:")
    for command in commands:
        print(f"  {python} -m {app}{command}")
    print(f"  {python} -m {app.rpartition('.')[0]}.serve {run_dir}")


def describe(error: OSError) -> str:
    """Return an OSError as one line, with advice if there is any."""
    advice = {
        errno.ENOSPC: "; free some space and run the same command again",
        errno.EDQUOT: "; free some space and run the same command again",
        errno.EACCES: "; check its permissions",
    }
    number = error.errno or 0
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{os.strerror(number)}{advice.get(number, '')}"


def _fail(message):
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    return 2


def _program(verb):
    module = sys.modules[verb.__module__]
    return f"python -m {module.__spec__.name.removesuffix('.__main__')}" if module.__spec__ else None
