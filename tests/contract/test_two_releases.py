"""Two releases over one place: each carries on what the other wrote, and loses nothing of it."""

from __future__ import annotations

import json

import msgspec
import pytest

from remit.core.gate.autonomy import Stop, Stops, StopScope
from remit.core.lifecycle import Case
from remit.core.records import KINDS, STOPS, THE_ONE, Key, case_key
from remit.core.unknown import UnknownFields, unknown_in
from remit.core.values import Record
from remit.ports import UnitOfWork, Writes
from remit.testing.samples import NOON, TENANT, make_case

from ..flow.world import World

NEWER = UnknownFields({"newer": {"a": [1]}}, {"chain": UnknownFields({"newer": True}, {})})
CASE_AT = case_key(TENANT, "i-1")


def write(store, key, make):
    """Put what `make` makes of the record there is."""
    (answer,) = store.transact(
        [UnitOfWork([key], lambda shown: Writes(answer=None, puts=[(key, make(shown.get(key)))]))]
    )
    assert answer is None


# --- on every store ---


@pytest.mark.parametrize(
    "make",
    [lambda case: case.changed(reason="later"), lambda _: make_case(reason="later")],
    ids=["changed", "made anew"],
)
def test_what_a_newer_release_stored_is_there_after_the_record_was_written_again(any_store, make):
    write(any_store, CASE_AT, lambda _: make_case().keeping(NEWER))

    write(any_store, CASE_AT, make)

    read = any_store.read([CASE_AT]).get(CASE_AT)
    stored = json.loads(read.to_json())
    assert (stored["newer"], stored["chain"]["newer"], stored["reason"]) == ({"a": [1]}, True, "later")
    assert isinstance(read, Case) and read.wire().keys() == make_case().wire().keys()


def test_what_people_wrote_keeps_it_too(any_store):
    key = Key(STOPS, TENANT, THE_ONE)
    write(any_store, key, lambda _: Stops().keeping(UnknownFields({"newer": 1}, {})))

    write(any_store, key, lambda stops: stops.changed())

    assert json.loads(any_store.read([key]).get(key).to_json())["newer"] == 1


def test_what_stood_in_an_item_of_a_list_is_there_when_another_item_was_added(any_store):
    key = Key(STOPS, TENANT, THE_ONE)
    first, second = make_stop("a"), make_stop("b")
    in_list = unknown_in({"stops": [{**first.wire(), "newer": 1}]}, {"stops": [first.wire()]})
    write(any_store, key, lambda _: Stops(stops=[first]).keeping(in_list))

    write(any_store, key, lambda stops: stops.with_stop(second))

    stored = json.loads(any_store.read([key]).get(key).to_json())["stops"]
    assert [(each["scope"]["account_id"], each.get("newer")) for each in stored] == [("a", 1), ("b", None)]


def make_stop(account):
    scope = StopScope(tenant_id=TENANT, account_id=account)
    return Stop(scope=scope, level="autonomy", stopped_by="ann", reason="incident", stopped_at=NOON)


def test_what_was_inside_of_something_that_is_gone_is_gone_with_it():
    running = make_case().changed(chain=None)

    kept = running.keeping(NEWER)

    assert json.loads(kept.to_json())["chain"] is None
    assert kept.changed(due_at=NOON).unknown == NEWER


# --- over one table ---


@pytest.fixture
def rewrite(dynamodb_client, dynamodb_table):
    """`rewrite(change)` makes every record's body what `change` makes of it, as another release would have it."""

    def rewrite(change):
        for item in dynamodb_client.scan(TableName=dynamodb_table)["Items"]:
            if "S" in item.get("body", {}):
                kind = KINDS[item["pk"]["S"].split("#")[1]]
                body = change(kind, json.loads(item["body"]["S"]))
                dynamodb_client.put_item(TableName=dynamodb_table, Item={**item, "body": {"S": json.dumps(body)}})

    return rewrite


@pytest.fixture
def bodies(dynamodb_client, dynamodb_table):
    """Every record's body by where it is."""

    def bodies():
        items = dynamodb_client.scan(TableName=dynamodb_table)["Items"]
        found = [item for item in items if "S" in item.get("body", {})]
        return {(item["pk"]["S"], item["sk"]["S"]): json.loads(item["body"]["S"]) for item in found}

    return bodies


def newer(_, body):
    return {**body, "added_later": {"by": "a newer release"}}


def older(kind, body):
    """Without what may be left out and says nothing: so a release wrote it that did not know of it."""
    optional = _optional(kind.model)
    return {name: value for name, value in body.items() if value or name not in optional}


def _optional(model):
    if issubclass(model, Record):
        return {field.name for field in msgspec.structs.fields(model) if not field.required}
    return {name for name, field in model.model_fields.items() if not field.is_required()}


def begun(world):
    """Of each state one that goes on: proposed, reserved, asked, running."""
    world.apply()
    world.propose("proposed")
    world.reserve("reserved")
    world.queued("asked")
    world.submit("auto")


def carried_on(world):
    world.gate("proposed")
    world.approve("asked")
    world.apply(budget={"max_autonomous_per_day": 20})
    world.stop()
    world.resume()
    world.submit("another")
    world.settle()
    names = ("proposed", "reserved", "asked", "auto", "another")
    assert {name: world.status(name) for name in names} == dict.fromkeys(names, "SUCCEEDED")
    world.assert_sound()


@pytest.mark.parametrize("other_release", [newer, older])
def test_what_another_release_began_goes_on(open_store, rewrite, other_release):
    begun(World(lambda: open_store("dynamodb"), sending=True))
    rewrite(other_release)

    carried_on(World(lambda: open_store("dynamodb"), sending=True))


def test_a_roll_back_loses_nothing_that_the_newer_release_stored(open_store, rewrite, bodies):
    begun(World(lambda: open_store("dynamodb"), sending=True))
    rewrite(newer)
    before = bodies()

    carried_on(World(lambda: open_store("dynamodb"), sending=True))

    after = bodies()
    written = [place for place, body in before.items() if after[place] != body]
    assert {place[0].split("#")[1] for place in written} >= {"cases", "usages", "bounds", "chain_heads"}
    assert [place for place in before if "added_later" not in after[place]] == []
