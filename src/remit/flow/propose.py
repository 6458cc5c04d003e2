"""Store what an agent proposes: the intent, its case, and the first entry of its chain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from remit.core.errors import InvalidInput, RemitError
from remit.core.execution.approval import PUBLISH_AFTER
from remit.core.gate.action_type import DEFAULT_EXPIRES_AFTER
from remit.core.gate.bounds import BoundsInForce
from remit.core.intent import ActionIntentV1, Proposal, agree, complete, parse_proposal
from remit.core.ledger.entries import NO_CHAIN
from remit.core.lifecycle import Case, check_supersedes
from remit.core.records import INTENT, Key, case_key, state_record_key
from remit.core.values import parse_duration
from remit.flow.context import CaseWriter, Context, bounds_key, bounds_of
from remit.ports import Snapshot, UnitOfWork, Writes

GATE_AFTER = PUBLISH_AFTER
"""How long a proposal may wait for its proposer to gate it before Remit does."""


def propose(context: Context, proposals: Sequence[Any], now: datetime) -> list[ActionIntentV1 | RemitError]:
    """
    Store each proposal, or find it stored already.

    Answers in order: the stored intent; `InvalidInput`, `IntentIdReused` or another `RemitError` for
    those that could not be stored. One that is wrong does not keep the others back.
    """
    checked = [named(context, data) for data in proposals]
    units = [propose_unit(context, proposal, now) for proposal in checked if isinstance(proposal, Proposal)]
    stored = iter(context.store.transact(units))
    return [next(stored) if isinstance(proposal, Proposal) else proposal for proposal in checked]


def named(context: Context, data: Any) -> Proposal | RemitError:
    """A checked proposal that has its id, or why it is none."""
    try:
        proposal = parse_proposal(data)
    except RemitError as error:
        return error
    if proposal.action_intent_id is not None:
        return proposal
    return proposal.model_copy(update={"action_intent_id": context.new_id()})


def propose_unit(
    context: Context, proposal: Proposal, now: datetime, edited_by: str | None = None
) -> UnitOfWork[ActionIntentV1]:
    """
    The one write that stores a proposal and, where it supersedes another, closes that one.

    `edited_by` names the person whose edit this is.
    """
    tenant_id = proposal.tenant_id
    action_intent_id = proposal.action_intent_id or context.new_id()
    intent_at = Key(INTENT, tenant_id, action_intent_id)
    bounds_at = bounds_key(tenant_id)
    keys: list[Key[Any]] = [intent_at, case_key(tenant_id, action_intent_id), bounds_at]
    if proposal.supersedes:
        keys += [case_key(tenant_id, proposal.supersedes), state_record_key(tenant_id, proposal.supersedes)]

    def change(snapshot: Snapshot) -> Writes[ActionIntentV1]:
        stored = snapshot.get(intent_at)
        if stored is not None:
            agree(proposal, stored)
            return Writes(answer=stored)
        bounds = bounds_of(snapshot, tenant_id)
        intent = _completed(context, proposal, action_intent_id, bounds, now)
        replaced = snapshot.get(case_key(tenant_id, proposal.supersedes)) if proposal.supersedes else None
        # What a person has edited stays with people, whatever an agent proposes in its place.
        editor = edited_by or (replaced.edited_by if replaced else None)
        writer = CaseWriter(context, _new_case(intent, now, editor), now)
        writer.append("INTENT_PROPOSED", intent.wire(), actor=edited_by or intent.proposed_by)
        writer.put(intent_at, intent)
        writes = writer.writes(intent)
        if proposal.supersedes:
            _supersede(context, snapshot, intent, writes, now, edited_by)
        return writes

    return UnitOfWork(reads=keys, decide=change)


def _completed(
    context: Context, proposal: Proposal, action_intent_id: str, bounds: BoundsInForce, now: datetime
) -> ActionIntentV1:
    spec = bounds.action_type(proposal.action_type)
    lives = parse_duration(spec.expires_after if spec else DEFAULT_EXPIRES_AFTER)
    try:
        expires_at = proposal.expires_at or (proposal.created_at or now) + lives
    except OverflowError:
        raise InvalidInput("created_at", "is too close to the end of the year 9999", "send the time") from None
    return complete(
        proposal,
        action_intent_id=action_intent_id,
        trace_id=context.new_id().replace("-", ""),
        now=now,
        expires_at=expires_at,
        registry_version=bounds.type_versions.get(proposal.action_type) if spec else None,
    )


def _new_case(intent: ActionIntentV1, now: datetime, edited_by: str | None) -> Case:
    return Case(
        tenant_id=intent.tenant_id,
        action_intent_id=intent.action_intent_id,
        account_id=intent.account_id,
        action_type=intent.action_type,
        status="PROPOSED",
        created_at=intent.created_at,
        updated_at=now,
        expires_at=intent.expires_at,
        due_at=now + GATE_AFTER,
        digest=intent.digest,
        trace_id=intent.trace_id,
        chain=NO_CHAIN,
        edited_by=edited_by,
    )


def _supersede(
    context: Context,
    snapshot: Snapshot,
    intent: ActionIntentV1,
    writes: Writes[ActionIntentV1],
    now: datetime,
    edited_by: str | None,
) -> None:
    names = intent.tenant_id, intent.supersedes or ""
    old, released = check_supersedes(snapshot.get(case_key(*names)), intent), snapshot.get(state_record_key(*names))
    writer = CaseWriter(context, old, now)
    due_at = released.expires_at if released else None
    writer.update(status="SUPERSEDED", superseded_by=intent.action_intent_id, due_at=due_at)
    writer.append(
        "INTENT_SUPERSEDED",
        {"superseded_by": intent.action_intent_id},
        actor=edited_by or intent.proposed_by,
    )
    closing = writer.writes(None)
    writes.puts.extend(closing.puts)
    writes.entries.extend(closing.entries)
