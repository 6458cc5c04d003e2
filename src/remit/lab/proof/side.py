"""
A tenant's bounds as formulas over any action: when it runs alone, when nobody can approve it.

Counters are at 0: what never runs in a fresh window never runs. What the gate does is in `core.gate.decision`; the
checks stand here in its order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from remit.core.canonical import canonical
from remit.core.gate.amount import AmountSpec
from remit.core.gate.autonomy import DEFAULT, AutonomyMode, resolve_mode
from remit.core.gate.bounds import AccountBounds, BoundsInForce
from remit.core.gate.budget import Budget, merge
from remit.core.gate.limit import LimitSpec, give_autonomy
from remit.core.gate.parameters_schema import ParametersSchema
from remit.core.gate.policy import PolicySet
from remit.core.gate.policy.evaluate import Rule
from remit.core.paths import parse_path
from remit.core.plain_json import LARGEST_INTEGER, LARGEST_PARAMETERS_BYTES
from remit.core.values import RISK_ORDER
from remit.lab.proof.any_action import (
    FACT_BOOLEAN,
    FACT_NUMBER,
    FACT_TEXT,
    AnyAction,
    below_parameters,
)
from remit.lab.proof.arguments import OpenKeywords
from remit.lab.proof.logic import Logic, Truth, Whole
from remit.lab.proof.parameter import NUMBER, TEXT, UNREADABLE
from remit.lab.proof.rules import Members, RuleContext, RuleFormula, RuleTranslator
from remit.lab.proof.schema import SchemaTranslator

_OTHER_TYPE = ""
"""Stands for every action type that the bounds do not name."""
_KINDS = {"text": FACT_TEXT, "number": FACT_NUMBER, "boolean": FACT_BOOLEAN}
_KIND_NAMES = {kind: name for name, kind in _KINDS.items()}


class Side(Struct):
    """One side of a comparison: when an action runs alone, is blocked, or is refused before it is stored."""

    name: str
    bounds: BoundsInForce
    not_translated: dict[str, set[str]]
    """Of each rule, the constructs that are left open."""
    checks: dict[str, dict[str, OpenKeywords]]
    """Of the schema of each action type's arguments, the checks that are left open."""
    runs: Truth = False
    blocked: Truth = False
    refused: Truth = False


