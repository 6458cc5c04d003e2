"""The proposal that begins a chain, as a value: as it is stored, and with the private values that are at hand."""

from __future__ import annotations

from collections.abc import Callable

from remit.core.canonical import canonical, canonical_again
from remit.core.intent import ActionIntentV1, digest_of_wire
from remit.core.ledger.verification.entry_data import Data, names_bounds
from remit.core.ledger.verification.lines import SoundEntry
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
        self._stored: ActionIntentV1 | None = None
        self._opened: ActionIntentV1 | None = None
        self._paths: set[str] | None = None

    @property
    def has_its_digest(self) -> bool:
        intent = self._entry["data"]
        form = canonical_again if type(self._entry) is SoundEntry else canonical
        return bool(digest_of_wire(intent, form) == intent["digest"])

    @property
    def stored(self) -> ActionIntentV1:
        if self._stored is None:
            self._stored = ActionIntentV1.from_wire(self._entry["data"])
        return self._stored

    @property
    def private_paths(self) -> set[str]:
        """The paths that are committed to; the first format knew of none."""
        if self._paths is None:
            may_have = names_bounds(self._entry) and may_have_private(self.stored)
            self._paths = {path for path, _ in private_paths(self.stored)} if may_have else set()
        return self._paths

    @property
    def opened(self) -> ActionIntentV1:
        if self._opened is None:
            stored = self.stored
            has_private = bool(self.private_paths)
            self._opened = open_intent(stored, self._private(stored.action_intent_id)) if has_private else stored
        return self._opened
