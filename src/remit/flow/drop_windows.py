"""
Drop: counters of windows that are long over go, so that a store does not grow by what nobody asks about any more.

No decision does that, and none waits for it: whoever follows a tenant's ledger does, once a day, the oldest first. What
the ledger says of a window stays, and proves it. A window into which an approval may still be given back stays as well,
however long that takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from remit.core.execution.approval import Publication
from remit.core.execution.publication import UNFINISHED
from remit.core.gate.budget import kept_from, only_charged_to_kept
from remit.core.lifecycle import Case
from remit.core.records import USAGE, Key, chain_key
from remit.flow.context import Context, usage_keys
from remit.flow.pages import LARGEST_PAGE
from remit.ports import CaseFilter, Snapshot, UnitOfWork, Writes, answer_of, case_cursor

AT_ONCE = 50
"""Counters that are dropped in one write."""
MOST_WRITES = 20
MOST_UNFINISHED = 50_000
"""Where more is under way, nothing is dropped that day: what it was charged to would be looked up for long."""


def drop_windows(context: Context, tenant_id: str, now: datetime) -> bool:
    """Drop the tenant's counters that are kept no longer, a bounded part of them. True if there may be more."""
    before = kept_from(now)
    if not any(usage.usage_id < before for usage in context.store.scan(USAGE, tenant_id, limit=1)):
        return False
    charged = _charged_by_unfinished(context, tenant_id, now)
    if charged is None:
        return False
    needed = {usage_id for usage_id in charged if usage_id < before}
    for _ in range(MOST_WRITES):
        oldest = context.store.scan(USAGE, tenant_id, limit=AT_ONCE + len(needed))
        over = [usage.usage_id for usage in oldest if usage.usage_id < before and usage.usage_id not in needed]
        if over:
            answer_of(context.store.transact([DropWindows(tenant_id, over[:AT_ONCE]).unit()]))
        if len(over) < AT_ONCE:
            return False
    return True


def _charged_by_unfinished(context: Context, tenant_id: str, now: datetime) -> set[str] | None:
    """
    The counters into which approvals may still be given back; `None` where too many have not ended.

    They are named by the chain of each whose approval is old enough, and of hardly any it is.
    """
    charged: set[str] = set()
    for cases in _unfinished(context, tenant_id):
        if cases is None:
            return None
        old = [case for case in cases if case.publication is None or _is_old(case.publication, now)]
        seen = context.store.read([chain_key(tenant_id, case.action_intent_id) for case in old])
        for case in old:
            history = seen.get(chain_key(tenant_id, case.action_intent_id))
            if history is not None and case.approval_id is not None:
                charged |= {key.id for key in usage_keys(history.approval(case.approval_id))}
    return charged


def _is_old(publication: Publication, now: datetime) -> bool:
    # It begins with its approval, in the write that charges.
    return not only_charged_to_kept(publication.reserved_at, now)


def _unfinished(context: Context, tenant_id: str) -> Iterator[Sequence[Case] | None]:
    """Page by page; `None` in the place of what is too much."""
    after, which = None, CaseFilter(statuses=sorted(UNFINISHED))
    for _ in range(MOST_UNFINISHED // LARGEST_PAGE):
        page = context.store.cases(tenant_id, which, after, LARGEST_PAGE)
        yield page
        if len(page) < LARGEST_PAGE:
            return
        after = case_cursor(page[-1])
    yield None


class DropWindows(Struct, frozen=True):
    """Delete these counters, as far as they are there."""

    tenant_id: str
    usage_ids: Sequence[str]

    def unit(self) -> UnitOfWork[None]:
        return UnitOfWork(self._keys(), self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[None]:
        return Writes(answer=None, deletes=[key for key in self._keys() if snapshot.get(key) is not None])

    def _keys(self) -> list[Key[Any]]:
        return [Key(USAGE, self.tenant_id, usage_id) for usage_id in self.usage_ids]
