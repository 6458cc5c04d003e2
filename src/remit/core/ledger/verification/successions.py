"""Intents that took another's place: each is told in both chains, and what a person had edited stays with people."""

from __future__ import annotations

from collections.abc import Callable

from remit.core.ledger.history import DECIDED_AGAIN
from remit.core.ledger.verification.entry_data import Data, names_bounds, of_kind

Broken = Callable[[int, str, str], None]


class Successions:
    """Those of one tenant, held against each other when every chain was read; of most intents nothing is kept."""

    def __init__(self, broken: Broken) -> None:
        self._broken = broken
        self._after: dict[str, str] = {}
        """What took an intent's place, as its own chain tells."""
        self._by: dict[str, str] = {}
        """The writer of that entry; of what was decided again none, for another had it proposed."""
        self._before: dict[str, str] = {}
        """In whose place an intent stands, as its proposal tells."""
        self._wrote: dict[str, str] = {}
        """The writer of the proposal of what took another's place."""
        self._of_people: set[str] = set()
        self._alone: set[str] = set()
        self._unread: set[str] = set()

    def unread(self, action_intent_id: str) -> None:
        """A chain that this version does not judge."""
        self._unread.add(action_intent_id)

    def proposed(self, entry: Data) -> None:
        """An `INTENT_PROPOSED` entry; whoever writes another's proposal has edited it."""
        intent = entry["data"]
        if names_bounds(entry) and intent.get("supersedes") is not None:
            self._before[intent["action_intent_id"]] = of_kind(str, intent["supersedes"])
            self._wrote[intent["action_intent_id"]] = entry["actor"]
        if entry["actor"] != intent["proposed_by"]:
            self._of_people.add(intent["action_intent_id"])

    def decided(self, entry: Data) -> None:
        """A `GATE_DECIDED` entry."""
        name, data = entry["action_intent_id"], entry["data"]
        if name in self._before and data["result"] == "AUTO_EXECUTED":
            self._alone.add(name)
        if any(check["check"] == "not_edited" and check["passed"] is not True for check in data["checks"]):
            self._of_people.add(name)

    def superseded(self, entry: Data) -> None:
        """An `INTENT_SUPERSEDED` entry."""
        if names_bounds(entry):
            self._after[entry["action_intent_id"]] = of_kind(str, entry["data"]["superseded_by"])
            if entry["data"].get("why") != DECIDED_AGAIN:
                self._by[entry["action_intent_id"]] = entry["actor"]

    def check(self) -> None:
        """Finish once every chain was read."""
        for old, new in self._after.items():
            if self._before.get(new) != old and new not in self._unread:
                self._broken(8, f"intent {old}", f"{new} took its place, and no such intent says so")
            elif new in self._wrote and self._by.get(old, self._wrote[new]) != self._wrote[new]:
                self._broken(8, f"intent {old}", f"{self._by[old]} had {new} take its place, which another proposed")
        for new, old in self._before.items():
            if self._after.get(old) != new and old not in self._unread:
                self._broken(8, f"intent {new}", f"it took the place of {old}, whose chain does not say so")
            if new in self._alone and old in self._of_people:
                self._broken(8, f"intent {new}", f"it ran alone in the place of {old}, which a person had edited")