class SideBuilder:
    """Builds one side; `name` is `before` or `after`."""

    def __init__(self, name: str, bounds: BoundsInForce, policies: PolicySet, any_action: AnyAction) -> None:
        self._name, self._bounds, self._policies, self._any = name, bounds, policies, any_action
        self._logic: Logic = any_action.logic
        self._specs = bounds.bounds.action_types
        self._named = [name for name in _types_named(bounds) if name != DEFAULT]
        self._checks: dict[str, dict[str, OpenKeywords]] = {}
        self._context = RuleContext(name, {}, self._fact_there, any_action)

    def name_amounts(self) -> None:
        """As `name_all` does: what amounts are read from."""
        for limit in self._bounds.bounds.limits:
            for spec in self._specs.values():
                if limit.sum is not None and limit.sum in spec.amounts:
                    for path in spec.amounts[limit.sum].paths:
                        self._any.measured(below_parameters(path))

    def build(self) -> Side:
        self._context.fields = self._fields()
        side = Side(self._name, self._bounds, self._context.not_translated, self._checks)
        side.refused = self._logic.any((self._principal_refused(), self._arguments_refused()))
        stored = self._logic.no(side.refused)
        allowed, blocked = self._rules()
        passed = (self._listed(), self._scopes_there(), self._logic.no(self._lacking()), allowed, self._room())
        side.runs = self._logic.all((stored, *passed))
        side.blocked = self._logic.all((stored, blocked))
        return side

    def forbids(self, rule: Rule) -> Truth:
        """Would this rule keep an action from running alone: it says so, or it cannot be asked?"""
        said = RuleTranslator(self._context).rule(rule)
        return self._logic.any((said.satisfied, said.errors, self._unreadable(rule.reads.paths, rule.reads.computed)))

    # --- what rules see ---

    def _fields(self) -> Mapping[str, Any]:
        any_action, clock = self._any, self._any.clocks[self._name]
        agents = tuple((any_action.text(name), came) for name, came in any_action.agents.items())
        return {
            "action_type": any_action.action_type,
            "mode": self._mode(),
            "risk": self._risk(),
            "confidence": any_action.confidence,
            "confidence_said": any_action.confidence_said,
            "min_confidence": self._of_type(lambda name: self._bounds.type_in_force(name).min_confidence),
            "target_type": any_action.target_type,
            "target_id": any_action.target_id,
            "on_behalf_of": any_action.on_behalf_of,
            "scopes": Members(tuple((any_action.text(scope), has) for scope, has in self._scopes().items())),
            "delegation": Members(agents, any_action.other_agents),
            "agent_tier": any_action.agent_tier,
            "date": clock.date,
            "weekday": clock.weekday,
            "hour": clock.hour,
        }

    def _mode(self) -> Whole:
        return self._per_account(
            lambda account: self._of_type(
                lambda name: self._any.text(_mode_of(name, account, self._bounds)),
            ),
            lambda account: bool(account.modes),
        )

    def _risk(self) -> Whole:
        levels = [self._any.text(level) for level in RISK_ORDER]

        def tier(name: str) -> int:
            spec = self._specs.get(name)
            return RISK_ORDER.index(spec.risk_tier if spec else "HIGH")

        rank, said = self._of_type(tier), self._any.risk
        highest = self._logic.choose(rank > said, rank, said)
        risk: Whole = levels[-1]
        for number, level in enumerate(levels[:-1]):
            risk = self._logic.choose(self._logic.same(highest, number), level, risk)
        return risk

    def _scopes(self) -> dict[str, Truth]:
        """The effective scopes: the principal's, as far as every hop was given them."""
        holders: dict[str, list[str]] = defaultdict(list)
        for principal, own in self._bounds.bounds.principals.items():
            for scope in own.scopes:
                holders[scope].append(principal)
        return {
            scope: self._logic.all((self._is_one_of(self._any.on_behalf_of, principals), self._any.scope_given(scope)))
            for scope, principals in holders.items()
        }

    def _fact_there(self, name: str, path: str, kind: int) -> Truth:
        """Is this field of a fact there, of that kind, for an action of a type that has the fact?"""
        wanted = ("any", _KIND_NAMES[kind])
        keeping = [
            known
            for known, spec in self._specs.items()
            if name in spec.facts and spec.facts[name].keep.get(path) in wanted
        ]
        value = self._any.fact(name, path)
        return self._logic.all((self._is_type(keeping), self._had(name), value.kind == kind))

    def _had(self, name: str) -> Truth:
        """Was the fact had: there, and of the kinds that its type expects, as far as a rule reads it?"""
        fits = []
        for (fact, path), value in self._any.facts.items():
            if fact == name:
                for kind, types in self._types_keeping(name, path).items():
                    of_kind = value.kind == _KINDS[kind]
                    fits.append(self._logic.implies(self._is_type(types), of_kind))
        return self._logic.all((self._any.fact_had(name), *fits))

    def _types_keeping(self, name: str, path: str) -> dict[str, list[str]]:
        by_kind: dict[str, list[str]] = defaultdict(list)
        for type_name, spec in self._specs.items():
            kind = spec.facts[name].keep.get(path, "any") if name in spec.facts else "any"
            if kind != "any":
                by_kind[kind].append(type_name)
        return by_kind

    def _lacking(self) -> Truth:
        """A fact of the action's type was not had."""
        names = {name for spec in self._specs.values() for name in spec.facts}
        having = {name: [known for known, spec in self._specs.items() if name in spec.facts] for name in sorted(names)}
        return self._logic.any(
            self._logic.all((self._is_type(types), self._logic.no(self._had(name)))) for name, types in having.items()
        )

    # --- rules ---

    def _rules(self) -> tuple[Truth, Truth]:
        """The formulas for when the policies allow an action, and when they block it."""
        translator, logic, reads = RuleTranslator(self._context), self._logic, self._policies.reads
        rules = [(rule, translator.rule(rule)) for rule in self._policies.rules.values()]
        # After all rules, which name the fields of facts that have to fit.
        lacking = self._lacking() if reads.facts else False
        errors = [self._unreadable(reads.paths, reads.computed), lacking, *(said.errors for _, said in rules)]
        permitted = [said.satisfied for rule, said in rules if rule.effect == "AUTO_EXECUTE"]
        forbidden = [said.satisfied for rule, said in rules if rule.effect != "AUTO_EXECUTE"]
        allowed = logic.all((logic.any(permitted), logic.no(logic.any(forbidden)), logic.no(logic.any(errors))))
        blocks = [self._blocks(rule, said, lacking) for rule, said in rules if rule.effect == "BLOCK"]
        return allowed, logic.any(blocks)

    def _blocks(self, rule: Rule, said: RuleFormula, lacking: Truth) -> Truth:
        """A rule that could not see what it reads does not block."""
        blind = [self._unreadable(rule.reads.paths, rule.reads.computed), rule.reads.facts and lacking]
        return self._logic.all((said.satisfied, self._logic.no(self._logic.any(blind))))

    def _unreadable(self, paths: Iterable[str], computed: bool) -> Truth:
        known = {path.text: path for path in self._policies.paths}
        values = [self._any.parameter(known[text] if text in known else parse_path(text)) for text in sorted(paths)]
        others = self._any.other_unreadable if computed else False
        return self._logic.any([*(value.kind == UNREADABLE for value in values), others])

    # --- list, scopes, principals, arguments ---

    def _listed(self) -> Truth:
        return self._per_account(
            lambda account: self._is_type(
                self._bounds.bounds.allowlist if account.allowlist is None else account.allowlist
            ),
            lambda account: account.allowlist is not None,
        )

    def _scopes_there(self) -> Truth:
        effective = self._scopes()
        needing: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for name, spec in self._specs.items():
            needing[tuple(sorted(spec.required_scopes))].append(name)
        return self._logic.all(
            self._logic.implies(self._is_type(types), self._logic.all(effective.get(scope, False) for scope in scopes))
            for scopes, types in needing.items()
            if scopes
        )

    def _principal_refused(self) -> Truth:
        confined = {name: own.principals for name, own in self._bounds.bounds.accounts.items()}
        return self._logic.any(
            self._logic.all(
                (self._is_account(name), self._logic.no(self._is_one_of(self._any.on_behalf_of, principals)))
            )
            for name, principals in confined.items()
            if principals is not None
        )

    def _arguments_refused(self) -> Truth:
        schemas: dict[bytes, list[str]] = defaultdict(list)
        for name, spec in self._specs.items():
            if spec.parameters is not None:
                schemas[canonical(spec.parameters)].append(name)
        return self._logic.any(
            self._logic.all((self._is_type(types), self._refuses(self._specs[types[0]].parameters or {}, types)))
            for types in schemas.values()
        )

    def _refuses(self, schema: Mapping[str, Any], types: list[str]) -> Truth:
        translator = SchemaTranslator(schema, self._any)
        fits = translator.fits()
        self._checks |= dict.fromkeys(types, translator.left_open)
        return self._logic.any((self._logic.no(fits), self._too_large(types[0])))

    def _too_large(self, action_type: str) -> Truth:
        schema = self._bounds.plans.schema(action_type)
        if not isinstance(schema, ParametersSchema) or schema.most_bytes >= LARGEST_PARAMETERS_BYTES:
            return False
        return self._any.arguments.size > schema.most_bytes

    # --- budget and limits, with nothing used ---

    def _room(self) -> Truth:
        bounds = self._bounds.bounds
        named = [limit for limit in bounds.limits if not limit.log_only]
        in_budget = self._per_account(
            lambda account: self._budget_room(merge(bounds.budget, account.budget)),
            lambda account: account.budget is not None,
        )
        ceiling = bounds.tenant_budget is None or bounds.tenant_budget.max_autonomous_per_day > 0
        return self._logic.all((in_budget, ceiling, *map(self._limit_room, named)))

    def _budget_room(self, budget: Budget | None) -> Truth:
        daily = None if budget is None else budget.max_autonomous_per_day
        none_of_type = [name for name, most in (budget.max_per_action_type if budget else {}).items() if most == 0]
        # Without a day's budget, a limit of the account or the principal gives autonomy.
        given = daily is not None or self._otherwise_bounded()
        return self._logic.all((given, daily != 0, self._logic.no(self._is_type(none_of_type))))

    def _otherwise_bounded(self) -> Truth:
        giving = [limit for limit in self._bounds.bounds.limits if give_autonomy([limit])]
        return self._logic.any(self._concerned(limit) for limit in giving)

    def _concerned(self, limit: LimitSpec) -> Truth:
        return True if limit.action_types is None else self._is_type(limit.action_types)

    def _limit_room(self, limit: LimitSpec) -> Truth:
        whose = limit.of != "principal" or self._any.on_behalf_of != self._any.text("")
        taken = limit.most_units >= 1 if limit.sum is None else self._amount_fits(limit, limit.sum)
        return self._logic.implies(self._concerned(limit), self._logic.all((whose, taken)))

    def _amount_fits(self, limit: LimitSpec, name: str) -> Truth:
        """The amount is known, in the limit's unit, and no more than the most."""
        by_spec: dict[tuple[str, str], list[str]] = defaultdict(list)
        for type_name, spec in self._specs.items():
            if name in spec.amounts:
                by_spec[spec.amounts[name].value, spec.amounts[name].unit].append(type_name)
        return self._logic.any(
            self._logic.all((self._is_type(types), self._amount_within(AmountSpec(value=value, unit=unit), limit)))
            for (value, unit), types in by_spec.items()
        )

    def _amount_within(self, spec: AmountSpec, limit: LimitSpec) -> Truth:
        logic, value = self._logic, self._any.measured(below_parameters(spec.value))
        most = min(limit.most_units, LARGEST_INTEGER)
        as_number = logic.all((value.kind == NUMBER, value.number > 0, value.number <= most))
        as_text = logic.all((value.kind == TEXT, value.amount > 0, value.amount <= most))
        return logic.all((logic.any((as_number, as_text)), self._unit_is(spec, limit.unit or "")))

    def _unit_is(self, spec: AmountSpec, unit: str) -> Truth:
        if spec.fixed_unit is not None:
            return spec.fixed_unit == unit
        said = self._any.measured(below_parameters(spec.unit))
        # As parameters are told here, yes and no are texts too; they are no unit.
        return unit not in ("true", "false") and self._logic.all(
            (said.kind == TEXT, self._logic.same(said.text, self._any.text(unit)))
        )

    # --- types and accounts ---

    def _is_type(self, names: Iterable[str] | None) -> Truth:
        return self._is_one_of(self._any.action_type, names or ())

    def _is_account(self, name: str) -> Truth:
        return self._logic.same(self._any.account, self._any.text(name))

    def _is_one_of(self, text: Whole, names: Iterable[str]) -> Truth:
        return self._logic.any(self._logic.same(text, self._any.text(name)) for name in names)

    def _of_type(self, of: Callable[[str], Hashable]) -> Whole:
        """The consequences of the action's type alone."""
        others = of(_OTHER_TYPE)
        by_value: dict[Hashable, list[str]] = defaultdict(list)
        for name in self._named:
            by_value[of(name)].append(name)
        value: Whole = others
        for each, names in by_value.items():
            if each != others:
                value = self._logic.choose(self._is_type(names), each, value)
        return value

    def _per_account(self, of: Callable[[AccountBounds], Any], has_own: Callable[[AccountBounds], bool]) -> Any:
        """The consequences of the account, of which most have nothing of their own."""
        value = of(AccountBounds())
        for name, account in self._bounds.bounds.accounts.items():
            if has_own(account):
                value = self._logic.choose(self._is_account(name), of(account), value)
        return value


def _mode_of(action_type: str, account: AccountBounds, bounds: BoundsInForce) -> AutonomyMode:
    return resolve_mode(action_type, dict(account.modes), dict(bounds.bounds.modes)).mode


def _types_named(bounds: BoundsInForce) -> dict[str, None]:
    """Every action type of which the bounds say anything, in one order."""
    whole = bounds.bounds
    modes = [whole.modes, *(account.modes for account in whole.accounts.values())]
    return dict.fromkeys([*whole.action_types, *(name for level in modes for name in level)])
