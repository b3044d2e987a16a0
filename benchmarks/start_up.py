"""Cold start of the command line, as a ratio to `python -c pass` in the same run.

Usage: python benchmarks/start_up.py [RUNS]. Prints the median of each and its ratio to the first.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAMESOS = str(Path(sys.executable).parent / "pamesos")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "pamesos --version": [PAMESOS, "--version"],
    "pamesos --help": [PAMESOS, "--help"],
    "pamesos validate": [PAMESOS, "validate", "apps/quickstart.json"],
}


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    # Bytecode is cached, as it is on an operator's machine.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(runs + 1):
        for name, command in COMMANDS.items():
            begun = time.perf_counter()
            subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
            if turn:  # the first one warms the caches
                times[name].append(time.perf_counter() - begun)
    base = statistics.median(times["python -c pass"])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:20} {median * 1000:7.1f} ms  {median / base:5.1f} x")


if __name__ == "__main__":
    main()
