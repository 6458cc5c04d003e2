"""The seal that ends an export: counts, and one root over the heads of all chains, so that a cut-off tail shows."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from remit.core.canonical import canonical, canonical_plain
from remit.core.errors import InvalidInput
from remit.core.ledger.entries import Head
from remit.core.ledger.merkle import HASH_BYTES, TreeRoot, leaf_hash
from remit.core.plain_json import LARGEST_INTEGER
from remit.core.values import Record


class Seal(Record, frozen=True):
    """
    The data of a `LEDGER_SEALED` entry of format 2.

    `intents` is how many intents' chains there are, `entries` how many lines stand before the seal, `tenant_head` the
    head of the tenant's own chain that the seal follows, `root` the RFC 9162 root over the intents' chain heads in
    the order of their names' bytes.
    """

    entries: int
    intents: int
    root: str
    tenant_head: Head


def head_leaf(name: str, head: Head) -> bytes:
    """One leaf of a seal's tree: the canonical JSON of a chain's name, its last sequence and that entry's hash."""
    leaf = {"action_intent_id": name, "hash": head.hash, "sequence": head.sequence}
    return canonical_plain(leaf) if head.sequence <= LARGEST_INTEGER else canonical(leaf)


class HeadRun(Struct):
    """Heads of chains that follow each other in an export: the hashes of their leaves, and the names at both ends."""

    first: bytes | None = None
    last: bytes | None = None
    hashes: bytearray = field(default_factory=bytearray)

    def add(self, name: str, head: Head) -> None:
        """Raises `InvalidInput` if `name` does not follow the name before it."""
        self.last = _follow(self.last, name.encode())
        self.first = self.last if self.first is None else self.first
        self.hashes += leaf_hash(head_leaf(name, head))


class HeadFold(Struct):
    """Folds the heads of chains into a root as they come, in the order of their names' bytes."""

    entries: int = 0
    _root: TreeRoot = field(default_factory=TreeRoot)
    _last: bytes | None = None

    def add(self, name: str, head: Head) -> None:
        """Raises `InvalidInput` if `name` does not follow the name before it."""
        self._last = _follow(self._last, name.encode())
        self._root.add(head_leaf(name, head))

    def add_run(self, run: HeadRun) -> None:
        """Raises `InvalidInput` if its names do not follow the name before them."""
        if run.first is None:
            return
        _follow(self._last, run.first)
        self._last = run.last
        for start in range(0, len(run.hashes), HASH_BYTES):
            self._root.add_hash(bytes(run.hashes[start : start + HASH_BYTES]))

    @property
    def intents(self) -> int:
        return self._root.size

    def root(self) -> str:
        return self._root.hex()

    def seal(self, tenant_head: Head) -> dict[str, Any]:
        """The data of the seal that follows `tenant_head`; `entries` is what the export holds before that chain."""
        return Seal(
            entries=self.entries + tenant_head.sequence, intents=self.intents, root=self.root(), tenant_head=tenant_head
        ).wire()


def _follow(last: bytes | None, name: bytes) -> bytes:
    if last is not None and name <= last:
        raise InvalidInput("action_intent_id", f"{name.decode()!r} does not come after {last.decode()!r}", "sort them")
    return name
