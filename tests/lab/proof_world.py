"""Bounds, rules and actions at random, and each action as the values of a proof's unknowns."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

from remit.core.canonical import canonical
from remit.core.errors import InvalidInput
from remit.core.gate.bounds import Bounds, BoundsInForce, nothing_set, replace_bounds
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.parameters_schema import compile_schema
from remit.core.gate.policy.parameters import read_named
from remit.core.gate.policy_input import local_time
from remit.core.paths import NotThere, find
from remit.core.proposal import Proposal, parse_proposal
from remit.core.values import RISK_ORDER
from remit.lab.proof.any_action import FACT_BOOLEAN, FACT_NUMBER, FACT_TEXT, NULL, AnyAction, amount_of_text
from remit.lab.proof.arguments import (
    ARRAY,
    BOOLEAN,
    MISSING,
    NULL_VALUE,
    NUMERIC,
    OBJECT,
    STRING,
    Argument,
    OpenKeywords,
)
from remit.lab.proof.example import Example
from remit.lab.proof.parameter import ABSENT, NUMBER, TEXT, UNREADABLE, ParameterValue

TENANT = "shop"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
TOOL = {"connector": "internal", "operation": "create_note"}
TYPES = ("REFUND", "EMAIL", "NOTE", "CLOSE")
ACCOUNTS = ("north", "south")
PRINCIPALS = ("ann", "bob")
SCOPES = ("read", "pay", "mail")
AGENTS = ("agent", "planner", "bot")
MODES = (*["AUTO_EXECUTE"] * 8, "APPROVAL_REQUIRED", "PROPOSE_ONLY", "DISABLED")
NUMBERS = ("amount", "order.total", "items.count", "items.0.price", "count")
TEXTS = ("note", "order.state", "items.0", 'order["state"]', "items[1]", "urgent", "currency")
WORDS = ("open", "closed", "true", "false", "EUR", "12.5", "")
SHAPES = {type(None): NULL_VALUE, bool: BOOLEAN, str: STRING, int: NUMERIC, float: NUMERIC, dict: OBJECT, list: ARRAY}


class Dice:
    """Bounds, rules and actions by one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def one(self, things: Any) -> Any:
        return self.chance.choice(things)

    def some(self, things: Any) -> list[Any]:
        return [each for each in things if self.chance.random() < 0.5]

    def often(self) -> bool:
        return self.chance.random() < 0.75

    def seldom(self) -> bool:
        return self.chance.random() < 0.2

    # --- bounds ---

    def bounds(self, *, rules: int = 6) -> Bounds:
        """Bounds by which a good part of all actions runs alone."""
        written: dict[str, Any] = {
            "tenant": TENANT,
            "action_types": {name: self._action_type() for name in TYPES if self.often()},
            "allowlist": [name for name in TYPES if self.often()],
            "modes": {"default": self.one(MODES[:9]), **{name: self.one(MODES) for name in TYPES if self.seldom()}},
            "budget": self._budget(),
            "principals": {name: {"scopes": self.some(SCOPES)} for name in PRINCIPALS if self.often()},
            "accounts": {name: self._account() for name in ACCOUNTS if self.often()},
            "limits": [limit for limit in self._limits() if self.seldom()],
            "policies": [{"name": "own.cedar", "text": "\n".join(self.rule() for _ in range(rules))}] if rules else [],
        }
        if self.seldom():
            written["tenant_budget"] = {"max_autonomous_per_day": self.one((0, 5))}
        return parse_bounds({name: value for name, value in written.items() if value is not None})

    def changed(self, bounds: Bounds) -> Bounds:
        """The same with one part from other bounds, or with a rule more or less."""
        other = self.bounds(rules=3)
        part = self.one(("allowlist", "modes", "accounts", "principals", "limits", "policies", "action_types"))
        text = bounds.policies[0].text
        rules = self.one((text.partition("\n")[2], f"{text}\n{self.rule()}"))
        policies = [bounds.policies[0].model_copy(update={"text": rules})] if part == "policies" else []
        return bounds.model_copy(update={part: policies or getattr(other, part)})

    def _action_type(self) -> dict[str, Any]:
        keep: Any = self.one((["total", "state", "paid"], {"total": "number", "state": "text", "paid": "boolean"}))
        written: dict[str, Any] = {
            "risk_tier": self.one(("MINIMAL", "LOW", "LOW", "LOW", "MEDIUM")),
            "min_confidence": self.one((0.7, 0.5, 0.123456, "none")),
            "tool": TOOL,
            "amounts": {"amount": {"value": "parameters.amount", "unit": self.one(("EUR", "parameters.currency"))}},
            "required_scopes": [self.one(SCOPES)] if self.seldom() else [],
        }
        if self.seldom():
            written["facts"] = {"order": {"url": "https://shop.example/orders", "keep": keep}}
        if self.seldom():
            written["parameters"] = self.schema()
        return written

    # --- schemas ---

    def schema(self) -> dict[str, Any]:
        """Of arguments, by which a good part of those that are made here fits."""
        named = ("amount", "note", "order", "items", "urgent", "currency", "count")
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: self._value_schema(2) for name in named if self.chance.random() < 0.4},
            "required": [name for name in ("amount", "note") if self.seldom()],
            "$defs": {"shared": self._value_schema(1)},
        }
        if self.seldom():
            schema["additionalProperties"] = self.one((False, True, {"type": ["number", "string"]}))
        if self.seldom():
            schema["dependentRequired"] = {"note": ["amount"]}
        if self.seldom():
            schema[self.one(("anyOf", "oneOf"))] = [{"required": ["amount"]}, {"required": ["note", "order"]}]
        if self.seldom():
            schema |= {"if": {"properties": {"amount": {"maximum": 12.5}}}, "then": {"required": ["currency"]}}
        if self.seldom():
            schema["patternProperties"] = {"^c": self._value_schema(0)}
        return schema

    def _value_schema(self, depth: int) -> Any:
        makers = (self._number_schema, self._text_schema, self._types, self._choices, self._object_schema, self._list)
        schema = {**self.one(makers)(depth), **(self.one(makers)(depth) if self.seldom() else {})}
        if depth and self.seldom():
            inner = [self._value_schema(depth - 1) for _ in range(2)]
            return self.one(({"anyOf": inner}, {"oneOf": inner}, {"allOf": inner[:1]}, {"not": inner[0]}))
        return self.one((schema, schema, schema, {"$ref": "#/$defs/shared"} if depth > 1 else True))

    def _number_schema(self, _: int) -> dict[str, Any]:
        keyword = self.one(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"))
        steps, bounds = (1, 0.5, 12.5, 0.00001), (0, 1, 12.5, 99, 0.00001, 0.00005, 1e15, -3)
        return {keyword: self.one(steps if keyword == "multipleOf" else bounds)}

    def _text_schema(self, _: int) -> dict[str, Any]:
        return self.one(({"minLength": 4}, {"maxLength": 4}, {"pattern": "^[a-z]+$"}, {"pattern": "n"}))

    def _types(self, _: int) -> dict[str, Any]:
        several = ["number", "string", "boolean", "object", "array", "integer"]
        return {"type": self.one(("number", "string", "integer", "object", "array", [*self.some(several), "null"]))}

    def _choices(self, _: int) -> dict[str, Any]:
        values = ("open", "EUR", "12.5", "true", 1, 12.5, 0.00001, True, False, None, [], {}, {"count": 2})
        return self.one(({"const": self.one(values)}, {"enum": list(self.chance.sample(values, 7))}))

    def _object_schema(self, depth: int) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "object"}
        if depth:
            schema["properties"] = {name: self._value_schema(depth - 1) for name in ("total", "state") if self.often()}
        more = (
            {"required": ["total"]},
            {"additionalProperties": False},
            {"maxProperties": 1},
            {"propertyNames": False},
        )
        return schema | self.one(({}, *more))

    def _list(self, depth: int) -> dict[str, Any]:
        item = self._value_schema(0)
        lengths = ({"minItems": 1}, {"maxItems": 1}, {"uniqueItems": True})
        return self.one((*lengths, {"items": item}, {"contains": item}, {"prefixItems": [item]}))

    def _budget(self) -> dict[str, Any] | None:
        of_type = {name: self.one((0, 3)) for name in TYPES if self.seldom()}
        return (
            {"max_autonomous_per_day": self.one((0, *[5] * 8)), "max_per_action_type": of_type}
            if self.chance.random() < 0.9
            else None
        )

    def _account(self) -> dict[str, Any]:
        own: dict[str, Any] = {}
        if self.seldom():
            own["allowlist"] = self.some(TYPES)
        if self.seldom():
            own["modes"] = {self.one(("default", *TYPES)): self.one(MODES)}
        if self.seldom():
            own["budget"] = {"max_autonomous_per_day": self.one((0, 5)), "timezone": self.one(("UTC", "Asia/Kolkata"))}
        if self.seldom():
            own["principals"] = self.some(PRINCIPALS)
        return own

    def _limits(self) -> list[dict[str, Any]]:
        concerned = {"action_types": self.some(TYPES) or ["REFUND"]} if self.often() else {}
        sum_of = {"sum": "amount", "unit": "EUR", "per": "month", "of": self.one(("account", "principal"))}
        return [
            {"name": "burst", "most": self.one((0, 9)), "per": "minute", "of": "account", **concerned},
            {"name": "money", "most": self.one((0, "12.5", 100)), **sum_of, **concerned},
            {"name": "watched", "most": 0, "per": "day", "of": "account", "log_only": True},
        ]

    # --- rules ---

    def rule(self) -> str:
        effect = '@effect("BLOCK") ' if self.chance.random() < 0.3 else ""
        principal = self.one(("principal", "principal", 'principal == Agent::"bot"', "principal is Agent"))
        resource = self.one(("resource", "resource", 'resource == Account::"north"', 'resource in Account::"south"'))
        unless = f" unless {{ {self.condition(1)} }}" if self.seldom() else ""
        return f"{effect}forbid ({principal}, action, {resource}) when {{ {self.condition(2)} }}{unless};"

    def condition(self, depth: int) -> str:
        if depth == 0:
            return self.atom()
        left, right, both = self.condition(depth - 1), self.condition(depth - 1), self.chance.random()
        if both < 0.75:
            return f"({left} && {right})"
        return self.one((f"({left} || {right})", f"!({left})", left, f"(if {self.atom()} then {left} else {right})"))

    def atom(self) -> str:
        chance, word, number = self.chance, self.one(WORDS), self.one((0, 1, 12.5, 100, 150, -3))
        path, text, scopes = self.one(NUMBERS), self.one(TEXTS), self.some(SCOPES) or ["pay"]
        listed = "[" + ", ".join(f'"{scope}"' for scope in scopes) + "]"
        quoted = text.replace('"', '\\"')
        has_number, has_text = f'context.numbers.hasTag("{path}")', f'context.texts.hasTag("{quoted}")'
        got_number, got_text = f'context.numbers.getTag("{path}")', f'context.texts.getTag("{quoted}")'
        less = self.one(("lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"))
        atoms = (
            f'context.action_type == "{self.one(TYPES)}"',
            f'["REFUND", "{self.one(TYPES)}"].contains(context.action_type)',
            f'context.risk != "{self.one(RISK_ORDER)}"',
            f'context.mode == "{self.one(MODES)}"',
            f"context.confidence {self.one(('<', '<=', '>', '>='))} {self.one((0, 5000, 7000, 9000))}",
            "context.confidence - context.min_confidence > 1000",
            f"context.confidence * {self.one((3, 9223372036854775807))} > 20000",
            f"context.hour * 2 + 1 > {self.one((9, 20, 40))}",
            "-(context.hour) < -12",
            "context.confidence_said",
            f'context.target_type == "{self.one(("order", "contact"))}"',
            f'context.target_id == "{self.one(("o-1", word))}"',
            f'context.on_behalf_of == "{self.one((*PRINCIPALS, ""))}"',
            f"context.scopes.{self.one(('containsAll', 'containsAny'))}({listed})",
            f'context.scopes.contains("{self.one(SCOPES)}")',
            f"context.scopes == {listed}",
            f"{listed}.containsAll(context.scopes)",
            "context.scopes.isEmpty()",
            f'context.delegation.contains("{self.one(AGENTS)}")',
            f'context.delegation.containsAny(["bot", "{self.one(AGENTS)}"])',
            "context.delegation.isEmpty()",
            f'["agent", "{self.one(AGENTS)}"].containsAll(context.delegation)',
            f'context.agent_tier == "{self.one(("interactive", "api", ""))}"',
            f'context.date == "{self.one(("2026-03-08", "2026-03-09"))}"',
            '["SAT", "SUN"].contains(context.weekday)',
            f'resource == Account::"{self.one(ACCOUNTS)}"',
            'principal in [Agent::"bot", Agent::"planner"]',
            "context has target_type",
            f'({has_number} && {got_number}.{less}(decimal("{number:.1f}")))',
            f'({has_number} && {got_number} == decimal("{number:.1f}"))',
            f'({has_text} && {got_text} == "{word}")',
            f"({has_text} && {got_text} == context.target_id)",
            has_number,
            has_text,
            '(context.facts_numbers.hasTag("order.total") && context.facts_numbers.getTag("order.total")'
            f'.{less}(decimal("{number:.1f}")))',
            f'(context.facts_texts.hasTag("order.state") && context.facts_texts.getTag("order.state") == "{word}")',
            '(context.facts_booleans.hasTag("order.paid") && context.facts_booleans.getTag("order.paid"))',
        )
        return atoms[chance.randrange(len(atoms))]

    # --- actions ---

    def action(self) -> Example:
        """An action, a moment, and what its facts say."""
        agent = self.one(AGENTS)
        hops = [{"agent": each, "scopes": self.some(SCOPES)} for each in self.some(("planner", "other"))]
        said = {
            "tenant_id": TENANT,
            "account_id": self.one((*ACCOUNTS, "west")),
            "action_type": self.one((*TYPES, "OTHER")),
            "parameters": self.parameters(),
            "confidence_score": self.one((None, 0.0, 0.5, 0.7, 0.95, 0.95, 0.95, 0.123456, 1.0)),
            "risk_level": self.one((None, "MINIMAL", "LOW", "MEDIUM")),
            "proposed_by": agent,
            "on_behalf_of": self.one((None, "ann", "ann", "bob", "eve")),
            "delegation": [*hops, {"agent": agent, "scopes": self.some(SCOPES)}] if self.seldom() else None,
            "agent_tier": self.one((None, "interactive", "api")),
            "target": {"entity_type": self.one(("order", "contact")), "entity_id": self.one(("o-1", "open", "zz"))}
            if self.often()
            else None,
        }
        now = NOW + timedelta(minutes=self.chance.randrange(60 * 24 * 8))
        kept = {"total": self.one((1, 12.5, 500)), "state": self.one(WORDS), "paid": self.one((True, False))}
        return Example(parse_proposal(said), now, {"order": kept if self.often() else None})

    def parameters(self) -> dict[str, Any]:
        odd = ({}, [], 0.00001, 1e15, "true", None, True)
        number = lambda: self.one((1, 12.5, 12.5, 99, 150.5, -3, 0.0001, "12.5", *odd))  # noqa: E731
        text = lambda: self.one(("open", "closed", "EUR", "else", "12.5", False, 7, *odd))  # noqa: E731
        order = self.one(({"total": number(), "state": text()}, {"total": number()}, "none", {"state.x": 1}))
        items = self.one(([], [text()], [{"price": number()}, text()], {"count": 2}, {"0": "open"}, None))
        whole = {
            "amount": number(),
            "currency": self.one(("EUR", "USD", "EUR", text())),
            "note": text(),
            "order": order,
            "items": items,
            "urgent": self.one((True, False, "true")),
            "count": number(),
            "order.total": 5,
        }
        rare = {"order.total"}
        return {
            name: value
            for name, value in whole.items()
            if (self.seldom() and self.seldom() if name in rare else self.often())
        }


