"""Small pieces of POSIX sh that several launch commands share."""

from __future__ import annotations

import shlex

#: dash, busybox and bash read it alike.
PROLOGUE = "set -eu"
#: Filter that turns a text into a value of a .properties file.
PROPERTY_VALUE = r"sed 's/\\/\\\\/g; s/^ /\\ /'"


def quote(text: str) -> str:
    """Return the text as one shell word; plain words stay readable."""
    return shlex.quote(text)


def assign(name: str, value: str) -> str:
    return f"{name}={quote(value)}"


def enter_sandbox(image: str | None) -> str:
    """Return the line for an image, whose working directory is not Mesos's sandbox.

    An image with a user of its own may not write there; then its working directory has to do.
    """
    if image is None:
        return ""
    return 'if [ -w "${MESOS_SANDBOX:-}" ]; then cd "$MESOS_SANDBOX"; fi'


def script(*parts: str) -> str:
    """Join the parts into one command, each part on lines of its own, empty parts left out."""
    return "\n".join(part.strip("\n") for part in (PROLOGUE, *parts) if part)


def use_ip_address(variable: str) -> str:
    """Return lines that set ``by_ip``: true for an IP address, false for a name.

    ``proactive.useIPaddress=true`` turns names into addresses, so a name that its own agent
    resolves to 127.0.1.1 (Debian's /etc/hosts) would be unreachable for others; with false a bare
    address could be turned into a name that nobody else knows. The deployment that worked with
    names had false (recordings/stack/01-deploy.jsonl), those with addresses true.
    """
    return (
        f'case "${variable}" in\n'
        "  *:*) by_ip=true ;;\n"
        "  *[!0-9.]*) by_ip=false ;;\n"
        "  *) by_ip=true ;;\n"
        "esac"
    )
