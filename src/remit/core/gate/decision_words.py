"""Words of a decision: what a check saw of limits, and the sentences that say why it did not pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remit.core.gate.amount import on_wire, so_much
from remit.core.gate.autonomy import Stop
from remit.core.gate.budget import AMOUNT_UNKNOWN, PRINCIPAL_MISSING, Limit
from remit.core.gate.charging import Charge, Shortfall
from remit.core.intent import ActionIntentV1
from remit.core.rendering import quoted
from remit.core.values import instant

MOST_NAMED = 5
"""How many scopes a sentence names."""


def counting_names(limits: Sequence[Limit]) -> list[str]:
    return [limit.name for limit in limits if limit.name and not limit.only_watches]


def limits_seen(limits: Sequence[Limit], before: Sequence[int], charges: Sequence[Charge]) -> list[dict[str, Any]]:
    charged = {charge.window_id: charge for charge in charges}
    return [_limit_seen(limit, used, charged.get(limit.window_id)) for limit, used in zip(limits, before, strict=True)]


def _limit_seen(limit: Limit, used: int, charge: Charge | None) -> dict[str, Any]:
    unit = limit.unit
    used_before = used if unit is None else on_wire(used, unit)
    most = None if limit.limit is None else limit.limit if unit is None else on_wire(limit.limit, unit)
    seen: dict[str, Any] = {
        "scope": limit.scope,
        "window_id": limit.window_id or None,
        "limit": most,
        "used_before": used_before,
        "used_after": used_before if charge is None else charge.used_after,
        "resets_at": instant(limit.resets_at),
    }
    if limit.name is not None:
        seen["name"], seen["unit"] = limit.name, unit
        seen["taken"] = _taken(limit) if charge is None else charge.taken
        if limit.unmeasured is not None or limit.would_be_limit is not None:
            _note_further(limit, used, seen)
    return seen


def _taken(limit: Limit) -> int | str | None:
    return None if limit.unmeasured else on_wire(limit.taken, limit.unit)


def _note_further(limit: Limit, used: int, seen: dict[str, Any]) -> None:
    """The reason why it cannot be said what is taken; one that only watches says what it would have said."""
    if limit.unmeasured is not None:
        seen["problem"] = limit.unmeasured.problem
    if limit.would_be_limit is not None:
        seen["would_be_limit"] = on_wire(limit.would_be_limit, limit.unit)
        seen["would_say"] = limit.refusal(used) or (None if limit.counts(used) else AMOUNT_UNKNOWN)


def no_budget(intent: ActionIntentV1, *, limited: bool) -> str:
    beside = f", and no limit of an account or principal is over {intent.action_type}" if limited else ""
    return f"account {intent.account_id} has no autonomy budget{beside}"


def shortfall(lack: Shortfall, intent: ActionIntentV1) -> str:
    limit = lack.limit
    if limit.unmeasured is not None:
        return f"{_unknown_in_words(lack)}: {limit.unmeasured.problem}"
    resets = f"resets at {instant(limit.resets_at)} ({limit.timezone})"
    if limit.name is not None:
        return f"the limit {limit.name} for {_whose(limit, intent)} {_room_in_words(limit, lack.used)}, {resets}"
    whose = f"{intent.action_type} in account {intent.account_id}"
    whose = whose if limit.scope == "account_type" else _whose(limit, intent)
    return f"the day's limit for {whose} is reached: {lack.used} of {limit.limit} used, {resets}"


def _whose(limit: Limit, intent: ActionIntentV1) -> str:
    if limit.scope == "principal":
        return f"principal {intent.on_behalf_of}"
    return "all accounts together" if limit.scope == "tenant" else f"account {intent.account_id}"


def _room_in_words(limit: Limit, used: int) -> str:
    most = limit.limit or 0
    if limit.unit is None:
        return f"is reached: {used} of {most} used"
    left = so_much(max(0, most - used), limit.unit)
    return f"has {left} left of {so_much(most, limit.unit)}, and this takes {so_much(limit.taken, limit.unit)}"


def _unknown_in_words(shortfall: Shortfall) -> str:
    limit = shortfall.limit
    if shortfall.reason == PRINCIPAL_MISSING:
        return f"the limit {limit.name} is counted for each principal"
    return f"the limit {limit.name} adds up {limit.unit}, and how much this is, is not known"


def missing_scopes(intent: ActionIntentV1, missing: Sequence[str]) -> str:
    what = ", ".join(map(quoted, missing[:MOST_NAMED])) + (" …" if len(missing) > MOST_NAMED else "")
    if intent.on_behalf_of is None:
        return f"{intent.action_type} takes a principal with the scopes {what}, and none is named"
    through = f", as {intent.delegation[-1].agent} was given them," if intent.delegation else ""
    return f"the scopes of {intent.on_behalf_of}{through} lack {what}"


def missing_facts(without: dict[str, str]) -> str:
    return "; ".join(f"the fact {name} could not be had: {why}" for name, why in without.items())


def stopped(stop: Stop) -> str:
    return f"{stop.stopped_by} stopped {stop.scope} ({stop.level}): {quoted(stop.reason)}"
