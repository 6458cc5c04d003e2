"""The store on PostgreSQL."""

import re
import threading
from contextlib import closing

import psycopg
import pytest

from remit.ports import UnitOfWork, Writes
from remit.stores.sql import SqlStore, queries
from remit.testing.samples import TENANT, appending, make_entry, make_object, putting
from remit.testing.store_contract import StoreContract
from tests.waiting import PATIENCE_S, ended


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def open_it(self, open_store):
        return lambda: open_store("postgres")


def test_what_a_long_transaction_commits_late_is_met_and_what_came_meanwhile_waits_for_it(postgres_url):
    with closing(SqlStore.open(postgres_url)) as early, closing(SqlStore.open(postgres_url)) as late:
        start = early.ledger_position(TENANT)
        deciding, may_commit = threading.Event(), threading.Event()

        def slowly(_snapshot):
            deciding.set()
            assert may_commit.wait(PATIENCE_S)
            return Writes(None, entries=[make_entry("late")])

        key, _ = make_object()
        # Its transaction has a number once it has locked what is there.
        early.transact([putting(make_object())])
        writer = threading.Thread(target=late.transact, args=([UnitOfWork([key], slowly)],))
        writer.start()
        assert deciding.wait(PATIENCE_S)
        early.transact([appending(make_entry("meanwhile"))])
        before = early.ledger_after(TENANT, ["INTENT_PROPOSED"], start, 10)
        noticed = early.tenants_after(start, 10)
        may_commit.set()
        ended(writer)
        after = early.ledger_after(TENANT, ["INTENT_PROPOSED"], before.position, 10)

        assert before.entries == [] and list(noticed.tenants) == []
        assert {entry.action_intent_id for entry, _ in after.entries} == {"late", "meanwhile"}
        assert list(early.tenants_after(noticed.position, 10).tenants) == [TENANT]


def test_a_dump_that_is_restored_into_another_server_counts_on_from_its_positions(postgres_url):
    with closing(SqlStore.open(postgres_url)) as store:
        store.transact([appending(make_entry("i-1"))])
    # As where it came from, many more transactions had been.
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE segments SET position = position + 10 ^ 12")

    with closing(SqlStore.open(postgres_url)) as store:
        met = store.ledger_after(TENANT, ["INTENT_PROPOSED"], "", 10)
        store.transact([appending(make_entry("i-2"))])
        after = store.ledger_after(TENANT, ["INTENT_PROPOSED"], met.position, 10)

    assert [entry.action_intent_id for entry, _ in met.entries] == ["i-1"]
    assert [entry.action_intent_id for entry, _ in after.entries] == ["i-2"]
    with closing(SqlStore.open(postgres_url)) as store:
        assert store.ledger_after(TENANT, ["INTENT_PROPOSED"], after.position, 10).entries == []


def plan_of(connection, sql, given):
    spelled = re.sub(r"(?<!:):([a-z]\w*)", r"%(\1)s", sql).replace("ANY_OF(", "ANY(")
    return "\n".join(step for (step,) in connection.execute(f"EXPLAIN {spelled}", given))


def test_statuses_are_counted_in_their_index_alone(postgres_url):
    with closing(SqlStore.open(postgres_url)), psycopg.connect(postgres_url) as connection:
        connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        plan = plan_of(connection, queries.COUNTS_OF, {"tenant": "t", "statuses": ["FAILED", "UNKNOWN"]})

    assert "Index Only Scan using case_states_by_status" in plan, plan
    assert "Index Cond: ((tenant_id = 't'::text) AND (status = ANY" in plan, plan


def test_a_look_for_queued_tools_joins_nothing_that_would_take_their_order_away(postgres_url):
    with closing(SqlStore.open(postgres_url)), psycopg.connect(postgres_url) as connection:
        # The plan of a server that knows its tables to be large.
        connection.execute("SET enable_nestloop = off")
        connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        spans = {f"{name}_{n}": f"c{n} " for n in range(2) for name in ("queue", "tenant", "last")}
        plan = plan_of(connection, queries.queued_tools(2), {**spans, "now": 1, "limit": 10})

    assert "Join" not in plan and "CTE Scan" in plan, plan
    assert "Seq Scan" not in plan and plan.count("Index Only Scan using case_states_queues") == 5, plan
    # From the place where the last hop ended to the end of the queue, or from there to the end of the span.
    hops = [r"queue = \S+\) AND \(tenant_id > ", r"queue > \S+\) AND \(queue <= "]
    assert [len(re.findall(rf"Index Cond: \(\({hop}", plan)) for hop in hops] == [2, 2], plan
