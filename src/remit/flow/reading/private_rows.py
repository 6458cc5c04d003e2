"""Private values as they are kept, held against the commitments in the chains of their intents."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from remit.core.erasure import differences
from remit.core.errors import RemitError
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.ledger.verification.tenant_chain import MALFORMED
from remit.core.private_values import PrivateValues
from remit.core.records import PRIVATE_VALUES, chain_key, private_key
from remit.ports import Store


class PrivateRows:
    """
    Those of one tenant, beside the chains of all its intents, which pass in the order of their names.

    Rows and entries are read at different moments, so what does not agree is read again, both as of one moment.
    """

    def __init__(self, store: Store, tenant_id: str, broken: Callable[[str, str], None]) -> None:
        self._store, self._tenant_id, self._broken = store, tenant_id, broken
        self._rows = store.records(PRIVATE_VALUES, tenant_id)
        self._row = self._next()

    def _next(self) -> tuple[str, PrivateValues] | None:
        try:
            return next(self._rows, None)
        except RemitError as error:
            self._broken("the store", str(error))
            # What follows is looked up for each chain that has private values.
            self._rows = iter(())
            return None

    def passed(self, name: str, entries: Sequence[LedgerEntry]) -> None:
        """The chain of an intent."""
        self._pass_rows(name)
        kept: PrivateValues | None = None
        if self._row is not None and self._row[0] == name:
            kept = self._row[1]
            self._row = self._next()
        if _problems(IntentHistory(entries), kept):
            self._look_again(name)

    def finish(self) -> None:
        self._pass_rows(None)

    def _pass_rows(self, until: str | None) -> None:
        """Rows of intents whose chains have not passed: written since, or nobody's."""
        while self._row is not None and (until is None or self._row[0] < until):
            self._look_again(self._row[0])
            self._row = self._next()

    def _look_again(self, name: str) -> None:
        chain_at, values_at = chain_key(self._tenant_id, name), private_key(self._tenant_id, name)
        try:
            seen = self._store.read([chain_at, values_at])
        except RemitError as error:
            self._broken(f"intent {name}", str(error))
            return
        for problem in _problems(seen.get(chain_at) or IntentHistory(()), seen.get(values_at)):
            self._broken(f"intent {name}", problem)


def _problems(history: IntentHistory, kept: PrivateValues | None) -> list[str]:
    if kept is None and not history.has_private_values:
        return []
    try:
        return list(differences(history, kept))
    except MALFORMED as error:
        return [f"its private values cannot be told ({type(error).__name__}: {error})"]
