"""Invariant 6, against an export that was kept elsewhere: every chain in it is still there, and goes on from there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from remit.core.ledger.entries import Head
from remit.core.ledger.verification.report import Broken

KeptHead = tuple[str | None, Head]
"""A chain's name (`None` for the tenant's own) and its last entry."""
ELSEWHERE = "an export or a seal that was kept"


class KeptHeads:
    """Heads in the order of their names, the tenant's own last, met one after the other by chains in that order."""

    def __init__(self, kept: Iterable[KeptHead], broken: Broken) -> None:
        self._kept, self._broken = iter(kept), broken
        self._next = next(self._kept, None)

    def check(self, name: str | None, chain: Sequence[Mapping[str, Any]], where: str) -> None:
        """The chain by that name must still hold the entry that it ended with."""
        while self._next is not None and _order(self._next[0]) < _order(name):
            self._miss(self._next)
        if self._next is None or self._next[0] != name:
            return
        head = self._next[1]
        if len(chain) < head.sequence:
            self._broken(6, where, f"{ELSEWHERE} has {head.sequence} entries of it, here are {len(chain)}")
        elif head.sequence and chain[head.sequence - 1]["hash"] != head.hash:
            self._broken(6, where, f"its entry {head.sequence} is another than in {ELSEWHERE}")
        self._next = next(self._kept, None)

    def check_rest(self) -> None:
        while self._next is not None:
            self._miss(self._next)

    def _miss(self, kept: KeptHead) -> None:
        where = "the tenant's chain" if kept[0] is None else f"intent {kept[0]}"
        self._broken(6, where, f"{ELSEWHERE} has it, and it is not here")
        self._next = next(self._kept, None)


def heads_of(lines: Iterable[Mapping[str, Any]]) -> Iterator[KeptHead]:
    """The heads of an export that is sound, in the order of their names."""
    lines = iter(lines)
    first = next(lines, None)
    if first is None:
        return iter(())
    heads = _heads(first, lines)
    # Chains of format 1 may stand in any order.
    return heads if first.get("v", 1) >= 2 else iter(sorted(heads, key=lambda each: _order(each[0])))


def _heads(last: Mapping[str, Any], lines: Iterator[Mapping[str, Any]]) -> Iterator[KeptHead]:
    for line in lines:
        if last["action_intent_id"] != line["action_intent_id"]:
            yield _head(last)
        last = line
    yield _head(last)


def _head(line: Mapping[str, Any]) -> KeptHead:
    return line["action_intent_id"], Head(sequence=line["sequence"], hash=line["hash"])


def _order(name: str | None) -> tuple[bool, bytes]:
    return name is None, (name or "").encode(errors="surrogatepass")
