"""Exit status and the one line of a failing command."""

import errno
import signal
import subprocess
import sys
import time

import pytest

from apps.common import cli
from tests.conftest import ROOT, without_log


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


def test_bug_shows_its_traceback():
    with pytest.raises(ZeroDivisionError):
        cli.run(raising(ZeroDivisionError()), [])


def test_closed_output_is_not_an_error():
    code = (
        "import sys; from apps.common import cli\n"
        "def verb():\n"
        "    for _ in range(100_000): print('line')\n"
        "sys.exit(cli.run(verb, []))\n"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, text=True, **pipes) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=60) == 1
        assert process.stderr.read() == ""


def test_import_hides_what_tensorflow_logs_and_nothing_else():
    code = (
        "import os; from apps.common import cli\n"
        "with cli.importing_tensorflow():\n"
        "    os.write(2, b'before\\nI0000 port.cc:153] oneDNN custom operations are on.\\nafter\\n')\n"
        "os.write(2, b'later')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "before\nafter\nlater")


@pytest.mark.parametrize("seconds", [0.05, 0.15, 0.3, 0.6, 1.2, 2.5, 4.0])
def test_interrupt_at_any_moment_prints_one_word(tmp_path, seconds):
    command = [sys.executable, "-m", "apps.spam_detector.train", "--run-dir", str(tmp_path / "run"), "--epochs", "900"]
    # A test run in the background ignores the signal, and so would its processes.
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    # Python itself starts in the first hundredths of a second, before any code of ours.
    if seconds > 0.1:
        assert (process.returncode, without_log(errors)) == (130, "stopped\n")
    else:
        assert process.returncode in (130, -signal.SIGINT)


@pytest.mark.parametrize("source", [r"C:\data\sales.csv", r"C:sales.csv", r"\\server\share\sales.csv", "tfds.csv"])
def test_path_of_windows_is_a_path(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(cli.UserError, match="no such file or folder"):
        cli.require_data(source)
    (tmp_path / source).touch()
    cli.require_data(source)
