"""
The reading statements. `:name` stands for a parameter and `= ANY_OF(:name)` for a list of them; each
dialect puts its own spelling there. Every one of them is carried by an index of the schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, get_args

from remit.core.lifecycle import MOVING, WAITING, Status
from remit.core.records import KINDS
from remit.stores.segments import COMMON
from remit.stores.sql.rows import EVENTS, SEGMENTS, STATES, TABLES, TENANT_CHAIN, WAITING_COUNTS

PLAIN = "SUCCEEDED"
"""The one status that has no row in `case_states`."""

WITHIN_BOUNDS = "WITHIN_BOUNDS"
"""The one reason that the index of reasons leaves out: that of what ran by itself."""


def listed(statuses: frozenset[Status]) -> str:
    """Spelled as in the schema: a partial index serves only the very condition it was made with."""
    return ", ".join(f"'{status}'" for status in sorted(statuses))


_OF_CASE = "cases.tenant_id = state.tenant_id AND cases.id = state.id"
_STATE_AND_CASE = f"{STATES} AS state JOIN cases ON {_OF_CASE}"


def _longest_due(due_at: str, where: str) -> str:
    return f"""
        SELECT tenant_id, id FROM {STATES} WHERE {where} AND {due_at} <= :now
        ORDER BY {due_at}, tenant_id, id LIMIT :limit"""


_MOVING, _WAITING = f"status IN ({listed(MOVING)})", f"status IN ({listed(WAITING)})"
_UNTAKEN, _QUEUED = f"queue IS NULL AND {_MOVING}", "queue IS NOT NULL"
UNTAKEN_DUE, RESTING_DUE = _longest_due("due_at_us", _UNTAKEN), _longest_due("due_at_us", _WAITING)
# What has begun and is not due is being called.
EXPIRING_DUE = _longest_due("expires_at_us", f"{_QUEUED} AND (status = 'APPROVED' OR due_at_us <= :now)")


def _tenants_among(where: str) -> str:
    """The tenants that have such states, from one on: by hopping along an index, not by reading all of them."""
    return f"""
    WITH RECURSIVE hop (tenant_id) AS (
        SELECT min(tenant_id) FROM {STATES} WHERE {where} AND tenant_id > :after
        UNION ALL
        SELECT (SELECT min(tenant_id) FROM {STATES} WHERE {where} AND tenant_id > hop.tenant_id)
        FROM hop WHERE hop.tenant_id IS NOT NULL
    )
    SELECT tenant_id FROM hop WHERE tenant_id IS NOT NULL LIMIT :limit"""


WAITING_TENANTS = _tenants_among(_WAITING)
UNTAKEN_TENANTS = _tenants_among(_UNTAKEN)
# Of one tenant, carried by the index on its moving cases, and by that on its waiting ones.
UNTAKEN_DUE_OF = f"""
    SELECT tenant_id, id FROM {STATES} WHERE tenant_id = :tenant AND {_UNTAKEN} AND due_at_us <= :now
    ORDER BY due_at_us LIMIT :limit"""
RESTING_DUE_OF = f"""
    SELECT tenant_id, id FROM {STATES} WHERE tenant_id = :tenant AND {_WAITING} AND expires_at_us <= :now
    ORDER BY expires_at_us LIMIT :limit"""


def due_records(kind: str) -> str:
    return f"SELECT tenant_id, body FROM {kind} WHERE due_at_us <= :now ORDER BY due_at_us, tenant_id, id LIMIT :limit"


_UNQUEUED_IS_BUSY = f"""EXISTS (
        SELECT 1 FROM {STATES} WHERE queue IS NULL AND status IN ({listed(MOVING)})
        AND (status <> 'APPROVED' OR due_at_us IS NULL OR due_at_us <> expires_at_us)
    )"""
BUSY = f"SELECT EXISTS (SELECT 1 FROM {STATES} WHERE queue IS NOT NULL) OR {_UNQUEUED_IS_BUSY}"
# Counted without reading a case: by their states, and what has none by the number of all.
_STATUSES = ", ".join(f"('{status}')" for status in get_args(Status))
# Status by status: the index is counted along without looking at what stands in it, in half the time of grouping it.
COUNTS = f"""
    WITH each (status) AS (VALUES {_STATUSES})
    SELECT status, (
        SELECT count(*) FROM {STATES} AS state WHERE state.tenant_id = :tenant AND state.status = each.status)
    FROM each"""
COUNTS_OF = (
    f"SELECT status, count(*) FROM {STATES} WHERE tenant_id = :tenant AND status = ANY_OF(:statuses) GROUP BY status"
)
COUNT_ALL = "SELECT count(*) FROM cases WHERE tenant_id = :tenant"
SEGMENTS_OF_CHAIN = f"SELECT body FROM {SEGMENTS} WHERE tenant_id = :tenant AND chain = :chain ORDER BY first"
CHAIN_ENDS = f"""
    SELECT chain, max(first) FROM {SEGMENTS} WHERE tenant_id = :tenant AND chain > '{TENANT_CHAIN}'
    GROUP BY chain ORDER BY chain"""
EXPORT_PAGE = f"""
    SELECT chain, first, body FROM {SEGMENTS} WHERE tenant_id = :tenant AND (chain, first) > (:chain, :first)
    ORDER BY chain, first LIMIT :limit"""
QUEUED = f"""
    SELECT cases.id, cases.body FROM {STATES} AS state JOIN cases ON {_OF_CASE}
    WHERE state.tenant_id = :tenant AND state.queue = :queue AND state.due_at_us <= :now
    ORDER BY state.due_at_us LIMIT :limit"""


@cache
def queued_tools(spans: int) -> str:
    """
    The tools for which something is queued in so many spans of queues, each from one place on to its last name: span by
    span in turns, with the number of the span.
    """
    places = ", ".join(f"({n}, :queue_{n}, :tenant_{n}, :last_{n})" for n in range(spans))
    # By hopping along the index from tool to tool: what is queued of each is not read, nor what is between the spans,
    # and no hop goes beyond the limit. Whether one is due is a column, not a condition: a server that joins conditions
    # gives the tools in no order; and it is one look, not an EXISTS, for which it would rather read all that is due.
    return f"""
    WITH RECURSIVE span (number, queue, tenant_id, last) AS (VALUES {places}),
    tool (number, last, queue, tenant_id) AS (
        SELECT number, last, {_next_tool("span")} FROM span
        UNION ALL
        SELECT number, last, {_next_tool("tool")} FROM tool WHERE tool.tenant_id IS NOT NULL
    )
    SELECT number, tenant_id, queue, (
        SELECT 1 FROM {STATES} AS due
        WHERE due.queue = tool.queue AND due.tenant_id = tool.tenant_id AND due.due_at_us <= :now LIMIT 1) IS NOT NULL
    FROM tool WHERE tenant_id IS NOT NULL LIMIT :limit"""


def _next_tool(after: str) -> str:
    """Queue and tenant of the next tool: of the same queue, or else the first of the next one."""
    # Not by comparing both at once: SQLite would begin at the tool itself, and go through all that is queued of it.
    same = f"""(
        SELECT next.tenant_id FROM {STATES} AS next
        WHERE next.queue = {after}.queue AND next.tenant_id > {after}.tenant_id ORDER BY next.tenant_id LIMIT 1)"""
    later = f"""FROM {STATES} AS next WHERE next.queue > {after}.queue AND next.queue <= {after}.last
        ORDER BY next.queue, next.tenant_id LIMIT 1"""
    return f"""CASE WHEN {same} IS NULL THEN (SELECT next.queue {later}) ELSE {after}.queue END,
        coalesce({same}, (SELECT next.tenant_id {later}))"""


@cache
def busy_with(spans: int) -> str:
    """Is anything queued in so many spans of queues, or does anything else have to be moved on?"""
    queued = " OR ".join(
        f"EXISTS (SELECT 1 FROM {STATES} WHERE queue IS NOT NULL AND queue >= :queue_{n} AND queue <= :last_{n})"
        for n in range(spans)
    )
    return f"SELECT {queued} OR {_UNQUEUED_IS_BUSY}" if queued else f"SELECT {_UNQUEUED_IS_BUSY}"


def tenants_of(table: str) -> str:
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


HAS_TENANT = "SELECT " + " OR ".join(
    f"EXISTS (SELECT 1 FROM {table} WHERE tenant_id = :tenant)" for table in [*KINDS, SEGMENTS]
)
TENANTS = " UNION ".join(map(tenants_of, [*KINDS, SEGMENTS])) + " ORDER BY tenant_id"


def scan(kind: str, tenant_id: str, prefix: str, limit: int | None) -> tuple[str, dict[str, Any]]:
    # A range, not LIKE: it is carried by the primary key, and no character in the prefix is special.
    where = "tenant_id = :tenant AND id >= :first AND id < :last"
    given = {"tenant": tenant_id, "first": prefix, "last": prefix + chr(0x10FFFF)}
    if limit is None:
        return f"SELECT body FROM {kind} WHERE {where} ORDER BY id", given
    return f"SELECT body FROM {kind} WHERE {where} ORDER BY id LIMIT :limit", {**given, "limit": limit}


def page(kind: str) -> str:
    """The records of one kind after `:after`, by id."""
    return f"SELECT id, body FROM {kind} WHERE tenant_id = :tenant AND id > :after ORDER BY id LIMIT :limit"


def waiting(**wanted: Any) -> tuple[str, dict[str, Any]]:
    where, given = _where(
        wanted,
        tenant="state.tenant_id = :tenant",
        account="state.account_id = :account",
        at="(state.expires_at_us, state.id) > (:at, :id)",
    )
    where = f"{where} AND state.status IN ({listed(WAITING)})"
    order = "ORDER BY state.expires_at_us, state.id LIMIT :limit"
    return f"SELECT cases.body FROM {_STATE_AND_CASE} WHERE {where} {order}", given


# By the first of each status, to which an index leads.
OLDEST_WAITING = " UNION ALL ".join(
    f"SELECT min(created_at_us) FROM {STATES} WHERE tenant_id = :tenant AND status = '{status}'"
    for status in sorted(WAITING)
)
PROPOSERS = f"""
    WITH RECURSIVE hop (proposed_by) AS (
        SELECT min(proposed_by) FROM {STATES} WHERE tenant_id = :tenant AND proposed_by IS NOT NULL
        UNION ALL
        SELECT (SELECT min(proposed_by) FROM {STATES} WHERE tenant_id = :tenant AND proposed_by > hop.proposed_by)
        FROM hop WHERE hop.proposed_by IS NOT NULL
    )
    SELECT proposed_by FROM hop WHERE proposed_by IS NOT NULL"""
QUEUE_LINES = f"""
    SELECT state.expires_at_us, state.id, state.account_id, state.proposed_by, cases.reason FROM {_STATE_AND_CASE}
    WHERE state.tenant_id = :tenant AND state.proposed_by = :proposer
    AND (state.expires_at_us, state.id) > (:at, :id) AND state.status IN ({listed(WAITING)})
    ORDER BY state.expires_at_us, state.id LIMIT :limit"""
ASSIGNED_LINES = f"""
    SELECT state.expires_at_us, state.id, state.account_id, state.proposed_by, cases.reason FROM {_STATE_AND_CASE}
    WHERE state.tenant_id = :tenant AND state.assigned_to = :person
    ORDER BY state.expires_at_us, state.id"""
_KEPT_COUNTS = f"""
    SELECT assigned_to, voted_by, kind, name, sum(n) FROM {WAITING_COUNTS} WHERE tenant_id = :tenant"""
_SUMMED = "GROUP BY assigned_to, voted_by, kind, name HAVING sum(n) <> 0"
KEPT_COUNTS = f"""{_KEPT_COUNTS}
    AND assigned_to = ANY_OF(:people) AND voted_by = ANY_OF(:voters) AND kind = ANY_OF(:kinds) {_SUMMED}"""
# One statement, so that all of it is of one moment: the counts as they are kept, and the cases that they count.
COUNTS_AND_CASES = f"""{_KEPT_COUNTS} {_SUMMED}
    UNION ALL SELECT body, NULL, NULL, NULL, NULL FROM cases
    WHERE tenant_id = :tenant AND status IN ({listed(WAITING)})"""
WAITING_STATES = f"""
    SELECT cases.id, cases.body, {", ".join(f"state.{column}" for column in TABLES[STATES])}
    FROM cases LEFT JOIN {STATES} AS state ON state.tenant_id = cases.tenant_id AND state.id = cases.id
    WHERE cases.tenant_id = :tenant AND cases.id > :after AND cases.status IN ({listed(WAITING)})
    ORDER BY cases.id LIMIT :limit"""
UNANSWERED = f"SELECT count(*) FROM {STATES} WHERE tenant_id = :tenant AND proposed_by = :proposer"


def cases(statuses: Sequence[Status] | None, **wanted: Any) -> tuple[str, dict[str, Any]]:
    """
    By account, reason or type of action where one is asked for; else by their states, where all of the wanted
    statuses have rows there: those are the rarer ones.
    """
    by_case = any(wanted.get(name) is not None for name in ("account", "reason", "action_type"))
    if statuses is not None and PLAIN not in statuses and not by_case:
        return _by_states(statuses, wanted)
    conditions = _OF_CASES
    if wanted.get("reason") not in (None, WITHIN_BOUNDS):
        # Said again with its value: the index holds only such reasons, and a parameter could be any.
        conditions = {**conditions, "reason": f"{conditions['reason']} AND cases.reason <> '{WITHIN_BOUNDS}'"}
    where, given = _where(wanted | {"statuses": statuses and list(statuses)}, **conditions)
    order = "ORDER BY cases.created_at_us DESC, cases.id DESC LIMIT :limit"
    return f"SELECT cases.body FROM cases WHERE {where} {order}", given


_OF_CASES = {
    "tenant": "cases.tenant_id = :tenant",
    "account": "cases.account_id = :account",
    "action_type": "cases.action_type = :action_type",
    "reason": "cases.reason = :reason",
    "statuses": "cases.status = ANY_OF(:statuses)",
    "created_from": "cases.created_at_us >= :created_from",
    "created_before": "cases.created_at_us < :created_before",
    "at": "(cases.created_at_us, cases.id) < (:at, :id)",
}


def _by_states(statuses: Sequence[Status], wanted: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The newest of each status, for which the index has them in order, and of those the newest."""
    where, given = _where(
        wanted,
        tenant="tenant_id = :tenant",
        created_from="created_at_us >= :created_from",
        created_before="created_at_us < :created_before",
        at="(created_at_us, id) < (:at, :id)",
    )
    states = f"SELECT tenant_id, id, created_at_us FROM {STATES} WHERE {where} AND status ="
    found = _newest_of([f"{states} '{status}'" for status in dict.fromkeys(statuses)], "created_at_us", "id")
    order = "ORDER BY state.created_at_us DESC, state.id DESC"
    return f"SELECT cases.body FROM ({found}) AS state JOIN cases ON {_OF_CASE} {order}", given


