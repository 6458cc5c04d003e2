"""Places: how many of the calls that a worker can make at once it begins in one look."""

from __future__ import annotations


def free_for(free: int) -> int:
    """
    How many of a worker's `free` places one look may fill: half of them, and the last one.

    What is queued between two looks then finds some. No share of a tenant: one whose calls are slow, and which has more
    of them in the queue at every look, comes to hold every place.
    """
    return max(free // 2, min(free, 1))
