"""The listener: a few threads of the standard library, one request a connection (ADR 11).

Nothing that a client does can reach the watcher: requests are bounded in number, size and time.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog

from pamesos.errors import SettingsError
from pamesos.web.site import Answer, Site

log = structlog.get_logger()

#: More requests than this at once are closed unanswered: a page is not worth a daemon's memory.
MAX_AT_ONCE = 16
#: A client gets this long to say what it wants.
PATIENCE_S = 5.0


@dataclass(frozen=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def parse_address(text: str) -> Address:
    """Return the address of ``PORT``, ``HOST:PORT`` or ``[V6]:PORT``; a port alone is loopback.

    Raises SettingsError.
    """
    host, _, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise SettingsError(
            f"{text!r} is no address to listen on",
            remedy="give --listen PORT or --listen HOST:PORT, for example 127.0.0.1:9190",
        )
    return Address(host, int(port))


class StatusServer:
    """Serves a site in threads of its own between :meth:`start` and :meth:`stop`."""

    def __init__(self, address: Address, site: Site) -> None:
        """Bind the address. Raises SettingsError if it cannot be had."""
        try:
            self._server = _Server(address, site)
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {address.host}:{address.port}: {error.strerror or error}",
                remedy="choose another address with --listen, or end what uses this one",
            ) from error
        self.address = Address(address.host, self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name="status-page", daemon=True
        )

    def start(self) -> None:
        self._thread.start()
        log.info("page.served", url=self.address.url)

    def stop(self) -> None:
        """Stop listening; a request that is under way is not waited for."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: Address, site: Site) -> None:
        if ":" in address.host:
            self.address_family = socket.AF_INET6
        self.site = site
        self.loopback_only = address.is_loopback
        self._slots = threading.BoundedSemaphore(MAX_AT_ONCE)
        super().__init__((address.host, address.port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking DNS for this machine's name, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("page.broke_off", exc_info=True)  # a client that left; a defect is a 500


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE_S

    def do_GET(self) -> None:
        """Answer, or say 500: a defect of the page must be seen, and must not be seen through."""
        if not self._is_meant_for_us():
            self._send(_plain(421, "this address is not served here"))
            return
        try:
            answer = self.server.site.answer(self.path)
        except Exception:
            log.exception("page.failed", path=self.path.partition("?")[0])
            answer = _plain(500, "this page could not be made; the daemon's log says why")
        self._send(answer)

    do_HEAD = do_GET  # noqa: N815 - the library looks for this name

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no GET, or no HTTP, in one line."""
        self.request_version = "HTTP/1.0"  # else a broken request gets no status line
        self._send(_plain(405 if code == 501 else code, message or "refused"))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: the log is the watcher's."""

    def version_string(self) -> str:
        return "pamesos"

    def _is_meant_for_us(self) -> bool:
        """Refuse a foreign name on loopback: a web site could point its own name at it."""
        if not self.server.loopback_only:
            return True
        named = self.headers.get("Host", "127.0.0.1")
        host = named[1:].partition("]")[0] if named.startswith("[") else named.partition(":")[0]
        return Address(host.lower(), 0).is_loopback

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.status == 405:
            self.send_header("Allow", "GET, HEAD")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)


def _plain(status: int, text: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", text.encode("utf-8", "replace") + b"\n")
