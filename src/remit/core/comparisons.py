"""
Comparisons: what the check that said no held against what, in numbers that people know.

`1,299 > 50`, `confidence 71 %, 85 % needed`, `UPDATE_CONTACT 4 of 4 used`: read from a decision as it is recorded and
from the text of the rule that it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from remit.core import rendering
from remit.core.errors import InvalidInput
from remit.core.gate.amount import PARAMETERS, in_units, so_much
from remit.core.paths import find, parse_path

if TYPE_CHECKING:
    from remit.core.views import ClauseAnswer, DecisionAnswer

_OPERATORS = {
    "lessThan": ("<", "≥"),
    "lessThanOrEqual": ("≤", ">"),
    "greaterThan": (">", "≤"),
    "greaterThanOrEqual": ("≥", "<"),
}
"""Cedar's comparisons of decimals, and what is true where one does not hold."""
_COMPARED = re.compile(
    r'numbers\.getTag\("(?P<path>(?:[^"\\]|\\.)*)"\)\s*\.(?P<how>' + "|".join(_OPERATORS) + r")\(\s*"
    r'decimal\("(?P<bound>-?[0-9]+\.[0-9]+)"\)\s*\)'
)
MOST_SAID = 6


def comparisons(decision: DecisionAnswer, clause: ClauseAnswer | None, parameters: Any) -> list[str]:
    """The comparisons behind a decision that asks a person, as doors carry it; none where no numbers decided."""
    saw = {check["check"]: check["saw"] for check in decision["checks"] if not check["passed"]}
    if decision["reason"] == "CONFIDENCE_BELOW_THRESHOLD":
        return _confidence(saw.get("policy", {}))
    if decision["reason"] == "RISK_LEVEL_HIGH":
        return _risk(saw["policy"]) if "policy" in saw else []
    if "budget" in saw:
        return [f"{limit_name(limit)} {limit_use(limit)}" for limit in refused_limits(decision)]
    if clause is None or clause["platform"] or not isinstance(parameters, Mapping):
        return []
    return list(dict.fromkeys(_of_rule(clause["text"], parameters)))[:MOST_SAID]


def _risk(saw: Mapping[str, Any]) -> list[str]:
    # Decisions of before do not say the tier.
    if saw.get("risk_tier", "") is None:
        return ["not registered, which counts as HIGH risk"]
    return [f"risk {saw['effective_risk']}, at most LOW runs alone"]


def _confidence(saw: Mapping[str, Any]) -> list[str]:
    has, needed = saw.get("confidence"), saw.get("min_confidence")
    if not isinstance(needed, int):
        return []
    given = f"confidence {percent(has)}" if isinstance(has, int) else "no confidence given"
    return [f"{given}, {percent(needed)} needed"]


def percent(ten_thousandths: int) -> str:
    """`7050` as `70.5 %`."""
    return f"{ten_thousandths / 100:g} %"


def refused_limits(decision: DecisionAnswer) -> Sequence[Mapping[str, Any]]:
    """The limits that had no room, as the budget's check saw them."""
    limits = [
        limit
        for check in decision["checks"]
        if check["check"] == "budget" and not check["passed"]
        for limit in check["saw"].get("limits", ())
    ]
    full = [limit for limit in limits if _is_full(limit)]
    return full or limits


def _is_full(limit: Mapping[str, Any]) -> bool:
    if limit.get("limit") is None:
        # One that only watches says no to nothing.
        return False
    return bool(limit.get("problem")) or _used(limit) + _taken(limit) > in_units(limit["limit"])


def _used(limit: Mapping[str, Any]) -> int:
    return in_units(limit["used_before"])


def _taken(limit: Mapping[str, Any]) -> int:
    return in_units(limit["taken"]) if limit.get("taken") is not None else 1


def limit_use(limit: Mapping[str, Any]) -> str:
    """`4 of 4 used`, or what this one would have added to a sum."""
    unit, problem, most = limit.get("unit"), limit.get("problem"), limit.get("limit")
    if problem:
        return rendering.visible(str(problem))
    used = so_much(_used(limit), unit)
    if most is None:
        return f"{used} used, only watched"
    of = so_much(in_units(most), unit)
    return f"{used} of {of} used" if unit is None else f"{used} + {so_much(_taken(limit), unit)} > {of}"


def limit_name(limit: Mapping[str, Any]) -> str:
    """The thing that a limit counts, in words."""
    if limit.get("name"):
        return rendering.name(str(limit["name"]))
    part = str(limit.get("window_id") or "").rpartition("|")[2]
    if part.startswith("type:"):
        return part.removeprefix("type:")
    if limit.get("scope") == "tenant":
        return "all accounts together"
    return "all actions" if part == "all" else rendering.name(part or str(limit.get("scope")))


def _of_rule(text: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    for found in comparisons_in(text, parameters):
        sign = _OPERATORS[found.how][0 if found.holds else 1]
        yield f"{rendering.visible(found.path)} {_shown(found.value)} {sign} {found.bound}"


class Comparison(Struct, frozen=True):
    """A number that a rule compared: `holds` says what came out, `bound_at` where its bound stands in the text."""

    path: str
    value: Decimal
    how: str
    bound: str
    holds: bool
    bound_at: tuple[int, int]


def comparisons_in(text: str, parameters: Mapping[str, Any]) -> Iterator[Comparison]:
    """
    The comparisons of a `forbid` that made it hold: those that are true after `when`, and false after `unless`.

    What the rule combines otherwise is left to its text.
    """
    starts = [found.start() for found in re.finditer(r"\b(?:when|unless)\s*\{", text)]
    for start, end in pairwise([*starts, len(text)]):
        wanted = text.startswith("when", start)
        for found in _COMPARED.finditer(text, start, end):
            value = _number(found["path"], parameters)
            if value is not None and _holds(value, found["how"], Decimal(found["bound"])) is wanted:
                yield Comparison(found["path"], value, found["how"], found["bound"], wanted, found.span("bound"))


def _number(path: str, parameters: Mapping[str, Any]) -> Decimal | None:
    try:
        value = find(
            parse_path(f"{PARAMETERS}.{path}" if not path.startswith("[") else f"{PARAMETERS}{path}"),
            {PARAMETERS: parameters},
        )
    except InvalidInput:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Decimal(repr(value)) if is_number else None


def _holds(value: Decimal, how: str, bound: Decimal) -> bool:
    return {
        "lessThan": value < bound,
        "lessThanOrEqual": value <= bound,
        "greaterThan": value > bound,
        "greaterThanOrEqual": value >= bound,
    }[how]


def _shown(value: Decimal) -> str:
    return f"{value:,f}"
