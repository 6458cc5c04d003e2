"""Questions about an intent, and whom it was given to: only while it waits, and about what it proposes."""

from __future__ import annotations

from collections.abc import Callable

from remit.core.ledger.verification.entry_data import Data


class Conversation:
    """The questions and answers about one intent, in their order. `broken` is told an invariant and what is wrong."""

    def __init__(self, broken: Callable[[int, str], None]) -> None:
        self._broken, self._unanswered = broken, 0

    def assigned(self, data: Data, entry: Data, intent: Data, *, waits: bool) -> None:
        self._check(data, intent, "it was assigned", waits)
        if data["assigned_by"] != entry["actor"]:
            self._broken(6, f"{entry['actor']} wrote that {data['assigned_by']} assigned it")

    def asked(self, data: Data, intent: Data, *, waits: bool) -> None:
        self._check(data, intent, "a question was asked or answered", waits)
        self._unanswered += 1

    def answered(self, data: Data, entry: Data, intent: Data, *, waits: bool) -> None:
        self._check(data, intent, "a question was asked or answered", waits)
        if not self._unanswered:
            self._broken(6, "a question was answered that nobody had asked")
        if entry["actor"] != intent["proposed_by"]:
            self._broken(6, f"{entry['actor']} answered for its proposer")
        self._unanswered = 0

    def _check(self, data: Data, intent: Data, what: str, waits: bool) -> None:
        if not waits:
            self._broken(6, f"{what} when that no longer mattered")
        if data["digest"] != intent["digest"]:
            self._broken(4, f"{what} as something else than it proposes")
