"""Intents as they stand: status, why, ledger, lists, stops, and what people changed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from remit.core.errors import NotFound
from remit.core.execution.approval import is_auto_executed
from remit.core.execution.publication import UNFINISHED, not_taken
from remit.core.gate.autonomy import Stop
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.log_only import would_have_said
from remit.core.gate.policy import PLATFORM_POLICIES, find_clause
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import WAITING, Case
from remit.core.mirrors import view_of
from remit.core.records import POLICY_VERSION, Key
from remit.flow.breakers import paused_tools
from remit.flow.context import Context, bounds_key, bounds_of, found_in, intent_keys, one, stops_keys, stops_over
from remit.flow.obstacles import tool_keys
from remit.flow.pages import page_size
from remit.flow.private_values import opened_now
from remit.flow.reading.deputies import assigned
from remit.flow.reading.described import described
from remit.flow.reading.intent_parts import (
    facts_shown,
    line_of,
    proposed_in,
    questions_of,
    standing_of,
    unreadable,
    votes_of,
)
from remit.ports import CaseFilter, case_cursor, entry_cursor

if TYPE_CHECKING:
    from typing_extensions import TypedDict

    from remit.core.views import (
        ClauseAnswer,
        EntryAnswer,
        FailingToolAnswer,
        ListedIntent,
        NotTakenAnswer,
        StatusAnswer,
        WhyAnswer,
    )
    from remit.flow.reading.intent_parts import Standing

    class _Waits(TypedDict):
        paused_tool: FailingToolAnswer | None
        not_taken: NotTakenAnswer | None


MAY_WAIT = WAITING | UNFINISHED
"""The statuses in which an intent may wait behind the pause of its tool."""


def status(context: Context, tenant_id: str, action_intent_id: str, now: datetime) -> StatusAnswer:
    """One intent as it stands. Raises `NotFound`."""
    case, history, bounds = _case_history_and_bounds(context, tenant_id, action_intent_id)
    outcome, resolution, (intent,) = history.outcome, history.resolution, opened_now(context.store, [history])
    return {
        **line_of(case),
        **votes_of(case, history, bounds),
        "questions": questions_of(history),
        **assigned(context, tenant_id, [history], now)[0],
        **_as_it_stands(context, case, history, intent, now),
        **_waits_for(context, case, now),
        "approval_id": case.approval_id,
        "auto_executed": is_auto_executed(case.approval_source) if case.approval_source else None,
        "superseded_by": case.superseded_by,
        "attempt_count": case.attempt.attempt_count if case.attempt else 0,
        "outcome": view_of(outcome),
        "resolution": view_of(resolution),
        "result": history.result.facts() if history.result else None,
        "rechecked": facts_shown(history.rechecked),
        "sampled": history.is_sampled,
        "sample_answer": view_of(history.sample_answer),
        "intent": view_of(intent),
    }


def why(context: Context, tenant_id: str, action_intent_id: str, now: datetime) -> WhyAnswer:
    """The checks in order, the policy clause and its text, what was known, who approved. Raises `NotFound`."""
    case, history, bounds = _case_history_and_bounds(context, tenant_id, action_intent_id)
    (intent,), decision = opened_now(context.store, [history]), history.decision
    approval = history.approval(case.approval_id) if case.approval_id else None
    proposed = proposed_in(intent)
    return {
        **line_of(case),
        **votes_of(case, history, bounds),
        "questions": questions_of(history),
        **assigned(context, tenant_id, [history], now)[0],
        **_as_it_stands(context, case, history, intent, now),
        **_waits_for(context, case, now),
        "why_proposed": proposed["why"],
        "proposed_by": proposed["proposed_by"],
        "on_behalf_of": proposed["on_behalf_of"],
        "delegation": proposed["delegation"],
        "agent_tier": proposed["agent_tier"],
        "edited_by": case.edited_by,
        "decision": view_of(decision),
        "log_only": [view_of(said) for said in would_have_said(decision)] if decision else [],
        "rechecked": facts_shown(history.rechecked),
        "clause": _clause(context, tenant_id, decision.policy_version, decision.policy_clause) if decision else None,
        "approval": view_of(approval),
        "rejection": history.rejection,
        "withdrawal": history.withdrawal,
    }


def _case_history_and_bounds(
    context: Context, tenant_id: str, action_intent_id: str
) -> tuple[Case, IntentHistory, BoundsInForce]:
    seen = context.store.read([*intent_keys(tenant_id, action_intent_id), bounds_key(tenant_id)])
    return *found_in(seen, tenant_id, action_intent_id), bounds_of(seen, tenant_id)


def _as_it_stands(
    context: Context, case: Case, history: IntentHistory, intent: ActionIntentV1 | None, now: datetime
) -> Standing:
    """Its amounts and facts, and what stands in the way of a waiting intent; of one that was answered nobody asks."""
    if intent is None:
        return unreadable(case)
    keys: list[Key[Any]] = [bounds_key(case.tenant_id), *stops_keys(case.tenant_id), *tool_keys(intent)]
    return standing_of(context, context.store.read(keys), intent, history.facts, now, waits=case.status in WAITING)


def _waits_for(context: Context, case: Case, now: datetime) -> _Waits:
    """
    The pause of its tool, behind which an intent waits that is to be executed, or would be if it were approved; and
    that no worker has taken it, where that is not why.
    """
    if case.status not in MAY_WAIT:
        return {"paused_tool": None, "not_taken": None}
    paused = paused_tools(context, case.tenant_id, [case]).get(case.action_type)
    return {"paused_tool": paused, "not_taken": None if paused else not_taken(case, now)}


def _clause(context: Context, tenant_id: str, version: str, clause_id: str | None) -> ClauseAnswer | None:
    if clause_id is None:
        return None
    kept = one(context, Key(POLICY_VERSION, tenant_id, version))
    clause = find_clause(kept.platform if kept else PLATFORM_POLICIES, tuple(kept.sources) if kept else (), clause_id)
    return view_of(clause)


def ledger(context: Context, tenant_id: str, action_intent_id: str) -> list[EntryAnswer]:
    """One intent's chain, as exported. Raises `NotFound`."""
    chain = context.store.chain(tenant_id, action_intent_id)
    if not chain:
        raise NotFound("intent", action_intent_id, tenant_id)
    return [view_of(entry) for entry in chain]


