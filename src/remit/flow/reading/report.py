"""The report of a period: entries of that time, what verification says, and what the last export ends with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from typing import TYPE_CHECKING, Any, cast

from remit.core.errors import InvalidInput
from remit.core.gate.zones import zone
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.verification import Report
from remit.core.records import Key, chain_key
from remit.core.report import REPORTED, About, ReportBuilder, head
from remit.core.values import check_text, instant, parse_day, parse_typed_moment, utc
from remit.flow.context import Context, bounds_now, pinned_type_key
from remit.flow.private_values import opened_now
from remit.ports import entry_cursor

if TYPE_CHECKING:
    from remit.core.views.report import PeriodReport, ReportedSeal

_AT_ONCE = 500
MOST_ENTRIES = 200_000


def moment_of(context: Context, tenant_id: str, field: str, text: str, now: datetime) -> datetime:
    """
    The moment that a day, or an RFC 3339 time, names. A day begins in the zone in which the tenant's days are counted;
    of a time seconds may be left out.

    Raises `InvalidInput`.
    """
    check_text(field, text)
    try:
        if len(text) > len("2026-10-01"):
            return parse_typed_moment(text)
        day = parse_day(text)
        return utc(datetime.combine(day, time(), zone(timezone_of(context, tenant_id, now))))
    except (ValueError, OverflowError) as error:
        way_out = "write 2026-10-01, or a moment such as 2026-10-01T08:00:00Z"
        raise InvalidInput(field, f"{text[:60]!r} {error}", way_out) from None


def timezone_of(context: Context, tenant_id: str, now: datetime) -> str:
    """The zone in which a tenant's days are counted."""
    return bounds_now(context, tenant_id).day(now).timezone


def report(
    context: Context, tenant_id: str, first: datetime, before: datetime, now: datetime, verified: Report | None
) -> PeriodReport:
    """A report from `first` on and before `before`. Raises `InvalidInput` for a period that is none."""
    if first >= before:
        raise InvalidInput("to", f"{instant(before)} is not after {instant(first)}", "name a later end")
    built = ReportBuilder()
    for page in _pages(context, tenant_id, first, before):
        abouts = _about(context, tenant_id, page)
        for entry in page:
            built.add(entry, abouts.get(entry.action_intent_id or ""))
    timezone = timezone_of(context, tenant_id, now)
    return {
        **head(tenant_id, first, before, timezone, now),
        **built.wire(),
        "verified": verified.wire() if verified is not None else None,
        "last_seal": _last_seal(context, tenant_id),
    }


def _pages(context: Context, tenant_id: str, first: datetime, before: datetime) -> Iterator[Sequence[LedgerEntry]]:
    after: str | None = f"{instant(before)}|"
    count = 0
    while after is not None:
        entries = context.store.recent(tenant_id, REPORTED, None, after, _AT_ONCE)
        after = entry_cursor(entries[-1]) if len(entries) == _AT_ONCE else None
        found = [entry for entry in entries if datetime.fromisoformat(entry.at) >= first]
        if len(found) < len(entries):
            after = None
        count += len(found)
        if count > MOST_ENTRIES:
            raise InvalidInput("from", f"is followed by more than {MOST_ENTRIES:,} entries", "ask for a shorter time")
        yield found


def _about(context: Context, tenant_id: str, entries: Sequence[LedgerEntry]) -> dict[str, About]:
    names = sorted({entry.action_intent_id for entry in entries if entry.action_intent_id})
    seen = context.store.read([chain_key(tenant_id, name) for name in names])
    histories = [seen.get(chain_key(tenant_id, name)) for name in names]
    intents = [intent for intent in opened_now(context.store, histories) if intent is not None]
    known = [intent for intent in intents if intent.registry_version is not None]
    keys: list[Key[Any]] = [pinned_type_key(intent) for intent in known]
    pinned = context.store.read(list(dict.fromkeys(keys)))
    types = {intent.action_intent_id: pinned.get(pinned_type_key(intent)) for intent in known}
    by_name = dict(zip(names, histories, strict=True))
    found = {}
    for intent in intents:
        version, history = types.get(intent.action_intent_id), by_name[intent.action_intent_id]
        assert history is not None
        found[intent.action_intent_id] = About(history, intent, version.spec if version else None)
    return found


def _last_seal(context: Context, tenant_id: str) -> ReportedSeal | None:
    """The seal of the last export: what a copy that is kept elsewhere ends with."""
    sealed = context.store.recent(tenant_id, ["LEDGER_SEALED"], None, None, 1)
    if not sealed:
        return None
    (entry,) = sealed
    # Beside what is read of it here stands what the seal itself says.
    return cast("ReportedSeal", {"at": entry.at, "by": entry.actor, "hash": entry.hash, **entry.data})
