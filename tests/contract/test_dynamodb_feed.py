"""What turns up late in a ledger on DynamoDB: its version is earlier than others that were met already."""

from __future__ import annotations

import time

import pytest

from remit.stores.dynamodb import DynamoStore
from remit.stores.dynamodb.feed import MOST_MARKS, MOST_TOLD
from remit.testing.samples import TENANT, appending, make_entry

TYPES = ["INTENT_PROPOSED"]
HEADER = 8192
"""The longest `Last-Event-ID` that is read."""


@pytest.fixture
def store(dynamodb_client, dynamodb_table):
    return DynamoStore(dynamodb_client, dynamodb_table, settle_s=0)


@pytest.fixture
def slow(dynamodb_client, dynamodb_table, monkeypatch):
    """A process whose writes carry versions of half a minute ago."""
    store = DynamoStore(dynamodb_client, dynamodb_table, settle_s=0)
    monkeypatch.setattr(store._versions, "_clock", lambda: time.time_ns() // 1000 - 30_000_000)
    return store


def write(store, prefix, count):
    store.transact([appending(make_entry(f"{prefix}-{number:03}")) for number in range(count)])


def read_on(store, told):
    """All that is behind a position, page by page, and the last position."""
    met, more = [], True
    while more:
        page = store.reader_page(TENANT, TYPES, told, MOST_TOLD)
        met += [entry.action_intent_id for entry, _ in page.page.entries]
        told, more = page.position, page.page.more
    return met, told


def test_what_turns_up_late_is_told_once_and_nothing_else_again(store, slow):
    begin = store.reader_position(TENANT)
    write(store, "new", 3)
    first, told = read_on(store, begin)

    write(slow, "late", 2)
    page = store.reader_page(TENANT, TYPES, told, 10)
    cut_off, _ = read_on(store, page.entries[0])
    rest, told = read_on(store, told)

    assert sorted(first) == [f"new-{number:03}" for number in range(3)]
    assert sorted(rest) == ["late-000", "late-001"] and cut_off == rest[1:]
    assert read_on(store, told)[0] == []


def test_where_more_turned_up_late_than_a_page_holds_what_was_met_is_not_told_again(store, slow):
    begin = store.reader_position(TENANT)
    write(store, "new", 5)
    _, told = read_on(store, begin)

    write(slow, "late", MOST_TOLD + 30)
    met, _ = read_on(store, told)

    assert sorted(met) == [f"late-{number:03}" for number in range(MOST_TOLD + 30)]


def test_a_consumer_too_meets_nothing_twice(store, slow):
    write(store, "new", 5)
    position = store.ledger_after(TENANT, TYPES, "", 100).position

    write(slow, "late", 30)
    met, more = [], True
    while more:
        page = store.ledger_after(TENANT, TYPES, position, 10)
        met += [entry.action_intent_id for entry, _ in page.entries]
        position, more = page.position, page.more

    assert sorted(met) == [f"late-{number:03}" for number in range(30)]


def test_a_position_fits_into_a_header_however_much_is_written(store):
    begin = store.reader_position(TENANT)
    write(store, "new", MOST_MARKS)

    now, page = store.reader_position(TENANT), store.reader_page(TENANT, TYPES, begin, MOST_TOLD)

    assert max(map(len, [now, page.position, *page.entries])) < HEADER
    assert len(now) > HEADER * 0.8
    assert read_on(store, now)[0] == []
