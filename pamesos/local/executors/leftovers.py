"""Ends processes that outlived their task, wherever they hid: their environment names the task."""

from __future__ import annotations

import os
import signal

from pamesos.local.executors import procfs


def of_tasks(task_ids: set[str]) -> None:
    """Kill what still carries the id of a task that ended."""
    pids = [
        process.pid
        for process in procfs.everything()
        if procfs.environment(process.pid).get("MESOS_TASK_ID") in task_ids
    ]
    procfs.send(pids, signal.SIGKILL)


def of_strangers(work_dir: str, known: set[str]) -> None:
    """Kill what runs in a sandbox below a directory and is of no task that is known."""
    pids = []
    for process in procfs.everything():
        environ = procfs.environment(process.pid)
        is_ours = environ.get("MESOS_SANDBOX", "").startswith(work_dir + os.sep)
        if is_ours and environ.get("MESOS_TASK_ID") not in known:
            pids.append(process.pid)
    procfs.send(pids, signal.SIGKILL)
