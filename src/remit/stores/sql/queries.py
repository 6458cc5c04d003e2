"""
The reading statements. `:name` stands for a parameter and `= ANY_OF(:name)` for a list of them; each
dialect puts its own spelling there. Every one of them is carried by an index of the schema.
"""

from __future__ import annotations

from typing import Any

from remit.core.ledger.entries import OF_TENANT
from remit.core.lifecycle import MOVING, WAITING
from remit.core.records import KINDS
from remit.stores.sql.rows import ENTRY_COLUMNS, LEDGER, TENANT_CHAIN


def _listed(statuses: frozenset[Any]) -> str:
    # Spelled as in the schema: a partial index serves only the very condition it was made with.
    return ", ".join(f"'{status}'" for status in sorted(statuses))


DUE = "SELECT body FROM cases WHERE due_at_us <= :now ORDER BY due_at_us, tenant_id, id LIMIT :limit"
BUSY = f"SELECT EXISTS (SELECT 1 FROM cases WHERE status IN ({_listed(MOVING)}))"
COUNTS = "SELECT status, count(*) FROM cases WHERE tenant_id = :tenant GROUP BY status"
CHAIN = f"SELECT {ENTRY_COLUMNS} FROM {LEDGER} WHERE tenant_id = :tenant AND chain = :chain ORDER BY sequence"
EXPORT = (
    f"SELECT {ENTRY_COLUMNS} FROM {LEDGER} WHERE tenant_id = :tenant AND chain > '{TENANT_CHAIN}' "
    "ORDER BY chain, sequence"
)


def _tenants_of(table: str) -> str:
    """Every tenant of one table by hopping along its primary key, not by reading all of it."""
    return f"""
        SELECT tenant_id FROM (
            WITH RECURSIVE hop (tenant_id) AS (
                SELECT min(tenant_id) FROM {table}
                UNION ALL
                SELECT (SELECT min(tenant_id) FROM {table} WHERE tenant_id > hop.tenant_id)
                FROM hop WHERE hop.tenant_id IS NOT NULL
            )
            SELECT tenant_id FROM hop WHERE tenant_id IS NOT NULL
        ) AS of_{table}"""


TENANTS = " UNION ".join(map(_tenants_of, [*KINDS, LEDGER])) + " ORDER BY tenant_id"


def chain_name(action_intent_id: str | None) -> str:
    return TENANT_CHAIN if action_intent_id is None else action_intent_id


def scan(kind: str) -> str:
    # A range, not LIKE: it is carried by the primary key, and no character in the prefix is special.
    return f"SELECT body FROM {kind} WHERE tenant_id = :tenant AND id >= :first AND id < :last ORDER BY id"


def waiting(**wanted: Any) -> tuple[str, dict[str, Any]]:
    where, given = _where(
        wanted,
        tenant="tenant_id = :tenant",
        account="account_id = :account",
        at="(expires_at_us, id) > (:at, :id)",
    )
    where = f"{where} AND status IN ({_listed(WAITING)})"
    return f"SELECT body FROM cases WHERE {where} ORDER BY expires_at_us, id LIMIT :limit", given


def cases(**wanted: Any) -> tuple[str, dict[str, Any]]:
    where, given = _where(
        wanted,
        tenant="tenant_id = :tenant",
        account="account_id = :account",
        action_type="action_type = :action_type",
        reason="reason = :reason",
        # One alone as such: then the index by status also gives the order.
        status="status = :status",
        statuses="status = ANY_OF(:statuses)",
        created_from="created_at_us >= :created_from",
        created_before="created_at_us < :created_before",
        at="(created_at_us, id) < (:at, :id)",
    )
    return f"SELECT body FROM cases WHERE {where} ORDER BY created_at_us DESC, id DESC LIMIT :limit", given


def recent(**wanted: Any) -> tuple[str, dict[str, Any]]:
    where, given = _where(
        wanted,
        tenant="tenant_id = :tenant",
        event_types="event_type = ANY_OF(:event_types)",
        account="account_id = :account",
        at="(at_us, entry_id) < (:at, :id)",
    )
    latest = "at_us"
    if OF_TENANT.issuperset(wanted["event_types"]):
        # Few among very many: found by their chain and then sorted, never by reading back through all that happened.
        where, latest = f"{where} AND chain = '{TENANT_CHAIN}'", "+at_us"
    order = f"ORDER BY {latest} DESC, entry_id DESC LIMIT :limit"
    return f"SELECT {ENTRY_COLUMNS} FROM {LEDGER} WHERE {where} {order}", given


def _where(wanted: dict[str, Any], **conditions: str) -> tuple[str, dict[str, Any]]:
    """The conditions on what was asked for, and only the parameters they use."""
    given = {name: value for name, value in wanted.items() if value is not None}
    return " AND ".join(text for name, text in conditions.items() if name in given), given
