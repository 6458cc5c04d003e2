"""Context of every step, the records that steps share, and the writers of an intent's and of a tenant's chain."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from remit.core.execution.approval import (
    DEFAULT_SOURCE,
    STATE_TTL_DAYS,
    Approval,
    Publication,
    held_until,
    published,
    released,
)
from remit.core.execution.breaker import DEFAULT_RULES, BreakerRules
from remit.core.execution.outcome import ActionOutcomeV1, Resolution
from remit.core.execution.publication import gives_back_unstarted, is_reserved
from remit.core.execution.result import StoredResult, ToolResult
from remit.core.gate.action_type import CALLER, ActionType
from remit.core.gate.bounds import BoundsInForce, nothing_set
from remit.core.gate.budget import Usage, split_window_id
from remit.core.gate.charging import release
from remit.core.gate.decision import INTENT_EXPIRED
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import NO_CHAIN, SYSTEM, ChainHead, EventType, Head, LedgerEntry, next_entry
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case, Status, moved
from remit.core.records import (
    ACTION_TYPE,
    BOUNDS,
    CHAIN,
    CHAIN_HEAD,
    THE_ONE,
    USAGE,
    Key,
    case_key,
    chain_key,
    result_key,
    type_id,
)
from remit.core.values import Record, Stored, instant
from remit.flow.private_values import new_seed
from remit.ports import (
    Connector,
    FactSource,
    Notifier,
    PolicySandbox,
    Runnable,
    RunsNamedTypes,
    Snapshot,
    Store,
    UnitOfWork,
    Writes,
)

MOST_WAITING = 1000
NO_CONNECTOR = ""
"""Of what has no tool: every worker can end that."""
T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R", bound=Stored | IntentHistory)


@dataclass(frozen=True, slots=True)
class Context:
    """The store, where ids come from (UUIDv7), and the few settings that steps need."""

    store: Store
    new_id: Callable[[], str]
    connectors: Mapping[str, Connector]
    event_source: str = DEFAULT_SOURCE
    state_ttl_days: int = STATE_TTL_DAYS[1]
    notifiers: Mapping[str, Notifier] = field(default_factory=dict)
    console_url: str | None = None
    publishes: bool = False
    """Does a decision publish in its own write? Then this store is the queue that workers take executions from."""
    policy_sandbox: PolicySandbox | None = None
    fact_source: FactSource | None = None
    """Where facts are looked up; without, none can be had."""
    new_seed: Callable[[], bytes] = new_seed
    """32 random bytes, of which the salts of one intent's private values are made."""
    most_waiting: int | None = MOST_WAITING
    """How many intents of one proposer may wait for people; `None` for no limit."""
    breaker: BreakerRules | None = DEFAULT_RULES
    """When a tool that keeps failing is paused; `None` for never."""

    @property
    def runnable(self) -> Runnable:
        """What a worker with these connectors can run. What callers execute is no worker's."""
        known = {name: _types_of(connector) for name, connector in self.connectors.items() if name != CALLER}
        return Runnable({**known, NO_CONNECTOR: None})

    def runs(self, case: Case) -> bool:
        """Can a worker with these connectors run it?"""
        known = self.connectors.get(case.connector)
        own = Runnable({NO_CONNECTOR: None} if known is None else {case.connector: _types_of(known)})
        return not case.by_caller and own.runs(case.connector, case.action_type)


def _types_of(connector: Connector) -> Collection[str] | None:
    """The action types that it runs; `None` for every one."""
    return connector.action_types if isinstance(connector, RunsNamedTypes) else None


class CaseWriter:
    """
    What one unit writes about one intent: entries on its chain, its case, and records beside it.

    Nothing is written before `writes` is handed to the store.
    """

    def __init__(self, context: Context, case: Case, now: datetime) -> None:
        self.context, self.now = context, now
        self._case, self._changes, self._head = case, dict[str, Any](), case.chain
        self._key = case_key(case.tenant_id, case.action_intent_id)
        self._writes: Writes[Any] = Writes(answer=None)

    @property
    def case(self) -> Case:
        """The case as it is now."""
        if self._changes:
            self._case = self._case.changed(**{**self._changes, "updated_at": self.now})
            self._changes = {}
        return self._case

    @property
    def entries(self) -> Sequence[LedgerEntry]:
        """The entries that it appends."""
        return self._writes.entries

    def append(self, event_type: EventType, data: dict[str, Any] | Record, actor: str = SYSTEM) -> None:
        """Append to the intent's chain."""
        entry = next_entry(
            self._head,
            event_type,
            data,
            entry_id=self.context.new_id(),
            tenant_id=self._case.tenant_id,
            account_id=self._case.account_id,
            action_intent_id=self._case.action_intent_id,
            actor=actor,
            at=self.now,
        )
        self._writes.entries.append(entry)
        self._head = self._changes["chain"] = entry.head

    def update(self, **changes: Any) -> None:
        """Change the case."""
        self._changes.update(changes)

    def move(self, status: Status, *, lease_until: datetime | None = None) -> None:
        """Move the case on to `status`. Raises `NotInThatState` where the life cycle has no such way."""
        self.update(**moved(self._as_moved(), status, now=self.now, lease_until=lease_until))

    def _as_moved(self) -> Case:
        """The case with the status that it has now: other changes are not made for that."""
        return self.case if "status" in self._changes else self._case

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
            self.append("ACTION_PUBLISHED", {"approval_id": publication.approval_id})
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
                "digest": self.case.digest,
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


