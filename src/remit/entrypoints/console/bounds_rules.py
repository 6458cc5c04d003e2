"""Common rules and limits by choosing: what they write is Cedar, or a limit, and shown before it is in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from remit.core.errors import InvalidInput
from remit.core.gate.bounds import Bounds, BoundsInForce
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.budget import DEFAULT_ZONE
from remit.core.gate.declared_parameters import DeclaredParameter, rule_parameters
from remit.core.gate.limit import Scope
from remit.core.gate.period import Period
from remit.core.gate.policy.builder import WEEKDAYS, Condition, Hours, NumberBetween, OneOf, rule_text
from remit.entrypoints.console.auth import BoundsSetterVisitor, FormRoute
from remit.entrypoints.console.bounds import preview, sequence_of
from remit.entrypoints.console.bounds_form import count_in
from remit.entrypoints.console.edit import Said
from remit.entrypoints.console.render import page
from remit.entrypoints.web.callers import CurrentRemit
from remit.wiring import Remit

router = APIRouter(route_class=FormRoute)
FILES = {False: "rules.cedar", True: "rules-watching.cedar"}
"""The file to which rules are added: those that count, and those that only watch."""
KINDS = {
    "amount": "only while a number is from … to …",
    "choice": "only while a text is one of …",
    "hours": "only on some days, at some hours",
    "limit": "not above so many, or so much, in a time",
}
OfType = Annotated[str | None, Query(pattern=r"^[A-Z][A-Z0-9_]{0,127}$")]


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of a form: the whole bounds with it, and the text of its rule or limit."""

    wanted: dict[str, Any]
    text: str


@router.get("/bounds/rule")
def rule(request: Request, remit: CurrentRemit, visitor: BoundsSetterVisitor, action_type: OfType = None) -> Response:
    whole = remit.bounds(visitor.tenant_id).bounds
    chosen = action_type or next(iter(sorted(whole.action_types)), "")
    said = {"action_type": chosen, "kind": "amount", "least": "0.01", **{f"day:{day}": "on" for day in WEEKDAYS[:5]}}
    return _page(request, remit, visitor.tenant_id, said)


@router.post("/bounds/rule/text")
def written(request: Request, remit: CurrentRemit, visitor: BoundsSetterVisitor, said: Said) -> Response:
    """The form again with what it would write, or what is missing; nothing is saved."""
    try:
        text = written_by(remit.bounds(visitor.tenant_id).bounds, said).text
        return _page(request, remit, visitor.tenant_id, said, text=text)
    except InvalidInput as error:
        return _page(request, remit, visitor.tenant_id, said, slip=str(error))


@router.post("/bounds/rule")
def save(request: Request, remit: CurrentRemit, visitor: BoundsSetterVisitor, said: Said) -> Response:
    try:
        wanted = written_by(remit.bounds(visitor.tenant_id).bounds, said).wanted
        return preview(request, remit, visitor, wanted, sequence_of(said))
    except InvalidInput as error:
        return _page(request, remit, visitor.tenant_id, said, slip=str(error), status=422)


def _page(
    request: Request,
    remit: Remit,
    tenant_id: str,
    said: Mapping[str, str],
    *,
    text: str | None = None,
    slip: str | None = None,
    status: int = 200,
) -> Response:
    in_force = remit.bounds(tenant_id)
    spec = in_force.action_type(said.get("action_type", ""))
    return page(
        request,
        "bounds_rule.html",
        status=status,
        said=said,
        types=sorted(in_force.bounds.action_types),
        spec=spec,
        parameters=rule_parameters(spec.parameters if spec else None),
        kinds=KINDS,
        weekdays=WEEKDAYS,
        periods=get_args(Period),
        scopes=get_args(Scope),
        sequence=said.get("sequence") or in_force.config_sequence,
        text=text,
        slip=slip,
    )


def written_by(bounds: Bounds, said: Mapping[str, str]) -> Written:
    """Raises `InvalidInput` naming the field of the form."""
    action_type = said.get("action_type", "")
    if action_type not in bounds.action_types:
        raise InvalidInput("action_type", f"{action_type[:128]!r} is not registered", "choose one that is")
    whole, watches = bounds.model_dump(mode="json"), bool(said.get("log_only"))
    if said.get("kind") == "limit":
        limit = {**_limit(bounds, action_type, said), **({"log_only": True} if watches else {})}
        wanted = {**whole, "limits": [*whole.get("limits", []), limit]}
        made = parse_bounds(wanted).limits[-1]
        unit = f" {made.unit}" if made.unit else ""
        return Written(wanted, f"{made.name}: {action_type} at most {made.most}{unit} a {made.per}, of each {made.of}")
    text = rule_text(action_type, _condition(bounds, action_type, said), taken=_ids(bounds))
    return Written({**whole, "policies": _with_rule(whole["policies"], text, watches)}, text)


def _ids(bounds: Bounds) -> frozenset[str]:
    policies = BoundsInForce(config_sequence=0, bounds=bounds, type_versions={}).policies()
    if isinstance(policies, str):
        raise InvalidInput("policies", f"do not load: {policies}", "set them right first")
    return frozenset(rule for each in (policies, *policies.log_only) for rule in each.rules)


