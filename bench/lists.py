"""
How long one page of each list takes where many cases are stored: they are made for it, and go straight into the tables.

`python -m bench.lists URL MANY` prints the milliseconds; the database must hold nothing.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from remit.core.ledger.entries import NO_CHAIN, EventType, LedgerEntry, next_entry
from remit.core.ledger.position import LedgerConsumer
from remit.core.lifecycle import Case, Status
from remit.core.notifications.status_counts import FINAL, StatusCounts
from remit.core.records import CASE, Key
from remit.core.waiting_counts import KINDS_COUNTED
from remit.flow.context import Context
from remit.flow.notifications import count
from remit.ports import CaseFilter, answer_of
from remit.stores.segments import Segment
from remit.stores.sql import SqlStore, migrate
from remit.stores.sql.batch import RowChange
from remit.stores.sql.rows import EVENTS, SEGMENTS, STATES, event_rows, record_row, segment_row, state_row
from remit.stores.sql.store import dialect_of
from remit.stores.sql.waiting_counts import recount
from remit.testing.samples import putting
from remit.wiring import uuid7

TENANT = "acme"
RARE = 20_000
"""One case in so many has the rare account, reason, type of action or event."""
PAGE = 50
ASKED = 9
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_CHUNK = 5_000
_ENDS: dict[Status, EventType | None] = {
    "SUCCEEDED": "ACTION_EXECUTED",
    "FAILED": "ACTION_FAILED",
    "REJECTED": "ACTION_REJECTED",
    "EXPIRED": "INTENT_EXPIRED",
    "UNKNOWN": "ACTION_UNKNOWN",
    "AWAITING_APPROVAL": None,
}
_OF_TEN: list[Status] = [*["SUCCEEDED"] * 6, "FAILED", "REJECTED", "EXPIRED", "AWAITING_APPROVAL"]  # type: ignore[list-item]


def fill(url: str, many: int) -> None:
    migrate(url)
    dialect = dialect_of(url)
    engine = dialect.engine()
    for first in range(0, many, _CHUNK):
        tables: dict[str, list[Any]] = {"cases": [], STATES: [], SEGMENTS: [], EVENTS: []}
        for number in range(first, min(first + _CHUNK, many)):
            _add(number, tables)
        with engine.begin() as connection:
            driver = connection.connection.driver_connection
            dialect.write(driver, [RowChange(table, "insert", rows) for table, rows in tables.items() if rows])
    with engine.begin() as connection:
        recount(dialect, connection.connection.driver_connection, TENANT)
    if url.startswith("postgresql:"):
        # As its autovacuum does in time; nobody does so for SQLite.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()


def _add(number: int, tables: dict[str, list[Any]]) -> None:
    case, entries = _case(number)
    tables["cases"].append(record_row(CASE.name, TENANT, case.action_intent_id, case))
    state = state_row(case)
    if state:
        tables[STATES].append(state)
    for entry in entries:
        segment = Segment((entry,))
        tables[SEGMENTS].append(segment_row(segment))
        tables[EVENTS] += event_rows(segment)


def _case(number: int) -> tuple[Case, list[LedgerEntry]]:
    at, rare = _BEGAN + number * _SECOND, number % RARE == 7
    status: Status = "UNKNOWN" if rare else _OF_TEN[number % 10]
    id, account = f"i-{number:08}", "rare" if rare else f"a-{number % 1000}"
    events: list[EventType] = ["INTENT_PROPOSED"]
    end = _ENDS[status]
    events += [end] if end else []
    entries: list[LedgerEntry] = []
    head = NO_CHAIN
    for later, event in enumerate(events):
        entry = next_entry(
            head,
            event,
            {},
            entry_id=f"{number:08}.{later}",
            tenant_id=TENANT,
            account_id=account,
            action_intent_id=id,
            actor="bench",
            at=at + later * _SECOND,
        )
        entries, head = [*entries, entry], entry.head
    ended = status != "AWAITING_APPROVAL"
    case = Case(
        tenant_id=TENANT,
        action_intent_id=id,
        account_id=account,
        action_type="RARE_TYPE" if rare else "UPDATE_CONTACT",
        status=status,
        created_at=at,
        updated_at=at,
        expires_at=at + timedelta(days=365),
        due_at=None if ended else at + timedelta(days=365),
        digest="0" * 64,
        trace_id="0" * 32,
        chain=head,
        reason="TENANT_POLICY" if rare else "WITHIN_BOUNDS" if status == "SUCCEEDED" else "RISK_LEVEL_HIGH",
    )
    return case, entries


def pages(store: SqlStore) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each list by name, and what reads its first page, or one far behind."""
    everything: list[EventType] = ["INTENT_PROPOSED", *(event for event in _ENDS.values() if event)]
    middle = f"{(_BEGAN + 40_000 * _SECOND).isoformat()}|~"

    def timeline(events: list[EventType], account: str | None = None, after: str | None = None) -> Callable[[], Any]:
        return lambda: store.recent(TENANT, events, account, after, PAGE)

    def cases(after: str | None = None, **which: Any) -> Callable[[], Any]:
        return lambda: store.cases(TENANT, CaseFilter(**which), after, PAGE)

    context = Context(store=store, new_id=uuid7, connectors={})
    yield "counts by status", lambda: count.counts(context, TENANT)
    yield "counts by status, of which nobody keeps count, again", lambda: store.counts(TENANT)
    yield "counts of what waits", lambda: store.counts(TENANT, ["AWAITING_APPROVAL", "BLOCKED"])
    yield "counts of what waits, by all kinds", lambda: store.waiting_counts(TENANT, KINDS_COUNTED)
    yield "the oldest that waits", lambda: store.oldest_waiting(TENANT)
    yield "timeline", timeline(everything)
    yield "timeline, far behind", timeline(everything, after=middle)
    yield "timeline of a rare account", timeline(everything, "rare")
    yield "timeline of a rare type", timeline(["ACTION_UNKNOWN"])
    yield "timeline of what never happened", timeline(["OUTCOME_RESOLVED"])
    yield "timeline of failures of a rare account", timeline(["ACTION_FAILED"], "rare")
    yield "timeline of failures of an account", timeline(["ACTION_FAILED"], "a-6")
    yield "timeline of executed of a rare account", timeline(["ACTION_EXECUTED"], "rare")
    yield "timeline of all ends", timeline([event for event in _ENDS.values() if event])
    yield "intents", cases()
    yield "intents, far behind", cases(middle)
    yield "intents of a rare account", cases(account_id="rare")
    yield "intents of a rare reason", cases(reason="TENANT_POLICY")
    yield "intents of a rare reason of an account", cases(reason="TENANT_POLICY", account_id="a-6")
    yield "intents of a rare type", cases(action_type="RARE_TYPE")
    yield "intents failed", cases(statuses=["FAILED"])
    yield "intents failed or unknown", cases(statuses=["FAILED", "UNKNOWN"])
    yield "intents unknown", cases(statuses=["UNKNOWN"])
    yield "intents succeeded", cases(statuses=["SUCCEEDED"])
    yield "intents succeeded or failed", cases(statuses=["SUCCEEDED", "FAILED"])
    yield "intents running, of which there are none", cases(statuses=["RUNNING"])
    yield "intents failed of a rare account", cases(statuses=["FAILED"], account_id="rare")
    yield "intents succeeded of a rare account", cases(statuses=["SUCCEEDED"], account_id="rare")
    yield "intents failed of a rare reason", cases(statuses=["FAILED"], reason="TENANT_POLICY")
    yield "queue", lambda: store.waiting(TENANT, None, None, PAGE)
    yield "queue of an account", lambda: store.waiting(TENANT, "a-9", None, PAGE)
    yield "queue of a rare account", lambda: store.waiting(TENANT, "rare", None, PAGE)


