"""Reading: status, why, timeline, queue, usage, export and verify. Nothing here changes an intent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from remit.core.errors import InvalidInput, NotFound
from remit.core.execution.approval import Approval
from remit.core.gate.autonomy import Stop
from remit.core.gate.bounds import BoundsInForce, nothing_set
from remit.core.gate.budget import ALL, Counter, Usage, account_usage_id, day_of, tenant_usage_id
from remit.core.gate.policy import PLATFORM_POLICIES, find_clause
from remit.core.ledger.entries import EventType, Head, LedgerEntry
from remit.core.ledger.position import OVERLAP, LedgerCursor, LedgerPosition
from remit.core.ledger.verification import Report, heads_named, verify
from remit.core.lifecycle import Case
from remit.core.notifications.narration import TOLD, narrate
from remit.core.records import (
    APPROVAL,
    ATTEMPT,
    BOUNDS,
    CASE,
    DECISION,
    INTENT,
    OUTCOME,
    POLICY_VERSION,
    RESOLUTION,
    STOPS,
    THE_ONE,
    USAGE,
    Key,
    case_key,
)
from remit.core.values import PLATFORM, ApprovalSource, instant
from remit.flow.consumer import MOST_UNREAD, entries_after
from remit.flow.context import Context, chain_head_key
from remit.flow.reading.seal import seal
from remit.ports import CaseFilter, Snapshot, case_cursor, entry_cursor, waiting_cursor

PAGE = 50
_MOST_LOOKS = 10
LARGEST_PAGE = 500
_INSTANT = timedelta(milliseconds=1)


def status(context: Context, tenant_id: str, action_intent_id: str) -> dict[str, Any]:
    """One intent as it stands. Raises `NotFound`."""
    names = tenant_id, action_intent_id
    keys: list[Key[Any]] = [Key(kind, *names) for kind in (CASE, INTENT, OUTCOME, RESOLUTION, ATTEMPT)]
    seen = context.store.read(keys)
    case, intent, outcome, resolution, attempt = (seen.get(key) for key in keys)
    if case is None:
        raise NotFound("intent", action_intent_id, tenant_id)
    return {
        **_line(case),
        "approval_id": case.approval_id,
        "auto_executed": None if case.approval_source is None else case.approval_source == "POLICY",
        "superseded_by": case.superseded_by,
        "attempt_count": attempt.attempt_count if attempt else 0,
        "outcome": outcome.wire() if outcome else None,
        "resolution": resolution.wire() if resolution else None,
        "intent": intent.wire() if intent else None,
    }


def _line(case: Case) -> dict[str, Any]:
    shown = case.wire()
    names = "action_intent_id tenant_id account_id action_type status reason approval_source"
    times = "created_at updated_at expires_at digest trace_id"
    return {name: shown[name] for name in f"{names} {times}".split()}


def why(context: Context, tenant_id: str, action_intent_id: str) -> dict[str, Any]:
    """The checks in order, the policy clause and its text, what was known, who approved. Raises `NotFound`."""
    names = tenant_id, action_intent_id
    case_at, decision_at, intent_at = case_key(*names), Key(DECISION, *names), Key(INTENT, *names)
    seen = context.store.read([case_at, decision_at, intent_at])
    case, decision, intent = seen.get(case_at), seen.get(decision_at), seen.get(intent_at)
    if case is None:
        raise NotFound("intent", action_intent_id, tenant_id)
    approval = _approval(context, case)
    return {
        **_line(case),
        "why_proposed": intent.why if intent else None,
        "proposed_by": intent.proposed_by if intent else None,
        "edited_by": case.edited_by,
        "decision": decision.wire() if decision else None,
        "clause": _clause(context, tenant_id, decision.policy_version, decision.policy_clause) if decision else None,
        "approval": approval.wire() if approval else None,
        "rejection": _rejection(context, case) if case.status == "REJECTED" else None,
    }


def _approval(context: Context, case: Case) -> Approval | None:
    if case.approval_id is None:
        return None
    approval_at = Key(APPROVAL, case.tenant_id, case.approval_id)
    return context.store.read([approval_at]).get(approval_at)


def _clause(context: Context, tenant_id: str, version: str, clause_id: str | None) -> dict[str, Any] | None:
    if clause_id is None:
        return None
    version_at = Key(POLICY_VERSION, tenant_id, version)
    kept = context.store.read([version_at]).get(version_at)
    clause = find_clause(kept.platform if kept else PLATFORM_POLICIES, tuple(kept.sources) if kept else (), clause_id)
    return clause.wire() if clause else None


def _rejection(context: Context, case: Case) -> dict[str, Any] | None:
    chain = context.store.chain(case.tenant_id, case.action_intent_id)
    return next((entry.data for entry in chain if entry.event_type == "ACTION_REJECTED"), None)


def ledger(context: Context, tenant_id: str, action_intent_id: str) -> list[dict[str, Any]]:
    """One intent's chain, as exported. Raises `NotFound`."""
    chain = context.store.chain(tenant_id, action_intent_id)
    if not chain:
        raise NotFound("intent", action_intent_id, tenant_id)
    return [entry.wire() for entry in chain]


