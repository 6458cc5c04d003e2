"""
Counts of a tenant's cases by status.

Counting every case takes the longer the more there are, and most have ended for good. So a process that has counted
once remembers how many had ended, and up to which position of the ledger that was; later it reads only what has ended
since, and counts the others where they stand. All of it is of one moment, so the numbers are those that counting every
case would give. Where too much has ended since, everything is counted again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from remit.core.ledger.entries import LedgerEntry
from remit.core.lifecycle import WAITING, Status
from remit.core.notifications.status_counts import ENDS, FINAL, OPEN, StatusCounts
from remit.core.waiting_counts import ANYBODY
from remit.stores.segments import kinds_of, unpack_some
from remit.stores.sql import queries
from remit.stores.sql.dialect import Dialect
from remit.stores.sql.ledger_order import Fetch
from remit.stores.sql.lineage import Lineage
from remit.stores.sql.waiting_counts import kept_counts

MOST_BEHIND = 2000
"""So many segments of the ledger are read at most; then it is quicker to count every case."""
MOST_TENANTS = 1000
_ENDS, _ENDING = frozenset(ENDS), kinds_of(ENDS)


class _Ended(NamedTuple):
    """Numbers of a tenant's intents that had ended in each way by a position of the ledger, in one history of it."""

    history: int
    position: str
    counts: StatusCounts


class CountedStatuses:
    """Counts by status, and what one process remembers of them. Safe to share between threads."""

    def __init__(self, dialect: Dialect, lineage: Lineage) -> None:
        self._dialect, self._lineage = dialect, lineage
        self._ended: dict[str, _Ended] = {}

    def all(self, driver: Any, tenant_id: str) -> dict[str, int]:
        """Of every status."""
        self._dialect.see_one_moment(driver)
        fetch = partial(self._dialect.fetch, driver)
        history, known = self._lineage.number(fetch), self._ended.get(tenant_id)
        # In a database that was restored since, what was remembered may never have happened.
        ended = self._since(fetch, tenant_id, known) if known and known.history == history else None
        if ended is None:
            return self._anew(fetch, tenant_id, history)
        return {**standing(fetch, tenant_id, OPEN), **ended.counts}

    def some(self, driver: Any, tenant_id: str, statuses: Sequence[Status]) -> dict[str, int]:
        """Of statuses without `SUCCEEDED`, where they stand."""
        if not WAITING.isdisjoint(statuses) and not WAITING.issuperset(statuses):
            # Two looks then: what moves on between them would count twice, or not at all.
            self._dialect.see_one_moment(driver)
        return standing(partial(self._dialect.fetch, driver), tenant_id, statuses)

    def _since(self, fetch: Fetch, tenant_id: str, known: _Ended) -> StatusCounts | None:
        """Numbers of those that have ended in each way by now. `None` if too much is to be read for it."""
        order = self._dialect.order
        rows = order.after(fetch, tenant_id, _ENDING, known.position, MOST_BEHIND)
        if len(rows) >= MOST_BEHIND:
            return None
        ended = known.counts.with_entries(_entries(row.body for row in rows))
        self._remember(tenant_id, known._replace(position=order.head(fetch), counts=ended))
        return ended.with_entries(_entries(order.unsettled(fetch, tenant_id, _ENDING)))

    def _anew(self, fetch: Fetch, tenant_id: str, history: int) -> dict[str, int]:
        order, found = self._dialect.order, counted(fetch, tenant_id)
        ended = StatusCounts(counts={status: n for status, n in found.items() if status in FINAL})
        # What stands behind the position that is remembered is read again.
        settled = ended.without_entries(_entries(order.unsettled(fetch, tenant_id, _ENDING)))
        self._remember(tenant_id, _Ended(history, order.head(fetch), settled))
        return found

    def _remember(self, tenant_id: str, ended: _Ended) -> None:
        if tenant_id not in self._ended and len(self._ended) >= MOST_TENANTS:
            self._ended = {}
        self._ended[tenant_id] = ended


def standing(fetch: Fetch, tenant_id: str, statuses: Sequence[Status]) -> dict[str, int]:
    """Of statuses without `SUCCEEDED`: those in which cases wait as they are kept, the others where they stand."""
    given: dict[str, Any] = {"people": [ANYBODY], "voters": [ANYBODY], "kinds": ["status"]}
    kept = kept_counts(fetch(queries.KEPT_COUNTS, {"tenant": tenant_id, **given}))
    waiting = {status: n for (*_, status), n in kept.items() if status in statuses}
    rest = [status for status in statuses if status not in WAITING]
    return waiting | dict(fetch(queries.COUNTS_OF, {"tenant": tenant_id, "statuses": rest}) if rest else ())


def counted(fetch: Fetch, tenant_id: str) -> dict[str, int]:
    """Of every status, by their states; what has none by the number of all cases."""
    found = Counter[str](dict(fetch(queries.COUNTS, {"tenant": tenant_id})))
    ((every,),) = fetch(queries.COUNT_ALL, {"tenant": tenant_id})
    found[queries.PLAIN] += every - found.total()
    return dict(+found)


def _entries(bodies: Iterable[bytes | None]) -> Iterable[LedgerEntry]:
    return (entry for body in bodies if body is not None for entry in unpack_some(body, _ENDS) if entry is not None)
