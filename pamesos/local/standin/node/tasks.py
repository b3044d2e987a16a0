"""Runs one task as a subprocess, as the real node runs scripts (facts/proactive.md 6)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from pamesos.local.standin.node.guard import Guard
from pamesos.local.standin.wire import Message

_MAX_OUTPUT = 1024 * 1024
#: What a line takes beside its text, so that empty lines are bounded too.
_LINE_COST = 32
#: A script that is over may have left something that holds its output open.
_OUTPUT_GRACE_S = 1.0
_PYTHON = """
import os, runpy, sys
names = {k[10:]: v for k, v in os.environ.items() if k.startswith("variables_")}
left = runpy.run_path(sys.argv[1], {"variables": names}, run_name="__main__")
with open(sys.argv[2], "w") as file:
    file.write(str(left.get("result", 0)))
"""
#: The task begins when the guard knows it: a node that dies before leaves nothing that runs.
_WHEN_TOLD = ("/bin/sh", "-c", 'read -r _ && exec "$@" </dev/null', "sh")
_SHELLS = {"bash": "bash", "shell": "sh", "sh": "sh"}
_PYTHONS = frozenset({"python", "python3", "cpython"})


class Task:
    """One run of a task. ``line`` is [stream, epoch ms, text]; streams are "out" and "err"."""

    def __init__(self, order: Message, guard: Guard, scratch: str | None = None) -> None:
        self.run = str(order["run"])
        self.worker = str(order["worker"])
        self._order = order
        self._guard = guard
        #: Where the tasks' directories are made; None is the system's temporary directory.
        self._scratch = scratch
        self._process: asyncio.subprocess.Process | None = None
        self._lines: list[tuple[str, int, str]] = []
        self._size = 0
        self._killed = False

    async def execute(self) -> Message:
        """Run it to its end and return the ``ended`` message; never raises."""
        begin = time.time()
        code: int | None = None
        value: str | None = None
        space = Path()
        try:
            space = Path(tempfile.mkdtemp(prefix="pa_", dir=self._scratch))
            command = self._command(space)
            code, value = await self._run(command, space)
            error = None if code == 0 else f"the script ended with exit code {code}"
        except (OSError, ValueError) as problem:
            error = str(problem)
        finally:
            if space != Path():
                shutil.rmtree(space, ignore_errors=True)
        return {
            "say": "ended",
            "run": self.run,
            "code": code,
            "value": value,
            "error": error,
            "lines": self._lines,
            "duration_ms": int((time.time() - begin) * 1000),
            "localspace": str(space),
        }

    def kill(self) -> None:
        """End the task's whole process group."""
        self._killed = True
        if self._process is not None:
            _kill_group(self._process.pid)

    def _command(self, space: Path) -> list[str]:
        problem = self._order.get("problem")
        if problem:
            raise ValueError(problem)
        language = str(self._order["language"]).lower()
        script = space / f"script.{language}"
        script.write_text(self._order["script"])
        arguments = [str(argument) for argument in self._order.get("arguments", ())]
        if language in _SHELLS:
            return [_SHELLS[language], str(script), *arguments]
        if language in _PYTHONS:
            return [sys.executable, "-c", _PYTHON, str(script), str(space / "result"), *arguments]
        raise ValueError(
            f"the stand-in cannot run {language} scripts (only bash, shell and python); "
            "a real ProActive node can"
        )

    async def _run(self, command: list[str], space: Path) -> tuple[int, str]:
        environment = os.environ | self._order["environment"]
        environment |= {"variables_localspace": str(space), "localspace": str(space)}
        process = self._process = await asyncio.create_subprocess_exec(
            *_WHEN_TOLD,
            *command,
            cwd=space,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        readers = asyncio.gather(
            self._read(process.stdout, "out"), self._read(process.stderr, "err")
        )
        await self._guard.add(process.pid)
        if self._killed:
            _kill_group(process.pid)
        process.stdin.write(b"go\n")
        process.stdin.close()
        code = await process.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(readers, _OUTPUT_GRACE_S)
        _kill_group(process.pid)  # what it left behind ends with it
        self._guard.remove(process.pid)
        result = space / "result"
        return code, result.read_text() if result.is_file() else str(code)

    async def _read(self, stream: asyncio.StreamReader, name: str) -> None:
        rest = b""
        while chunk := await stream.read(65536):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                self._add(name, line)
            if len(rest) > _MAX_OUTPUT:
                self._add(name, rest)
                rest = b""
        if rest:
            self._add(name, rest)

    def _add(self, name: str, line: bytes) -> None:
        if self._size > _MAX_OUTPUT:
            return
        self._size += len(line) + _LINE_COST
        text = line[:_MAX_OUTPUT].decode(errors="replace")
        if self._size > _MAX_OUTPUT:
            text = "[the stand-in keeps 1 MiB of output; the rest is lost]"
        self._lines.append((name, int(time.time() * 1000), text))


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
