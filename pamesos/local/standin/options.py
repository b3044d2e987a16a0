"""The command lines of the real server and node (facts/proactive.md 2 and 3), as values."""

from __future__ import annotations

import argparse
import base64
import binascii
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

_PNP_URL = re.compile(r"^pnps?://(?:[^@/]*@)?(?P<host>\[[^]]+\]|[^:/@]+)(?::(?P<port>\d+))?/?$")
DEFAULT_PNP_PORT = 64738
DEFAULT_WEB_PORT = 8080
DEFAULT_PAMR_PORT = 33647


class BadOptionError(Exception):
    """The command line is not what the real program takes."""


class CredentialsError(Exception):
    """The node's credentials cannot be used; ``exit_status`` is the real node's."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


@dataclass(frozen=True)
class Properties:
    """The ``-Dkey=value`` of a command line; unknown keys are kept and ignored, as in Java."""

    values: Mapping[str, str] = field(default_factory=dict)

    def text(self, key: str, default: str = "") -> str:
        return self.values.get(key, default)

    def number(self, key: str, default: int) -> int:
        try:
            return int(self.values.get(key, default))
        except ValueError:
            raise BadOptionError(f"{key} is not a number") from None

    def flag(self, key: str) -> bool:
        return self.values.get(key, "").strip().lower() == "true"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadOptionError(message)


def _parser(prog: str) -> _Parser:
    parser = _Parser(prog=prog, add_help=False, allow_abbrev=False)
    parser.add_argument("-D", dest="properties", action="append", default=[], metavar="key=value")
    parser.add_argument("-h", "--help", action="store_true")
    return parser


def _properties(pairs: Sequence[str]) -> Properties:
    values = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        values[key] = value
    return Properties(values)


@dataclass(frozen=True)
class ServerOptions:
    properties: Properties
    local_nodes: int | None
    clean: bool
    help: bool

    @property
    def hostname(self) -> str:
        return self.properties.text("proactive.hostname") or "127.0.0.1"

    @property
    def web_port(self) -> int:
        return self.properties.number("web.http.port", DEFAULT_WEB_PORT)

    @property
    def protocol(self) -> str:
        return self.properties.text("proactive.communication.protocol", "pnp")

    @property
    def pnp_port(self) -> int:
        if self.protocol == "pnps":
            return self.properties.number("proactive.pnps.port", 0)
        return self.properties.number("proactive.pnp.port", DEFAULT_PNP_PORT)

    @property
    def pamr_port(self) -> int | None:
        """Return the port of the router, None without one."""
        if "pamr" not in self.properties.text("proactive.communication.additional_protocols"):
            return None
        return self.properties.number("proactive.pamr.router.port", DEFAULT_PAMR_PORT)


def server_parser() -> argparse.ArgumentParser:
    """Options of SchedulerStarter; those without meaning here are accepted and ignored."""
    parser = _parser("proactive-server")
    parser.add_argument("-ln", "--localNodes", type=int)
    parser.add_argument("-c", "--clean", action="store_true")
    for option in ("-u/--rmURL", "-s/--scheduler-url", "-p/--policy", "-t/--timeout"):
        parser.add_argument(*option.split("/"))
    parser.add_argument("-dp", "--discovery-port", type=int)
    for flag in ("clean-nodesources", "rm-only", "no-rest", "no-router", "no-discovery"):
        parser.add_argument(f"--{flag}", action="store_true")
    for flag in ("frozen", "paused", "stopped"):
        parser.add_argument(f"--{flag}", action="store_true")
    return parser


def parse_server(arguments: Sequence[str]) -> ServerOptions:
    """Parse a server's command line. Raises BadOptionError."""
    parsed = server_parser().parse_args(arguments)
    return ServerOptions(
        _properties(parsed.properties), parsed.localNodes, parsed.clean, parsed.help
    )


@dataclass(frozen=True)
class NodeOptions:
    properties: Properties
    rm_host: str
    rm_port: int
    name: str
    workers: int
    source: str
    ping_delay_s: float
    join_timeout_s: float
    attempts: int
    delay_s: float
    help: bool = False

    @property
    def protocol(self) -> str:
        return self.properties.text("proactive.communication.protocol", "pnp")

    @property
    def pnp_port(self) -> int:
        """Return the port to listen on; 0 for any."""
        return self.properties.number(f"proactive.{self.protocol}.port", 0)

    @property
    def rm_url(self) -> str:
        if self.protocol == "pamr":
            return f"pamr://0 (router {self.rm_host}:{self.rm_port})"
        return f"{self.protocol}://{self.rm_host}:{self.rm_port}"

    @property
    def worker_names(self) -> tuple[str, ...]:
        """``NAME``, or NAME_0 … NAME_{W-1} for several workers."""
        if self.workers == 1:
            return (self.name,)
        return tuple(f"{self.name}_{index}" for index in range(self.workers))


