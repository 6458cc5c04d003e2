"""Stops on DynamoDB: sixteen copies written at once, read each time before a call, and once a second for decisions."""

from __future__ import annotations

import pytest

from remit.core.gate.autonomy import StopScope
from remit.core.records import STOPS, THE_ONE, Key
from remit.core.values import PLATFORM
from remit.ports import UnitOfWork, Writes
from remit.stores.dynamodb import DynamoStore
from remit.stores.dynamodb.layout import STOPS_COPIES

from ..flow.world import TENANT, World
from .dynamodb_wire import Wire

EVERYWHERE, HERE = StopScope(), StopScope(tenant_id=TENANT)


class Seconds:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Process:
    """One process over the table: what it asks for of stops, and how much time has passed in it."""

    def __init__(self, client, table):
        self.wire, self.seconds = Wire(client), Seconds()
        self.store = DynamoStore(self.wire, table, settle_s=0, seconds=self.seconds)
        self.world = World(lambda: self.store, sending=True)

    def stops_read(self, act):
        """The partitions of stops that it reads, by request."""
        before = len(self.wire.asked)
        act()
        requests = [given for name, given in self.wire.asked[before:] if name == "transact_get_items"]
        keys = [[get["Get"]["Key"]["pk"]["S"] for get in given["TransactItems"]] for given in requests]
        return [key for of_request in keys for key in of_request if f"#{STOPS.name}#" in key]


@pytest.fixture
def process(dynamodb_client, dynamodb_table):
    return Process(dynamodb_client, dynamodb_table)


@pytest.fixture
def other(dynamodb_client, dynamodb_table):
    return Process(dynamodb_client, dynamodb_table)


@pytest.fixture
def copies(dynamodb_client, dynamodb_table):
    """`copies(owner)`: the body of each copy of somebody's stops."""

    def copies(owner):
        keys = [{"pk": {"S": f"{owner}#{STOPS.name}#{n}"}, "sk": {"S": THE_ONE}} for n in range(STOPS_COPIES)]
        answers = [dynamodb_client.get_item(TableName=dynamodb_table, Key=key, ConsistentRead=True) for key in keys]
        return [answer["Item"]["body"]["S"] for answer in answers if "Item" in answer]

    return copies


@pytest.mark.parametrize("scope", [EVERYWHERE, HERE], ids=["the platform's", "a tenant's"])
def test_a_stop_is_written_to_every_copy_in_one_transaction(process, copies, scope):
    process.world.app.stop(scope, by="ann", reason="incident", even_if_unknown=True)
    before = len(process.wire.asked)
    process.world.app.resume(scope, by="ann", reason="over")

    writes = [given for name, given in process.wire.asked[before:] if name == "transact_write_items"]
    assert len(writes) == 1
    assert len(copies(scope.owner)) == STOPS_COPIES
    assert set(copies(scope.owner)) == {
        process.store.read([Key(STOPS, scope.owner, THE_ONE)]).get(Key(STOPS, scope.owner, THE_ONE)).to_json()
    }


def test_every_record_of_stops_is_listed_once(process):
    process.world.app.stop(HERE, by="ann", reason="incident", even_if_unknown=True)

    assert len(process.store.scan(STOPS, TENANT)) == len(list(process.store.records(STOPS, TENANT))) == 1


def test_decisions_of_one_second_read_the_stops_once(process):
    process.world.apply()

    read = [process.stops_read(lambda name=name: process.world.submit(name)) for name in ("i-1", "i-2", "i-3")]
    process.seconds.now += 1
    later = process.stops_read(lambda: process.world.submit("i-4"))

    assert [len(each) for each in read] == [2, 0, 0]
    assert len(later) == 2


@pytest.mark.parametrize("scope", [EVERYWHERE, HERE], ids=["the platform's", "a tenant's"])
def test_another_process_s_stop_is_decided_upon_within_a_second(process, other, scope):
    process.world.apply()
    process.world.submit("before")
    other.world.app.stop(scope, by="ann", reason="incident", even_if_unknown=True)

    process.seconds.now += 1
    process.world.submit("after")

    assert process.world.status("after") == "AWAITING_APPROVAL"
    assert process.world.history("after").decision.reason == "AUTONOMY_STOPPED"


def test_a_process_s_own_stop_is_decided_upon_at_once(process):
    process.world.apply()
    process.world.submit("before")

    process.world.stop()
    process.world.submit("after")
    process.world.resume()
    process.world.submit("again")

    reasons = [process.world.history(name).decision.reason for name in ("before", "after", "again")]
    assert reasons == ["WITHIN_BOUNDS", "AUTONOMY_STOPPED", "WITHIN_BOUNDS"]


@pytest.mark.parametrize("scope", [EVERYWHERE, HERE], ids=["the platform's", "a tenant's"])
def test_another_process_s_stop_holds_for_the_next_call_at_once(process, other, scope):
    process.world.apply()
    process.world.submit("i-1")
    other.world.app.stop(scope, by="ann", reason="incident", even_if_unknown=True)

    process.world.settle()

    assert process.world.status() == "CANCELLED"
    assert process.world.far.calls == []


def test_executions_spread_over_the_copies_and_read_them_each_time(process):
    process.world.apply()
    process.world.submit("i-1")
    message = process.world.bus.take()

    read = process.stops_read(lambda: process.world.run(message))

    # Mark by mark anew.
    assert len(read) >= 4
    assert len(set(read)) > 2


def test_a_decision_beside_a_mark_is_shown_what_the_mark_is_shown(process, other):
    stops_at, seen = Key(STOPS, PLATFORM, THE_ONE), []

    def unit(**how):
        return UnitOfWork([stops_at], lambda shown: Writes(seen.append(shown.get(stops_at))), **how)

    process.store.transact([unit(may_lag=[stops_at])])
    other.world.app.stop(EVERYWHERE, by="ann", reason="incident")
    process.store.transact([unit(may_lag=[stops_at])])
    process.store.transact([unit(may_lag=[stops_at]), unit()])

    assert [len(stops.stops) if stops else 0 for stops in seen] == [0, 0, 1, 1]
