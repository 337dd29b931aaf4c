"""Open the lab: a local page on which a recurrent network is stepped through, changed and trained."""

import socket
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import tyro

from ..common import cli


def lab(
    run_dir: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[RUN_DIR]")] = None,
    port: int = 8600,
    open: bool = True,
):
    """Open the lab: step through a recurrent network, change it and train it, in the browser.

    Args:
        run_dir: Run directory of an app, whose recurrent layers are added to the built-in networks.
        port: Port of the local address; 0 for any free port.
        open: Whether to open the page in the browser.
    """
    run = None
    if run_dir is not None:
        from .runs import open_layers

        run = open_layers(run_dir)
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        raise cli.UserError(f"--port {port}: {error}; choose another, or 0 for any free port") from None
    from .server import serve

    address = f"http://127.0.0.1:{listener.getsockname()[1]}/"

    def announce():
        print(f"{address}   (Ctrl-C ends the lab)", flush=True)
        if open:
            webbrowser.open(address)

    serve(listener, run, announce)


if __name__ == "__main__":
    sys.exit(cli.run(lab))
