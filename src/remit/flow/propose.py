"""Store what an agent proposes: the intent, its case, and the first entry of its chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from remit.core.errors import RemitError
from remit.core.gate.bounds import check_arguments, check_principal
from remit.core.intent import ActionIntentV1, Proposal, agree, complete, parse_proposal
from remit.core.lifecycle import check_supersedes, new_case
from remit.core.records import Key, case_key, chain_key
from remit.flow.context import CaseWriter, Context, bounds_key, bounds_of
from remit.ports import Snapshot, UnitOfWork, Writes, attempt


def named(context: Context, data: Any) -> Proposal | RemitError:
    """A checked proposal that has its id, or why it is none."""
    proposal = attempt(lambda: parse_proposal(data))
    if isinstance(proposal, RemitError):
        return proposal
    if proposal.action_intent_id is not None:
        return proposal
    own = proposal.model_copy(update={"action_intent_id": context.new_id()})
    # It is not what the caller sent (`_is_made_up`).
    own.model_fields_set.discard("action_intent_id")
    return own


def propose_unit(
    context: Context, proposal: Proposal, now: datetime, edited_by: str | None = None
) -> UnitOfWork[ActionIntentV1]:
    """
    The one write that stores a proposal and, where it supersedes another, closes that one.

    `edited_by` names the person whose edit this is.
    """
    tenant_id = proposal.tenant_id
    action_intent_id = proposal.action_intent_id or context.new_id()
    chain_at, bounds_at = chain_key(tenant_id, action_intent_id), bounds_key(tenant_id)
    own: list[Key[Any]] = [case_key(tenant_id, action_intent_id), chain_at]
    keys = [*own, bounds_at]
    if proposal.supersedes:
        keys += [case_key(tenant_id, proposal.supersedes), chain_key(tenant_id, proposal.supersedes)]

    def change(snapshot: Snapshot) -> Writes[ActionIntentV1]:
        history = snapshot.get(chain_at)
        stored = history.intent if history else None
        if stored is not None:
            agree(proposal, stored)
            return Writes(answer=stored)
        bounds = bounds_of(snapshot, tenant_id)
        check_principal(bounds, proposal)
        check_arguments(bounds, proposal)
        intent = complete(
            proposal,
            action_intent_id=action_intent_id,
            trace_id=context.new_id().replace("-", ""),
            now=now,
            expires_after=bounds.expires_after(proposal.action_type),
            registry_version=bounds.registry_version(proposal.action_type),
        )
        replaced = snapshot.get(case_key(tenant_id, proposal.supersedes)) if proposal.supersedes else None
        connector = bounds.connector(proposal.action_type)
        case = new_case(intent, now, connector=connector, edited_by=edited_by, replaced=replaced)
        writer = CaseWriter(context, case, now)
        writer.append("INTENT_PROPOSED", intent, actor=edited_by or intent.proposed_by)
        writes = writer.writes(intent)
        if proposal.supersedes:
            _supersede(context, snapshot, intent, writes, now, edited_by)
        return writes

    return UnitOfWork(reads=keys, decide=change, new=own if _is_made_up(proposal) else ())


def _is_made_up(proposal: Proposal) -> bool:
    """Was its id made for it (`named`)? Then nobody can have used it."""
    return "action_intent_id" not in proposal.model_fields_set


def _supersede(
    context: Context,
    snapshot: Snapshot,
    intent: ActionIntentV1,
    writes: Writes[ActionIntentV1],
    now: datetime,
    edited_by: str | None,
) -> None:
    names = intent.tenant_id, intent.supersedes or ""
    history = snapshot.get(chain_key(*names))
    proposed = history.intent if history else None
    old = check_supersedes(snapshot.get(case_key(*names)), intent, proposed.on_behalf_of if proposed else None)
    writer = CaseWriter(context, old, now)
    writer.move("SUPERSEDED")
    writer.update(superseded_by=intent.action_intent_id)
    writer.append(
        "INTENT_SUPERSEDED",
        {"superseded_by": intent.action_intent_id},
        actor=edited_by or intent.proposed_by,
    )
    closing = writer.writes(None)
    writes.puts.extend(closing.puts)
    writes.entries.extend(closing.entries)
