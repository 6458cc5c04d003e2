"""Parts of the bounds that do not do what they look like, because another part has the last word."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from remit.core.gate.autonomy import AutonomyMode, resolve_allowlist, resolve_mode
from remit.core.gate.bounds import AccountBounds, Bounds
from remit.core.gate.budget import Budget, merge
from remit.core.gate.limit import give_autonomy

_ASKS: dict[AutonomyMode, str] = {
    "APPROVAL_REQUIRED": "its mode still asks a person",
    "PROPOSE_ONLY": "its mode still asks: it is only ever proposed",
    "DISABLED": "its mode switches it off, and nobody can approve it",
}
_RISKY = ("MEDIUM", "HIGH")


class BoundsConflict(Struct, frozen=True):
    """A statement at `path`, and what has the last word over it."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def conflicts(bounds: Bounds) -> list[BoundsConflict]:
    """
    Those of the tenant's level, then those of each account that has something of its own.

    None of them is a mistake that is refused: they narrow, as everything does.
    """
    found = list(_of_level(bounds, "", AccountBounds()))
    for name, own in bounds.accounts.items():
        if own.allowlist is not None or own.modes or own.budget is not None:
            level = _of_level(bounds, f"accounts.{name}.", own)
            tenants = {each.problem for each in found if not each.path.startswith("accounts.")}
            # What already holds for every account is said once.
            found += [each for each in level if own.allowlist is not None or each.problem not in tenants]
    return found


def _of_level(bounds: Bounds, prefix: str, own: AccountBounds) -> Iterator[BoundsConflict]:
    listed = resolve_allowlist(own.allowlist, bounds.allowlist).action_types
    budget = merge(bounds.budget, own.budget)
    for name in listed:
        for problem in _of_listed(bounds, own, name, budget):
            yield BoundsConflict(f"{prefix}allowlist", f"{name} may run alone by the list, but {problem}")
    modes = own.modes if prefix else bounds.modes
    for name, mode in modes.items():
        if mode == "AUTO_EXECUTE" and name != "default" and name not in listed:
            yield BoundsConflict(f"{prefix}modes", f"{name} may run alone by its mode, but the list does not name it")
    daily = budget.max_autonomous_per_day if budget else None
    if listed and daily is None and not give_autonomy(bounds.limits):
        yield BoundsConflict(f"{prefix}budget", "there is none, and no limit: nothing runs alone without one")
    yield from _beyond_the_day(prefix, (own.budget if prefix else bounds.budget), daily)


def _of_listed(bounds: Bounds, own: AccountBounds, name: str, budget: Budget | None) -> Iterator[str]:
    spec = bounds.action_types.get(name)
    mode = resolve_mode(name, dict(own.modes), dict(bounds.modes)).mode
    if spec is not None and spec.risk_tier in _RISKY:
        yield f"its risk still asks: {spec.risk_tier} never runs without a person"
    if mode in _ASKS:
        yield _ASKS[mode]
    if budget and budget.max_per_action_type.get(name) == 0:
        yield "its budget still asks: 0 a day"


def _beyond_the_day(prefix: str, budget: Budget | None, daily: int | None) -> Iterator[BoundsConflict]:
    for name, most in (budget.max_per_action_type if budget else {}).items():
        if daily is not None and most > daily:
            path = f"{prefix}budget.max_per_action_type.{name}"
            yield BoundsConflict(path, f"{most} a day are never reached: all together may be {daily}")
