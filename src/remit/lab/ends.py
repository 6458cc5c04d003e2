"""Values that are forgotten when their time has ended, so that a long history takes the memory of what is open."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Generic, TypeVar

V = TypeVar("V")


class ByEnd(Generic[V]):
    """Values by name, each with the time at which it ends; 0 is never."""

    def __init__(self) -> None:
        self._values: dict[str, V] = {}
        self._ends: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def get(self, name: str) -> V | None:
        return self._values.get(name)

    @property
    def values(self) -> dict[str, V]:
        """For reading alone."""
        return self._values

    def put(self, name: str, value: V, ends: int) -> None:
        if name not in self._values and ends:
            heappush(self._ends, (ends, name))
        self._values[name] = value

    def forget_before(self, now: int) -> None:
        while self._ends and self._ends[0][0] < now:
            self._values.pop(heappop(self._ends)[1], None)
