"""Places: how many calls of one tenant a worker makes at once."""

from __future__ import annotations


def free_for(free: int) -> int:
    """
    How many of a worker's `free` places one look may fill: half of them, and the last one.

    Whoever comes later always finds some: a tenant whose tools are slow never holds every place.
    """
    return max(free // 2, min(free, 1))
