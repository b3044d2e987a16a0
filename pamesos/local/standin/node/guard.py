"""Ends the tasks of a node that was killed hard: the node itself cannot.

A shell waits on a pipe from the node. When the node dies, however that happens, the pipe ends and
the shell kills the process groups that it was told of.
"""

from __future__ import annotations

import asyncio
import contextlib

_SCRIPT = """
groups=' '
while read -r verb group; do
  case $verb in
    add) groups="$groups$group " ;;
    del)
      rest=' '
      for other in $groups; do [ "$other" = "$group" ] || rest="$rest$other "; done
      groups=$rest ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
"""


class Guard:
    """One shell for all tasks of the node, started with the first of them."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def add(self, group: int) -> None:
        """End this process group when the node dies."""
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                _SCRIPT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # a kill of the node's whole group must not hit it
            )
        self._tell(f"add {group}\n")
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                await self._process.stdin.drain()

    def remove(self, group: int) -> None:
        """Forget a process group that has ended: its number may be given again."""
        self._tell(f"del {group}\n")

    async def close(self) -> None:
        """End the shell, and with it every group that is still there."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 2)

    def _tell(self, line: str) -> None:
        stdin = self._process.stdin if self._process is not None else None
        if stdin is not None and not stdin.is_closing():
            stdin.write(line.encode())
