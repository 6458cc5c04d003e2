"""Intents as they stand: status, why, ledger, lists, the queue, stops, and what people changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from msgspec.structs import asdict

from remit.core.errors import InvalidInput, NotFound
from remit.core.execution.approval import is_auto_executed
from remit.core.execution.publication import UNFINISHED, not_taken
from remit.core.gate.autonomy import Stop
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.fact import NO_FACTS, Facts
from remit.core.gate.log_only import would_have_said
from remit.core.gate.policy import PLATFORM_POLICIES, find_clause
from remit.core.headline import headline
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import WAITING, Case
from remit.core.records import POLICY_VERSION, Key, chain_key
from remit.flow.amounts import amounts_in, pinned_type
from remit.flow.breakers import paused_tools
from remit.flow.context import Context, bounds_key, bounds_of, found_in, intent_keys, one, stops_keys, stops_over
from remit.flow.obstacles import obstacle_now, tool_keys
from remit.flow.pages import LARGEST_PAGE, page_size
from remit.flow.private_values import opened_now
from remit.flow.reading.deputies import assigned
from remit.flow.reading.described import described
from remit.flow.reading.usage import account_usage
from remit.flow.reading.waiting import WaitingFilter, soonest, waiting
from remit.ports import CaseFilter, Snapshot, case_cursor, entry_cursor

QueueOrder = Literal["turns", "expiry", "amount"]
MAY_WAIT = WAITING | UNFINISHED
"""The statuses in which an intent may wait behind the pause of its tool."""

MOST_SORTED = 500
"""Of so many, the soonest to expire, the largest amounts are sought."""


def status(context: Context, tenant_id: str, action_intent_id: str, now: datetime) -> dict[str, Any]:
    """One intent as it stands. Raises `NotFound`."""
    case, history, bounds = _case_history_and_bounds(context, tenant_id, action_intent_id)
    outcome, resolution, (intent,) = history.outcome, history.resolution, opened_now(context.store, [history])
    return {
        **_line(case),
        **_voting(case, history, bounds),
        "questions": [question.wire() for question in history.questions] if history else [],
        **assigned(context, tenant_id, [history], now)[0],
        **_as_it_stands(context, case, history, intent, now),
        **_waits_for(context, case, now),
        "approval_id": case.approval_id,
        "auto_executed": is_auto_executed(case.approval_source) if case.approval_source else None,
        "superseded_by": case.superseded_by,
        "attempt_count": case.attempt.attempt_count if case.attempt else 0,
        "outcome": outcome.wire() if outcome else None,
        "resolution": resolution.wire() if resolution else None,
        "result": history.result.facts() if history.result else None,
        "rechecked": _wire_of(history.rechecked),
        "sampled": history.is_sampled,
        "sample_answer": history.sample_answer.wire() if history.sample_answer else None,
        "intent": intent.wire() if intent else None,
    }


def _case_history_and_bounds(
    context: Context, tenant_id: str, action_intent_id: str
) -> tuple[Case, IntentHistory, BoundsInForce]:
    seen = context.store.read([*intent_keys(tenant_id, action_intent_id), bounds_key(tenant_id)])
    return *found_in(seen, tenant_id, action_intent_id), bounds_of(seen, tenant_id)


def _line(case: Case) -> dict[str, Any]:
    shown = case.wire()
    names = "action_intent_id tenant_id account_id action_type status reason approval_source"
    times = "created_at updated_at expires_at digest trace_id"
    return {name: shown[name] for name in f"{names} {times}".split()}


def _as_it_stands(
    context: Context, case: Case, history: IntentHistory, intent: ActionIntentV1 | None, now: datetime
) -> dict[str, Any]:
    """Its amounts and facts, and what stands in the way of a waiting intent; of one that was answered nobody asks."""
    if intent is None:
        return _unreadable(case)
    keys: list[Key[Any]] = [bounds_key(case.tenant_id), *stops_keys(case.tenant_id), *tool_keys(intent)]
    return _seen_of(context, context.store.read(keys), intent, history.facts, now, waits=case.status in WAITING)


def _wire_of(facts: Facts) -> dict[str, Any]:
    return {name: fact.wire() for name, fact in facts.items()}


def _waits_for(context: Context, case: Case, now: datetime) -> dict[str, Any]:
    """
    The pause of its tool, behind which an intent waits that is to be executed, or would be if it were approved; and
    that no worker has taken it, where that is not why.
    """
    if case.status not in MAY_WAIT:
        return {"paused_tool": None, "not_taken": None}
    paused = paused_tools(context, case.tenant_id, [case]).get(case.action_type)
    return {"paused_tool": paused, "not_taken": None if paused else not_taken(case, now)}


def _voting(case: Case, history: IntentHistory | None, bounds: BoundsInForce) -> dict[str, Any]:
    """
    Votes: who has approved, when, and how many different people have to.

    While it waits the number is that of the bounds as they are; afterwards what the last vote was told.
    """
    cast = history.votes if history else None
    if cast is None and history is not None and case.approval_id:
        cast = history.votes_for(case.approval_id)
    needed = cast.approvals_required if cast else None
    if case.status in WAITING:
        needed = bounds.approvals_required(case.action_type)
    return {"approvals_required": needed, "votes": [vote.wire() for vote in cast.votes] if cast else []}


def why(context: Context, tenant_id: str, action_intent_id: str, now: datetime) -> dict[str, Any]:
    """The checks in order, the policy clause and its text, what was known, who approved. Raises `NotFound`."""
    case, history, bounds = _case_history_and_bounds(context, tenant_id, action_intent_id)
    (intent,), decision = opened_now(context.store, [history]), history.decision
    approval = history.approval(case.approval_id) if case.approval_id else None
    return {
        **_line(case),
        **_voting(case, history, bounds),
        "questions": [question.wire() for question in history.questions] if history else [],
        **assigned(context, tenant_id, [history], now)[0],
        **_as_it_stands(context, case, history, intent, now),
        **_waits_for(context, case, now),
        "why_proposed": intent.why if intent else None,
        "proposed_by": intent.proposed_by if intent else None,
        **_whose(intent),
        "edited_by": case.edited_by,
        "decision": decision.wire() if decision else None,
        "log_only": [asdict(said) for said in would_have_said(decision)] if decision else [],
        "rechecked": _wire_of(history.rechecked),
        "clause": _clause(context, tenant_id, decision.policy_version, decision.policy_clause) if decision else None,
        "approval": approval.wire() if approval else None,
        "rejection": history.rejection,
        "withdrawal": history.withdrawal,
    }


def _whose(intent: ActionIntentV1 | None) -> dict[str, Any]:
    """On whose behalf, through whom, and what for."""
    shown = intent.wire() if intent else {}
    return {name: shown.get(name) for name in ("on_behalf_of", "delegation", "agent_tier")}


def _clause(context: Context, tenant_id: str, version: str, clause_id: str | None) -> dict[str, Any] | None:
    if clause_id is None:
        return None
    kept = one(context, Key(POLICY_VERSION, tenant_id, version))
    clause = find_clause(kept.platform if kept else PLATFORM_POLICIES, tuple(kept.sources) if kept else (), clause_id)
    return clause.wire() if clause else None


def ledger(context: Context, tenant_id: str, action_intent_id: str) -> list[dict[str, Any]]:
    """One intent's chain, as exported. Raises `NotFound`."""
    chain = context.store.chain(tenant_id, action_intent_id)
    if not chain:
        raise NotFound("intent", action_intent_id, tenant_id)
    return [entry.wire() for entry in chain]


