"""Things that a door may do to the process it owns, and a library may not."""

from __future__ import annotations

import gc
import sys

SWITCHED_EVERY_S = 0.0002
"""How long a thread keeps the interpreter while others want it."""


def settle() -> None:
    """
    Tell the garbage collector that what is loaded by now stays, and let threads take turns more often.

    Deciding makes many small objects and no cycles to speak of: without this, a fifth of the time of a
    batch goes into looking at the same modules again and again (`./dev bench` shows it).
    """
    sys.setswitchinterval(SWITCHED_EVERY_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
