"""What a store finds records by is held against them: each column, row and attribute that was altered is told."""

import sqlite3

import psycopg
import pytest

from remit.core.records import CASE
from remit.stores.sql.rows import EVENTS, SEGMENTS, STATES, TABLES, WAITING_COUNTS

from ..flow.world import TENANT, World

SQL = ("sqlite", "postgres")


@pytest.fixture(params=SQL)
def sql(request, open_store):
    """A world over a database, and a way to write it as somebody with its password would."""
    world = World(lambda: open_store(request.param))
    world.apply()
    world.submit("done")
    world.work()
    world.queued("waits")
    url = request.getfixturevalue(f"{request.param}_url")

    def execute(statement):
        if request.param == "sqlite":
            file = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
            file.execute(statement)
            file.close()
        else:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(statement.encode())

    assert told(world) == []
    return world, execute


def told(world):
    return list(world.inner.misfiled(TENANT))


COLUMNS = [
    *[(CASE.name, column) for column in TABLES[CASE.name] if column not in ("body", "tenant_id", "id")],
    *[(STATES, column) for column in TABLES[STATES] if column not in ("tenant_id", "id")],
    *[(SEGMENTS, column) for column in ("entry_id", "account_id", "at_us", "kinds")],
]
NUMBERS = ("created_at_us", "due_at_us", "expires_at_us", "at_us", "kinds")


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_column_that_was_altered_is_told(sql, table, column):
    world, execute = sql
    value = "7" if column in NUMBERS else "'other'"

    execute(f"UPDATE {table} SET {column} = {value} WHERE tenant_id = '{TENANT}'")

    assert any(f"its column {column} is" in problem and table in problem for problem in told(world)), told(world)
    assert not world.app.verify(TENANT).ok


def test_an_entry_that_stands_in_another_chain_is_told(sql):
    world, execute = sql

    execute(f"UPDATE {SEGMENTS} SET chain = 'other' WHERE chain = 'waits'")

    assert any("its column chain is 'other'" in problem for problem in told(world))
    assert not world.app.verify(TENANT).ok


def test_a_row_beside_a_case_that_is_gone_or_made_up_is_told(sql):
    """Without it nobody would find what waits."""
    world, execute = sql

    execute(f"UPDATE {STATES} SET id = 'nobody' WHERE id = 'waits'")

    assert sorted(told(world)) == [
        "case_states nobody: there is no such case",
        "case_states waits: its row is missing; run remit recount",
    ]


def test_a_wrong_count_of_what_waits_is_told_and_made_right_while_others_write(sql):
    world, execute = sql
    execute(f"UPDATE {WAITING_COUNTS} SET n = 41 WHERE kind = 'status'")
    execute(f"DELETE FROM {WAITING_COUNTS} WHERE kind = 'reason'")
    world.queued("more")
    assert world.app.waiting_count(TENANT) == 42

    problems = told(world)

    assert "waiting_counts status AWAITING_APPROVAL: 42 are counted, and 2 wait; run remit recount" in problems
    assert len(problems) == 2 and not world.app.verify(TENANT).ok
    assert (world.app.recount(TENANT), world.app.recount(TENANT)) == (2, 0)
    assert world.app.waiting_count(TENANT) == 2
    world.app.reject(TENANT, "more", by="bob"), world.app.reject(TENANT, "waits", by="bob")
    assert world.app.queue_groups(TENANT).total == 0
    world.assert_sound()


def test_a_row_that_tells_of_a_rare_event_and_is_gone_or_made_up_is_told(sql):
    world, execute = sql

    execute(f"UPDATE {EVENTS} SET entry_id = 'other' WHERE event_type = 'CONFIG_CHANGED'")

    assert any("CONFIG_CHANGED other: there is no such entry" in problem for problem in told(world))
    assert any("its row is missing" in problem for problem in told(world))


def test_a_case_that_cannot_be_read_is_a_finding_and_no_crash(sql):
    world, execute = sql

    execute("UPDATE cases SET body = '{}' WHERE id = 'waits'")

    report = world.app.verify(TENANT)
    assert any("cases waits" in str(finding) for finding in report.findings)
    assert {finding.invariant for finding in report.findings} == {8}


def test_bounds_that_cannot_be_read_are_a_finding_and_no_crash(sql):
    world, execute = sql

    execute("UPDATE bounds SET body = '{}'")

    assert any("a record of 'bounds'" in str(finding) for finding in world.app.verify(TENANT).findings)


MANY = {f"a-{number}": {"budget": {"max_autonomous_per_day": 5}} for number in range(300)}
"""Accounts with budgets of their own, whose bounds are too long for one row."""


def test_a_part_of_bounds_that_was_altered_is_told_by_a_process_that_has_read_it(sql):
    world, execute = sql
    world.apply(accounts=MANY)
    assert len(world.app.bounds(TENANT).bounds.accounts) == len(MANY)
    before = told(world)

    execute("UPDATE bounds_parts SET body = '{}'")

    assert before == []
    assert told(world) and all("its body is not what was written there" in problem for problem in told(world))
    assert not world.app.verify(TENANT).ok


def test_an_item_with_a_part_of_bounds_that_was_altered_is_told(open_store, dynamodb_client, dynamodb_table):
    world = World(lambda: open_store("dynamodb"), sending=True)
    world.apply(accounts=MANY)
    assert len(world.app.bounds(TENANT).bounds.accounts) == len(MANY)
    before = told(world)
    items = dynamodb_client.scan(TableName=dynamodb_table, ConsistentRead=True)["Items"]

    part = next(item for item in items if "#bounds_parts#" in item["pk"]["S"])
    dynamodb_client.put_item(TableName=dynamodb_table, Item={**part, "body": {"S": "{}"}})

    assert before == []
    assert told(world) == [f"bounds_parts {part['sk']['S']}: its body is not what was written there"]


def test_an_attribute_of_an_item_that_was_altered_is_told(open_store, dynamodb_client, dynamodb_table):
    world = World(lambda: open_store("dynamodb"), sending=True)
    world.apply()
    world.queued("waits")
    assert told(world) == []
    items = dynamodb_client.scan(TableName=dynamodb_table, ConsistentRead=True)["Items"]
    held = [item for item in items if "waits" in item["sk"]["S"] and "body" in item]

    for item in held:
        for name in sorted(set(item) - {"pk", "sk", "v", "body", "segments"}):
            altered = {**item, name: {"SS": ["OTHER"]} if "SS" in item[name] else {"S": "other"}}
            dynamodb_client.put_item(TableName=dynamodb_table, Item=altered)
            assert any(f"its attribute {name} is" in problem for problem in told(world)), name
        dynamodb_client.put_item(TableName=dynamodb_table, Item=item)
    assert len(held) >= 2 and told(world) == []
