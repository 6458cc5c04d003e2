"""
Migration: everything of one store copied into another, entry by entry as it is, so that every hash stays.

What is finished is copied while FROM is at work. What still moves is copied once FROM is frozen, for an attempt that
was copied unmarked and is then marked and called in FROM would be called again in TO. What nobody has counted or told
yet in FROM is counted and told in TO. TO is compared with FROM and verified before FROM is closed, and FROM is closed
before TO opens: at no moment do both work.

Each write brings TO nearer to FROM and can be done again: who was killed starts over, and passes over what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import chain, islice, zip_longest
from typing import Any, TypeVar

from msgspec import Struct

from remit.core.errors import Conflict, InvalidInput, RemitError
from remit.core.execution.publication import is_taken_by_workers
from remit.core.ledger.entries import NO_CHAIN, ChainHead, Head, LedgerEntry
from remit.core.lifecycle import ENDED, Case
from remit.core.records import CASE, CHAIN_HEAD, KINDS, Key, Kind, case_key, chain_key
from remit.core.values import PLATFORM, Stored
from remit.flow.context import Context, chain_head_key
from remit.flow.migrate_consumers import carry_over
from remit.flow.reading.verify import verify_live
from remit.ports import Clock, MigrationSource, MigrationTarget, ReadableStore, Snapshot, Store, UnitOfWork, Writes

S = TypeVar("S", bound=Stored)
T = TypeVar("T")
Advance = Callable[[int], None]
Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""A bar of that name and length, moved on by what it is called with."""

_CASES_AT_ONCE = 100
_RECORDS_AT_ONCE = 100
# So that any store holds one unit's writes: DynamoDB takes 100 items and 4 MB together.
_MOST_ENTRIES = 50
_MOST_BYTES = 1_000_000
_FOR_GOOD = ENDED - {"UNKNOWN"}
"""A case in such a status hardly ever changes again: of what is `UNKNOWN`, somebody may still find out."""


class Migrated(Struct, frozen=True):
    """The size of what TO holds, and whether it was complete before."""

    tenants: int
    intents: int
    entries: int
    already: bool = False


class NotTheSame(Conflict):
    """TO holds something else than FROM."""

    def __init__(self, tenant_id: str, what: str) -> None:
        super().__init__(f"tenant {tenant_id!r}: {what}; empty TO and begin again")


def migrate(
    source: MigrationSource, target: MigrationTarget, progress: Progress, clock: Clock, new_id: Callable[[], str]
) -> Migrated:
    """
    Copy everything of `source` into `target`, verify it there, close `source`, open `target`.

    Raises `InvalidInput` if `source` was moved elsewhere, or `target` holds something of its own, and `Conflict` if
    what was copied is not the same or breaks an invariant: then `source` stays as it was.
    """
    _check_ends(source, target)
    copy = _Copy(source.store, target.store, progress, clock, queues=target.is_queue)
    if target.complete:
        return copy.size(already=True)
    # FROM is closed only after TO was found to be the same: then all that is left is to open it.
    if source.moved_to is None:
        copy.finished_cases()
        with source.frozen() as frozen:
            copy.everything()
            copy.check()
            target.settle()
            if source.followed is not None:
                carry_over(source.followed, target.store, copy.tenants, clock.now(), new_id)
            frozen.move_to(target.migration_id, target.name)
    target.finish()
    return copy.size()


def _check_ends(source: MigrationSource, target: MigrationTarget) -> None:
    moved_here = source.moved_to == target.migration_id
    if source.moved_to is not None and not moved_here:
        raise InvalidInput("FROM", f"{source.name} was moved into another database", "name that one as TO")
    if target.complete and not moved_here:
        raise InvalidInput("TO", f"{target.name} is in use: it holds records of its own", "name an empty one")


