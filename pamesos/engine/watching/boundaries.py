"""Places where a test may end or freeze the daemon, to prove that a crash there does no harm.

``PAMESOS_TEST_BOUNDARY=after-intent:kill`` ends the process with SIGKILL when it gets there, as
``kill -9`` or a power cut would; ``:stop`` freezes it until SIGCONT; ``:hang`` lets that thread
never go on. Unset, this does nothing.
"""

from __future__ import annotations

import os
import signal
import threading

VARIABLE = "PAMESOS_TEST_BOUNDARY"


def boundary(name: str) -> None:
    """Mark a place: ``cycle``, ``before-intent``, ``after-intent``, ``after-send``, …"""
    wanted, _, what = os.environ.get(VARIABLE, "").partition(":")
    if wanted != name:
        return
    if what == "hang":
        threading.Event().wait()
    number = signal.SIGSTOP if what == "stop" else signal.SIGKILL
    # To this thread: a signal to the process lets it run on until another thread has taken it.
    signal.pthread_kill(threading.get_ident(), number)
