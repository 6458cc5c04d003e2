"""
Publish approvals: hand the event over, and mark it.

An enlisting publisher does both in one commit. A sending one is told first and believed after: what
it does not confirm stays `RESERVED`, what it refuses for good is released and goes to the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from remit.core.errors import RemitError
from remit.core.execution.approval import Approval, AutoExecStateV1, approved_event
from remit.core.execution.publication import (
    due_when_published,
    due_when_unconfirmed,
    may_publish,
    may_release_refused,
)
from remit.core.gate.decision import PUBLISH_REJECTED
from remit.core.records import APPROVAL, ATTEMPT, Key, case_key, state_record_key
from remit.flow.context import CaseWriter, Context, one, usage_keys
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


def publish_enlisted(
    context: Context, intents: Sequence[IntentRef], now: datetime, *, again: bool = False
) -> list[Published | RemitError]:
    """
    Publish through the publisher that is enlisted in the store: the event and its mark in one commit.

    With `again`, what is `PUBLISHED` and still has no outcome is delivered once more.
    """
    return context.store.transact([_mark_unit(context, ref, now, again=again, enlist=True) for ref in intents])


def publish_sent(
    context: Context, publisher: SendingPublisher, intents: Sequence[IntentRef], now: datetime, *, again: bool = False
) -> list[Published | RemitError]:
    """Publish over a wire: send first, then mark what was delivered and release what was refused."""
    messages = [_message(context, ref, again) for ref in intents]
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
        return _mark_unit(context, ref, now, again=again, enlist=False)
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


def _message(context: Context, ref: IntentRef, again: bool) -> Message | None:
    if ref.approval is not None:
        return Message(approved_event(ref.approval, context.event_source), FIRST_DELIVERY)
    case_at, state_at = case_key(ref.tenant_id, ref.action_intent_id), state_record_key(*_names(ref))
    seen = context.store.read([case_at, state_at])
    case, state = seen.get(case_at), seen.get(state_at)
    if case is None or state is None or not may_publish(case, state, again=again):
        return None
    approval = one(context, Key(APPROVAL, ref.tenant_id, state.approval_id))
    if approval is None:
        raise AssertionError(f"approval {state.approval_id!r} is missing beside its state")
    return Message(approved_event(approval, context.event_source), state.deliveries + 1)


def _mark_unit(context: Context, ref: IntentRef, now: datetime, *, again: bool, enlist: bool) -> UnitOfWork[Published]:
    case_at, state_at = case_key(*_names(ref)), state_record_key(*_names(ref))

    def change(snapshot: Snapshot) -> Writes[Published]:
        case, state = snapshot.get(case_at), snapshot.get(state_at)
        if case is None or state is None or not may_publish(case, state, again=again):
            return Writes(answer="already")
        writer = CaseWriter(context, case, now)
        after = writer.mark_published(state)
        writer.update(due_at=due_when_published(case, state, now))
        writes: Writes[Published] = writer.writes("published")
        if enlist:
            approval = snapshot.get(Key(APPROVAL, ref.tenant_id, state.approval_id))
            if approval is None:
                raise AssertionError(f"approval {state.approval_id!r} is missing beside its state")
            writes.messages.append(Message(approved_event(approval, context.event_source), after.deliveries))
        return writes

    if enlist:
        return UnitOfWork(reads=[case_at, state_at], decide=change, then_reads=_approval_of(state_at))
    # Whoever sent it has mostly just seen both.
    return UnitOfWork(reads=[case_at, state_at], decide=change, optimistic=True)


def _approval_of(state_at: Key[AutoExecStateV1]) -> Callable[[Snapshot], Sequence[Key[Any]]]:
    def more(snapshot: Snapshot) -> Sequence[Key[Any]]:
        state = snapshot.get(state_at)
        return [Key(APPROVAL, state_at.tenant_id, state.approval_id)] if state else []

    return more


def _release_unit(context: Context, ref: IntentRef, detail: str, now: datetime) -> UnitOfWork[Published]:
    case_at, state_at = case_key(*_names(ref)), state_record_key(*_names(ref))
    attempt_at = Key(ATTEMPT, *_names(ref))

    def more(snapshot: Snapshot) -> Sequence[Key[Any]]:
        return usage_keys(ref.tenant_id, snapshot.get(state_at))

    def change(snapshot: Snapshot) -> Writes[Published]:
        case, state = snapshot.get(case_at), snapshot.get(state_at)
        if case is None or state is None or not may_release_refused(state, snapshot.get(attempt_at)):
            return Writes(answer="already")
        case.require("AWAITING_APPROVAL", "released")
        writer = CaseWriter(context, case, now)
        writer.release(state, snapshot, f"{PUBLISH_REJECTED}: {detail}" if detail else PUBLISH_REJECTED)
        writer.move("AWAITING_APPROVAL")
        writer.update(reason=PUBLISH_REJECTED, approval_id=None, approval_source=None)
        return writer.writes("released")

    return UnitOfWork(reads=[case_at, state_at, attempt_at], decide=change, then_reads=more)


def _names(ref: IntentRef) -> tuple[str, str]:
    return ref.tenant_id, ref.action_intent_id
