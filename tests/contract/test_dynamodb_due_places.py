"""
A case that left and is due again soon stays in the index of what is due where it was put as it was approved: that is
never later than it is due, and hides nothing else.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from remit.core.execution.approval import PUBLISH_AFTER, Publication
from remit.core.lifecycle import SOON_AGAIN
from remit.stores.dynamodb.items import key_item, record_item
from remit.stores.dynamodb.layout import moment, record_key
from remit.testing.samples import NOON, SECOND, TENANT, make_case, putting_cases

LATER = NOON + timedelta(days=1)


def reserved(name="i-1", *, at=NOON, **changes):
    publication = Publication(status="RESERVED", approval_id="a-1", approval_source="POLICY", reserved_at=at)
    known = {"status": "APPROVED", "due_at": at + PUBLISH_AFTER, "expires_at": LATER, "publication": publication}
    return make_case(name, **{**known, **changes})


def out(name="i-1", *, at=NOON, **changes):
    return reserved(name, at=at, published=True, **{"due_at": at + timedelta(seconds=30), **changes})


@pytest.fixture
def store(open_store):
    return open_store("dynamodb")


def place(case):
    item = record_item(("cases", case.tenant_id, case.action_intent_id), case, "", 8)
    return tuple(item.get(name, {}).get("S") for name in ("due_pk", "due_sk"))


def test_it_keeps_its_place_while_it_is_due_soon_and_gets_its_own_if_not():
    kept = place(reserved())

    assert kept[1].startswith(moment(NOON + PUBLISH_AFTER))
    assert place(out()) == place(out(status="RUNNING", due_at=NOON + SECOND * 40)) == kept
    assert place(out(status="RUNNING", due_at=NOON + SOON_AGAIN + PUBLISH_AFTER))[0].startswith("moving#")
    assert place(out(status="SUCCEEDED", due_at=None)) == (None, None)


DUE = [NOON + SECOND * n for n in (-10, 0, 1, 2.9, 3, 3.1, 30, 122, 123, 124, 3600)] + [LATER]


@pytest.mark.parametrize("due_at", DUE)
@pytest.mark.parametrize("status", ["APPROVED", "RUNNING"])
@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize("expires_at", [NOON + SECOND, NOON + SECOND * 40, LATER])
def test_its_place_is_never_behind_the_moment_when_it_is_due(due_at, status, published, expires_at):
    case = reserved(status=status, published=published, due_at=due_at, expires_at=expires_at)

    partition, sort = place(case)

    assert partition.partition("#")[0] in ("reserved", "moving", "resting")
    assert sort.partition("#")[0] <= moment(due_at)


def test_however_many_are_in_hand_what_is_due_behind_them_is_met(store):
    now = NOON + SECOND * 60
    in_hand = [out(f"h-{number:03}", status="RUNNING", due_at=now + SECOND) for number in range(150)]
    for start in range(0, len(in_hand), 75):
        store.transact([putting_cases(*in_hand[start : start + 75])])
    store.transact([putting_cases(reserved("leaves", at=NOON + SECOND), out("broke", at=NOON + SECOND))])

    assert [case.action_intent_id for case in store.due(now, 1)] == ["leaves"]
    assert {case.action_intent_id for case in store.due(now, 10)} == {"leaves", "broke"}
    assert {case.action_intent_id for case in store.due(now + SECOND, 1000)} >= {f"h-{n:03}" for n in range(150)}
    assert store.busy()


def test_what_leaves_is_due_before_what_left_however_long_that_is(store):
    now = NOON + SECOND * 100
    store.transact([putting_cases(*(out(f"left-{number:02}") for number in range(40)))])
    store.transact([putting_cases(*(reserved(f"leaves-{number}", at=NOON + SECOND * 90) for number in range(3)))])

    found = [case.action_intent_id for case in store.due(now, 10)]

    assert found[:3] == ["leaves-0", "leaves-1", "leaves-2"] and len(found) == 10
    assert len(store.due(now, 100)) == 43


def test_more_in_hand_than_one_look_sees_keep_nothing_from_the_next_ones(store, monkeypatch):
    monkeypatch.setattr("remit.stores.dynamodb.store.MOST_LOOKED_AT", 40)
    now = NOON + SECOND * 60
    store.transact([putting_cases(*(out(f"h-{n:02}", status="RUNNING", due_at=now + SECOND) for n in range(90)))])
    store.transact([putting_cases(reserved("leaves", at=NOON + SECOND))])

    assert any("leaves" in [case.action_intent_id for case in store.due(now, 10)] for _ in range(3))


def test_where_a_release_of_before_put_it_it_is_met_and_not_misfiled(store, dynamodb_client, dynamodb_table):
    store.transact([putting_cases(out())])
    found, key = place(out()), key_item(record_key(("cases", TENANT, "i-1")))
    before = found[0].replace("reserved", "moving"), f"{moment(NOON + SECOND * 30)}#{TENANT}#i-1"
    dynamodb_client.update_item(
        TableName=dynamodb_table,
        Key=key,
        UpdateExpression="SET due_pk = :pk, due_sk = :sk",
        ExpressionAttributeValues={":pk": {"S": before[0]}, ":sk": {"S": before[1]}},
    )

    assert list(store.misfiled(TENANT)) == []
    assert [case.action_intent_id for case in store.due(NOON + SECOND * 30, 10)] == ["i-1"]