class _Copy:
    def __init__(self, source: ReadableStore, target: Store, progress: Progress, clock: Clock, *, queues: bool) -> None:
        self._from, self._to, self._progress, self._queues = source, target, progress, queues
        self._clock = clock
        self.tenants = source.tenants()
        self._intents = sum(sum(source.counts(tenant_id).values()) for tenant_id in self.tenants)
        self._entries = 0

    def size(self, *, already: bool = False) -> Migrated:
        tenants = [tenant_id for tenant_id in self.tenants if tenant_id != PLATFORM]
        return Migrated(len(tenants), self._intents, self._entries, already)

    def finished_cases(self) -> None:
        """While FROM is at work: the cases that are over for good."""
        with self._progress("copying what is finished", self._intents) as advance:
            for tenant_id in self.tenants:
                self._cases(tenant_id, advance, live=True)

    def everything(self) -> None:
        """Of a store that nobody else writes to: all that TO lacks, and nothing that it has in excess."""
        self.tenants = self._from.tenants()
        self._intents = sum(sum(self._from.counts(tenant_id).values()) for tenant_id in self.tenants)
        with self._progress("copying the rest", self._intents) as advance:
            for tenant_id in sorted({*self.tenants, *self._to.tenants()}):
                self._cases(tenant_id, advance, live=False)
                self._tenant_chain(tenant_id)
                for kind in KINDS.values():
                    if kind not in (CASE, CHAIN_HEAD):
                        self._records(kind, tenant_id)

    def check(self) -> None:
        """Raises `Conflict` unless TO holds the ledger of FROM, and nothing in it is broken."""
        self._entries = 0
        with self._progress("comparing", self._intents) as advance:
            for tenant_id in self.tenants:
                self._compare(tenant_id, advance)
        with self._progress("verifying tenants", len(self.tenants)) as advance:
            for tenant_id in self.tenants:
                self._verify(tenant_id)
                advance(1)

    def _cases(self, tenant_id: str, advance: Advance, *, live: bool) -> None:
        for some in _batches(self._from.records(CASE, tenant_id), _CASES_AT_ONCE):
            cases = {id: self._as_there(case) for id, case in some if not live or case.status in _FOR_GOOD}
            there = self._to.read([case_key(tenant_id, id) for id in cases])
            missing = [id for id, case in cases.items() if there.get(case_key(tenant_id, id)) != case]
            self._chains(tenant_id, missing, live=live)
            advance(len(some))

    def _chains(self, tenant_id: str, ids: Sequence[str], *, live: bool) -> None:
        """Cases with their chains, each pair as of one moment."""
        seen = self._from.read([key(tenant_id, id) for id in ids for key in (case_key, chain_key)])
        left = {id: self._copying(tenant_id, id, seen, live=live) for id in ids}
        while left:
            answers = _done(self._to.transact(list(left.values())))
            left = {id: unit for (id, unit), unfinished in zip(left.items(), answers, strict=True) if unfinished}

    def _copying(self, tenant_id: str, id: str, seen: Snapshot, *, live: bool) -> UnitOfWork[bool]:
        case, history = seen.get(case_key(tenant_id, id)), seen.get(chain_key(tenant_id, id))
        if case is None or history is None or history.entries[-1].head != case.chain:
            raise NotTheSame(tenant_id, f"intent {id!r} and its chain do not belong together in FROM")
        return CopyCase(self._as_there(case), history.entries, live).unit()

    def _as_there(self, case: Case) -> Case:
        """The case in TO: a worker takes what was published, or it is published again where no worker looks."""
        queued = self._queues and is_taken_by_workers(case)
        return case if case.queued == queued else case.changed(queued=queued)

    def _tenant_chain(self, tenant_id: str) -> None:
        entries = self._from.chain(tenant_id, None)
        while entries and any(_done(self._to.transact([CopyTenantChain(tenant_id, entries).unit()]))):
            pass

    def _records(self, kind: Kind[S], tenant_id: str) -> None:
        changes = _changes(self._from.records(kind, tenant_id), self._to.records(kind, tenant_id))
        for some in _batches(changes, _RECORDS_AT_ONCE):
            _done(self._to.transact([CopyRecord(Key(kind, tenant_id, id), record).unit() for id, record in some]))

    def _compare(self, tenant_id: str, advance: Advance) -> None:
        for ours, theirs in zip_longest(_ledger(self._from, tenant_id), _ledger(self._to, tenant_id)):
            if ours is None or theirs is None or ours.line != theirs.line:
                where = ours or theirs
                assert where is not None
                chain_ = f"intent {where.action_intent_id!r}" if where.action_intent_id else "the tenant's own chain"
                raise NotTheSame(tenant_id, f"entry {where.sequence} of {chain_} is not the same in both")
            self._entries += 1
            advance(ours.sequence == 1 and ours.action_intent_id is not None)

    def _verify(self, tenant_id: str) -> None:
        if not self._to.chain(tenant_id, None) and not any(True for _ in self._to.export(tenant_id)):
            return
        context = Context(store=self._to, new_id=_no_id, connectors={})
        report = verify_live(context, tenant_id, self._clock.now())
        if not report.ok:
            problem = f"its ledger is broken, in FROM as in TO: {report.findings[0]}"
            raise Conflict(f"tenant {tenant_id!r}: {problem}; nothing was moved")


