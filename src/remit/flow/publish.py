"""
Publish approvals: hand the event over, and mark it.

Where the store is the workers' queue, both are one commit. A sending publisher is told first and believed after: what
it does not confirm stays `RESERVED`, what it refuses for good is released and goes to the queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

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
from remit.core.records import Key, case_key, chain_key
from remit.flow.context import CaseWriter, Context, current_approval, usage_keys
from remit.ports import DELIVERED, REFUSED, Message, Receipt, SendingPublisher, Snapshot, UnitOfWork, Writes

FIRST_DELIVERY = 1
Published = Literal["published", "already", "released", "waiting"]


@dataclass(frozen=True, slots=True)
class IntentRef:
    """
    One intent of one tenant.

    `approval` is given by whoever has just written it, or found it `RESERVED`: it is sent as it is, and
    what is stored is looked at when it is marked.
    """

    tenant_id: str
    action_intent_id: str
    approval: Approval | None = None


def enqueue(context: Context, intents: Sequence[IntentRef], now: datetime) -> list[Published | RemitError]:
    """Publish in the store itself, where it is the queue: each approval that still has to leave is a worker's now."""
    return context.store.transact([_enqueue_unit(context, ref, now) for ref in intents])


def _enqueue_unit(context: Context, ref: IntentRef, now: datetime) -> UnitOfWork[Published]:
    case_at = case_key(*_names(ref))

    def change(snapshot: Snapshot) -> Writes[Published]:
        case = snapshot.get(case_at)
        if case is None or case.publication is None or not is_reserved(case.publication):
            return Writes(answer="already")
        if not may_publish(case, case.publication, now, again=False):
            return Writes(answer="waiting")
        writer = CaseWriter(context, case, now)
        writer.enqueue()
        return writer.writes("published")

    return UnitOfWork(reads=[case_at], decide=change)


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
    if receipt is not None and receipt.outcome == DELIVERED:
        return _mark_unit(context, ref, now, again=again)
    if receipt is not None and receipt.outcome == REFUSED:
        return _release_unit(context, ref, receipt.detail, now)
    return _later_unit(ref, now) if receipt is not None else None


def _later_unit(ref: IntentRef, now: datetime) -> UnitOfWork[Published]:
    case_at = case_key(*_names(ref))

    def change(snapshot: Snapshot) -> Writes[Published]:
        case = snapshot.get(case_at)
        if case is None or (due_at := due_when_unconfirmed(case, now)) == case.due_at:
            return Writes(answer="waiting")
        return Writes(answer="waiting", puts=[(case_at, case.changed(due_at=due_at))])

    return UnitOfWork(reads=[case_at], decide=change)


def _message(context: Context, ref: IntentRef, now: datetime, again: bool) -> Message | None:
    if ref.approval is not None:
        if held_until(ref.approval, now):
            return None
        return Message(approved_event(ref.approval, context.event_source), FIRST_DELIVERY)
    case_at, chain_at = case_key(*_names(ref)), chain_key(*_names(ref))
    seen = context.store.read([case_at, chain_at])
    case = seen.get(case_at)
    if case is None or case.publication is None or not may_publish(case, case.publication, now, again=again):
        return None
    approval = current_approval(seen, *_names(ref))
    if approval is None:
        raise AssertionError(f"approval {case.publication.approval_id!r} is missing in the chain")
    return Message(approved_event(approval, context.event_source), case.publication.deliveries + 1)


def _mark_unit(context: Context, ref: IntentRef, now: datetime, *, again: bool) -> UnitOfWork[Published]:
    case_at = case_key(*_names(ref))

    def change(snapshot: Snapshot) -> Writes[Published]:
        case = snapshot.get(case_at)
        if case is None or case.publication is None or not may_publish(case, case.publication, now, again=again):
            return Writes(answer="already")
        writer = CaseWriter(context, case, now)
        writer.mark_published(case.publication)
        writer.update(due_at=due_when_published(case, case.publication, now))
        return writer.writes("published")

    # Whoever sent it has mostly just seen it.
    return UnitOfWork(reads=[case_at], decide=change, optimistic=True)


def _release_unit(context: Context, ref: IntentRef, detail: str, now: datetime) -> UnitOfWork[Published]:
    case_at, chain_at = case_key(*_names(ref)), chain_key(*_names(ref))

    def more(snapshot: Snapshot) -> Sequence[Key[Any]]:
        return usage_keys(current_approval(snapshot, *_names(ref)))

    def change(snapshot: Snapshot) -> Writes[Published]:
        case, approval = snapshot.get(case_at), current_approval(snapshot, *_names(ref))
        if case is None or approval is None or case.publication is None:
            return Writes(answer="already")
        if not may_release_refused(case.publication, case.attempt):
            return Writes(answer="already")
        writer = CaseWriter(context, case, now)
        writer.release(approval, snapshot, f"{PUBLISH_REJECTED}: {detail}" if detail else PUBLISH_REJECTED)
        writer.move("AWAITING_APPROVAL")
        writer.update(reason=PUBLISH_REJECTED, approval_id=None, approval_source=None)
        return writer.writes("released")

    return UnitOfWork(reads=[case_at, chain_at], decide=change, then_reads=more)


def _names(ref: IntentRef) -> tuple[str, str]:
    return ref.tenant_id, ref.action_intent_id
