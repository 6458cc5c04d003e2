"""Invariant 6, at the end of a file: the seal, and whether the file reaches what it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from remit.core.ledger.entries import Head
from remit.core.ledger.verification.report import Broken
from remit.core.values import Record


class Seal(Record, frozen=True):
    """What one `LEDGER_SEALED` carries."""

    intents: int
    entries: int
    tenant_head: Head
    part: int
    parts: int
    heads: dict[str, Head]


@dataclass(frozen=True, slots=True)
class Standing:
    """A seal's part, and where it stands in the tenant's chain."""

    seal: Seal
    before: Head
    sequence: int


@dataclass(slots=True)
class Seals:
    """Collects the seals of the tenant's chain; only the last one covers the whole file."""

    closing: list[Standing] = field(default_factory=list)

    def add(self, entry: Mapping[str, Any]) -> None:
        """Raises `ValueError` for data that is not a seal's."""
        seal = Seal.from_wire(entry["data"])
        before = Head(sequence=entry["sequence"] - 1, hash=entry["previous_hash"])
        standing = Standing(seal, before, entry["sequence"])
        self.closing = [standing] if seal.part == 1 else [*self.closing, standing]

    def complete(self, last: Head | None) -> bool:
        """Does a whole seal stand at the end of the tenant's chain, which ends at `last`?"""
        if not self.closing or last is None:
            return False
        first = self.closing[0]
        # Counted against what is there: how many parts there are to be is the file's own word.
        if first.seal.parts != len(self.closing):
            return False
        places = [(standing.seal.part, standing.sequence) for standing in self.closing]
        due = [(place + 1, first.sequence + place) for place in range(len(self.closing))]
        return places == due and places[-1][1] == last.sequence

    def check(self, heads: Mapping[str, Head], entries: int, broken: Broken) -> None:
        """`heads` of the intents' chains as found; `entries` is how many lines the file holds."""
        first = self.closing[0]
        named = {name: head for standing in self.closing for name, head in standing.seal.heads.items()}
        for name, head in sorted(named.items()):
            found = heads.get(name)
            if found is None:
                broken(6, f"intent {name}", "the seal names it, the file does not hold it")
            elif found != head:
                broken(6, f"intent {name}", f"it ends at entry {found.sequence}, the seal names {head.wire()}")
        for extra in sorted(set(heads) - set(named)):
            broken(6, f"intent {extra}", "the seal does not name it")
        self._check_counts(first.seal, len(heads), entries - len(self.closing), broken)
        if first.seal.tenant_head != first.before:
            broken(6, "the seal", f"it follows entry {first.before.sequence}, and names another")

    def _check_counts(self, seal: Seal, intents: int, entries: int, broken: Broken) -> None:
        if (seal.intents, seal.entries) != (intents, entries):
            counted = f"it counts {seal.intents} intents and {seal.entries} entries"
            broken(6, "the seal", f"{counted}, the file holds {intents} and {entries}")


def heads_named(tenant_chain: Iterable[Mapping[str, Any]]) -> dict[str, Head]:
    """The head of each intent's chain as the latest seal that names it has it. Skips what is not a seal's data."""
    heads: dict[str, Head] = {}
    for entry in tenant_chain:
        if entry["event_type"] == "LEDGER_SEALED":
            try:
                heads |= Seal.from_wire(entry["data"]).heads
            except ValueError:
                continue
    return heads
