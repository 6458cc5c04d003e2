"""Names in the bounds that nothing bears: allowed, but likely a slip, for what they stand in then does nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from remit.core.errors import InvalidInput
from remit.core.execution.templates import paths_named
from remit.core.gate.action_type import ActionTypeSpec
from remit.core.gate.bounds import Bounds
from remit.core.gate.policy.loading import load_policies
from remit.core.gate.policy.rule_slips import NamedByRule, named_by_rules, unknown_annotations
from remit.core.headline import fields_of
from remit.core.invalid_fields import likely_meant
from remit.core.paths import Step, parse_path

AMOUNTS, PARAMETERS = "amounts", "parameters"
MAY_BE_HIDDEN = "private"
"""The field of a type that may well name an argument which its schema lets be there and does not name."""


def slips(bounds: Bounds) -> list[str]:
    """Those of the action types, then those of the rules. The policies are taken to be sound."""
    found = [slip for name, spec in bounds.action_types.items() for slip in _of_type(f"action_types.{name}", spec)]
    policies = load_policies(tuple(bounds.policies)) if bounds.policies else None
    if policies is None or isinstance(policies, str):
        return found
    sets = (policies, *policies.log_only)
    rules = [rule for each in sets for rule in each.rules.values() if rule.effect != "AUTO_EXECUTE"]
    found += [f"policies: {slip}" for slip in unknown_annotations(rules)]
    found += [f"policies: {slip}" for rule in named_by_rules(rules) for slip in _of_rule(rule, bounds.action_types)]
    return list(dict.fromkeys(found))


def _of_type(place: str, spec: ActionTypeSpec) -> Iterator[str]:
    for field, path in _paths_of(spec):
        if path.startswith(f"{AMOUNTS}."):
            slip = _among(path.removeprefix(f"{AMOUNTS}."), spec.amounts, "declares no such amount")
        else:
            slip = _in_schema(spec.parameters, _below_parameters(path), named=field != MAY_BE_HIDDEN)
        if slip:
            yield f"{place}.{field}: {path}: the type {slip}"


def _paths_of(spec: ActionTypeSpec) -> Iterator[tuple[str, str]]:
    """The place of each path in the type, and the path."""
    for name, amount in spec.amounts.items():
        yield from (
            (f"amounts.{name}.{field}", path) for field, path in (("value", amount.value), ("unit", amount.unit))
        )
    yield from ((MAY_BE_HIDDEN, path) for path in spec.private)
    yield from (("title", path) for path in (fields_of(spec.title) if spec.title is not None else ()))
    yield from (("tool", path) for path in paths_named(spec.tool.wire()))
    for name, fact in spec.facts.items():
        yield from ((f"facts.{name}.url", path) for path in paths_named(fact.url))


def _below_parameters(path: str) -> Sequence[Step]:
    """Nothing for what leads elsewhere, and for what is no path: a unit such as `EUR`."""
    steps = _steps(path)
    return steps[1:] if steps and steps[0].name == PARAMETERS else ()


def _steps(path: str) -> Sequence[Step]:
    try:
        return parse_path(path).steps
    except InvalidInput:
        return ()


def _in_schema(schema: Any, steps: Iterable[Step], *, named: bool) -> str | None:
    """
    The slip in a path below `parameters`: the schema lets no argument be there, or with `named`, has another of nearly
    that name. A schema that lets others be there need not name them all.
    """
    for step in steps:
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        if not isinstance(properties, Mapping):
            return None
        if step.name not in properties:
            closed = schema.get("additionalProperties") is False and "patternProperties" not in schema
            near = named and likely_meant(step.name, properties)
            return _among(step.name, properties, f"has no argument {step.name}") if closed or near else None
        schema = properties[step.name]
    return None


def _among(name: str, known: Iterable[str], problem: str) -> str | None:
    names = list(known)
    if name in names:
        return None
    meant = likely_meant(name, names)
    return f"{problem}; is {meant} meant?" if meant else problem


def _of_rule(rule: NamedByRule, types: Mapping[str, ActionTypeSpec]) -> Iterator[str]:
    for name in rule.action_types:
        if slip := _among(name, types, f"names {name}, which is no action type"):
            yield f"rule {rule.clause_id!r} {slip}"
    specs = [spec for name, spec in types.items() if name in rule.action_types or not rule.action_types]
    for path in rule.paths:
        found = [_in_schema(spec.parameters, _steps(path), named=False) for spec in specs]
        if found and (slip := found[0]) and all(found):
            yield f"rule {rule.clause_id!r} reads {path}, and its action type {slip}"
