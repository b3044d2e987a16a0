"""Command line: parse, wire, print, choose the exit status. No decision is taken here.

This module imports nothing heavy: ``pamesos --version`` must start as fast as kubectl does, so
click and each family of commands are imported only when they are used.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the ``pamesos`` command."""
    if sys.argv[1:] == ["--version"]:
        from pamesos import __version__

        sys.stdout.write(f"pamesos {__version__}\n")
        return
    from pamesos.cli.app import app

    app(prog_name="pamesos")