def intents(
    context: Context, tenant_id: str, which: CaseFilter, after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Intents, newest first, and the cursor of the next page."""
    found = context.store.cases(tenant_id, which, after, _page(limit))
    return [_line(case) for case in found], case_cursor(found[-1]) if len(found) == limit else None


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """Which sentences of the timeline; what is `None` does not matter."""

    account_id: str | None = None
    event_types: Sequence[EventType] | None = None
    approval_source: ApprovalSource | None = None

    def wants(self, told: dict[str, Any]) -> bool:
        return bool(told["text"]) and self.approval_source in (None, told["approval_source"])


def timeline(
    context: Context, tenant_id: str, which: TimelineFilter, after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """
    What happened, newest first, each in one sentence, and the cursor of the next page.

    Where the filter leaves much out, a page may hold fewer and still have a next one.
    """
    told: list[dict[str, Any]] = []
    types = TOLD if which.event_types is None else [name for name in TOLD if name in which.event_types]
    for _ in range(_MOST_LOOKS):
        entries = context.store.recent(tenant_id, types, which.account_id, after, _page(limit))
        seen = context.store.read(_known_of(tenant_id, entries))
        for entry in entries:
            after = entry_cursor(entry)
            sentence = _told(entry, seen)
            told += [sentence] if which.wants(sentence) else []
            if len(told) == limit:
                return told, after
        if len(entries) < limit:
            return told, None
    return told, after


def _known_of(tenant_id: str, entries: Sequence[LedgerEntry]) -> list[Key[Any]]:
    """What `_told` looks at: each one's intent, and the decision about it."""
    ids = {entry.action_intent_id for entry in entries if entry.action_intent_id}
    return [Key(kind, tenant_id, name) for name in sorted(ids) for kind in (INTENT, DECISION)]


@dataclass(frozen=True, slots=True)
class Followed:
    """What was told since a bookmark, each with the bookmark's text after it, and whether more is there already."""

    told: list[tuple[str, dict[str, Any]]]
    bookmark: LedgerCursor
    more: bool


def since(context: Context, tenant_id: str, bookmark: LedgerCursor | None, now: datetime) -> Followed:
    """
    What the timeline tells since the bookmark, which is moved on; without one, nothing yet, and one to go on from.

    In the order of time, but for entries that were committed late: they follow when they are there.
    """
    horizon = now - OVERLAP
    if bookmark is None:
        bookmark = LedgerCursor.at(horizon)
        for entry in entries_after(context, tenant_id, TOLD, bookmark.place, None, None) or []:
            bookmark.passed(LedgerPosition.of(entry))
        return Followed([], bookmark, more=False)
    entries, upper = _unread(context, tenant_id, bookmark.place, horizon)
    new = [entry for entry in entries if not bookmark.has(LedgerPosition.of(entry))]
    seen = context.store.read(_known_of(tenant_id, new))
    for entry in entries:
        if bookmark.has(LedgerPosition.of(entry)):
            bookmark.passed(LedgerPosition.of(entry))
    told = []
    for entry in new:
        sentence = _told(entry, seen)
        bookmark.passed(LedgerPosition.of(entry), told=sentence["text"] is not None)
        told += [(bookmark.text(), sentence)] if sentence["text"] else []
    bookmark.settle(upper or horizon)
    return Followed(told, bookmark, more=upper is not None)


def _unread(
    context: Context, tenant_id: str, place: LedgerPosition, horizon: datetime
) -> tuple[list[LedgerEntry], datetime | None]:
    """The entries after `place`; where it is long ago, perhaps only those before the moment answered beside them."""
    if place.at >= horizon - OVERLAP:
        return entries_after(context, tenant_id, TOLD, place, None, None) or [], None
    upper = horizon
    while True:
        most = MOST_UNREAD if upper - place.at > _INSTANT else None
        entries = entries_after(context, tenant_id, TOLD, place, upper, most)
        if entries is not None:
            return entries, upper
        upper = place.at + (upper - place.at) / 2


def _told(entry: LedgerEntry, seen: Snapshot) -> dict[str, Any]:
    intent = seen.get(Key(INTENT, entry.tenant_id, entry.action_intent_id)) if entry.action_intent_id else None
    decision = seen.get(Key(DECISION, entry.tenant_id, entry.action_intent_id)) if entry.action_intent_id else None
    return {
        "at": entry.at,
        "text": narrate(entry, intent),
        "event_type": entry.event_type,
        "actor": entry.actor,
        "account_id": entry.account_id,
        "action_intent_id": entry.action_intent_id,
        "action_type": intent.action_type if intent else None,
        "explanation": decision.explanation if decision else None,
        "approval_source": entry.data.get("approval_source"),
        "auto_executed": entry.data.get("auto_executed"),
    }


def queue(
    context: Context, tenant_id: str, account_id: str | None, after: str | None, limit: int, now: datetime
) -> tuple[list[dict[str, Any]], str | None]:
    """What needs a person, the soonest to expire first: why, what is left of the budget, when it expires."""
    cases = context.store.waiting(tenant_id, account_id, after, _page(limit))
    keys: list[Key[Any]] = [Key(BOUNDS, tenant_id, THE_ONE)]
    for case in cases:
        keys += [Key(INTENT, tenant_id, case.action_intent_id), Key(DECISION, tenant_id, case.action_intent_id)]
    seen = context.store.read(keys)
    bounds = seen.get(Key(BOUNDS, tenant_id, THE_ONE)) or nothing_set(tenant_id)
    left = {name: _account_usage(context, bounds, name, now) for name in {case.account_id for case in cases}}
    items = [_queued(case, seen, left[case.account_id]) for case in cases]
    return items, waiting_cursor(cases[-1]) if len(cases) == limit else None


def _queued(case: Case, seen: Snapshot, left: dict[str, Any]) -> dict[str, Any]:
    intent = seen.get(Key(INTENT, case.tenant_id, case.action_intent_id))
    decision = seen.get(Key(DECISION, case.tenant_id, case.action_intent_id))
    shown = intent.wire() if intent else {}
    return {
        **_line(case),
        "explanation": decision.explanation if decision else None,
        "target": shown.get("target"),
        "parameters": shown.get("parameters"),
        "confidence_score": shown.get("confidence_score"),
        "why": shown.get("why"),
        "proposed_by": shown.get("proposed_by"),
        "edited_by": case.edited_by,
        "budget": left,
    }


def stops(context: Context, tenant_id: str) -> list[Stop]:
    """The stop switches that are pulled over a tenant: the platform's first."""
    keys = [Key(STOPS, PLATFORM, THE_ONE), Key(STOPS, tenant_id, THE_ONE)]
    seen = context.store.read(keys)
    return [stop for key in keys if (pulled := seen.get(key)) for stop in pulled.stops]


def history(context: Context, tenant_id: str, after: str | None, limit: int) -> tuple[list[LedgerEntry], str | None]:
    """Who changed the bounds and pulled the stop switches, newest first, and the cursor of the next page."""
    types = ("CONFIG_CHANGED", "AUTONOMY_STOPPED", "AUTONOMY_RESUMED")
    entries = context.store.recent(tenant_id, types, None, after, _page(limit))
    return entries, entry_cursor(entries[-1]) if len(entries) == limit else None


def usage(context: Context, tenant_id: str, account_id: str | None, now: datetime) -> dict[str, Any]:
    """Today's limits, use, what is left and when it resets: of each account named or seen today, and the ceiling."""
    bounds_at, stops_at = Key(BOUNDS, tenant_id, THE_ONE), Key(STOPS, tenant_id, THE_ONE)
    platform_at = Key(STOPS, PLATFORM, THE_ONE)
    seen = context.store.read([bounds_at, stops_at, platform_at])
    bounds = seen.get(bounds_at) or nothing_set(tenant_id)
    accounts = {account_id} if account_id else {*bounds.bounds.accounts, *_seen_today(context, bounds, tenant_id, now)}
    stops = [stop.wire() for stops in (seen.get(stops_at), seen.get(platform_at)) if stops for stop in stops.stops]
    return {
        "tenant_id": tenant_id,
        "config_sequence": bounds.config_sequence,
        "accounts": [_account_usage(context, bounds, name, now) for name in sorted(accounts)],
        "ceiling": _ceiling_usage(context, bounds, now),
        "stops": stops,
    }


def _seen_today(context: Context, bounds: BoundsInForce, tenant_id: str, now: datetime) -> set[str]:
    days = {str(day_of(now, zone)) for zone in bounds.zones(now)}
    used = [usage for day in days for usage in context.store.scan(USAGE, tenant_id, f"{day}|account:")]
    return {usage.usage_id.partition("|account:")[2] for usage in used}


def _account_usage(context: Context, bounds: BoundsInForce, account_id: str, now: datetime) -> dict[str, Any]:
    in_force = bounds.budget(account_id, now)
    used = _usage(context, bounds.bounds.tenant, account_usage_id(in_force.day, account_id))
    budget = in_force.budget
    daily = budget.max_autonomous_per_day if budget else None
    limits = budget.max_per_action_type if budget else {}
    charged = {name.partition("type:")[2] for name in used.counters if name != ALL}
    return {
        "account_id": account_id,
        "max_autonomous_per_day": daily,
        "used": used.used(ALL),
        "left": max(0, daily - used.used(ALL)) if daily is not None else 0,
        "per_action_type": {
            name: _of_type(used.used(f"type:{name}"), limits.get(name)) for name in sorted({*limits, *charged})
        },
        "timezone": in_force.day.timezone,
        "resets_at": instant(in_force.day.ends_at),
    }


def _of_type(used: int, limit: int | None) -> dict[str, int | None]:
    return {"limit": limit, "used": used, "left": None if limit is None else max(0, limit - used)}


def _ceiling_usage(context: Context, bounds: BoundsInForce, now: datetime) -> dict[str, Any] | None:
    in_force = bounds.budget("", now)
    if in_force.tenant_budget is None:
        return None
    used = _usage(context, bounds.bounds.tenant, tenant_usage_id(in_force.tenant_day)).used(ALL)
    limit = in_force.tenant_budget.max_autonomous_per_day
    return {
        "max_autonomous_per_day": limit,
        "used": used,
        "left": max(0, limit - used),
        "timezone": in_force.tenant_day.timezone,
        "resets_at": instant(in_force.tenant_day.ends_at),
    }


def _usage(context: Context, tenant_id: str, usage_id: str) -> Usage:
    usage_at = Key(USAGE, tenant_id, usage_id)
    found = context.store.read([usage_at]).get(usage_at)
    return found or Usage(usage_id=usage_id, ends_at=datetime.max.replace(tzinfo=UTC))


def export(context: Context, tenant_id: str, now: datetime, *, by: str) -> Iterator[dict[str, Any]]:
    """
    Every entry of a tenant, chain by chain as of one moment, and at the end a seal written now.

    The seal is part of the ledger: keep a copy of it elsewhere, and a later rewriting shows.
    """
    heads: dict[str, Head] = {}
    entries = 0
    for entry in context.store.export(tenant_id):
        entries += 1
        heads[entry.action_intent_id or ""] = entry.head
        yield entry.wire()
    _require_known(context, tenant_id, entries)
    sealed_at = seal(context, tenant_id, heads, entries, by=by, now=now)
    # What came after the seal, another export's seal among it, belongs to the next export.
    for entry in context.store.chain(tenant_id, None)[:sealed_at]:
        yield entry.wire()


def verify_live(context: Context, tenant_id: str) -> Report:
    """The invariants over the store as it is: its ledger, and its counters against it."""
    report = verify(
        _live_entries(context, tenant_id),
        sealed=False,
        sealed_heads=heads_named(entry.wire() for entry in context.store.chain(tenant_id, None)),
        counters=_counters(context, tenant_id),
        counters_after=lambda: _counters(context, tenant_id),
    )
    _require_known(context, tenant_id, report.entries)
    report.tenant_id = tenant_id
    return report


def _require_known(context: Context, tenant_id: str, entries: int) -> None:
    # A misspelt name would otherwise be a ledger without a flaw.
    if not entries and context.store.read([chain_head_key(tenant_id)]).get(chain_head_key(tenant_id)) is None:
        raise NotFound("tenant", tenant_id, tenant_id)


def _counters(context: Context, tenant_id: str) -> dict[str, Counter]:
    """By window id."""
    return {
        f"{usage.usage_id}|{name}": counter
        for usage in context.store.scan(USAGE, tenant_id)
        for name, counter in usage.counters.items()
    }


def _live_entries(context: Context, tenant_id: str) -> Iterator[dict[str, Any]]:
    # The tenant's chain last: every configuration that a decision saw was written before the decision.
    for entry in context.store.export(tenant_id):
        yield entry.wire()
    for entry in context.store.chain(tenant_id, None):
        yield entry.wire()


def _page(limit: int) -> int:
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInput("limit", f"is {limit}", f"ask for 1 to {LARGEST_PAGE}")
    return limit


def policy_versions(context: Context, tenant_id: str) -> list[dict[str, Any]]:
    """The kept versions of a tenant's policies, the one in force first."""
    in_force = _policy_in_force(context, tenant_id)
    kept = context.store.scan(POLICY_VERSION, tenant_id)
    shown = [
        {"version": k.version, "in_force": k.version == in_force, "files": [s.name for s in k.sources]} for k in kept
    ]
    return sorted(shown, key=lambda version: not version["in_force"])


def policy_version(context: Context, tenant_id: str, version: str) -> dict[str, Any]:
    """One kept version: the tenant's files and the platform's rules. Raises `NotFound`."""
    version_at = Key(POLICY_VERSION, tenant_id, version)
    kept = context.store.read([version_at]).get(version_at)
    if kept is None:
        raise NotFound("policy version", version, tenant_id)
    shown = kept.wire()
    return {
        "version": version,
        "in_force": version == _policy_in_force(context, tenant_id),
        "policies": shown["sources"],
        "platform": shown["platform"],
    }


def _policy_in_force(context: Context, tenant_id: str) -> str:
    bounds_at = Key(BOUNDS, tenant_id, THE_ONE)
    return (context.store.read([bounds_at]).get(bounds_at) or nothing_set(tenant_id)).policies().version