def _newest_of(selects: Sequence[str], at: str, id: str) -> str:
    """Of several lists, each in the order of its own index, the first of all: sorted is only what each begins with."""
    newest = f"ORDER BY {at} DESC, {id} DESC LIMIT :limit"
    if len(selects) == 1:
        return f"{selects[0]} {newest}"
    parts = (f"SELECT * FROM ({select} {newest}) AS part_{number}" for number, select in enumerate(selects))
    return f"SELECT * FROM ({' UNION '.join(parts)}) AS found {newest}"


def recent(event_types: Sequence[str], kinds: int, **wanted: Any) -> tuple[str, dict[str, Any]]:
    """
    The segments that hold such entries, newest first: of `moment` alone, or up to `at`, that moment included.
    """
    if not COMMON.intersection(event_types):
        return _rare(list(event_types), wanted)
    where, given = _where(wanted, **_OF_SEGMENTS)
    # Those of one moment are put in order by whoever reads all of it.
    order = "ORDER BY at_us DESC LIMIT :limit"
    return f"SELECT body FROM {SEGMENTS} WHERE {where} AND kinds & :kinds <> 0 {order}", given | {"kinds": kinds}


_OF_SEGMENTS = {
    "tenant": "tenant_id = :tenant",
    "account": "account_id = :account",
    "at": "at_us <= :at",
    "moment": "at_us = :moment",
}


def _rare(event_types: list[str], wanted: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The newest of each type, for which an index has them in order, and of those the newest."""
    where, given = _where(wanted, **_OF_SEGMENTS)
    types = {f"type_{number}": name for number, name in enumerate(dict.fromkeys(event_types))}
    events = f"SELECT tenant_id, chain, first, at_us, entry_id FROM {EVENTS} WHERE {where} AND event_type ="
    # A segment may hold two of the types: then it is found once.
    found = _newest_of([f"{events} :{name}" for name in types], "at_us", "entry_id")
    sql = f"""SELECT segment.body FROM ({found}) AS event JOIN {SEGMENTS} AS segment
        ON segment.tenant_id = event.tenant_id AND segment.chain = event.chain AND segment.first = event.first
        ORDER BY event.at_us DESC, event.entry_id DESC"""
    return sql, given | types


def _where(wanted: dict[str, Any], **conditions: str) -> tuple[str, dict[str, Any]]:
    """The conditions on what was asked for, and only the parameters they use."""
    given = {name: value for name, value in wanted.items() if value is not None}
    return " AND ".join(text for name, text in conditions.items() if name in given), given