class CopyCase(Struct, frozen=True):
    """
    One intent as it is, with the entries that TO lacks; of a long chain, first the earlier ones.

    `live` says that FROM is still at work.
    """

    case: Case
    entries: Sequence[LedgerEntry]
    live: bool

    def unit(self) -> UnitOfWork[bool]:
        """Answers whether something is left to copy."""
        return UnitOfWork([self._at], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[bool]:
        there = snapshot.get(self._at)
        part = _next_entries(self.entries, there.chain if there else NO_CHAIN, self.case.tenant_id)
        head = part[-1].head if part else self.case.chain
        if self.live and not part:
            # Another run has copied it, and may have finished: whatever stands there may be newer.
            return Writes(answer=False)
        case = self.case if head == self.case.chain else self.case.changed(chain=head)
        return Writes(answer=case is not self.case, puts=[(self._at, case)], entries=part)

    @property
    def _at(self) -> Key[Case]:
        return case_key(self.case.tenant_id, self.case.action_intent_id)


class CopyTenantChain(Struct, frozen=True):
    """The entries of a tenant's own chain that TO lacks, the earlier ones first."""

    tenant_id: str
    entries: Sequence[LedgerEntry]

    def unit(self) -> UnitOfWork[bool]:
        """Answers whether something is left to copy."""
        return UnitOfWork([chain_head_key(self.tenant_id)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[bool]:
        head_at = chain_head_key(self.tenant_id)
        part = _next_entries(self.entries, (snapshot.get(head_at) or ChainHead()).chain, self.tenant_id)
        if not part:
            return Writes(answer=False)
        head = part[-1].head
        return Writes(answer=head.sequence < len(self.entries), puts=[(head_at, ChainHead(chain=head))], entries=part)


def _next_entries(entries: Sequence[LedgerEntry], head: Head, tenant_id: str) -> list[LedgerEntry]:
    """
    The entries that follow `head` in a chain, as much as one write takes. Raises `NotTheSame` if `head` is not of the
    chain.
    """
    if head.sequence > len(entries) or (head.sequence and entries[head.sequence - 1].head != head):
        raise NotTheSame(tenant_id, f"TO has another chain of {entries[0].action_intent_id or 'the tenant'!r}")
    part: list[LedgerEntry] = []
    size = 0
    for entry in entries[head.sequence :]:
        size += len(entry.line)
        if part and (size > _MOST_BYTES or len(part) == _MOST_ENTRIES):
            break
        part.append(entry)
    return part


class CopyRecord(Struct, frozen=True):
    """Put the record where it belongs, or with `None` delete what is there."""

    key: Key[Any]
    record: Stored | None

    def unit(self) -> UnitOfWork[None]:
        return UnitOfWork([self.key], self.decide)

    def decide(self, _: Snapshot) -> Writes[None]:
        if self.record is None:
            return Writes(answer=None, deletes=[self.key])
        return Writes(answer=None, puts=[(self.key, self.record)])


def _changes(ours: Iterator[tuple[str, S]], theirs: Iterator[tuple[str, S]]) -> Iterator[tuple[str, S | None]]:
    """The writes by which `theirs` becomes `ours`, by id; `None` deletes. Both come by id."""
    mine, other = next(ours, None), next(theirs, None)
    while mine or other:
        if other is None or (mine is not None and mine[0] < other[0]):
            assert mine is not None
            yield mine
            mine = next(ours, None)
        elif mine is None or other[0] < mine[0]:
            yield other[0], None
            other = next(theirs, None)
        else:
            if mine[1] != other[1]:
                yield mine
            mine, other = next(ours, None), next(theirs, None)


def _batches(items: Iterable[T], most: int) -> Iterator[list[T]]:
    left = iter(items)
    while some := list(islice(left, most)):
        yield some


def _ledger(store: ReadableStore, tenant_id: str) -> Iterable[LedgerEntry]:
    return chain(store.export(tenant_id), store.chain(tenant_id, None))


def _done(answers: Sequence[Any]) -> Sequence[Any]:
    for answer in answers:
        if isinstance(answer, RemitError):
            raise answer
    return answers


def _no_id() -> str:
    raise AssertionError("a copy makes nothing of its own")
