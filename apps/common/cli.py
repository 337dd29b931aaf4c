"""Running a verb from the command line: typed functions become options, a user's mistake becomes one line."""

import errno
import os
import sys
from pathlib import Path
from typing import Annotated

import tyro

# The argument that the verbs of a trained run begin with.
RunDir = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_DIR")]


class UserError(Exception):
    """A mistake that the user can mend. Its text is the one line to show: what is wrong, where, what to do."""


def run(verb, argv=None):
    """Calls `verb` with its arguments from the command line and returns the exit status.

    Its signature gives the options, its docstring their help. A `UserError`, and a file that cannot be
    read or written, end in one line on stderr and status 2.
    """
    try:
        tyro.cli(verb, args=argv, prog=_program(verb), config=(tyro.conf.FlagCreatePairsOff,))
    except UserError as error:
        return _fail(error)
    except BrokenPipeError:
        # Whoever read our output has gone. What Python flushes at exit must not complain again.
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


def describe(error):
    """An OSError in one line, with a word of advice where there is one."""
    advice = {
        errno.ENOSPC: "; free some space and run the same command again",
        errno.EDQUOT: "; free some space and run the same command again",
        errno.EACCES: "; check its permissions",
    }
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{os.strerror(error.errno)}{advice.get(error.errno, '')}"


def _fail(message):
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    return 2


def _program(verb):
    module = sys.modules[verb.__module__]
    return f"python -m {module.__spec__.name.removesuffix('.__main__')}" if module.__spec__ else None