def intents(
    context: Context, tenant_id: str, which: CaseFilter, after: str | None, limit: int, *, describe: bool = False
) -> tuple[list[ListedIntent], str | None]:
    """Intents, newest first, and the cursor of the next page; with `describe`, each as `described` says it."""
    found = context.store.cases(tenant_id, which, after, page_size(limit))
    paused = paused_tools(context, tenant_id, [case for case in found if case.status in MAY_WAIT])
    lines: list[ListedIntent] = [
        {**line_of(case), "paused_tool": paused.get(case.action_type) if case.status in MAY_WAIT else None}
        for case in found
    ]
    if describe:
        lines = [{**line, **more} for line, more in zip(lines, described(context, tenant_id, found), strict=True)]
    return lines, case_cursor(found[-1]) if len(found) == limit else None


def stops(context: Context, tenant_id: str) -> list[Stop]:
    """The stop switches that are pulled over a tenant: the platform's first."""
    own_first = stops_over(context.store.read(stops_keys(tenant_id)), tenant_id)
    return [stop for pulled in reversed(own_first) for stop in pulled.stops]


def history(context: Context, tenant_id: str, after: str | None, limit: int) -> tuple[list[LedgerEntry], str | None]:
    """Changes of the bounds and of the stop switches, newest first, and the cursor of the next page."""
    types = ("CONFIG_CHANGED", "AUTONOMY_STOPPED", "AUTONOMY_RESUMED")
    entries = context.store.recent(tenant_id, types, None, after, page_size(limit))
    return entries, entry_cursor(entries[-1]) if len(entries) == limit else None
