"""The part of the contract for those who follow a tenant's ledger by what they were told last."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from remit.core.ledger.entries import EventType
from remit.ports import ReaderPage, Store, UnitOfWork
from remit.testing.samples import NOON, OTHER, TENANT, appending, make_entry
from remit.testing.store_writing import StoreBase

ALL_TYPES: Sequence[EventType] = ("INTENT_PROPOSED", "GATE_DECIDED", "ACTION_APPROVED")
PROPOSED = ALL_TYPES[:1]
WRITERS, EACH, PATIENCE_S = 3, 12, 60.0


class FollowingContract(StoreBase):
    """`reader_page` and `reader_position`."""

    def test_a_reader_goes_on_from_whatever_it_was_told_and_meets_every_entry_once(self, store: Store) -> None:
        told = store.reader_position(TENANT)
        for number in range(4):
            store.transact([_three_of(f"i-{number}")])
            store.transact([appending(make_entry(f"i-{number}", tenant=OTHER))])
        every = [f"i-{number}.{place}" for number in range(4) for place in (1, 2, 3)]

        met = []
        for _ in every:
            # Cut off after each entry.
            page = _page(store, told)
            met.append(page.page.entries[0][0].entry_id)
            told = page.entries[0]

        assert met == every
        assert _page(store, told).entries == []

    def test_a_reader_meets_what_it_wants_behind_pages_of_what_it_does_not(self, store: Store) -> None:
        told = store.reader_position(TENANT)
        for number in range(7):
            store.transact([appending(make_entry(f"i-{number}"))])
        store.transact([appending(make_entry("wanted", event="INTENT_EXPIRED"))])

        met, more = [], True
        while more:
            page = _page(store, told, ["INTENT_EXPIRED"], 2)
            met += [entry.action_intent_id for entry, _ in page.page.entries]
            told, more = page.position, page.page.more

        assert met == ["wanted"]

    def test_the_position_of_now_is_before_what_comes_for_a_reader_too(self, store: Store) -> None:
        empty = store.reader_position(TENANT)
        store.transact([appending(make_entry("before"))])
        now = store.reader_position(TENANT)
        store.transact([appending(make_entry("after"))])

        names = [[entry.action_intent_id for entry, _ in _page(store, told).page.entries] for told in (empty, now)]

        assert names == [["before", "after"], ["after"]]

    def test_what_carries_a_time_or_a_later_one_is_behind_a_reader_s_position_since_then(self, store: Store) -> None:
        for number in (3, 1, 4, 2, 5):
            store.transact([appending(make_entry(f"i-{number}", at=NOON + timedelta(seconds=number)))])

        page = _page(store, store.reader_position(TENANT, since=NOON + timedelta(seconds=4)))

        assert {entry.action_intent_id for entry, _ in page.page.entries} >= {"i-4", "i-5"}

    def test_a_position_that_no_reader_of_the_tenant_was_told_is_none(self, store: Store) -> None:
        store.transact([appending(make_entry("i-1"))])

        for told in ("", "x", "1", "v~1~2", "#", "1|2|3", "2026-03-10T12:00:00Z|never"):
            assert store.reader_page(TENANT, ALL_TYPES, told, 10) is None, told

    def test_beside_writers_a_reader_misses_and_repeats_nothing(self, store: Store) -> None:
        told, wanted = store.reader_position(TENANT), WRITERS * EACH

        def write(writer: int) -> None:
            for number in range(EACH):
                # Later ones carry earlier times.
                at = NOON - timedelta(minutes=number)
                store.transact([appending(make_entry(f"w-{writer}-{number}", at=at))])

        met: list[str | None] = []
        with ThreadPoolExecutor() as pool:
            writers = [pool.submit(write, writer) for writer in range(WRITERS)]
            until = time.monotonic() + PATIENCE_S
            while len(met) < wanted and time.monotonic() < until:
                page = _page(store, told, PROPOSED, 4)
                met += [entry.action_intent_id for entry, _ in page.page.entries]
                told = page.position
            for writer in writers:
                writer.result()

        assert sorted(map(str, met)) == sorted(f"w-{w}-{n}" for w in range(WRITERS) for n in range(EACH))
        assert _page(store, told, PROPOSED).entries == []


def _three_of(name: str) -> UnitOfWork[Any]:
    first = make_entry(name)
    second = make_entry(name, after=first.head, event="GATE_DECIDED")
    return appending(first, second, make_entry(name, after=second.head, event="ACTION_APPROVED"))


def _page(store: Store, told: str, types: Sequence[EventType] = ALL_TYPES, limit: int = 10) -> ReaderPage:
    page = store.reader_page(TENANT, types, told, limit)
    assert page is not None, f"{told!r} is no position"
    return page
