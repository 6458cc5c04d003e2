"""Intents that took another's place: each is told in both chains, and what a person had edited stays with people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct, field

from remit.core.ledger.history import DECIDED_AGAIN
from remit.core.ledger.verification.entry_data import Data, names_bounds, of_kind

Broken = Callable[[int, str, str], None]


class Told(Struct):
    """Words of chains on which intent took the place of which."""

    after: dict[str, str] = field(default_factory=dict)
    """What took an intent's place, as its own chain tells."""
    by: dict[str, str] = field(default_factory=dict)
    """The writer of that entry; of what was decided again none, for another had it proposed."""
    before: dict[str, str] = field(default_factory=dict)
    """In whose place an intent stands, as its proposal tells."""
    wrote: dict[str, str] = field(default_factory=dict)
    """The writer of the proposal of what took another's place."""
    of_people: set[str] = field(default_factory=set)
    alone: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)


class Successions:
    """Those of one tenant, held against each other when every chain was read; of most intents nothing is kept."""

    def __init__(self, broken: Broken) -> None:
        self._broken, self.told = broken, Told()
        self._replacing: str | None = None
        """The chain whose proposal was read last, if it stands in another's place."""

    def add_all(self, told: Told) -> None:
        """Add the words of the chains of the part that follows."""
        for name in Told.__struct_fields__:
            getattr(self.told, name).update(getattr(told, name))

    def unread(self, action_intent_id: str) -> None:
        """A chain that this version does not judge."""
        self.told.unread.add(action_intent_id)

    def proposed(self, entry: Data) -> None:
        """An `INTENT_PROPOSED` entry; whoever writes another's proposal has edited it."""
        intent, self._replacing = entry["data"], None
        if names_bounds(entry) and intent.get("supersedes") is not None:
            self.told.before[intent["action_intent_id"]] = of_kind(str, intent["supersedes"])
            self.told.wrote[intent["action_intent_id"]] = entry["actor"]
            self._replacing = entry["action_intent_id"]
        if entry["actor"] != intent["proposed_by"]:
            self.told.of_people.add(intent["action_intent_id"])

    def decided(self, entry: Data, edits: Sequence[Data]) -> None:
        """A `GATE_DECIDED` entry, and those of its checks that say whether it was edited."""
        name, data = entry["action_intent_id"], entry["data"]
        if name == self._replacing and data["result"] == "AUTO_EXECUTED":
            self.told.alone.add(name)
        for check in edits:
            if check["passed"] is not True:
                self.told.of_people.add(name)

    def superseded(self, entry: Data) -> None:
        """An `INTENT_SUPERSEDED` entry."""
        if names_bounds(entry):
            self.told.after[entry["action_intent_id"]] = of_kind(str, entry["data"]["superseded_by"])
            if entry["data"].get("why") != DECIDED_AGAIN:
                self.told.by[entry["action_intent_id"]] = entry["actor"]

    def check(self) -> None:
        """Finish once every chain was read."""
        told = self.told
        for old, new in told.after.items():
            if told.before.get(new) != old and new not in told.unread:
                self._broken(8, f"intent {old}", f"{new} took its place, and no such intent says so")
            elif new in told.wrote and told.by.get(old, told.wrote[new]) != told.wrote[new]:
                self._broken(8, f"intent {old}", f"{told.by[old]} had {new} take its place, which another proposed")
        for new, old in told.before.items():
            if told.after.get(old) != new and old not in told.unread:
                self._broken(8, f"intent {new}", f"it took the place of {old}, whose chain does not say so")
            if new in told.alone and old in told.of_people:
                self._broken(8, f"intent {new}", f"it ran alone in the place of {old}, which a person had edited")
