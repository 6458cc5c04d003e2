"""
The process that may end: it does with policy text what compiling it does, under limits, and says so.

Run by its path, so that it imports Cedar's binding and nothing of Remit, in a tenth of a second. Reads
`{"schema": …, "texts": […]}` from standard input, and writes the number of each text before it tries it. What
the parser finds wrong is no failure here.
"""

import contextlib
import json
import sys
import threading
from typing import Any

import cedarpy

CPU_S = 2
MEMORY_BYTES = 768 * 1024 * 1024
# A quarter of what threads have by default: text that fits here does not fill the stack of a server's thread.
STACK_BYTES = 2 * 1024 * 1024


def limit() -> None:
    """Let the system end this process when it takes too much. Where it has no such limits, time is limited outside."""
    try:
        import resource
    except ImportError:
        return
    for kind, most in ((resource.RLIMIT_CPU, CPU_S), (resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def try_out(schema: str, texts: list[str]) -> None:
    """Parse, take the tree, build a set from it, and validate."""
    for number, text in enumerate(texts):
        # The last that is said to have begun is the one that ended it.
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        with contextlib.suppress(ValueError):
            cedarpy.PolicySet.from_pst(cedarpy.PolicySet.from_str(text).to_pst())
        with contextlib.suppress(ValueError):
            cedarpy.validate_policies(text, schema)


def main() -> None:
    limit()
    asked: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    threading.stack_size(STACK_BYTES)
    parser = threading.Thread(target=try_out, args=(asked["schema"], asked["texts"]))
    parser.start()
    parser.join()


if __name__ == "__main__":
    main()