def intents(
    context: Context, tenant_id: str, which: CaseFilter, after: str | None, limit: int, *, describe: bool = False
) -> tuple[list[dict[str, Any]], str | None]:
    """Intents, newest first, and the cursor of the next page; with `describe`, each as `described` says it."""
    found = context.store.cases(tenant_id, which, after, page_size(limit))
    paused = paused_tools(context, tenant_id, [case for case in found if case.status in MAY_WAIT])
    lines = [
        {**_line(case), "paused_tool": paused.get(case.action_type) if case.status in MAY_WAIT else None}
        for case in found
    ]
    if describe:
        lines = [{**line, **more} for line, more in zip(lines, described(context, tenant_id, found), strict=True)]
    return lines, case_cursor(found[-1]) if len(found) == limit else None


def queue(
    context: Context,
    tenant_id: str,
    which: WaitingFilter,
    after: str | None,
    limit: int,
    now: datetime,
    order: QueueOrder = "turns",
) -> tuple[list[dict[str, Any]], str | None]:
    """
    The review queue: why, what is left of the budget, when it expires. Only in turns there are further pages.

    Raises `InvalidInput`, also for a cursor in another order: each would answer its first page again and again.
    """
    if order == "turns":
        cases, following = waiting(context, tenant_id, which, after, page_size(limit))
        return _items(context, tenant_id, cases, now), following
    if order not in get_args(QueueOrder):
        raise InvalidInput("order", f"is {order!r}", f"ask for {', '.join(get_args(QueueOrder))}")
    if after is not None:
        raise InvalidInput(
            "after",
            f"goes on in turns, and there is one page by {order}",
            f"leave it out, or ask for up to {LARGEST_PAGE} at once, or in turns",
        )
    found = soonest(context, tenant_id, which, MOST_SORTED if order == "amount" else page_size(limit))
    items = _items(context, tenant_id, found, now)
    return (sorted(items, key=_by_amount)[: page_size(limit)] if order == "amount" else items), None


