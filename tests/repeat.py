"""
Run pytest several times, on a busy machine if asked: `python -m tests.repeat TIMES [--load] -- ARGUMENTS OF PYTEST`.

Ends with the first run that fails. A test that passes alone and fails here depends on time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context

BUSY_PER_CORE = 2


def main(arguments: Sequence[str]) -> int:
    """The exit code of the last run."""
    own, of_pytest = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    times, load = int(own[0]), "--load" in own
    busy = BUSY_PER_CORE * (os.cpu_count() or 1) if load else 0
    with busy_processes(busy):
        for run in range(1, times + 1):
            code, took_s = _run(of_pytest)
            print(
                f"run {run} of {times}, beside {busy} busy processes: exit code {code} after {took_s:.0f} s", flush=True
            )
            if code:
                return code
    return 0


def _run(arguments: Sequence[str]) -> tuple[int, float]:
    began = time.monotonic()
    code = subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode
    return code, time.monotonic() - began


@contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """Processes that do nothing as fast as they can, until the context ends or this process does."""
    processes = [get_context("spawn").Process(target=_be_busy, args=(os.getpid(),), daemon=True) for _ in range(number)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _be_busy(parent: int) -> None:
    # A parent that was killed has ended nothing: whoever is orphaned has another one.
    while os.getppid() == parent:
        sum(range(100_000))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
