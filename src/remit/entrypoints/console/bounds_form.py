"""
The form of one level of the bounds, the tenant's or one account's, to bounds.

Its fields: `list` (`own` or `inherit`), `allow:TYPE`, `mode:TYPE` and `mode:default` (empty inherits), `limit:TYPE`,
`limit` (each empty for none), `timezone`, and for the tenant `ceiling`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remit.core.errors import InvalidInput
from remit.core.gate.bounds import AccountBounds, Bounds
from remit.core.whole_numbers import whole_number


def with_form(bounds: Bounds, account_id: str | None, said: Mapping[str, str]) -> dict[str, Any]:
    """The whole bounds as JSON with this level replaced. Raises `InvalidInput` naming the field."""
    whole = bounds.model_dump(mode="json")
    level = whole if account_id is None else whole["accounts"].setdefault(account_id, {})
    level["allowlist"] = _names(said, "allow:") if said.get("list") == "own" else None
    level["modes"] = {name: said[f"mode:{name}"] for name in _names(said, "mode:") if said[f"mode:{name}"]}
    level["budget"] = _budget(said)
    if account_id is None:
        whole["tenant_budget"] = _ceiling(whole["tenant_budget"], said)
    return whole


def fields_of(bounds: Bounds, level: Bounds | AccountBounds) -> dict[str, str]:
    """The values in the form of `level`, which is `bounds` themselves or an account's, when it is opened."""
    budget, ceiling = level.budget, bounds.tenant_budget
    said = {"list": "inherit" if level.allowlist is None else "own"}
    said |= {f"allow:{name}": "on" for name in level.allowlist or []}
    said |= {f"mode:{name}": mode for name, mode in level.modes.items()}
    said |= {f"limit:{name}": str(most) for name, most in (budget.max_per_action_type if budget else {}).items()}
    counts = {
        "limit": budget.max_autonomous_per_day if budget else None,
        "timezone": budget.timezone if budget else None,
        "ceiling": ceiling.max_autonomous_per_day if ceiling else None,
    }
    return said | {field: str(count) for field, count in counts.items() if count is not None}


def _names(said: Mapping[str, str], prefix: str) -> list[str]:
    return [field.removeprefix(prefix) for field in said if field.startswith(prefix)]


def _budget(said: Mapping[str, str]) -> dict[str, Any] | None:
    daily = count_in(said, "limit")
    limits = {name: count for name in _names(said, "limit:") if (count := count_in(said, f"limit:{name}")) is not None}
    timezone = said.get("timezone", "").strip() or None
    if daily is None and not limits and timezone is None:
        return None
    return {"max_autonomous_per_day": daily, "max_per_action_type": limits, "timezone": timezone}


def _ceiling(before: dict[str, Any] | None, said: Mapping[str, str]) -> dict[str, Any] | None:
    count = count_in(said, "ceiling")
    return None if count is None else {**(before or {}), "max_autonomous_per_day": count}


def count_in(said: Mapping[str, str], field: str) -> int | None:
    """The whole number that the form says there; `None` where it says nothing. Raises `InvalidInput`."""
    text = said.get(field, "").strip()
    if not text:
        return None
    number = whole_number(text)
    if number is None:
        raise InvalidInput(field, f"is {text[:40]!r}", "write a whole number, 0 for none, or leave it empty")
    return number