def _by_amount(item: Mapping[str, Any]) -> Decimal:
    """The largest first, whatever it is of; without one last."""
    known = [Decimal(amount["value"]) for amount in item["amounts"].values() if amount["problem"] is None]
    return -max(known, default=Decimal(-1))


def _items(context: Context, tenant_id: str, cases: Sequence[Case], now: datetime) -> list[dict[str, Any]]:
    keys: list[Key[Any]] = [bounds_key(tenant_id)]
    keys += [chain_key(tenant_id, case.action_intent_id) for case in cases]
    seen = context.store.read(keys)
    bounds = bounds_of(seen, tenant_id)
    histories = [seen.get(chain_key(tenant_id, case.action_intent_id)) for case in cases]
    intents = {it.action_intent_id: it for it in opened_now(context.store, histories) if it is not None}
    left = {name: account_usage(context, bounds, name, now) for name in {case.account_id for case in cases}}
    facts = {
        case.action_intent_id: history.facts if history else NO_FACTS
        for case, history in zip(cases, histories, strict=True)
    }
    standing = _standing(context, tenant_id, list(intents.values()), facts, now)
    paused, assigned_to = paused_tools(context, tenant_id, cases), assigned(context, tenant_id, histories, now)
    return [
        {
            **_queued(case, history, intents.get(case.action_intent_id), bounds),
            **(standing.get(case.action_intent_id) or _unreadable(case)),
            **whose,
            "budget": left[case.account_id],
            "paused_tool": paused.get(case.action_type),
        }
        for case, history, whose in zip(cases, histories, assigned_to, strict=True)
    ]


def _standing(
    context: Context,
    tenant_id: str,
    intents: Sequence[ActionIntentV1],
    facts: Mapping[str, Facts],
    now: datetime,
) -> dict[str, dict[str, Any]]:
    """Everything that is shown of each, its obstacle, its amounts and its facts, by its id."""
    tools = dict.fromkeys(key for intent in intents for key in tool_keys(intent))
    shown = context.store.read([bounds_key(tenant_id), *stops_keys(tenant_id), *tools])
    return {
        intent.action_intent_id: _seen_of(context, shown, intent, facts[intent.action_intent_id], now)
        for intent in intents
    }


def _seen_of(
    context: Context, seen: Snapshot, intent: ActionIntentV1, facts: Facts, now: datetime, *, waits: bool = True
) -> dict[str, Any]:
    found = obstacle_now(context, seen, intent, facts, now) if waits else None
    pinned = pinned_type(seen, intent)
    amounts = {name: amount.wire() for name, amount in amounts_in(seen, intent).items()}
    spec = bounds_of(seen, intent.tenant_id).action_type(intent.action_type)
    title = headline(spec.title if spec else None, intent.as_committed.wire(), amounts)
    return {
        "obstacle": found.wire() if found else None,
        "amounts": amounts,
        "facts": _wire_of(facts),
        "title": title,
        "tool": pinned.spec.tool.summary if pinned else None,
    }


def _unreadable(case: Case) -> dict[str, Any]:
    return {"obstacle": None, "amounts": {}, "facts": {}, "title": _untitled(case), "tool": None}


def _untitled(case: Case) -> str:
    """The headline of an intent whose content cannot be read."""
    return headline(None, {"action_type": case.action_type}, {})


def _queued(
    case: Case,
    history: IntentHistory | None,
    intent: ActionIntentV1 | None,
    bounds: BoundsInForce,
) -> dict[str, Any]:
    decision = history.decision if history else None
    shown = intent.wire() if intent else {}
    return {
        **_line(case),
        **_voting(case, history, bounds),
        "questions": [question.wire() for question in history.questions] if history else [],
        "explanation": decision.explanation if decision else None,
        "target": shown.get("target"),
        "parameters": shown.get("parameters"),
        "confidence_score": shown.get("confidence_score"),
        "why": shown.get("why"),
        "proposed_by": shown.get("proposed_by"),
        **_whose(intent),
        "edited_by": case.edited_by,
        "registry_version": shown.get("registry_version"),
    }


def stops(context: Context, tenant_id: str) -> list[Stop]:
    """The stop switches that are pulled over a tenant: the platform's first."""
    own_first = stops_over(context.store.read(stops_keys(tenant_id)), tenant_id)
    return [stop for pulled in reversed(own_first) for stop in pulled.stops]


def history(context: Context, tenant_id: str, after: str | None, limit: int) -> tuple[list[LedgerEntry], str | None]:
    """Changes of the bounds and of the stop switches, newest first, and the cursor of the next page."""
    types = ("CONFIG_CHANGED", "AUTONOMY_STOPPED", "AUTONOMY_RESUMED")
    entries = context.store.recent(tenant_id, types, None, after, page_size(limit))
    return entries, entry_cursor(entries[-1]) if len(entries) == limit else None
