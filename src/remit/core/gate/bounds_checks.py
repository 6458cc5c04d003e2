"""Bounds read from what people wrote, and everything that is wrong with it told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import ValidationError

from remit.core.errors import InvalidInput, mistakes_of, raise_together
from remit.core.gate.action_type import ActionTypeSpec
from remit.core.gate.bounds import Bounds
from remit.core.gate.budget import Budget, TenantBudget
from remit.core.gate.limit import (
    check_limits,
)
from remit.core.gate.never import never_sources
from remit.core.gate.parameters_schema import check_schemas
from remit.core.gate.policy import PolicySource, check_texts
from remit.core.gate.zones import check_zone
from remit.core.headline import fields_of
from remit.core.invalid_fields import explain_invalid
from remit.core.plain_json import check_json
from remit.core.private_values import private_path_at


class InvalidBounds(InvalidInput):
    """Bounds that are not sound; `rest` is what is left without the parts that are wrong, to be checked further."""

    def __init__(self, first: InvalidInput, rest: Bounds | None) -> None:
        super().__init__(first.field, first.problem, first.way_out)
        self.args, self.others, self.rest = first.args, first.others, rest


def parse_bounds(data: Any) -> Bounds:
    """Check bounds as people wrote them. Raises `InvalidBounds` naming every field that is wrong."""
    if isinstance(data, Bounds):
        raise_together(mistakes_of(*_checks_of_parts(data), lambda: check_limits(data.limits, data.action_types)))
        return data
    if not isinstance(data, Mapping):
        raise InvalidInput("(bounds)", "are not a mapping", "start with 'tenant: NAME'")
    try:
        bounds = Bounds.model_validate(dict(data))
    except ValidationError as error:
        wrong = explain_invalid(error)
        rest = _without(data, error)
        wrong.others += tuple(mistakes_of(*_checks_of_parts(rest))) if rest else ()
        raise InvalidBounds(wrong, rest) from None
    found = mistakes_of(*_checks_of_parts(bounds), lambda: check_limits(bounds.limits, bounds.action_types))
    texts = mistakes_of(lambda: check_policy_texts(bounds.policies), lambda: check_never_texts(bounds.never))
    if found or texts:
        first, *others = (*found, *texts)
        first.others = tuple(others)
        raise InvalidBounds(first, bounds.model_copy(update={"policies": [], "never": []}) if texts else bounds)
    return bounds


def _checks_of_parts(bounds: Bounds) -> tuple[Callable[[], None], ...]:
    """Checks of each part by itself."""
    return lambda: check_action_types(bounds.action_types), lambda: check_zones(bounds)


def _without(data: Mapping[str, Any], error: ValidationError) -> Bounds | None:
    """The bounds without the parts that `error` is about: without an action type, or a field of the whole."""
    rest = dict(data)
    for first, *below in {each["loc"][:2] for each in error.errors(include_url=False)}:
        inside = rest.get(str(first))
        if below and isinstance(inside, Mapping):
            rest[str(first)] = {name: value for name, value in inside.items() if name != below[0]}
        elif first != "tenant":
            rest.pop(str(first), None)
    try:
        return Bounds.model_validate({**rest, "tenant": rest.get("tenant", "tenant")})
    except ValidationError:
        return None


def check_zones(bounds: Bounds) -> None:
    """Raises `InvalidInput` for a time zone that nobody knows."""
    budgets = {f"accounts.{name}.budget": own.budget for name, own in bounds.accounts.items()}
    named = {"budget": bounds.budget, "tenant_budget": bounds.tenant_budget, **budgets}
    raise_together(mistakes_of(*(partial(check_zone_of, field, budget) for field, budget in named.items())))


def check_zone_of(field: str, budget: Budget | TenantBudget | None) -> None:
    """Raises `InvalidInput` if the budget at `field` is in a time zone that nobody knows."""
    if budget is not None and budget.timezone is not None:
        check_zone(f"{field}.timezone", budget.timezone)


def check_policy_texts(policies: Sequence[PolicySource]) -> None:
    """Raises `InvalidInput` for text that Cedar's parser shall not see. Whether it is sound, compiling says."""
    try:
        check_texts(policies)
    except ValueError as error:
        raise InvalidInput("policies", str(error)) from None


def check_never_texts(properties: Sequence[str]) -> None:
    """Check properties. Whether they are conditions, compiling says."""
    for number, source in enumerate(never_sources(properties)):
        try:
            check_texts([source])
        except ValueError as error:
            raise InvalidInput(f"never.{number}", str(error)) from None


def check_action_types(action_types: Mapping[str, ActionTypeSpec]) -> None:
    """Raises `InvalidInput`: connectors' own fields and schemas have any shape, and the ledger has to carry them."""
    schemas = {f"action_types.{name}.parameters": spec.parameters for name, spec in action_types.items()}
    tools = {f"action_types.{name}.tool": spec.tool.wire() for name, spec in action_types.items()}
    found = mistakes_of(*(partial(check_json, value, field) for field, value in (*tools.items(), *schemas.items())))
    # What is no JSON has no size and no cost.
    wrong = {each.field for each in found}
    sound = {field: schema for field, schema in schemas.items() if not any(_is_at(field, each) for each in wrong)}
    titles = (partial(_check_title, name, spec) for name, spec in action_types.items())
    raise_together([*found, *mistakes_of(partial(check_schemas, sound), *titles)])


def _check_title(name: str, spec: ActionTypeSpec) -> None:
    """Lists show it, and what is private is for whoever opens the one intent."""
    for path in fields_of(spec.title) if spec.title is not None else ():
        private = private_path_at(path, spec.private)
        if private is not None:
            way_out = "name another field in the title, or take the path from 'private'"
            raise InvalidInput(f"action_types.{name}.title", f"names {path}, and {private} is private", way_out)


def _is_at(field: str, place: str) -> bool:
    return place == field or place.startswith((f"{field}.", f"{field}["))