class SnapshotAfter:
    """A snapshot as it will be when some writes are done."""

    def __init__(self, snapshot: Snapshot, writes: Writes[Any]) -> None:
        self._snapshot, self._writes = snapshot, writes
        self._put: dict[Key[Any], Any] = dict(writes.puts)

    def get(self, key: Key[R]) -> R | None:
        if key in self._put:
            return cast("R | None", self._put[key])
        found = self._snapshot.get(key)
        return cast("R | None", grown(key, found, self._writes.entries)) if key.kind is CHAIN else found


def grown(key: Key[Any], history: Any, entries: Sequence[LedgerEntry]) -> IntentHistory | None:
    """A chain as it is when `entries` are written too."""
    own = [entry for entry in entries if (entry.tenant_id, entry.action_intent_id) == (key.tenant_id, key.id)]
    known: IntentHistory | None = history
    return known if not own else known.after(own) if known else IntentHistory(own)


def in_one_write(first: UnitOfWork[S], second: UnitOfWork[T]) -> UnitOfWork[tuple[S, T]]:
    """
    Both, one after the other, or neither: `second` sees what `first` wrote. Answers both answers.

    What `first` refuses, `second` is not asked about. Neither may delete, and `first` names no further keys.
    """
    change_first = _once_for_what_it_sees(first)

    def more(snapshot: Snapshot) -> Sequence[Key[Any]]:
        after = SnapshotAfter(snapshot, change_first(snapshot))
        return second.then_reads(after) if second.then_reads else ()

    def change(snapshot: Snapshot) -> Writes[tuple[S, T]]:
        before = change_first(snapshot)
        then = second.decide(SnapshotAfter(snapshot, before))
        return Writes(
            answer=(before.answer, then.answer),
            puts=[*before.puts, *then.puts],
            entries=[*before.entries, *then.entries],
        )

    reads = [*dict.fromkeys([*first.reads, *second.reads])]
    may_lag = [*first.may_lag, *second.may_lag]
    return UnitOfWork(reads=reads, decide=change, then_reads=more, new=first.new, may_lag=may_lag)


def _once_for_what_it_sees(unit: UnitOfWork[T]) -> Callable[[Snapshot], Writes[T]]:
    """The unit's change, worked out again only when it is shown other records than the last time."""
    last: tuple[list[Stored | None], Writes[T]] | None = None

    def change(snapshot: Snapshot) -> Writes[T]:
        nonlocal last
        seen = [snapshot.get(key) for key in unit.reads]
        if last is None or any(now is not then for now, then in zip(seen, last[0], strict=True)):
            last = seen, unit.decide(snapshot)
        return last[1]

    return change


def one(context: Context, key: Key[R]) -> R | None:
    """One record as last committed."""
    return context.store.read([key]).get(key)


def bounds_key(tenant_id: str) -> Key[BoundsInForce]:
    return Key(BOUNDS, tenant_id, THE_ONE)


def bounds_of(snapshot: Snapshot, tenant_id: str) -> BoundsInForce:
    """A tenant's bounds in a snapshot that was asked for `bounds_key`; where nobody set any: nothing is allowed."""
    return snapshot.get(bounds_key(tenant_id)) or nothing_set(tenant_id)


def bounds_now(context: Context, tenant_id: str) -> BoundsInForce:
    """A tenant's bounds as last committed."""
    return bounds_of(context.store.read([bounds_key(tenant_id)]), tenant_id)


def chain_head_key(tenant_id: str) -> Key[ChainHead]:
    return Key(CHAIN_HEAD, tenant_id, THE_ONE)


def pinned_type_key(intent: ActionIntentV1) -> Key[ActionType]:
    """The version of its action type that an intent was proposed under."""
    return Key(ACTION_TYPE, intent.tenant_id, type_id(intent.action_type, intent.registry_version or 0))


def usage_keys(approval: Approval | None) -> list[Key[Usage]]:
    """The usage records that an approval's charges were taken from."""
    if approval is None:
        return []
    ids = {split_window_id(taken.window_id)[0] for taken in approval.charges}
    return [Key(USAGE, approval.tenant_id, usage_id) for usage_id in sorted(ids)]


def charged_usages(snapshot: Snapshot, approval: Approval) -> dict[str, Usage]:
    """Those records. A charge without its counter cannot be: they were written together."""
    found = {key.id: snapshot.get(key) for key in usage_keys(approval)}
    return {usage_id: usage for usage_id, usage in found.items() if usage is not None}


def current_approval(snapshot: Snapshot, tenant_id: str, action_intent_id: str) -> Approval | None:
    """The approval that an intent's case names, in a snapshot that was asked for its case and its chain."""
    case = snapshot.get(case_key(tenant_id, action_intent_id))
    history = snapshot.get(chain_key(tenant_id, action_intent_id))
    if case is None or history is None or case.approval_id is None:
        return None
    return history.approval(case.approval_id)


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
