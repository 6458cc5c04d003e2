"""Writers of an intent's and of a tenant's own chain: what one unit of work writes about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from remit.core.execution.approval import (
    Approval,
    Publication,
    PublishedData,
    held_until,
    published,
    released,
)
from remit.core.execution.outcome import ActionOutcomeV1, Resolution
from remit.core.execution.publication import gives_back_unstarted, is_reserved
from remit.core.execution.result import StoredResult, ToolResult
from remit.core.gate.charging import release
from remit.core.gate.decision import INTENT_EXPIRED
from remit.core.ledger.entries import NO_CHAIN, ChainHead, EventType, Head, LedgerEntry, next_entry
from remit.core.lifecycle import Case, Status, moved
from remit.core.records import (
    USAGE,
    Key,
    case_key,
    result_key,
)
from remit.core.values import SYSTEM, Record, instant
from remit.flow.context import Context, chain_head_key, charged_usages
from remit.ports import (
    Snapshot,
    Writes,
)

T = TypeVar("T")


class CaseWriter:
    """
    The writes of one unit about one intent: entries on its chain, its case, and records beside it.

    Nothing is written before `writes` is handed to the store.
    """

    def __init__(self, context: Context, case: Case, now: datetime) -> None:
        self.context, self.now = context, now
        self._case, self._changes = case, dict[str, Any]()
        self._last: Head | LedgerEntry = case.chain
        self._key = case_key(case.tenant_id, case.action_intent_id)
        self._writes: Writes[Any] = Writes(answer=None)

    @property
    def case(self) -> Case:
        """The case as it is now."""
        changes = self._changes
        if changes or self._last is not self._case.chain:
            last = self._last
            if isinstance(last, LedgerEntry):
                self._last = changes["chain"] = last.head
            self._case = self._case.changed(**changes, updated_at=self.now)
            self._changes = {}
        return self._case

    @property
    def digest(self) -> str:
        """The intent's, which no case ever changes."""
        return self._case.digest

    @property
    def entries(self) -> Sequence[LedgerEntry]:
        """The entries that it appends."""
        return self._writes.entries

    def append(
        self, event_type: EventType, data: dict[str, Any] | Record, actor: str = SYSTEM, *, written: bytes | None = None
    ) -> None:
        """Append to the intent's chain. `written` is the canonical form of `data`, where it is at hand."""
        case = self._case
        entry = self._last = next_entry(
            self._last,
            event_type,
            data,
            entry_id=self.context.new_id(),
            tenant_id=case.tenant_id,
            account_id=case.account_id,
            action_intent_id=case.action_intent_id,
            actor=actor,
            at=self.now,
            written=written,
        )
        self._writes.entries.append(entry)

    def update(self, **changes: Any) -> None:
        """Change the case."""
        self._changes.update(changes)

    def move(self, status: Status, *, lease_until: datetime | None = None) -> None:
        """Move the case on to `status`. Raises `NotInThatState` where the life cycle has no such way."""
        self.update(**moved(self._as_moved(), status, now=self.now, lease_until=lease_until))

    def _as_moved(self) -> Case:
        """The case with the status that it has now: other changes are not made for that."""
        return self.case if "status" in self._changes else self._case

    @property
    def person_required(self) -> bool:
        """Is it for a person to answer, whatever the bounds allow?"""
        return self._case.person_required

    @property
    def edited_by(self) -> str | None:
        return self._case.edited_by

    def _publication(self) -> Publication | None:
        found: Publication | None = self._changes.get("publication", self._case.publication)
        return found

    def put(self, key: Key[Any], record: Any) -> None:
        self._writes.put(key, record)

    def delete(self, key: Key[Any]) -> None:
        self._writes.deletes.append(key)

    def mark_published(self, publication: Publication) -> None:
        """Delivered once more; the first time it becomes `PUBLISHED` and the chain says so."""
        expires_at, ttl_days = self._case.expires_at, self.context.state_ttl_days
        after = published(publication, expires_at=expires_at, now=self.now, ttl_days=ttl_days)
        if is_reserved(publication):
            self.append("ACTION_PUBLISHED", PublishedData(approval_id=publication.approval_id))
        self.update(publication=after, published=True)

    def enqueue(self) -> None:
        """
        Publish in this write: from its commit on, a worker of this store may take the approval, or its caller begin it.

        What may still be taken back is put off until that is over.
        """
        publication = self._publication()
        if publication is None or not is_reserved(publication):
            return
        if (until := held_until(publication, self.now)) is not None:
            # Whoever takes it then publishes it with that; nobody has to come by in between.
            self.update(queued=self.context.publishes and not self._case.by_caller, due_at=until)
        elif self.context.publishes:
            self.mark_published(publication)
            if self._case.by_caller:
                self.update(due_at=self._case.expires_at)
            else:
                self.update(queued=True, due_at=self.now)

    def release(self, approval: Approval, snapshot: Snapshot, why: str, actor: str = SYSTEM, **told: Any) -> None:
        """Make the approval `RELEASED` and give its charges back into the windows they were taken from."""
        publication = self.case.publication
        assert publication is not None
        charges, usages = release(approval.charges, charged_usages(snapshot, approval))
        for usage in usages.values():
            self.put(Key(USAGE, approval.tenant_id, usage.usage_id), usage)
        expires_at, ttl_days = self.case.expires_at, self.context.state_ttl_days
        self.update(publication=released(publication, expires_at=expires_at, now=self.now, ttl_days=ttl_days))
        self.append(
            "BUDGET_RELEASED",
            {
                "approval_id": approval.approval_id,
                "approval_source": approval.approval_source,
                "why": why,
                "charges": [taken.wire() for taken in charges],
                **told,
            },
            actor,
        )

    def stage(self, answer: ToolResult | None) -> None:
        """Store the content of what the tool answered, where it is kept: final as soon as an entry tells its hash."""
        if answer is None or answer.content is None or answer.erase_at is None:
            return
        case = self._case
        stored = StoredResult(
            action_intent_id=case.action_intent_id,
            account_id=case.account_id,
            sha256=answer.sha256,
            erase_at=answer.erase_at,
            content=answer.content,
        )
        self.put(result_key(case.tenant_id, case.action_intent_id), stored)

    def resolve(self, outcome: ActionOutcomeV1, resolution: Resolution, answer: ToolResult | None = None) -> None:
        """Write down what was found out about an unknown outcome, with what a late answer said."""
        self.move(resolution.status)
        self.stage(answer)
        self.append(
            "OUTCOME_RESOLVED",
            {
                "approval_id": outcome.approval_id,
                "digest": self.digest,
                "approval_source": outcome.approval_source,
                "auto_executed": outcome.auto_executed,
                "outcome": resolution.wire(),
                **told_result(answer),
            },
            actor=resolution.resolved_by,
        )

    def writes(self, answer: T) -> Writes[T]:
        """Everything told, with the case as it is now."""
        puts = [(self._key, self.case), *self._writes.puts]
        return Writes(answer, puts, self._writes.deletes, self._writes.entries)


