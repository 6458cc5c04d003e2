"""A database of the first format says how it is moved, and comes into the second with every old hash as it was."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from remit.core.errors import InvalidInput, RemitError
from remit.core.gate.autonomy import StopScope
from remit.core.ledger.entries import ENTRY_FIELDS, entry_hash
from remit.core.records import OUTBOX, STOPS, THE_ONE, Key
from remit.stores.dynamodb.items import key_item
from remit.stores.dynamodb.layout import chain_key, record_key, time_partition
from remit.stores.dynamodb.table import FORMAT, format_item
from remit.stores.sql import SqlStore
from tests.flow.notified import CONSOLE, Receiver, bring
from tests.flow.test_count import decisions
from tests.flow.world import World

from .conftest import move
from .test_consumers import asked

SQL = (Path(__file__).parents[1] / "first_format" / "database.sql").read_text()
ACME = "acme"
AFTER_ALL = datetime(2100, 1, 1, tzinfo=UTC)
REFUSED = (sqlite3.IntegrityError, psycopg.errors.RaiseException)
STATUSES = {
    "done": "SUCCEEDED",
    "refused": "FAILED",
    "unknown": "UNKNOWN",
    "found-out": "SUCCEEDED",
    "rejected": "REJECTED",
    "approved-by-bob": "SUCCEEDED",
    "edited": "SUPERSEDED",
    "waiting": "AWAITING_APPROVAL",
    "voted": "AWAITING_APPROVAL",
    "stopped": "AWAITING_APPROVAL",
    "proposed": "PROPOSED",
    "reserved": "APPROVED",
    "published": "APPROVED",
    "called": "RUNNING",
}


def first_format(place):
    """The database that `tests/first_format/make_database.py` made."""
    if place.kind == "sqlite":
        with sqlite3.connect(place.path) as connection:
            connection.executescript(SQL)
    elif place.kind == "postgres":
        with psycopg.connect(place.where, autocommit=True) as connection:
            connection.execute(SQL)
    else:
        _as_items(place)
    return place


def _as_items(place):
    """The same as the items in which DynamoDB held it."""
    memory = sqlite3.connect(":memory:")
    memory.executescript(SQL)
    # Nothing said then what a table is.
    place.client.delete_item(TableName=place.where, Key=key_item(FORMAT))
    put = place.client.put_item
    put(TableName=place.where, Item=_item("*tenants", ACME))
    tables = [name for (name,) in memory.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        if table not in ("remit_schema_version", "ledger_entries"):
            for tenant_id, id, body in memory.execute(f"SELECT tenant_id, id, body FROM {table}"):
                put(TableName=place.where, Item=_item(*record_key((table, tenant_id, id)), body))
    for entry in entries(memory):
        partition, prefix = chain_key(entry["tenant_id"], entry["action_intent_id"])
        item = _item(partition, f"{prefix}{entry['sequence']:016d}", orjson.dumps(entry).decode())
        time_pk = {"S": time_partition(entry["tenant_id"], entry["entry_id"])}
        put(TableName=place.where, Item={**item, "time_pk": time_pk, "time_sk": {"S": entry["at"]}})


def _item(partition, sort, body=None):
    texts = {"pk": partition, "sk": sort, "v": "0" * 16} | ({"body": body} if body else {})
    return {name: {"S": text} for name, text in texts.items()}


def entries(database):
    """The entries as the first format exported them, chain by chain."""
    columns = ", ".join("chain" if name == "action_intent_id" else name for name in ENTRY_FIELDS)
    found = []
    for row in database.execute(f"SELECT {columns} FROM ledger_entries ORDER BY chain = '', chain, sequence"):
        fields = dict(zip(ENTRY_FIELDS, row, strict=True))
        found.append(
            {**fields, "action_intent_id": fields["action_intent_id"] or None, "data": orjson.loads(fields["data"])}
        )
    return found


def moved(empty_place, from_kind, to_kind):
    source, target = first_format(empty_place(from_kind)), empty_place(to_kind)
    move(source, target)
    return source, World(target.open, sending=not target.is_queue)


SAYS_TO_MOVE_IT = "is of the first format; run 'remit migrate FROM TO'"


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_opening_one_says_to_move_it(empty_place, kind):
    place = first_format(empty_place(kind))

    with pytest.raises(InvalidInput, match=SAYS_TO_MOVE_IT):
        place.open()


FIRST_USES = {
    "submit": lambda world: world.submit("new"),
    "gate": lambda world: world.gate("proposed"),
    "stop": lambda world: world.app.stop(StopScope(tenant_id=ACME), by="ann", reason="incident"),
    "status": lambda world: world.app.status(ACME, "executed"),
    "queue": lambda world: world.app.queue(ACME),
    "export": lambda world: list(world.app.export(ACME)),
    "tenants": lambda world: world.inner.tenants(),
    "reconcile": lambda world: world.inner.due(AFTER_ALL, 10),
    "telling": lambda world: world.inner.due_records(OUTBOX, AFTER_ALL, 10),
    "following": lambda world: world.inner.tenants_after("", 10),
    "stops": lambda world: world.inner.read([Key(STOPS, ACME, THE_ONE)]),
}


@pytest.mark.parametrize("use", FIRST_USES)
def test_the_first_use_of_one_on_dynamodb_says_to_move_it_and_changes_nothing(empty_place, use):
    place = first_format(empty_place("dynamodb"))
    before = items(place)
    world = World(place.open, sending=True)

    for _ in range(2):
        with pytest.raises(InvalidInput, match=SAYS_TO_MOVE_IT):
            FIRST_USES[use](world)

    assert items(place) == before


def items(place):
    """Everything in the table."""
    pages = place.client.get_paginator("scan").paginate(TableName=place.where, ConsistentRead=True)
    return sorted((item for page in pages for item in page["Items"]), key=str)


def test_a_table_of_this_format_that_does_not_say_so_is_looked_into_once(empty_place):
    place = empty_place("dynamodb")
    World(place.open, sending=True).submit("first")
    place.client.delete_item(TableName=place.where, Key=key_item(FORMAT))

    World(place.open, sending=True).submit("second")

    assert place.client.get_item(TableName=place.where, Key=key_item(FORMAT))["Item"] == format_item()
    place.client.put_item(TableName=place.where, Item=_item(*chain_key(ACME, None), "{}"))
    assert World(place.open, sending=True).submit("third").result


def test_one_on_dynamodb_that_was_moved_stays_refused(empty_place):
    source, _ = moved(empty_place, "dynamodb", "sqlite")

    with pytest.raises(RemitError, match=SAYS_TO_MOVE_IT):
        World(source.open, sending=True).submit("new")


@pytest.mark.parametrize(
    ("from_kind", "to_kind"),
    [("sqlite", "sqlite"), ("sqlite", "postgres"), ("postgres", "sqlite"), ("dynamodb", "sqlite")],
)
def test_every_entry_comes_with_its_old_hash(empty_place, from_kind, to_kind):
    before = sqlite3.connect(":memory:")
    before.executescript(SQL)

    _, world = moved(empty_place, from_kind, to_kind)

    found = [*world.inner.export(ACME), *world.inner.chain(ACME, None)]
    assert [entry.wire() for entry in found] == entries(before)
    assert all(entry.v == 1 and entry_hash(entry.wire()) == entry.hash for entry in found)
    statuses = world.statuses()
    assert {name: statuses[name] for name in STATUSES} == STATUSES
    world.assert_sound()


def test_everything_beside_the_ledger_comes_along(empty_place):
    _, world = moved(empty_place, "sqlite", "sqlite")

    assert [key.name for key in world.app.keys(ACME)] == ["crm-agent"]
    assert [each.subscription_id for each in world.app.subscriptions(ACME)] == ["hook"]
    assert [stop.scope.account_id for stop in world.app.stops(ACME)] == ["south"]
    assert world.used() == 7
    assert world.app.tally(ACME, "2026-03-10", "2026-03-10")["days"][0]["outcomes"]


@pytest.mark.parametrize("to_kind", ["sqlite", "postgres", "dynamodb"])
def test_what_it_had_told_and_counted_is_gone_on_with_from_there(empty_place, to_kind):
    source, target, receiver = first_format(empty_place("sqlite")), empty_place(to_kind), Receiver()
    move(source, target)
    world = World(target.open, sending=not target.is_queue, notifiers={"webhook": receiver}, console_url=CONSOLE)

    bring(world)
    world.clock.pass_(seconds=1)
    world.queued("new")
    bring(world), bring(world)

    assert decisions(world) == sum(entry.event_type == "GATE_DECIDED" for entry in world.inner.export(ACME))
    edited = world.case("edited").superseded_by
    # All but the last were in the outbox.
    assert asked(receiver) == dict.fromkeys(["waiting", "voted", edited, "stopped", "new"], 1)


def test_work_goes_on_where_the_first_format_left_it(empty_place):
    _, world = moved(empty_place, "sqlite", "sqlite")

    world.clock.pass_(minutes=10)
    world.settle()
    world.approve("waiting")
    world.work()
    world.approve("voted", by="carol")

    assert [world.status(name) for name in ("proposed", "reserved", "published", "waiting")] == ["SUCCEEDED"] * 4
    # Its call was marked, and the far side does not honour the key.
    assert world.status("called") == "UNKNOWN"
    assert world.called("called") == 0
    # Votes were no entries then: the other one is asked for again.
    assert world.status("voted") == "AWAITING_APPROVAL"
    world.assert_sound()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_version_that_wrote_it_is_refused_every_write_afterwards(empty_place, kind):
    source, _ = moved(empty_place, kind, "sqlite")

    connection: Any = sqlite3.connect(source.path) if kind == "sqlite" else psycopg.connect(source.where)
    with closing(connection), pytest.raises(REFUSED, match="was moved to"):
        connection.execute("UPDATE attempts SET body = body")
    with pytest.raises(InvalidInput, match="was moved"):
        SqlStore.open(source.where)
