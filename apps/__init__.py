"""Application templates that put the recurrent layers to work."""

import os
import signal
import sys

if sys.version_info < (3, 11):  # noqa: UP036
    print(f"error: Python 3.11, 3.12 or 3.13 is needed, this is {sys.version.split()[0]}", file=sys.stderr)
    sys.exit(2)

# TensorFlow reads it when it is imported, and otherwise prints several lines about itself on every start.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _quit(number, frame):
    os.write(2, b"stopped\n")
    os._exit(130)


# `python -m apps.NAME` imports this first. Until `common.cli` takes over, Ctrl-C ends it at once.
if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _quit)

if sys.argv[0] == "-m":
    from importlib.util import find_spec

    if find_spec("keras") is None:
        print("error: this Python has no keras; use the one that `make demo` makes, .venv/bin/python", file=sys.stderr)
        sys.exit(2)
