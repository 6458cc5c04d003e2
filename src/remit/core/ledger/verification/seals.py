"""Invariant 6, at the end of a file: the seal, and whether the file reaches what it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field

from remit.core.errors import InvalidInput
from remit.core.ledger.entries import Head
from remit.core.ledger.seal import HeadFold, HeadRun, Seal
from remit.core.ledger.verification.report import Broken
from remit.core.values import Record


class SealPart(Record, frozen=True):
    """One `LEDGER_SEALED` of format 1: a part of a list of every head."""

    intents: int
    entries: int
    tenant_head: Head
    part: int
    parts: int
    heads: dict[str, Head]


class Standing(Struct, frozen=True):
    """A seal, or a part of one, and where it stands in the tenant's chain."""

    seal: Seal | SealPart
    before: Head
    sequence: int


class SealedHeads(Struct):
    """
    The heads of the intents' chains as they come: folded, and kept only where the closing seal has them `named`.

    `fold` is `None` where they did not come in the order of their names; of a part of a file it is their run.
    """

    named: bool = False
    count: int = 0
    fold: HeadFold | HeadRun | None = field(default_factory=HeadFold)
    by_name: dict[str, Head] = field(default_factory=dict)

    def add(self, name: str, head: Head) -> bool:
        """Answers false for a name that is known to have come before."""
        again = name in self.by_name
        self.count += not again
        if self.named:
            self.by_name[name] = head
        if self.fold is not None:
            try:
                self.fold.add(name, head)
            except (InvalidInput, ValueError):
                self.fold = None
        return not again

    def add_run(self, run: HeadRun, count: int) -> None:
        """Those of a part. Raises `InvalidInput` if they do not follow those before in the order of their names."""
        self.count += count
        if isinstance(self.fold, HeadFold):
            self.fold.add_run(run)


class Seals(Struct):
    """Collects the seals of the tenant's chain; only the last one covers the whole file."""

    closing: list[Standing] = field(default_factory=list)

    def add(self, entry: Mapping[str, Any]) -> None:
        """Raises `ValueError` for data that is not a seal's."""
        seal = seal_of(entry["data"])
        before = Head(sequence=entry["sequence"] - 1, hash=entry["previous_hash"])
        standing = Standing(seal, before, entry["sequence"])
        begins = isinstance(seal, Seal) or seal.part == 1
        self.closing = [standing] if begins else [*self.closing, standing]

    def complete(self, last: Head | None) -> bool:
        """Does a whole seal stand at the end of the tenant's chain, which ends at `last`?"""
        if not self.closing or last is None:
            return False
        first = self.closing[0]
        # Counted against what is there: how many parts there are to be is the file's own word.
        parts = first.seal.parts if isinstance(first.seal, SealPart) else 1
        if parts != len(self.closing):
            return False
        places = [(_part(standing.seal), standing.sequence) for standing in self.closing]
        due = [(place + 1, first.sequence + place) for place in range(len(self.closing))]
        return places == due and places[-1][1] == last.sequence

    @property
    def name_heads(self) -> bool:
        """Does the closing seal name every head, as those of format 1 do?"""
        return bool(self.closing) and isinstance(self.closing[0].seal, SealPart)

    def check(self, heads: SealedHeads, entries: int, broken: Broken) -> None:
        """Hold the closing seal against the file: its chains' `heads`, and how many lines it holds."""
        first = self.closing[0]
        if isinstance(first.seal, Seal):
            _check_root(first.seal, heads.fold, broken)
        else:
            _check_heads(heads.by_name, [each.seal for each in self.closing if isinstance(each.seal, SealPart)], broken)
        self._check_counts(first.seal, heads.count, entries - len(self.closing), broken)
        if first.seal.tenant_head != first.before:
            broken(6, "the seal", f"it follows entry {first.before.sequence}, and names another")

    def _check_counts(self, seal: Seal | SealPart, intents: int, entries: int, broken: Broken) -> None:
        if (seal.intents, seal.entries) != (intents, entries):
            counted = f"it counts {seal.intents} intents and {seal.entries} entries"
            broken(6, "the seal", f"{counted}, the file holds {intents} and {entries}")


def seal_of(data: Any) -> Seal | SealPart:
    """Of either format. Raises `ValueError` for what is no seal's data."""
    return Seal.from_wire(data) if "root" in data else SealPart.from_wire(data)


def listed_heads(lines: Iterable[Mapping[str, Any]]) -> list[tuple[str | None, Head]]:
    """
    The heads that seals of format 1 in a tenant's chain list, the latest of each, in the order of their names.

    Those of format 2 name a root alone, to which no head of a chain that has grown since leads back.
    """
    heads: dict[str, Head] = {}
    for line in lines:
        if line["event_type"] == "LEDGER_SEALED" and "heads" in line["data"]:
            heads |= SealPart.from_wire(line["data"]).heads
    names = sorted(heads, key=lambda name: name.encode(errors="surrogatepass"))
    return [(name, heads[name]) for name in names]


def _part(seal: Seal | SealPart) -> int:
    return seal.part if isinstance(seal, SealPart) else 1


def _check_root(seal: Seal, fold: HeadFold | HeadRun | None, broken: Broken) -> None:
    if not isinstance(fold, HeadFold):
        broken(6, "the seal", "the chains do not stand in the order of their names, so its root cannot be checked")
    elif fold.root() != seal.root:
        broken(6, "the seal", f"its root is {seal.root}, that of the chains in the file is {fold.root()}")


def _check_heads(heads: Mapping[str, Head], parts: Iterable[SealPart], broken: Broken) -> None:
    named = {name: head for part in parts for name, head in part.heads.items()}
    for name, head in sorted(named.items()):
        found = heads.get(name)
        if found is None:
            broken(6, f"intent {name}", "the seal names it, the file does not hold it")
        elif found != head:
            broken(6, f"intent {name}", f"it ends at entry {found.sequence}, the seal names {head.wire()}")
    for extra in sorted(set(heads) - set(named)):
        broken(6, f"intent {extra}", "the seal does not name it")
