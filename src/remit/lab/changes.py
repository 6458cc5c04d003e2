"""Changes of bounds that answer one refusal: the settings that said no, by the gate's reason, the narrowest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Literal

from msgspec import Struct

from remit.core.errors import InvalidInput
from remit.core.gate.amount import decimal_text, in_units
from remit.core.gate.autonomy import DEFAULT, AutonomyMode
from remit.core.gate.bounds import AccountBounds, Bounds, PrincipalBounds
from remit.core.gate.budget import Budget
from remit.core.gate.decision import Decision
from remit.core.gate.limit import LimitSpec
from remit.core.intent import ActionIntentV1
from remit.lab.rule_changes import rule_changes

ChangeKind = Literal["list", "mode", "threshold", "limit", "rule", "scopes"]


class BoundsChange(Struct, frozen=True):
    """One setting changed; `breadth` says whom it reaches: 0 the account, 1 the tenant."""

    kind: ChangeKind
    breadth: int
    bounds: Bounds


class Refused(Struct, frozen=True):
    """A refusal by bounds, and what was refused."""

    bounds: Bounds
    intent: ActionIntentV1
    decision: Decision

    def saw(self, check: str) -> Mapping[str, Any]:
        return next((each.saw for each in self.decision.checks if each.check == check), {})

    @property
    def own(self) -> AccountBounds:
        return self.bounds.accounts.get(self.intent.account_id, AccountBounds())

    def change(self, kind: ChangeKind, **fields: Any) -> BoundsChange:
        return BoundsChange(kind, 1, self.bounds.model_copy(update=fields))

    def change_account(self, kind: ChangeKind, **fields: Any) -> BoundsChange:
        own = self.own.model_copy(update=fields)
        accounts = {**self.bounds.accounts, self.intent.account_id: own}
        return BoundsChange(kind, 0, self.bounds.model_copy(update={"accounts": accounts}))


def changes_for(refused: Refused) -> Iterator[BoundsChange]:
    """The changes by which this refusal is not made; nothing where no setting of bounds made it."""
    answer = _BY_REASON.get(refused.decision.reason)
    if answer is not None:
        yield from answer(refused)
    elif refused.saw("policy").get("clauses"):
        yield from _by_rules(refused)


def _list(refused: Refused) -> Iterator[BoundsChange]:
    name, tenants, own = refused.intent.action_type, refused.bounds.allowlist or [], refused.own.allowlist
    yield refused.change_account("list", allowlist=[*(tenants if own is None else own), name])
    if own is None:
        yield refused.change("list", allowlist=[*tenants, name])


def _mode(refused: Refused) -> Iterator[BoundsChange]:
    name, own, tenants = refused.intent.action_type, refused.own.modes, refused.bounds.modes
    if "DISABLED" in (own.get(DEFAULT), tenants.get(DEFAULT)):
        # All of an account or a tenant was switched off: to switch it on is more than a change about this type.
        return
    runs: AutonomyMode = "AUTO_EXECUTE"
    here = refused.change_account("mode", modes={**own, name: runs})
    there = {**tenants, name: runs}
    if tenants.get(name) == "DISABLED":
        yield BoundsChange("mode", 1, here.bounds.model_copy(update={"modes": there}))
        return
    yield here
    if name not in own and DEFAULT not in own:
        yield refused.change("mode", modes=there)


def _risk(refused: Refused) -> Iterator[BoundsChange]:
    yield from _type_changed(refused, risk_tier="LOW")


def _confidence(refused: Refused) -> Iterator[BoundsChange]:
    said = refused.intent.confidence_score
    places = Decimal("0.0001")
    asked = "none" if said is None else float(Decimal(repr(said)).quantize(places, ROUND_FLOOR))
    yield from _type_changed(refused, min_confidence=asked)


def _type_changed(refused: Refused, **fields: Any) -> Iterator[BoundsChange]:
    name, types = refused.intent.action_type, refused.bounds.action_types
    if name in types:
        yield refused.change("threshold", action_types={**types, name: types[name].model_copy(update=fields)})


def _scopes(refused: Refused) -> Iterator[BoundsChange]:
    name, principals = refused.intent.on_behalf_of, refused.bounds.principals
    missing = refused.saw("scopes").get("missing", ())
    if name is not None:
        known = principals.get(name, PrincipalBounds())
        scopes = [*dict.fromkeys([*known.scopes, *missing])]
        yield refused.change("scopes", principals={**principals, name: known.model_copy(update={"scopes": scopes})})


def _by_rules(refused: Refused) -> Iterator[BoundsChange]:
    clause = refused.saw("policy")["clauses"][0]
    for kind, breadth, policies in rule_changes(refused.bounds.policies, clause, refused.intent):
        yield BoundsChange(kind, breadth, refused.bounds.model_copy(update={"policies": policies}))


# --- limits ---


def _no_budget(refused: Refused) -> Iterator[BoundsChange]:
    """None is counted yet that would be known: one action a day more."""
    yield from _budget_of(refused, "max_autonomous_per_day", 1)


def _room(refused: Refused) -> Iterator[BoundsChange]:
    saw = refused.saw("budget")
    if (name := saw.get("refused_by")) is not None:
        yield from _named_limit(refused, name)
        return
    full = (each for each in saw["limits"] if each.get("name") is None and each["limit"] is not None)
    limit = next(each for each in full if each["used_before"] >= each["limit"])
    most = limit["used_before"] + 1
    if limit["scope"] == "tenant":
        ceiling = refused.bounds.tenant_budget
        assert ceiling is not None
        yield refused.change("limit", tenant_budget=ceiling.model_copy(update={"max_autonomous_per_day": most}))
    elif limit["scope"] == "account_type":
        yield from _budget_of(refused, "max_per_action_type", most)
    else:
        yield from _budget_of(refused, "max_autonomous_per_day", most)


def _budget_of(refused: Refused, field: str, most: int) -> Iterator[BoundsChange]:
    """The account's own budget, and the tenant's default where that is what holds."""
    own, default = refused.own.budget or Budget(), refused.bounds.budget or Budget()
    yield refused.change_account("limit", budget=_with_most(own, field, most, refused.intent.action_type))
    if not _sets(own, field, refused.intent.action_type):
        yield refused.change("limit", budget=_with_most(default, field, most, refused.intent.action_type))


def _with_most(budget: Budget, field: str, most: int, action_type: str) -> Budget:
    value: Any = most if field == "max_autonomous_per_day" else {**budget.max_per_action_type, action_type: most}
    return budget.model_copy(update={field: value})


def _sets(budget: Budget, field: str, action_type: str) -> bool:
    if field == "max_autonomous_per_day":
        return budget.max_autonomous_per_day is not None
    return action_type in budget.max_per_action_type


def _named_limit(refused: Refused, name: str) -> Iterator[BoundsChange]:
    limit = next(each for each in refused.saw("budget")["limits"] if each.get("name") == name)
    used, taken = limit["used_before"], limit["taken"]

    def raised(spec: LimitSpec) -> LimitSpec:
        units = in_units(used) + in_units(taken)
        return spec.model_copy(update={"most": units if spec.sum is None else decimal_text(units)})

    if taken is not None:
        yield refused.change("limit", limits=_each(refused.bounds.limits, name, raised))


def _unmeasured(refused: Refused) -> Iterator[BoundsChange]:
    """A limit that lets by what no limit can count: only one that watches lets it by."""

    def watching(spec: LimitSpec) -> LimitSpec:
        return spec.model_copy(update={"log_only": True})

    if (name := refused.saw("budget").get("refused_by")) is not None:
        yield refused.change("limit", limits=_each(refused.bounds.limits, name, watching))


def _each(limits: Sequence[LimitSpec], name: str, change: Callable[[LimitSpec], LimitSpec]) -> list[LimitSpec]:
    return [change(spec) if spec.name == name else spec for spec in limits]


def valid(change: BoundsChange) -> Bounds | None:
    """The bounds as a door would take them; `None` where it would not."""
    try:
        return Bounds.model_validate(change.bounds.model_dump(mode="json"))
    except (InvalidInput, ValueError):
        return None


_BY_REASON: dict[str, Callable[[Refused], Iterator[BoundsChange]]] = {
    "ACTION_TYPE_NOT_ALLOWLISTED": _list,
    "SCOPE_MISSING": _scopes,
    "TENANT_POLICY": _mode,
    "PROPOSE_ONLY": _mode,
    "ACTION_TYPE_DISABLED": _mode,
    "RISK_LEVEL_HIGH": _risk,
    "CONFIDENCE_BELOW_THRESHOLD": _confidence,
    "BUDGET_NOT_CONFIGURED": _no_budget,
    "BUDGET_EXCEEDED": _room,
    "AMOUNT_UNKNOWN": _unmeasured,
    "PRINCIPAL_MISSING": _unmeasured,
}
