"""
The rows of the first release: what the targets compare with, whatever this version writes.

Of one decision it changed the case and the counter, and added a decision, an approval, a publication state and two
entries of the ledger: seven statements into tables with their indexes as they were. Proposing had stored the intent,
its case and its first entry before; they are there when the clock starts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bench.world import TENANT
from remit import Remit
from remit.core.ledger.entries import LedgerEntry
from remit.core.lifecycle import Case
from remit.core.records import USAGE, case_key
from remit.stores.sql.rows import microseconds

Row = tuple[Any, ...]
Statement = tuple[str, Row]

_RECORDS = ("usages", "intents", "decisions", "approvals", "auto_exec_states")
_OWN = "tenant_id TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (tenant_id, id)"
SCHEMA = [
    *(f"CREATE TABLE {name} ({_OWN})" for name in _RECORDS),
    """CREATE TABLE cases (tenant_id TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, account_id TEXT NOT NULL,
        action_type TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, created_at_us BIGINT NOT NULL,
        expires_at_us BIGINT NOT NULL, due_at_us BIGINT, PRIMARY KEY (tenant_id, id))""",
    "CREATE INDEX cases_listed ON cases (tenant_id, created_at_us, id)",
    "CREATE INDEX cases_by_status ON cases (tenant_id, status, created_at_us, id)",
    """CREATE INDEX cases_waiting ON cases (tenant_id, expires_at_us, id)
        WHERE status IN ('AWAITING_APPROVAL', 'BLOCKED')""",
    "CREATE INDEX cases_due ON cases (due_at_us, tenant_id, id) WHERE due_at_us IS NOT NULL",
    "CREATE INDEX cases_moving ON cases (tenant_id) WHERE status IN ('APPROVED', 'PROPOSED', 'RUNNING')",
    """CREATE TABLE ledger_entries (tenant_id TEXT NOT NULL, chain TEXT NOT NULL, sequence BIGINT NOT NULL,
        entry_id TEXT NOT NULL, account_id TEXT, event_type TEXT NOT NULL, actor TEXT NOT NULL, at TEXT NOT NULL,
        at_us BIGINT NOT NULL, data TEXT NOT NULL, previous_hash TEXT, hash TEXT NOT NULL,
        PRIMARY KEY (tenant_id, chain, sequence))""",
    "CREATE INDEX ledger_entries_recent ON ledger_entries (tenant_id, at_us, entry_id)",
]


class FirstReleaseRows:
    """The decisions `ids` of a database that Remit has just written, as the first release would have stored them."""

    def __init__(self, remit: Remit, ids: Sequence[str], mark: str = "?") -> None:
        self._mark = mark
        usage = remit.context.store.scan(USAGE, TENANT)[0]
        counted = (usage.to_json(), TENANT, usage.usage_id)
        self.before: list[Statement] = [(self._insert("usages", 3), (TENANT, usage.usage_id, usage.to_json()))]
        self.work: list[list[Statement]] = []
        keys = [case_key(TENANT, id) for id in ids]
        cases = remit.context.store.read(keys)
        for key in keys:
            case = cases.get(key)
            assert case is not None
            entries = remit.context.store.chain(TENANT, key.id)
            self.before += self._proposed(case, entries[0])
            self.work.append([*self._decided(case, entries), (self._update("usages", "body"), counted)])

    def _proposed(self, case: Case, entry: LedgerEntry) -> list[Statement]:
        row = (
            TENANT,
            case.action_intent_id,
            _old_case(case, "PROPOSED"),
            case.account_id,
            case.action_type,
            "PROPOSED",
        )
        times = microseconds(case.created_at), microseconds(case.expires_at), microseconds(case.updated_at)
        return [
            (self._insert("intents", 3), (TENANT, case.action_intent_id, _data(entry))),
            (self._insert("cases", 10), (*row, None, *times)),
            (self._insert("ledger_entries", 12), _entry(entry)),
        ]

    def _decided(self, case: Case, entries: Sequence[LedgerEntry]) -> list[Statement]:
        id, (decided, approved) = case.action_intent_id, entries[1:3]
        approval_id, state = approved.data["approval_id"], f"AUTO_EXEC_STATE#{id}"
        moved = (_old_case(case, "APPROVED"), "APPROVED", case.reason, microseconds(case.updated_at), TENANT, id)
        return [
            (self._update("cases", "body", "status", "reason", "due_at_us"), moved),
            (self._insert("decisions", 3), (TENANT, id, _data(decided))),
            (self._insert("approvals", 3), (TENANT, approval_id, _data(approved))),
            (self._insert("auto_exec_states", 3), (TENANT, state, _state(state, approved.data))),
            (self._insert("ledger_entries", 12), _entry(decided)),
            (self._insert("ledger_entries", 12), _entry(approved)),
        ]

    def _insert(self, table: str, columns: int) -> str:
        return f"INSERT INTO {table} VALUES ({', '.join([self._mark] * columns)})"

    def _update(self, table: str, *columns: str) -> str:
        changed = ", ".join(f"{column} = {self._mark}" for column in columns)
        return f"UPDATE {table} SET {changed} WHERE tenant_id = {self._mark} AND id = {self._mark}"


def _old_case(case: Case, status: str) -> str:
    """A case had neither publication nor attempt in it."""
    newer = ("publication", "attempt", "connector", "queued", "proposed_by")
    return json.dumps({name: value for name, value in case.wire().items() if name not in newer} | {"status": status})


def _state(key: str, approval: dict[str, Any]) -> str:
    kept = ("action_intent_id", "tenant_id", "approval_id", "approval_source", "charges")
    times = {"reserved_at": approval["approved_at"], "published_at": None, "released_at": None, "expires_at": None}
    own = {name: approval[name] for name in kept}
    return json.dumps({"state_key": key, "status": "RESERVED", **own, **times, "deliveries": 0})


def _data(entry: LedgerEntry) -> str:
    return json.dumps(entry.data, separators=(",", ":"))


def _entry(entry: LedgerEntry) -> Row:

    at_us = microseconds(datetime.fromisoformat(entry.at))
    who = entry.account_id, entry.event_type, entry.actor, entry.at, at_us
    place = entry.tenant_id, entry.action_intent_id, entry.sequence, entry.entry_id
    return (*place, *who, _data(entry), entry.previous_hash, entry.hash)
