"""
Publish approvals: hand the event over, and mark it.

Where the store is the workers' queue, both are one commit. A sending publisher is told first and believed after: what
it does not confirm stays `RESERVED`, what it refuses for good is released and goes to the queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from remit.core.errors import RemitError
from remit.core.execution.approval import Approval, approved_event, held_until
from remit.core.execution.publication import (
    due_when_published,
    due_when_unconfirmed,
    is_reserved,
    may_publish,
    may_release_refused,
)
from remit.core.gate.decision import PUBLISH_REJECTED
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.records import Key, case_key, chain_key
from remit.flow.context import Context, current_approval, usage_keys
from remit.flow.writers import CaseWriter
from remit.ports import DELIVERED, REFUSED, Message, Receipt, SendingPublisher, Snapshot, UnitOfWork, Writes

FIRST_DELIVERY = 1
Published = Literal["published", "already", "released", "waiting"]


class IntentRef(Struct, frozen=True):
    """
    One intent of one tenant.

    `approval` is given by whoever has just written it, or found it `RESERVED`: it is sent as it is, and
    what is stored is looked at when it is marked.
    """

    tenant_id: str
    action_intent_id: str
    approval: Approval | None = None

    @property
    def case_at(self) -> Key[Case]:
        return case_key(self.tenant_id, self.action_intent_id)

    @property
    def chain_at(self) -> Key[IntentHistory]:
        return chain_key(self.tenant_id, self.action_intent_id)

    def approval_in(self, snapshot: Snapshot) -> Approval | None:
        """The one that stands, in a snapshot that was asked for case and chain."""
        return current_approval(snapshot, self.tenant_id, self.action_intent_id)


def enqueue(context: Context, intents: Sequence[IntentRef], now: datetime) -> list[Published | RemitError]:
    """Publish in the store itself, where it is the queue: each approval that still has to leave is a worker's now."""
    return context.store.transact([EnqueueApproval(context, ref, now).unit() for ref in intents])


class EnqueueApproval(Struct, frozen=True):
    """An approval becomes a worker's, when nobody may take it back any more."""

    context: Context
    ref: IntentRef
    now: datetime

    def unit(self) -> UnitOfWork[Published]:
        return UnitOfWork([self.ref.case_at], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Published]:
        case = snapshot.get(self.ref.case_at)
        if case is None or case.publication is None or not is_reserved(case.publication):
            return Writes(answer="already")
        if not may_publish(case, case.publication, self.now, again=False):
            return Writes(answer="waiting")
        writer = CaseWriter(self.context, case, self.now)
        writer.enqueue()
        return writer.writes("published")


def publish_sent(
    context: Context, publisher: SendingPublisher, intents: Sequence[IntentRef], now: datetime, *, again: bool = False
) -> list[Published | RemitError]:
    """Publish over a wire: send first, then mark what was delivered and release what was refused."""
    messages = [_message(context, ref, now, again) for ref in intents]
    receipts = iter(publisher.send([message for message in messages if message]))
    answers: list[Published | RemitError] = []
    units: list[UnitOfWork[Published]] = []
    places: list[int] = []
    for place, (ref, message) in enumerate(zip(intents, messages, strict=True)):
        receipt = next(receipts) if message else None
        unit = _unit_after(context, ref, receipt, now, again)
        answers.append("already" if receipt is None else "waiting")
        if unit is not None:
            units.append(unit)
            places.append(place)
    for place, answer in zip(places, context.store.transact(units), strict=True):
        answers[place] = answer
    return answers


def _unit_after(
    context: Context, ref: IntentRef, receipt: Receipt | None, now: datetime, again: bool
) -> UnitOfWork[Published] | None:
    if receipt is None:
        return None
    if receipt.outcome == DELIVERED:
        return MarkPublished(context, ref, now, again).unit()
    if receipt.outcome == REFUSED:
        return ReleaseRefused(context, ref, receipt.detail, now).unit()
    return DeferPublication(ref, now).unit()


def _message(context: Context, ref: IntentRef, now: datetime, again: bool) -> Message | None:
    if ref.approval is not None:
        if held_until(ref.approval, now):
            return None
        return Message(approved_event(ref.approval, context.event_source), FIRST_DELIVERY)
    seen = context.store.read([ref.case_at, ref.chain_at])
    case = seen.get(ref.case_at)
    if case is None or case.publication is None or not may_publish(case, case.publication, now, again=again):
        return None
    approval = ref.approval_in(seen)
    if approval is None:
        raise AssertionError(f"approval {case.publication.approval_id!r} is missing in the chain")
    return Message(approved_event(approval, context.event_source), case.publication.deliveries + 1)


class MarkPublished(Struct, frozen=True):
    """An approval has left."""

    context: Context
    ref: IntentRef
    now: datetime
    again: bool

    def unit(self) -> UnitOfWork[Published]:
        # Whoever sent it has mostly just seen it.
        return UnitOfWork([self.ref.case_at], self.decide, optimistic=True)

    def decide(self, snapshot: Snapshot) -> Writes[Published]:
        case, now = snapshot.get(self.ref.case_at), self.now
        if case is None or case.publication is None or not may_publish(case, case.publication, now, again=self.again):
            return Writes(answer="already")
        writer = CaseWriter(self.context, case, now)
        writer.mark_published(case.publication)
        writer.update(due_at=due_when_published(case, case.publication, now))
        return writer.writes("published")


class DeferPublication(Struct, frozen=True):
    """Nobody confirmed it: it is sent again when it is due."""

    ref: IntentRef
    now: datetime

    def unit(self) -> UnitOfWork[Published]:
        return UnitOfWork([self.ref.case_at], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Published]:
        case = snapshot.get(self.ref.case_at)
        if case is None or (due_at := due_when_unconfirmed(case, self.now)) == case.due_at:
            return Writes(answer="waiting")
        return Writes(answer="waiting", puts=[(self.ref.case_at, case.changed(due_at=due_at))])


class ReleaseRefused(Struct, frozen=True):
    """Release what was refused for good: its charge is given back, and it goes to a person."""

    context: Context
    ref: IntentRef
    detail: str
    now: datetime

    def unit(self) -> UnitOfWork[Published]:
        return UnitOfWork([self.ref.case_at, self.ref.chain_at], self.decide, self.then_reads)

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        return usage_keys(self.ref.approval_in(snapshot))

    def decide(self, snapshot: Snapshot) -> Writes[Published]:
        case, approval = snapshot.get(self.ref.case_at), self.ref.approval_in(snapshot)
        if case is None or approval is None or case.publication is None:
            return Writes(answer="already")
        if not may_release_refused(case.publication, case.attempt):
            return Writes(answer="already")
        writer = CaseWriter(self.context, case, self.now)
        writer.release(approval, snapshot, f"{PUBLISH_REJECTED}: {self.detail}" if self.detail else PUBLISH_REJECTED)
        writer.move("AWAITING_APPROVAL")
        writer.update(reason=PUBLISH_REJECTED, approval_id=None, approval_source=None)
        return writer.writes("released")