def node_parser() -> argparse.ArgumentParser:
    """Options of RMNodeStarter."""
    parser = _parser("proactive-node")
    parser.add_argument("-r", "--rmURL", default="")
    parser.add_argument("-n", "--nodeName", default="")
    parser.add_argument("-w", "--workers", nargs="?", type=int, const=0, default=1)
    parser.add_argument("-s", "--sourceName", default="")
    parser.add_argument("-f", "--credentialFile")
    parser.add_argument("-e", "--credentialEnv")
    parser.add_argument("-v", "--credentialVal")
    parser.add_argument("-p", "--pingDelay", type=int)
    parser.add_argument("-a", "--addNodeAttempts", type=int)
    parser.add_argument("-d", "--addNodeAttemptsDelay", type=int)
    parser.add_argument("-wt", "--waitOnJoinTimeout", type=int)
    parser.add_argument("-dp", "--discoveryPort", type=int)
    parser.add_argument("-dt", "--discoveryTimeoutInMs", type=int)
    parser.add_argument("-art", "--availabilityReportTimeout", type=int)
    parser.add_argument("-dm", "--disableMonitoring", action="store_true")
    return parser


def parse_node(arguments: Sequence[str], environment: Mapping[str, str]) -> NodeOptions:
    """Parse a node's command line. Raises BadOptionError and CredentialsError."""
    parsed = node_parser().parse_args(arguments)
    properties = _properties(parsed.properties)
    _check_credentials(parsed, environment)
    host, port = ("", 0) if parsed.help else _rm_address(parsed.rmURL, properties)

    def milliseconds(value: int | None, key: str, default: int) -> float:
        return (properties.number(key, default) if value is None else value) / 1000

    workers = parsed.workers if parsed.workers > 0 else os.cpu_count() or 1
    return NodeOptions(
        properties=properties,
        rm_host=host,
        rm_port=port,
        name=parsed.nodeName or f"{os.uname().nodename}_{os.getpid()}",
        workers=properties.number("proactive.node.workers", workers),
        source=parsed.sourceName or properties.text("proactive.node.nodesource"),
        ping_delay_s=milliseconds(parsed.pingDelay, "proactive.node.ping.delay", 30000),
        join_timeout_s=milliseconds(
            parsed.waitOnJoinTimeout, "proactive.node.joinrm.timeout", 60000
        ),
        attempts=properties.number("proactive.node.reconnection.attempts", 10),
        delay_s=milliseconds(parsed.addNodeAttemptsDelay, "proactive.node.add.delay", 5000),
        help=parsed.help,
    )


def _rm_address(url: str, properties: Properties) -> tuple[str, int]:
    """Return whom to connect to: the server, or for ``pamr://0`` the router."""
    if properties.text("proactive.communication.protocol") != "pamr":
        return parse_rm_url(url)
    host = properties.text("proactive.pamr.router.address")
    if url.rstrip("/") != "pamr://0" or not host:
        raise BadOptionError(f"-r {url!r}: with pamr it is pamr://0, and a router address is given")
    return host, properties.number("proactive.pamr.router.port", DEFAULT_PAMR_PORT)


def parse_rm_url(url: str) -> tuple[str, int]:
    """Return host and port of ``pnp://host:port``. Raises BadOptionError for anything else."""
    match = _PNP_URL.match(url)
    if match is None:
        raise BadOptionError(
            f"-r {url!r}: the stand-in needs the server's address as pnp://host:port"
        )
    return match["host"].strip("[]"), int(match["port"] or DEFAULT_PNP_PORT)


def _check_credentials(parsed: argparse.Namespace, environment: Mapping[str, str]) -> None:
    """Refuse what the real node refuses (recordings 05); the stand-in needs no credentials."""
    if parsed.credentialFile is not None and not Path(parsed.credentialFile).is_file():
        raise CredentialsError(f"cannot read {parsed.credentialFile}", 200)
    if parsed.credentialEnv is not None and parsed.credentialEnv not in environment:
        raise CredentialsError(f"the variable {parsed.credentialEnv} is not set", 202)
    if parsed.credentialVal is not None:
        try:
            base64.b64decode(parsed.credentialVal, validate=True)
        except binascii.Error:
            raise CredentialsError("Failed to parse malformed credentials", 201) from None
