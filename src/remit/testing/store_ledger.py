"""The part of the contract about the ledger: chains, entries by time and by position, exports."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from remit.core.errors import InvalidInput
from remit.core.ledger.entries import NO_CHAIN, LedgerEntry
from remit.core.lifecycle import Status
from remit.ports import CaseFilter, Store, entry_cursor
from remit.testing.samples import (
    NOON,
    OTHER,
    SECOND,
    TENANT,
    appending,
    make_entry,
)
from remit.testing.store_writing import OpenIt, StoreBase

ALL = CaseFilter()
STATUSES: tuple[Status, ...] = get_args(Status)


class LedgerContract(StoreBase):
    """Chains, recent entries, entries behind a position, exports."""

    def test_entries_come_in_the_order_in_which_they_were_committed_whatever_their_times(self, store: Store) -> None:
        start = store.ledger_position(TENANT)
        times = [NOON, NOON - timedelta(days=400), NOON + timedelta(minutes=10), NOON - SECOND]
        for number, at in enumerate(times):
            store.transact([appending(make_entry(f"i-{number}", at=at))])
        store.transact([appending(make_entry("other's", tenant=OTHER))])

        page = store.ledger_after(TENANT, ["INTENT_PROPOSED"], start, 100)

        assert [entry.action_intent_id for entry, _ in page.entries] == ["i-0", "i-1", "i-2", "i-3"]
        assert not page.more
        assert store.ledger_after(TENANT, ["INTENT_PROPOSED"], page.position, 100).entries == []

    def test_reading_on_from_each_position_meets_every_entry_once(self, store: Store) -> None:
        start = store.ledger_position(TENANT)
        for number in range(7):
            first = make_entry(f"i-{number}")
            store.transact([appending(first, make_entry(f"i-{number}", after=first.head, event="GATE_DECIDED"))])
        met, position, more = [], start, True
        while more:
            page = store.ledger_after(TENANT, ["INTENT_PROPOSED", "GATE_DECIDED"], position, 2)
            met += [entry.entry_id for entry, _ in page.entries]
            position, more = page.position, page.more

        assert met == [f"i-{number}.{place}" for number in range(7) for place in (1, 2)]

    def test_positions_sort_as_the_order_does_and_the_position_of_now_is_before_what_comes(self, store: Store) -> None:
        start = store.ledger_position(TENANT)
        store.transact([appending(make_entry("before"))])
        now = store.ledger_position(TENANT)
        store.transact([appending(make_entry("after"))])

        entries = store.ledger_after(TENANT, ["INTENT_PROPOSED"], start, 10).entries
        behind = store.ledger_after(TENANT, ["INTENT_PROPOSED"], now, 10).entries

        assert [position > now for _, position in entries] == [False, True]
        assert [entry.action_intent_id for entry, _ in behind] == ["after"]

    def test_every_entry_of_a_time_and_later_is_behind_the_position_since_then(self, store: Store) -> None:
        for number in (3, 1, 4, 2, 5):
            store.transact([appending(make_entry(f"i-{number}", at=NOON + number * SECOND))])

        since = store.ledger_position(TENANT, since=NOON + 4 * SECOND)
        found = {
            entry.action_intent_id for entry, _ in store.ledger_after(TENANT, ["INTENT_PROPOSED"], since, 9).entries
        }

        assert found >= {"i-4", "i-5"}

    def test_tenants_whose_ledgers_grew_are_found_and_no_others(self, store: Store) -> None:
        store.transact([appending(make_entry("i-1")), appending(make_entry("i-1", tenant="quiet"))])
        between = store.tenants_after("", 100)
        store.transact([appending(make_entry("i-2", tenant=OTHER)), appending(make_entry("i-2"))])

        after = store.tenants_after(between.position, 100)

        assert set(between.tenants) == {TENANT, "quiet"}
        assert set(after.tenants) >= {TENANT, OTHER}
        assert after.position > between.position

    def test_a_chain_comes_from_its_first_entry(self, store: Store) -> None:
        entries = _chain("i-1", 12)
        for entry in entries:
            store.transact([appending(entry)])

        assert store.chain(TENANT, "i-1") == entries
        assert store.chain(TENANT, "i-2") == []
        assert store.chain(OTHER, "i-1") == []

    def test_the_tenants_own_chain_is_apart_from_those_of_its_intents(self, store: Store) -> None:
        own = make_entry(None, account=None, event="CONFIG_CHANGED")
        of_intent = make_entry("i-1")

        store.transact([appending(own, of_intent)])

        assert store.chain(TENANT, None) == [own]
        assert store.chain(TENANT, "i-1") == [of_intent]

    def test_recent_entries_come_the_newest_first_then_by_id_downwards(self, store: Store) -> None:
        entries = _spread()
        store.transact([appending(entry) for entry in entries])
        types = ["INTENT_PROPOSED"]

        newest_first = entries[::-1]
        assert store.recent(TENANT, types, None, None, 10) == newest_first
        assert store.recent(TENANT, types, None, None, 2) == newest_first[:2]
        for position, entry in enumerate(newest_first):
            assert store.recent(TENANT, types, None, entry_cursor(entry), 10) == newest_first[position + 1 :]

    @pytest.mark.parametrize("page", [1, 2, 3, 20])
    def test_recent_entries_of_one_moment_and_one_write_are_paged_without_a_gap(self, store: Store, page: int) -> None:
        proposed = [make_entry(f"i-{n}", entry_id=f"p-{n}") for n in range(4)]
        decided = [
            make_entry(f"i-{n}", after=entry.head, event="GATE_DECIDED", entry_id=f"q-{n}")
            for n, entry in enumerate(proposed)
        ]
        failed = [
            make_entry(f"i-{n}", after=entry.head, event="ACTION_FAILED", at=NOON + n * SECOND, entry_id=f"r-{n}")
            for n, entry in enumerate(decided)
        ]
        store.transact([appending(*proposed, *decided, *failed)])

        types = ["INTENT_PROPOSED", "GATE_DECIDED", "ACTION_FAILED"]
        assert _by_pages(store, types, page) == (proposed + decided + failed)[::-1]
        assert _by_pages(store, ["ACTION_FAILED"], page) == failed[::-1]

    def test_recent_entries_are_filtered(self, store: Store) -> None:
        proposed = make_entry("i-1")
        decided = make_entry("i-1", after=proposed.head, event="GATE_DECIDED", at=NOON + SECOND)
        changed = make_entry(None, account=None, event="CONFIG_CHANGED", at=NOON + 2 * SECOND)
        others = make_entry("i-2", account="a-2", at=NOON + 3 * SECOND)
        store.transact([appending(proposed, decided, changed, others, make_entry("i-1", tenant=OTHER))])

        assert store.recent(TENANT, ["INTENT_PROPOSED"], None, None, 10) == [others, proposed]
        assert store.recent(TENANT, ["GATE_DECIDED", "CONFIG_CHANGED"], None, None, 10) == [changed, decided]
        assert store.recent(TENANT, ["INTENT_PROPOSED", "GATE_DECIDED"], "a-1", None, 10) == [decided, proposed]
        assert store.recent(TENANT, [], None, None, 10) == []

    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "i-1",
            "yesterday|i-1",
            "2026-03-01T12:00:00|i-1",
            "0001-01-01T00:00:00+23:59|i",
            "9999-12-31T24:00:00Z|i",
        ],
    )
    def test_a_cursor_that_is_none_is_the_callers_mistake(self, store: Store, cursor: str) -> None:
        with pytest.raises(InvalidInput):
            store.cases(TENANT, ALL, cursor, 10)
        with pytest.raises(InvalidInput):
            store.waiting(TENANT, None, cursor, 10)
        with pytest.raises(InvalidInput):
            store.recent(TENANT, ["GATE_DECIDED"], None, cursor, 10)

    def test_an_export_holds_every_chain_of_the_tenants_intents_in_order(self, store: Store) -> None:
        chains = {name: _chain(name, 3) for name in ("i-2", "i-10", "I-1")}
        own = make_entry(None, event="CONFIG_CHANGED")
        store.transact([appending(own, *(entry for chain in chains.values() for entry in chain))])
        store.transact([appending(make_entry("i-1", tenant=OTHER))])

        exported = list(store.export(TENANT))

        assert exported == [entry for name in sorted(chains) for entry in chains[name]]

    def test_an_export_shows_one_moment_while_writing_goes_on(self, open_it: OpenIt) -> None:
        store, writer = open_it(), open_it()
        before = [entry for n in range(20) for entry in _chain(f"i-{n:04}", 100)]
        # In parts: what one unit may write is bounded.
        store.transact([appending(*before[start : start + 50]) for start in range(0, len(before), 50)])

        export = store.export(TENANT)
        seen = [next(export)]
        for name in ("i-0000a", "i-0019a"):
            writer.transact([appending(*_chain(name, 3))])
        seen.append(next(export))
        writer.transact([appending(make_entry("i-0019", after=before[-1].head))])
        seen += export

        assert seen == before
        assert len(list(store.export(TENANT))) == len(before) + 7

    def test_an_export_may_be_left_half_way(self, store: Store) -> None:
        store.transact([appending(*_chain("i-1", 5))])

        for _ in range(30):
            next(store.export(TENANT))

        assert len(list(store.export(TENANT))) == 5


def _by_pages(store: Store, event_types: list[str], page: int) -> list[LedgerEntry]:
    found: list[LedgerEntry] = []
    while True:
        after = entry_cursor(found[-1]) if found else None
        entries = store.recent(TENANT, event_types, None, after, page)
        if not entries:
            return found
        found += entries


def _chain(name: str, length: int) -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    for _ in range(length):
        entries.append(make_entry(name, after=entries[-1].head if entries else NO_CHAIN))
    return entries


def _spread() -> list[LedgerEntry]:
    """Entries in the order of time, some of them at one moment, some without a fraction of a second."""
    microsecond = timedelta(microseconds=1)
    times = [NOON - microsecond, NOON, NOON, NOON + microsecond, NOON + SECOND - microsecond, NOON + SECOND]
    return [make_entry(f"i-{n}", at=at, entry_id=f"e-{n}") for n, at in enumerate(times)]
