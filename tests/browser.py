"""A real Chromium, driven over a pipe with its own protocol: no driver to install.

Debian's package is used (`apt-get install chromium`); nothing is ever downloaded.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Debian's package `chromium`, which is not installed"
)
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Browser:
    """One tab. ``complaints`` has what the console and the network said against the page."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd, self._write_fd = read_fd, write_fd
        self._buffer = b""
        self._next_id = 0
        self._session: str | None = None
        self.complaints: list[str] = []
        self._loaded = False
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def open(self, url: str, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Load a page at a width in CSS pixels and wait until it is whole."""
        self.complaints.clear()
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._loaded = False
        self._call("Page.navigate", url=url)
        end_at = time.monotonic() + 20
        while not self._loaded:
            self._hear(end_at)

    def evaluate(self, expression: str) -> Any:
        """Return the JSON value of an expression in the page."""
        result = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key, as a user without a mouse does."""
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, code=key, **_KEYS[key])

    def screenshot(self, path: Path) -> None:
        """Write the whole page as PNG."""
        data = self._call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._next_id += 1
        request: dict[str, Any] = {"id": self._next_id, "method": method, "params": params}
        if self._session is not None:
            request["sessionId"] = self._session
        os.write(self._write_fd, json.dumps(request).encode() + b"\0")
        end_at = time.monotonic() + 20
        while True:
            message = self._hear(end_at)
            if message.get("id") == self._next_id:
                assert "error" not in message, (method, message["error"])
                return message["result"]

    def _hear(self, end_at: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            left = end_at - time.monotonic()
            assert left > 0 and select.select([self._read_fd], [], [], left)[0], "silent browser"
            chunk = os.read(self._read_fd, 1 << 20)
            assert chunk, "the browser is gone"
            self._buffer += chunk
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Log.entryAdded":
                self.complaints.append(params["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Network.loadingFailed":
                self.complaints.append(json.dumps(params)[:300])


_KEYS = {
    "Tab": {"windowsVirtualKeyCode": 9},
    "Enter": {"windowsVirtualKeyCode": 13, "text": "\r"},
}


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Run a browser with a profile of its own until the end of the block."""
    assert CHROMIUM is not None
    to_browser, write_fd = _pipe()
    read_fd, from_browser = _pipe()
    plug = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'  # it reads from 3 and writes to 4
    process = subprocess.Popen(
        ["bash", "-c", plug, "-", CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(to_browser, from_browser),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Browser(read_fd, write_fd)
    finally:
        process.terminate()
        process.wait(20)
        os.close(read_fd)
        os.close(write_fd)


def _pipe() -> tuple[int, int]:
    """Return a pipe whose numbers are out of the way of 3 and 4."""
    low = os.pipe()
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 30) for fd in low]
    for fd in low:
        os.close(fd)
    return high[0], high[1]
