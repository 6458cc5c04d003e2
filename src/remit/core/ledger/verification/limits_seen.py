"""
The limits that a decision says it saw, and what each of them said.

Where they had room, the charges of its approval tell the same, and are held against the bounds (`windows`). Where one
refused it, nothing was charged: they are those of its bounds, in the gate's order and in windows of that moment, and
what was used of each is taken as the check says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET

from remit.core.gate.amount import in_units, on_wire
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import BUDGET_EXCEEDED, Day, Limit, Refusal, is_of_named_limit
from remit.core.gate.charging import Charge
from remit.core.gate.decision import BUDGET_NOT_CONFIGURED
from remit.core.gate.decision_words import limits_seen
from remit.core.gate.limit import Amounts, LimitInForce, LimitSpec, give_autonomy
from remit.core.gate.period import CalendarWindow
from remit.core.intent import ActionIntentV1
from remit.core.ledger.verification.entry_data import Data, is_counted, moment, owner_of
from remit.core.ledger.verification.windows import holds_moment, on_its_day
from remit.core.values import FIRST_MOMENT


def misread_limits(
    intent: ActionIntentV1, state: BoundsInForce, data: Data, check: Data, at: datetime
) -> Iterator[str]:
    """Mistakes in the check `budget` of a decision."""
    seen: Sequence[Data] = check["saw"]["limits"]
    due = _limits(intent, state, seen, at)
    if [_place(each) for each in seen] != [(limit.scope, limit.name) for limit in due]:
        yield f"its check 'budget' saw {len(seen)} limits, and its bounds have {len(due)}, or others"
        return
    before = [in_units(each["used_before"]) for each in seen]
    for told, worked_out in zip(seen, limits_seen(due, before, ()), strict=True):
        yield from _differences(told, dict.fromkeys(told) | worked_out)
    yield from _refusal(due, before, data, check)
    yield from _strange_windows(seen, at)


def misread_charges(charges: Sequence[Charge], checks: Sequence[Data]) -> Iterator[str]:
    """Limits of a check `budget` that had room, and are not what the charges of the approval say."""
    seen = [
        each for check in checks if check["check"] == "budget" and check["passed"] for each in check["saw"]["limits"]
    ]
    counted = [each for each in seen if is_counted(each)]
    if seen and [each["window_id"] for each in counted] != [charge.window_id for charge in charges]:
        yield "its check 'budget' saw other windows than it was charged to"
        return
    for told, charge in zip(counted, charges, strict=False):
        if not _counts_as_charged(told, charge):
            yield from _differences(told, _as_charged(charge))


def _counts_as_charged(told: Data, charge: Charge) -> bool:
    """True of nearly all: one that counts, and of which it is plain that it says what its charge says."""
    used = charge.used_after
    return bool(
        type(used) is int
        and charge.unit_counted is None
        and charge.would_be_limit is UNSET
        and not is_of_named_limit(charge.window_id)
        and told.get("limit") == charge.limit
        and told.get("used_after") == used
        and told.get("used_before") == used - charge.units_taken
    )


def _as_charged(charge: Charge) -> dict[str, Any]:
    """The part of what a decision says of a limit that follows from its charge."""
    unit = charge.unit_counted
    before = on_wire(in_units(charge.used_after) - charge.units_taken, unit)
    due = {"limit": charge.limit, "used_before": before, "used_after": charge.used_after}
    if is_of_named_limit(charge.window_id):
        due |= {"name": charge.window_id.rpartition("|")[2], "unit": unit, "taken": on_wire(charge.units_taken, unit)}
    if charge.would_be_limit is not UNSET:
        exceeded = in_units(charge.used_after) > in_units(charge.would_be_limit)
        due |= {"would_be_limit": charge.would_be_limit, "would_say": BUDGET_EXCEEDED if exceeded else None}
    return due


def _place(seen: Data) -> tuple[Any, Any]:
    return seen["scope"], seen.get("name")


def _limits(intent: ActionIntentV1, state: BoundsInForce, seen: Sequence[Data], at: datetime) -> list[Limit]:
    """Those that the gate looks at of this intent, in the windows that the check names."""
    account_id, kind = intent.account_id, intent.action_type
    concerned = [spec for spec in state.bounds.limits if spec.concerns(kind)]
    zone, tenant_zone = state.budget_zones(account_id, at)
    day, tenant_day = _day(f"account:{account_id}", zone, seen, at), _day("tenant", tenant_zone, seen, at)
    budget = state.budget_on(account_id, day, tenant_day)
    of_budget = budget.limits(account_id, kind, bounded_otherwise=give_autonomy(concerned))
    if not of_budget:
        return []
    spec, amounts, named = state.action_type(kind), Amounts(), {each["name"]: each for each in seen if "name" in each}
    return [*of_budget, *(_in_window(each, named).over(account_id).on(intent, spec, amounts) for each in concerned)]


def _day(owner: str, zone: str, seen: Sequence[Data], at: datetime) -> Day:
    for each in seen:
        window_id = each["window_id"]
        if window_id and not is_of_named_limit(window_id) and owner_of(window_id) == owner:
            date = window_id.partition("@")[0]
            return Day(date=date, timezone=zone, starts_at=FIRST_MOMENT, ends_at=moment(each["resets_at"]))
    return Day(date="", timezone=zone, starts_at=at, ends_at=at)


def _in_window(spec: LimitSpec, named: dict[str, Data]) -> LimitInForce:
    """The limit in the window that was seen; of that only the end is told where no principal is named."""
    seen = named.get(spec.name, {"window_id": None, "resets_at": None})
    starts = moment(seen["window_id"].partition("|")[0]) if seen["window_id"] else FIRST_MOMENT
    ends = moment(seen["resets_at"]) if seen["resets_at"] else starts
    return LimitInForce(spec, CalendarWindow(spec.per, spec.timezone, starts, ends))


def _differences(told: Data, due: Data) -> Iterator[str]:
    # As nearly all do.
    if due.items() <= told.items():
        return
    for name, value in due.items():
        if told.get(name) != value:
            which = told.get("name") or told["window_id"]
            yield f"its check 'budget' has {name} {told.get(name)!r} of {which}, and it comes to {value!r}"


def _refusal(limits: Sequence[Limit], before: Sequence[int], data: Data, check: Data) -> Iterator[str]:
    reason, name = _first_refusal(limits, before)
    if check["passed"] is not (reason is None) or check["saw"].get("refused_by") != name:
        yield f"its check 'budget' says {check['passed']} by {check['saw'].get('refused_by')}, its limits {reason}"
    elif reason is not None and data["reason"] != reason:
        yield f"its reason is {data['reason']}, its limits say {reason}"


def _first_refusal(limits: Sequence[Limit], before: Sequence[int]) -> tuple[Refusal | str | None, str | None]:
    if not limits:
        return BUDGET_NOT_CONFIGURED, None
    for limit, used in zip(limits, before, strict=True):
        reason = None if limit.only_watches else limit.refusal(used)
        if reason is not None:
            return reason, limit.name
    return None, None


def _strange_windows(seen: Sequence[Data], at: datetime) -> Iterator[str]:
    for each in seen:
        window_id, ends = each["window_id"], moment(each["resets_at"])
        if window_id is None:
            continue
        if is_of_named_limit(window_id):
            begins, period = window_id.split("|")[:2]
            fits = holds_moment(period, moment(begins), ends, at)
        else:
            fits = on_its_day(at, window_id, ends)
        if not fits:
            yield f"its check 'budget' looked at {window_id}, which is no window of {at.isoformat()}"