def lists(url: str, many: int) -> dict[str, float]:
    """The median milliseconds of each page."""
    fill(url, many)
    store = SqlStore.open(url)
    try:
        _follow(store)
        first = {
            "counts by status, of which nobody keeps count": statistics.median(_first_ms(url) for _ in range(ASKED))
        }
        return first | {what: statistics.median(_ms(ask) for _ in range(ASKED)) for what, ask in pages(store)}
    finally:
        store.close()


def _first_ms(url: str) -> float:
    """Counts as a process asks for them that has asked for something else before."""
    with closing(SqlStore.open(url)) as store:
        store.oldest_waiting(TENANT)
        return _ms(lambda: store.counts(TENANT))


def _follow(store: SqlStore) -> None:
    """What a worker leaves that has followed the whole ledger."""
    ended = {str(status): n for status, n in store.counts(TENANT).items() if status in FINAL}
    consumer = LedgerConsumer(position=store.ledger_position(TENANT))
    records: list[tuple[Key[Any], Any]] = [
        (count.consumer_key(TENANT), consumer),
        (count.statuses_key(TENANT), StatusCounts(counts=ended)),
    ]
    answer_of(store.transact([putting(*records)]))


def _ms(ask: Callable[[], Any]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    print(json.dumps(lists(sys.argv[1], int(sys.argv[2])), indent=1))
