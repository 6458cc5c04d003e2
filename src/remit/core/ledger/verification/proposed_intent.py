"""The proposal that begins a chain, as a value: as it is stored, and with the private values that are at hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from remit.core.intent import ActionIntentV1, digest_of_wire
from remit.core.ledger.verification.entry_data import Data, names_bounds
from remit.core.opened_intent import may_have_private, open_intent, private_paths
from remit.core.private_values import PrivateValues

KeptPrivate = Callable[[str], PrivateValues | None]
"""The private values that are kept for an intent, by its id."""


def nothing_kept(_: str) -> None:
    """An exported file holds no private value."""


class ProposedIntent:
    """Read when it is asked for: raises `ValueError`, then, where the entry does not carry an intent."""

    def __init__(self, entry: Data, private: KeptPrivate) -> None:
        self._entry, self._private = entry, private

    @property
    def has_its_digest(self) -> bool:
        intent = self._entry["data"]
        return bool(digest_of_wire(dict(intent)) == intent["digest"])

    @cached_property
    def stored(self) -> ActionIntentV1:
        return ActionIntentV1.from_wire(self._entry["data"])

    @cached_property
    def private_paths(self) -> set[str]:
        """The paths that are committed to; the first format knew of none."""
        if not names_bounds(self._entry) or not may_have_private(self.stored):
            return set()
        return {path for path, _ in private_paths(self.stored)}

    @cached_property
    def opened(self) -> ActionIntentV1:
        if not self.private_paths:
            return self.stored
        return open_intent(self.stored, self._private(self.stored.action_intent_id))
