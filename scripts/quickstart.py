"""The main job, once through: a cluster comes up, works, loses a node and gets it back.

Everything is done with the commands that a user would type; they are printed before they run.
Run it as scripts/quickstart, which makes the virtual environment first.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
PAMESOS = str(Path(sys.executable).parent / "pamesos")
CLUSTER = "quickstart"
WANTED_PORTS = {"database.port": 5432, "scheduler.ports.web": 8080, "scheduler.ports.pnp": 64738}


class QuickstartError(Exception):
    """A step did not end as it must; the text says which and where to look."""


def main() -> int:
    options = parse_arguments()
    real = bool(os.environ.get("PROACTIVE_HOME"))
    work = Path(tempfile.mkdtemp(prefix="pamesos-quickstart-"))
    work.chmod(0o711)  # started by root, the database runs as somebody else and must get in
    started = time.monotonic()
    say("A ProActive cluster on the embedded Marathon, from one file")
    kind = f"the distribution in {os.environ['PROACTIVE_HOME']}" if real else "its stand-in"
    note(f"ProActive is {kind}; everything lives in {work}")
    try:
        with contextlib.ExitStack() as stack:
            tour(stack, work, deadline_s=600 if real else 60)
            note(f"done in {time.monotonic() - started:.0f} s")
            if options.keep:
                keep(stack, work)
            else:
                say("5. Take it all down")
    except (QuickstartError, KeyboardInterrupt) as error:
        sys.stderr.write(f"\nquickstart failed: {str(error) or 'interrupted'}\n")
        sys.stderr.write(f"Try: read the logs in {work}, then run scripts/quickstart again\n")
        return 1
    if not options.keep:
        shutil.rmtree(work)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/quickstart", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it all running at the end")
    return parser.parse_args()


def tour(stack: contextlib.ExitStack, work: Path, *, deadline_s: float) -> None:
    """Go through the steps; what they start is undone by ``stack``, last first."""
    say("1. A Marathon of our own")
    url = start_marathon(stack, work)
    os.environ["PAMESOS_MARATHON_URL"] = url

    say("2. Submit the cluster that apps/quickstart.json describes")
    sets = [f"database.volume={work / 'database'}"]
    sets += [f"{key}={free_port(port)}" for key, port in WANTED_PORTS.items()]
    # Whatever happens from here on, nothing may be left running.
    stack.callback(destroy)
    set_options = [word for pair in sets for word in ("--set", pair)]
    pamesos("submit", "apps/quickstart.json", *set_options, "--timeout", str(deadline_s))
    wait_until_up(deadline_s)
    pamesos("status", CLUSTER)

    say("3. Run a workflow on it")
    pamesos("run", "apps/workflows/hello.xml", CLUSTER, "--timeout", str(deadline_s))

    say("4. Lose a node, and get it back")
    start_watcher(stack, work)
    victim = node_tasks(url)[0]
    note(f"kill -9 the node {victim}")
    kill_task(victim)
    wait_until(lambda: victim not in node_tasks(url), deadline_s, "Marathon replaces the task")
    wait_until_up(deadline_s)
    for line in repairs(work):
        note(f"watcher: {line}")
    pamesos("status", CLUSTER)


def start_marathon(stack: contextlib.ExitStack, work: Path) -> str:
    """Run `pamesos local` until the end; return its URL."""
    log = work / "local.log"
    arguments = ["local", "--port", "0", "--state-dir", str(work / "marathon")]
    process = start(stack, log, arguments)
    answered = re.compile(r"http://\S+")
    wait_until(
        lambda: answered.search(log.read_text()) or process.poll() is not None, 15, "it answers"
    )
    found = answered.search(log.read_text())
    if process.poll() is not None or found is None:
        raise QuickstartError(f"the embedded Marathon did not start: {log.read_text().strip()}")
    note(f"it answers at {found[0]}")
    return found[0]


def start_watcher(stack: contextlib.ExitStack, work: Path) -> None:
    """Run `pamesos watch` in the background; its log is one JSON object a line."""
    log = work / "watch.log"
    start(stack, log, ["watch", CLUSTER, "--state-dir", str(work / "watch")])
    wait_until(lambda: "events.connected" in log.read_text(), 15, "the watcher is connected")


def start(stack: contextlib.ExitStack, log: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start a command that runs until ``stack`` ends; Ctrl-C must not hit it before its turn."""
    show([PAMESOS, *arguments, "&"])
    with log.open("w") as out:
        process = subprocess.Popen(
            [PAMESOS, *arguments], stdout=out, stderr=out, cwd=ROOT, start_new_session=True
        )
    stack.callback(end, process)
    return process


