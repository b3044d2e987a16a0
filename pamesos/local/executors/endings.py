"""Waiting for the end of processes, our children or not, without a thread for each."""

from __future__ import annotations

import asyncio
import os


async def ended(pid: int) -> None:
    """Return when a process has ended. Raises OSError if there is none of this pid."""
    loop = asyncio.get_running_loop()
    descriptor = os.pidfd_open(pid)
    over = asyncio.Event()
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