def told_result(answer: ToolResult | None) -> dict[str, Any]:
    """The part of an entry that tells of what the tool answered."""
    return {"result": answer.facts()} if answer else {}


class TenantLedgerWriter:
    """Entries that one unit writes on a tenant's own chain: its bounds, stops and seals."""

    def __init__(self, context: Context, snapshot: Snapshot, tenant_id: str, now: datetime) -> None:
        self.context, self.tenant_id, self.now = context, tenant_id, now
        self.key = chain_head_key(tenant_id)
        self.head: Head = (snapshot.get(self.key) or ChainHead(chain=NO_CHAIN)).chain
        self.entries: list[LedgerEntry] = []

    def append(self, event_type: EventType, data: dict[str, Any], actor: str) -> None:
        entry = next_entry(
            self.head,
            event_type,
            data,
            entry_id=self.context.new_id(),
            tenant_id=self.tenant_id,
            account_id=None,
            action_intent_id=None,
            actor=actor,
            at=self.now,
        )
        self.entries.append(entry)
        self.head = entry.head

    def writes(self, answer: T) -> Writes[T]:
        return Writes(answer=answer, puts=[(self.key, ChainHead(chain=self.head))], entries=self.entries)


def writes_expiry(
    context: Context, case: Case, approval: Approval | None, snapshot: Snapshot, now: datetime, answer: T
) -> Writes[T]:
    """The end of a case that is over before anybody answered or began it; what it cost is given back."""
    writer = CaseWriter(context, case, now)
    writer.move("EXPIRED")
    if approval is not None and gives_back_unstarted(case):
        writer.release(approval, snapshot, INTENT_EXPIRED)
    writer.append("INTENT_EXPIRED", {"expired_at": instant(now)})
    return writer.writes(answer)
