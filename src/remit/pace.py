"""The size of writes, after how long those before have taken: who else writes waits for each."""

from __future__ import annotations


class Pace:
    """The number of things that go into one write, so that it takes about so long, as writes have gone so far."""

    def __init__(self, fewest: int, most: int, writing_s: float, *, first: int) -> None:
        self._fewest, self._most, self._writing_s = fewest, most, writing_s
        self.most = first

    def wrote(self, count: int, seconds: float) -> None:
        if count:
            fitting = int(count * self._writing_s / seconds) if seconds else self._most
            self.most = max(self._fewest, min(fitting, 2 * self.most, self._most))