def _with_rule(policies: Sequence[Mapping[str, Any]], text: str, log_only: bool) -> list[dict[str, Any]]:
    """The files with the rule at the end of the one for rules that are made here."""
    kept, name = [dict(source) for source in policies], FILES[log_only]
    for source in kept:
        if source["name"] == name and bool(source.get("log_only")) == log_only:
            source["text"] = f"{source['text'].rstrip()}\n\n{text}"
            return kept
    taken = {source["name"] for source in kept}
    # Somebody else has made a file of that name into one of the other kind.
    free = next(each for number in count(1) if (each := name if number == 1 else f"{number}-{name}") not in taken)
    return [*kept, {"name": free, "text": text, **({"log_only": True} if log_only else {})}]


def _condition(bounds: Bounds, action_type: str, said: Mapping[str, str]) -> Condition:
    match said.get("kind"):
        case "amount":
            return _between(bounds, action_type, said)
        case "choice":
            return _one_of(bounds, action_type, said)
        case "hours":
            first, until = (count_in(said, field) for field in ("first", "until"))
            days = [day for day in WEEKDAYS if said.get(f"day:{day}")]
            return Hours(days, 0 if first is None else first, 24 if until is None else until)
    raise InvalidInput("kind", "is none", f"choose one of {', '.join(KINDS)}")


def _between(bounds: Bounds, action_type: str, said: Mapping[str, str]) -> NumberBetween:
    path, unit = _path(said), said.get("unit", "").strip()
    _require_kind(bounds, action_type, path, ("number", "integer"), "a number")
    least, most = (said.get(field, "").strip() for field in ("least", "most"))
    spec = next((each for each in bounds.action_types[action_type].amounts.values() if each.value == _full(path)), None)
    place = said.get("unit_path", "").strip() or (_below(spec.unit) if spec and spec.fixed_unit is None else "")
    if spec is not None and spec.fixed_unit is not None:
        if unit not in ("", spec.fixed_unit):
            raise InvalidInput("unit", f"is {unit}, and {action_type} is always in {spec.fixed_unit}", "leave it empty")
        return NumberBetween(path, least, most, spec.fixed_unit)
    if bool(unit) != bool(place):
        way_out = f"write the unit that stands at {place}" if place else "say at which parameter it stands"
        raise InvalidInput("unit", "or the place of it is missing", way_out)
    return NumberBetween(path, least, most, unit or None, place or None)


def _one_of(bounds: Bounds, action_type: str, said: Mapping[str, str]) -> OneOf:
    path = _path(said)
    values = [line.strip() for line in said.get("values", "").splitlines() if line.strip()]
    declared = _require_kind(bounds, action_type, path, ("string", "boolean"), "a text, or a yes or no")
    choices = [_as_text(choice) for choice in declared.choices] if declared else []
    unknown = [value for value in values if choices and value not in choices]
    if unknown:
        raise InvalidInput("values", f"name {unknown[0][:40]!r}", f"its schema allows {', '.join(choices)}")
    return OneOf(path, values)


def _as_text(choice: Any) -> str:
    """As rules read it: a yes or no is "true" or "false"."""
    return choice if isinstance(choice, str) else str(choice).lower()


def _require_kind(
    bounds: Bounds, action_type: str, path: str, kinds: tuple[str, ...], what: str
) -> DeclaredParameter | None:
    """The parameter as the schema declares it. Raises `InvalidInput` where a rule about it could never hold."""
    declared = rule_parameters(bounds.action_types[action_type].parameters)
    found = next((each for each in declared if each.path == path), None)
    if found is not None and found.kind not in (*kinds, "any"):
        raise InvalidInput("path", f"{path} is {found.kind} in the schema of {action_type}", f"choose {what}")
    return found


def _path(said: Mapping[str, str]) -> str:
    path = said.get("path", "").strip()
    if not path:
        raise InvalidInput("path", "is missing", "choose a parameter")
    return path


def _full(path: str) -> str:
    return f"parameters{'' if path.startswith('[') else '.'}{path}"


def _below(path: str) -> str:
    return path.removeprefix("parameters").removeprefix(".")


def _limit(bounds: Bounds, action_type: str, said: Mapping[str, str]) -> dict[str, Any]:
    """One more limit over this type: a count, or a sum of an amount that it declares."""
    amount, most = said.get("sum", "").strip(), said.get("most", "").strip()
    limit: dict[str, Any] = {
        "name": said.get("name", "").strip() or _free_name(bounds, action_type, said),
        "per": said.get("per", "day"),
        "of": said.get("of", "account"),
        "action_types": [action_type],
        "timezone": said.get("timezone", "").strip() or (bounds.budget and bounds.budget.timezone) or DEFAULT_ZONE,
    }
    if not amount:
        return {**limit, "most": count_in({"most": most}, "most")}
    spec = bounds.action_types[action_type].amounts.get(amount)
    unit = said.get("unit", "").strip() or (spec.fixed_unit if spec else None)
    return {**limit, "sum": amount, "unit": unit, "most": most}


def _free_name(bounds: Bounds, action_type: str, said: Mapping[str, str]) -> str:
    stem, taken = f"{action_type.lower()[:40]}-{said.get('per', 'day')}", {limit.name for limit in bounds.limits}
    return next(name for number in count(1) if (name := stem if number == 1 else f"{stem}-{number}") not in taken)
