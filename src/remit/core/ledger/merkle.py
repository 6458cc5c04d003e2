"""Merkle tree hashes as RFC 9162 section 2.1.1 defines them, folded leaf by leaf in memory of the tree's height."""

from __future__ import annotations

import hashlib

HASH_BYTES = 32
_LEAF, _NODE = b"\x00", b"\x01"


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(_LEAF + data).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


class TreeRoot:
    """The root over the leaves added so far, in their order."""

    def __init__(self) -> None:
        self.size = 0
        # Whole subtrees, the largest first: one for each bit of `size`.
        self._subtrees: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        self.add_hash(leaf_hash(leaf))

    def add_hash(self, hash: bytes) -> None:
        """A leaf of which the hash alone is at hand."""
        self._subtrees.append(hash)
        self.size += 1
        closed = self.size
        while closed % 2 == 0:
            right, left = self._subtrees.pop(), self._subtrees.pop()
            self._subtrees.append(_node_hash(left, right))
            closed //= 2

    def hex(self) -> str:
        """Lowercase hex; of no leaves, the hash of nothing."""
        if not self._subtrees:
            return hashlib.sha256(b"").hexdigest()
        root = self._subtrees[-1]
        for left in reversed(self._subtrees[:-1]):
            root = _node_hash(left, root)
        return root.hex()