def in_force(bounds: Bounds) -> BoundsInForce:
    return replace_bounds(nothing_set(bounds.tenant), bounds, NOW)


class Assignment:
    """The unknowns of a proof as one action has them."""

    def __init__(self, any_action: AnyAction, sides: Mapping[str, BoundsInForce]) -> None:
        self._any, self._sides = any_action, sides
        self._others: dict[str, int] = {}
        self._validators: dict[str, Any] = {}

    def of(self, example: Example) -> list[tuple[Any, int | bool]]:
        said, any_action = example.proposal, self._any
        values: list[tuple[Any, int | bool]] = [
            (any_action.account, self._text(said.account_id)),
            (any_action.action_type, self._text(said.action_type)),
            (any_action.proposed_by, self._text(said.proposed_by)),
            (any_action.agent_tier, self._text(said.agent_tier or "")),
            (any_action.risk, RISK_ORDER.index(said.risk_level or "MINIMAL")),
            (any_action.confidence, int((said.confidence_score or 0) * 10_000 + 1e-9)),
            (any_action.confidence_said, said.confidence_score is not None),
            (any_action.target_type, self._text(said.target.entity_type if said.target else "")),
            (any_action.target_id, self._text(said.target.entity_id if said.target else "")),
            (any_action.on_behalf_of, self._text(said.on_behalf_of or "")),
            *self._delegation(said),
            *self._clocks(example),
            *self._arguments(said.parameters),
        ]
        for value in any_action.parameters.values():
            values += self._parameter(value, said.parameters)
        return values + self._facts(example)

    def _text(self, text: str) -> int:
        # From 1 on: what an action says nothing of is 0, which is no text of its.
        known = self._any.texts.get(text)
        return self._others.setdefault(text, len(self._others) + 1) if known is None else known

    def _delegation(self, said: Proposal) -> list[tuple[Any, int | bool]]:
        hops, any_action = said.delegation or [], self._any
        agents = {hop.agent for hop in hops}
        given = [(truth, all(scope in hop.scopes for hop in hops)) for scope, truth in any_action.given.items()]
        came = [(truth, name in agents) for name, truth in any_action.agents.items()]
        others = bool(agents - set(any_action.agents))
        return [(any_action.delegated, bool(hops)), (any_action.other_agents, others), *given, *came]

    def _clocks(self, example: Example) -> list[tuple[Any, int | bool]]:
        values: list[tuple[Any, int | bool]] = []
        for side, bounds in self._sides.items():
            clock = self._any.clocks[side]
            zone = bounds.budget_zones(example.proposal.account_id, example.now)[0]
            local = local_time(example.now, zone)
            values += [(clock.date, self._text(local.date)), (clock.weekday, self._text(local.weekday))]
            values += [(clock.hour, local.hour)]
        return values

    def _arguments(self, parameters: dict[str, Any]) -> list[tuple[Any, int | bool]]:
        arguments = self._any.arguments
        values: list[tuple[Any, int | bool]] = [(arguments.size, len(canonical(parameters)))]
        for place in arguments.known.values():
            values += self._argument(place, _stands_at(place, parameters))
        for check in arguments.checks.values():
            value = _stands_at(check.place, parameters)
            values.append((check.holds, value is not ... and self._validator(check).is_valid(value)))
        return values

    def _validator(self, check: OpenKeywords) -> Any:
        if check.name not in self._validators:
            defined = {name: each for name, each in check.root.items() if name == "$defs"}
            self._validators[check.name] = compile_schema({**check.keywords, **defined}).validator
        return self._validators[check.name]

    def _argument(self, place: Argument, value: Any) -> list[tuple[Any, int | bool]]:
        shape = (place.shape, SHAPES.get(type(value), MISSING)) if place.names else (place.others, False)
        inside = {each.names[-1] for each in self._any.arguments.inside(place)}
        if isinstance(value, bool):
            return [shape, (place.text, self._text("true" if value else "false"))]
        if isinstance(value, str):
            return [shape, (place.text, self._text(value)), (place.length, len(value))]
        if isinstance(value, list):
            return [shape, (place.length, len(value))]
        if isinstance(value, dict):
            return [shape, (place.others, bool(value.keys() - inside))]
        if isinstance(value, int | float):
            exact = Fraction(repr(value)) * 10_000
            return [shape, (place.number, floor(exact)), (place.inexact, exact.denominator > 1)]
        return [shape]

    def _parameter(self, value: ParameterValue, parameters: dict[str, Any]) -> list[tuple[Any, int | bool]]:
        tags = read_named(parameters, (value.path,))
        path = value.path.text
        if path in tags.problems:
            return [(value.kind, UNREADABLE)]
        if path in tags.texts:
            text = tags.texts[path]
            found = _raw(value, parameters)
            amount = amount_of_text(found) if isinstance(found, str) else 0
            return [(value.kind, TEXT), (value.text, self._text(text)), (value.amount, amount)]
        if path in tags.numbers:
            decimal = tags.numbers[path]["__extn"]["arg"]
            return [(value.kind, NUMBER), (value.number, int(decimal.replace(".", "")))]
        return [(value.kind, ABSENT)]

    def _facts(self, example: Example) -> list[tuple[Any, int | bool]]:
        values: list[tuple[Any, int | bool]] = []
        for name, had in self._any.had.items():
            values.append((had, example.facts.get(name) is not None))
        for (name, path), fact in self._any.facts.items():
            values += self._fact_value(fact, (example.facts.get(name) or {}).get(path))
        return values

    def _fact_value(self, fact: Any, kept: Any) -> list[tuple[Any, int | bool]]:
        if isinstance(kept, bool):
            return [(fact.kind, FACT_BOOLEAN), (fact.yes, kept)]
        if isinstance(kept, str):
            return [(fact.kind, FACT_TEXT), (fact.text, self._text(kept))]
        return [(fact.kind, NULL)] if kept is None else [(fact.kind, FACT_NUMBER), (fact.number, round(kept * 10_000))]


def _raw(value: ParameterValue, parameters: dict[str, Any]) -> Any:
    try:
        return find(value.path, parameters, lengths=True)
    except (NotThere, InvalidInput):
        return None


def _stands_at(place: Argument, parameters: Any) -> Any:
    """`...` for nothing."""
    for name in place.names:
        parameters = parameters.get(name, ...) if isinstance(parameters, dict) else ...
    return parameters
