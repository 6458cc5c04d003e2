"""Budgets and limits that grew or shrank: how often something may run alone, which a proof leaves aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from remit.core.gate.bounds import Bounds
from remit.core.gate.budget import merge
from remit.core.gate.limit import give_autonomy

if TYPE_CHECKING:
    from remit.core.views.bounds import LimitChangeAnswer

Growth = Literal["WIDER", "NARROWER"]


class LimitChange(Struct, frozen=True):
    """One limit that lets more or less run alone; `None` is no limit."""

    path: str
    change: Growth
    before: int | str | None
    after: int | str | None

    def wire(self) -> LimitChangeAnswer:
        return {"path": self.path, "change": self.change, "before": self.before, "after": self.after}


class _Most(Struct, frozen=True):
    """The most of a limit as it is written, and in units that can be compared."""

    written: int | str | None
    units: int


def limit_changes(before: Bounds, after: Bounds) -> list[LimitChange]:
    """Those whose most is another one, by path."""
    return list(_changed(dict(_limits(before, after)), dict(_limits(after, before))))


def _changed(old: Mapping[str, _Most], new: Mapping[str, _Most]) -> Iterator[LimitChange]:
    for path in dict.fromkeys([*old, *new]):
        was, is_now = old.get(path), new.get(path)
        if was is None or is_now is None:
            change: Growth = "NARROWER" if was is None else "WIDER"
        elif was.units == is_now.units:
            continue
        else:
            change = "NARROWER" if is_now.units < was.units else "WIDER"
        yield LimitChange(path, change, was.written if was else None, is_now.written if is_now else None)


def _limits(bounds: Bounds, other: Bounds) -> Iterator[tuple[str, _Most]]:
    """
    Every limit of these bounds by its path, those of accounts as they hold for them.

    An account that only the `other` bounds name has the tenant's.
    """
    if bounds.tenant_budget is not None:
        most = bounds.tenant_budget.max_autonomous_per_day
        yield "tenant_budget.max_autonomous_per_day", _Most(most, most)
    with_own = [name for each in (bounds, other) for name, account in each.accounts.items() if account.budget]
    for name in ("", *dict.fromkeys(with_own)):
        yield from _budget(bounds, name)
    for limit in bounds.limits:
        if not limit.log_only:
            yield f"limits.{limit.name}", _Most(limit.most, limit.most_units)


def _budget(bounds: Bounds, account: str) -> Iterator[tuple[str, _Most]]:
    own = bounds.accounts.get(account)
    budget = merge(bounds.budget, own.budget if own else None)
    path = f"accounts.{account}.budget" if account else "budget"
    daily = budget.max_autonomous_per_day if budget else None
    # Without any bound of the account or the principal, nothing runs alone.
    if daily is not None or not give_autonomy(bounds.limits):
        most = daily or 0
        yield f"{path}.max_autonomous_per_day", _Most(most, most)
    for name, most in (budget.max_per_action_type if budget else {}).items():
        yield f"{path}.max_per_action_type.{name}", _Most(most, most)
