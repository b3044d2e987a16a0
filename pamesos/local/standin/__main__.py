"""``pamesos-stand-in server|node|users ARGUMENTS``: those of the real programs of these names."""

from __future__ import annotations

import sys

_USAGE = (
    "usage: pamesos-stand-in server|node|users ARGUMENTS of bin/proactive-server, "
    "bin/proactive-node or tools/proactive-users"
)


def main(arguments: list[str] | None = None) -> None:
    """Run one of them; the exit status is that of the real program."""
    arguments = sys.argv[1:] if arguments is None else arguments
    role = arguments[0] if arguments else ""
    # Line by line even into a file: Marathon's sandbox and the readiness of people live on it.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)
    if role == "node":
        from pamesos.local.standin.node.process import main as node

        sys.exit(node(arguments[1:]))
    if role == "server":
        try:
            from pamesos.local.standin.server.process import main as server
        except ModuleNotFoundError as error:
            sys.stderr.write(f"{error.name} is missing; run `pip install pamesos[local]`\n")
            sys.exit(1)
        sys.exit(server(arguments[1:]))
    if role == "users":
        from pamesos.local.standin.users import main as users

        sys.exit(users(arguments[1:]))
    sys.stderr.write(_USAGE + "\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
