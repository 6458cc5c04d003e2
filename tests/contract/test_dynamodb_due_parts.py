"""How many parts the index of what is due has: kept in the table, and raised while processes are at work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from remit.core.errors import InvalidInput
from remit.core.notifications.notice import Notice
from remit.core.notifications.outbox import Outbox
from remit.core.records import OUTBOX, outbox_key
from remit.stores.dynamodb import DynamoStore, raise_due_parts
from remit.stores.dynamodb.items import key_item
from remit.stores.dynamodb.table import FORMAT
from remit.testing.samples import NOON, TENANT, appending, make_case, make_entry, putting, putting_cases

GROUPS = {
    "reserved": {"status": "APPROVED", "expires_at": NOON.replace(year=2100)},
    "moving": {"status": "PROPOSED"},
    "resting": {"status": "AWAITING_APPROVAL", "expires_at": NOON},
}


@pytest.fixture
def opened(dynamodb_client, dynamodb_table):
    """Opens the table once more, as another process does."""
    stores = []

    def open_():
        stores.append(DynamoStore(dynamodb_client, dynamodb_table, settle_s=0))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


@pytest.fixture
def raised(dynamodb_client, dynamodb_table):
    return lambda parts: raise_due_parts(dynamodb_client, dynamodb_table, parts)


def put(store, prefix):
    """Cases of each group, an outbox and an entry of each of many tenants."""
    names = [f"{prefix}-{number}" for number in range(12)]
    for group, fields in GROUPS.items():
        cases = (make_case(f"{group}-{name}", tenant=name, due_at=NOON, **fields) for name in names)
        store.transact([putting_cases(*cases)])
    for name in names:
        outbox = Outbox(subscription_id="ops", notice="TEST").gather(
            [Notice(notice="TEST", at=NOON, text="x")], delivery_id="d-1", now=NOON
        )
        store.transact([putting((outbox_key(name, "ops", "TEST"), outbox)), appending(make_entry("i-1", tenant=name))])
    return names


def met(store, names):
    """Does it meet all that is due of these tenants?"""
    due = {case.action_intent_id for case in store.due(NOON, 1000)}
    told = {tenant for tenant, _ in store.due_records(OUTBOX, NOON, 1000)}
    changed = set(store.tenants_after("", 1000).tenants)
    wanted = {f"{group}-{name}" for group in GROUPS for name in names}
    return wanted <= due and set(names) <= told and set(names) <= changed


def parts_used(client, table):
    pages = client.get_paginator("scan").paginate(TableName=table, IndexName="due")
    return {int(item["due_pk"]["S"].rpartition("#")[2]) for page in pages for item in page["Items"]}


def test_processes_that_know_other_numbers_meet_everything(opened, raised, dynamodb_client, dynamodb_table):
    old = opened()
    names = put(old, "before")
    raised(31)
    new = opened()
    names += put(new, "new")
    assert max(parts_used(dynamodb_client, dynamodb_table)) > 8

    # It still writes where it wrote before: it has not looked for anything since.
    names += put(old, "old")

    assert met(old, names) and met(new, names) and met(opened(), names)
    assert old.busy() and new.busy()


def test_what_is_put_off_or_ends_leaves_the_place_that_another_number_gave_it(opened, raised):
    old = opened()
    cases = [make_case(f"i-{number}", due_at=NOON) for number in range(40)]
    old.transact([putting_cases(*cases)])
    raised(31)

    opened().transact([putting_cases(*(case.changed(due_at=None, status="EXPIRED") for case in cases))])

    assert old.due(NOON, 100) == [] and not old.busy()


def test_a_process_learns_of_it_by_looking_and_while_it_writes(opened, raised):
    watching, names = opened(), []

    def writes(number):
        return put(opened(), f"writer-{number}")

    with ThreadPoolExecutor(3) as pool:
        written = [pool.submit(writes, number) for number in range(3)]
        raised(16)
        raised(64)
        names = [name for each in written for name in each.result()]

    assert met(watching, names)


def test_what_stands_where_an_earlier_number_put_it_is_not_misfiled(opened, raised, dynamodb_client, dynamodb_table):
    store = opened()
    store.transact([putting_cases(*(make_case(f"i-{number}", due_at=NOON) for number in range(20)))])
    raised(31)
    store = opened()
    store.transact([putting_cases(*(make_case(f"j-{number}", due_at=NOON) for number in range(20)))])
    assert list(store.misfiled(TENANT)) == []

    found = dynamodb_client.query(
        TableName=dynamodb_table,
        IndexName="by_status",
        KeyConditionExpression="status_pk = :at",
        ExpressionAttributeValues={":at": {"S": f"{TENANT}#cases#PROPOSED"}},
    )
    key = {name: found["Items"][0][name] for name in ("pk", "sk")}
    dynamodb_client.update_item(
        TableName=dynamodb_table,
        Key=key,
        UpdateExpression="SET due_pk = :nowhere",
        ExpressionAttributeValues={":nowhere": {"S": "moving#99"}},
    )
    assert [said for said in store.misfiled(TENANT) if "due_pk" in said]


def test_what_others_wrote_since_there_are_more_is_not_misfiled(opened, raised):
    store = opened()
    store.transact([putting_cases(make_case("i-1", due_at=NOON))])
    raised(31)
    opened().transact([putting_cases(*(make_case(f"j-{number}", due_at=NOON) for number in range(20)))])

    assert list(store.misfiled(TENANT)) == []


@pytest.mark.parametrize("parts", [7, 0, -1, 257])
def test_there_can_never_be_fewer_and_not_too_many(raised, parts, opened):
    with pytest.raises(InvalidInput, match="and there are 8"):
        raised(parts)


def test_a_table_that_does_not_say_how_many_it_has_has_eight(opened, raised, dynamodb_client, dynamodb_table):
    store = opened()
    names = put(store, "before")
    dynamodb_client.delete_item(TableName=dynamodb_table, Key=key_item(FORMAT))

    assert met(opened(), names)
    raised(9)

    item = dynamodb_client.get_item(TableName=dynamodb_table, Key=key_item(FORMAT))["Item"]
    assert set(item["due_parts"]["NS"]) == {"8", "9"}
    assert met(opened(), names)
