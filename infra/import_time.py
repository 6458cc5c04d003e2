"""`python -m infra.import_time`: the CPU time of importing each function's module, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from infra.functions import FUNCTIONS

_TIMED = "import time; began = time.process_time(); import {module}; print(time.process_time() - began)"


def import_seconds(module: str) -> float:
    code = _TIMED.format(module=module)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return float(said.stdout)


def main() -> None:
    for function in FUNCTIONS:
        module = function.handler.rpartition(".")[0]
        best = min(import_seconds(module) for _ in range(3))
        print(f"{function.name:<20} {best * 1000:6.0f} ms")


if __name__ == "__main__":
    main()
