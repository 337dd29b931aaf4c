"""Exit status and the one line of a failing command."""

import errno
import subprocess
import sys

import pytest

from apps.common import cli
from tests.conftest import ROOT


def raising(error):
    def verb():
        """Fails."""
        raise error

    return verb


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (cli.UserError("a.csv: row 3:\n  odd"), 2, "error: a.csv: row 3: odd\n"),
        (OSError(errno.ENOSPC, "", "x/y"), 2, "error: x/y: No space left on device; free some space and run the"),
        (PermissionError(errno.EACCES, "", "x"), 2, "error: x: Permission denied; check its permissions\n"),
        (KeyboardInterrupt(), 130, "stopped\n"),
    ],
)
def test_failure_is_one_line_and_a_status(capsys, error, status, line):
    assert cli.run(raising(error), []) == status
    captured = capsys.readouterr().err
    assert captured.startswith(line)
    assert captured.count("\n") == 1


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        cli.run(raising(ZeroDivisionError()), [])


def test_reader_that_goes_away_is_no_error():
    code = (
        "import sys; from apps.common import cli\n"
        "def verb():\n"
        "    for _ in range(100_000): print('line')\n"
        "sys.exit(cli.run(verb, []))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr.read() == ""