def repairs(work: Path) -> list[str]:
    """Return what the watcher did, in words, from its log."""
    lines = []
    for text in (work / "watch.log").read_text().splitlines():
        entry = json.loads(text)
        if "outcome" in entry and "reason" in entry:
            subject = entry.get("task_id") or entry.get("url") or entry.get("app_id")
            lines.append(f"{entry['event']} {subject}: {entry['reason']}")
    return lines


def destroy() -> None:
    # Status 9: the submission was refused, so there is nothing to take down.
    pamesos("destroy", CLUSTER, "--yes", "--cancel-deployments", good=(0, 9))


def pamesos(*arguments: str, good: tuple[int, ...] = (0,)) -> None:
    """Run one command in sight; raise QuickstartError if it fails."""
    show([PAMESOS, *arguments])
    done = subprocess.run([PAMESOS, *arguments], cwd=ROOT, check=False)
    if done.returncode not in good:
        raise QuickstartError(f"`pamesos {arguments[0]}` ended with status {done.returncode}")


def wait_until_up(deadline_s: float) -> None:
    """Wait until `pamesos status` finds nothing wrong, in Marathon and in the RM."""

    def is_up() -> bool:
        command = [PAMESOS, "status", CLUSTER]
        return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0

    wait_until(is_up, deadline_s, "`pamesos status` is content")


def node_tasks(url: str) -> list[str]:
    """Return the ids of the running node tasks."""
    with urllib.request.urlopen(f"{url}/v2/apps//{CLUSTER}/default/tasks") as reply:  # noqa: S310 - our own
        tasks = json.load(reply)["tasks"]
    return sorted(task["id"] for task in tasks if task["state"] == "TASK_RUNNING")


def kill_task(task_id: str) -> None:
    """kill -9 every process of a task, as a crash would."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("MESOS_TASK_ID") == task_id:
                process.send_signal(signal.SIGKILL)


def free_port(wanted: int) -> int:
    """Return the wanted port if nothing listens on it, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return int(probe.getsockname()[1])
    raise QuickstartError("no free TCP port was found")


def wait_until(condition: Callable[[], object], deadline_s: float, what: str) -> None:
    end_at = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end_at:
            raise QuickstartError(f"it took more than {deadline_s:.0f} s until {what}")
        time.sleep(0.1)


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        status = process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise QuickstartError(f"process {process.pid} outlived SIGTERM by 30 s") from None
    if status not in (0, -signal.SIGTERM):
        raise QuickstartError(f"process {process.pid} ended with status {status}")


def keep(stack: contextlib.ExitStack, work: Path) -> None:
    """Leave everything running, and say how to look at it and how to end it."""
    stack.pop_all()
    url = os.environ["PAMESOS_MARATHON_URL"]
    say("It keeps running")
    note(f"look:  PAMESOS_MARATHON_URL={url} {PAMESOS} status {CLUSTER}")
    note(f"end:   PAMESOS_MARATHON_URL={url} {PAMESOS} destroy {CLUSTER} --yes")
    note(f"       pkill -f {work} && rm -r {work}")


def say(text: str) -> None:
    sys.stdout.write(f"\n== {text}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    sys.stdout.write(f"   {text}\n")
    sys.stdout.flush()


def show(command: list[str]) -> None:
    words = ["pamesos" if word == PAMESOS else word for word in command]
    sys.stdout.write(f"$ {' '.join(words)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
