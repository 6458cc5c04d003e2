"""Erasures told of one intent: only what it has, and once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from remit.core.execution.result import ToolResult
from remit.core.ledger.history import RESULT_CONTENT
from remit.core.ledger.verification.entry_data import Data


class Erasures:
    """The erasures so far. `broken` is told an invariant and what is wrong."""

    def __init__(self, broken: Callable[[int, str], None]) -> None:
        self._broken, self._erased = broken, set[str]()

    def content(self, data: Data, result: ToolResult | None) -> None:
        content = data["content"]
        if content != RESULT_CONTENT:
            self._broken(6, f"it tells of an erased {content}, which no intent has")
        elif result is None or not result.kept or data["sha256"] != result.sha256:
            self._broken(6, "something was erased that was never kept")
        elif content in self._erased:
            self._broken(6, "its result was erased twice")
        self._erased.add(content)

    def values(self, paths: Sequence[str], private_paths: Collection[str]) -> None:
        """Private values, by the paths of what their intent commits to."""
        for path in paths:
            if path not in private_paths:
                self._broken(8, f"{path} is said to be erased, and is not private in it")
            if path in self._erased:
                self._broken(8, f"{path} was erased twice")
            self._erased.add(path)
