"""The table's keys and indexes. The store reads and writes them; a test holds its data against these."""

from __future__ import annotations

from dataclasses import dataclass

PARTITION, SORT, TTL = "pk", "sk", "ttl"
TENANTS = "*tenants"
"""The one partition that belongs to no tenant and no kind: it names the tenants."""


@dataclass(frozen=True, slots=True)
class Index:
    name: str
    partition: str
    sort: str
    beside: tuple[str, ...] = ()


INDEXES = (
    Index("due", "due_pk", "due_sk"),
    Index("queue", "queue_pk", "queue_sk", ("account_id",)),
    Index("by_status", "status_pk", "status_sk", ("account_id", "action_type", "reason")),
    Index("by_time", "time_pk", "time_sk", ("account_id", "event_type")),
)
