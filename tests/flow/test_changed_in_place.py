"""On PostgreSQL a case is changed in its place (HOT) as it is executed: no index has to learn of it."""

from __future__ import annotations

import psycopg

from remit.entrypoints.server.worker import work
from remit.wiring import Remit
from tests.waiting import until

from .world import ACCOUNT, TENANT, FarSide, type_of

MANY, AT_ONCE = 120, 40
NOTE = "CREATE_INTERNAL_NOTE"
BOUNDS = {
    "tenant": TENANT,
    "action_types": {NOTE: type_of()},
    "allowlist": [NOTE],
    "modes": {"default": "AUTO_EXECUTE"},
    "budget": {"max_autonomous_per_day": 10 * MANY},
}
_SEEN = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'cases'"


def test_nearly_all_changes_of_a_case_are_made_in_its_place(postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        before = connection.execute(_SEEN).fetchone()
    with Remit.open(postgres_url, environ={}, connectors={"far": FarSide()}) as remit:
        remit.apply(BOUNDS, by="ann")
        for first in range(0, MANY, AT_ONCE):
            answers = remit.submit([_proposal(number) for number in range(first, first + AT_ONCE)])
            assert {answer.result for answer in answers} == {"AUTO_EXECUTED"}
        work(remit, until_idle=True)
        assert remit.counts(TENANT) == {"SUCCEEDED": MANY}

    # The server counts a session's changes when it has ended, a moment later.
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        until(lambda: _since(connection, before)[0] >= 2 * MANY, what="the server counted the changes")
        changed, in_place = _since(connection, before)

    # Of each case two: when it is begun, and when it has ended.
    assert changed == 2 * MANY and in_place > 0.9 * changed, (changed, in_place)


def _since(connection, before):
    connection.execute("SELECT pg_stat_clear_snapshot()")
    return [now - then for now, then in zip(connection.execute(_SEEN).fetchone(), before, strict=True)]


def _proposal(number):
    return {
        "tenant_id": TENANT,
        "account_id": ACCOUNT,
        "action_intent_id": f"i-{number}",
        "action_type": NOTE,
        "target": {"entity_type": "contact", "entity_id": "c-17"},
        "parameters": {"text": "asked about the invoice of October"},
        "confidence_score": 0.9,
        "proposed_by": "agent",
    }
