"""The counts of what waits and what it is found by, held against the cases themselves, and made right again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, cast

from remit.core.errors import RemitError
from remit.core.lifecycle import Case
from remit.core.records import CASE
from remit.core.waiting_counts import WaitingCount, counted_as
from remit.stores.sql import queries
from remit.stores.sql.batch import RowChange
from remit.stores.sql.dialect import Dialect
from remit.stores.sql.loading import loaded
from remit.stores.sql.rows import STATES, WAITING_COUNTS, Row, state_row
from remit.stores.units import parse_record

_READ_AT_ONCE = 500
_RECOUNTED = -1
"""The slot of what was put right: no writer touches its rows, so none waits for it."""


def kept_counts(rows: Iterable[Row]) -> Counter[WaitingCount]:
    return Counter({WaitingCount(*count): int(n) for *count, n in rows})


def wrong_counts(rows: Iterable[Row]) -> Iterator[tuple[WaitingCount, int, int]]:
    """Of what `COUNTS_AND_CASES` found each count that is wrong, as it is kept and as it should be."""
    kept, due = Counter[WaitingCount](), Counter[WaitingCount]()
    for first, *count, n in rows:
        if n is None:
            # What cannot be read is said where cases are looked at.
            with suppress(RemitError):
                due.update(counted_as(cast(Case, parse_record(CASE.name, first))))
        else:
            kept[WaitingCount(first, *count)] = int(n)
    for each in sorted(kept.keys() | due.keys()):
        if kept[each] != due[each]:
            yield each, kept[each], due[each]


def refile(dialect: Dialect, driver: Any, tenant_id: str) -> int:
    """
    Make right what a tenant's waiting cases are found by, in the open transaction, and answer how many were misfiled.

    Whoever changes one of these cases waits for the end of the transaction; nobody else does.
    """
    wrong = [(CASE.name, tenant_id, id) for id in _misfiled(dialect, driver, tenant_id)]
    cases = loaded(dialect, driver, wrong, lock=True).values() if wrong else ()
    due = [row for case in cases if isinstance(case, Case) and (row := state_row(case)) is not None]
    if due:
        dialect.write(driver, [RowChange(STATES, "upsert", due)])
    return len(due)


def _misfiled(dialect: Dialect, driver: Any, tenant_id: str) -> Iterator[str]:
    after = ""
    while rows := dialect.fetch(
        driver, queries.WAITING_STATES, {"tenant": tenant_id, "after": after, "limit": _READ_AT_ONCE}
    ):
        for id, body, *state in rows:
            # What cannot be read is said where cases are looked at.
            with suppress(RemitError):
                if state_row(cast(Case, parse_record(CASE.name, body))) != tuple(state):
                    yield id
        after = rows[-1][0]


def recount(dialect: Dialect, driver: Any, tenant_id: str) -> int:
    """
    Make the counts of a tenant right, in the open transaction, and answer how many were wrong.

    Whoever writes meanwhile adds to them, and nothing of that is lost. Only one at a time may do this.
    """
    rows = dialect.fetch(driver, queries.COUNTS_AND_CASES, {"tenant": tenant_id})
    lacking = [(due - kept, tenant_id, *count, _RECOUNTED) for count, kept, due in wrong_counts(rows)]
    if lacking:
        dialect.write(driver, [RowChange(WAITING_COUNTS, "add", lacking)])
    return len(lacking)
