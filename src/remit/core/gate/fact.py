"""
Facts that an action type declares: what the gate looks up itself before it decides, and what is kept of an answer.

A fact is one JSON answer of a tenant's own system. Rules see the kept fields under names of their own (`order.total`),
apart from all parameters, so that nothing an agent says can pass for one. Which hosts may be asked is the tenant's
`allowed_hosts` and the operator's consent, as for tools (`remit.egress.addresses`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from remit.core.canonical import sha256_hex
from remit.core.errors import InvalidInput, RemitError
from remit.core.json_text import Rounded, read_json
from remit.core.paths import NotThere, find, parse_path
from remit.core.values import Record, Request, UtcTime

MOST_FACTS, MOST_KEPT = 5, 20
LONGEST_LOOKUP_S = 10.0
LARGEST_ANSWER_BYTES = 256 * 1024
LONGEST_TEXT = 1000
"""How many characters a kept text may have: it stands in the ledger for good."""
LONGEST_PROBLEM = 300
_LARGEST_DECIMAL = Decimal("922337203685477.5807")

KeptKind = Literal["number", "text", "boolean", "any"]
KeptValue = str | int | float | bool | None
_KINDS = ("number", "text", "boolean", "any")
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,63}){0,7}")


def _kept_fields(value: Any) -> dict[str, KeptKind]:
    if isinstance(value, list) and all(isinstance(path, str) for path in value):
        value = dict.fromkeys(value, "any")
    if not isinstance(value, dict) or not 1 <= len(value) <= MOST_KEPT:
        raise ValueError(f"is not a list of 1 to {MOST_KEPT} fields of the answer, or an object of fields and kinds")
    for path, kind in value.items():
        _check_kept(path, kind)
    return value


def _check_kept(path: Any, kind: Any) -> None:
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise ValueError(f"has {path!r}, which is no path into the answer, such as customer.id")
    if kind not in _KINDS:
        raise ValueError(f"says {kind!r} of {path}; use one of {', '.join(_KINDS)}")


FactName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
KeptFields = Annotated[
    dict[str, KeptKind],
    PlainValidator(_kept_fields),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MOST_KEPT},
                {"type": "object", "additionalProperties": {"enum": [*_KINDS]}},
            ]
        }
    ),
]


class FactSpec(Request):
    """
    One lookup, a `GET`. `url` and `headers` are templates over the intent, as those of a tool.

    `keep` names the fields of its answer that rules and people see. An answer may be `max_age_s` old at the decision;
    0 asks for one of the decision's own call. With `recheck` it is looked up again before the mark of each call
    (`remit.core.execution.recheck`).
    """

    url: Annotated[str, Field(min_length=1, max_length=4096)]
    headers: dict[str, Annotated[str, Field(max_length=4096)]] = {}
    keep: KeptFields
    timeout_s: Annotated[float, Field(gt=0, le=LONGEST_LOOKUP_S)] = 2.0
    max_age_s: Annotated[float, Field(ge=0, le=300)] = 0.0
    recheck: bool = False


class Fact(Record, frozen=True, omit_defaults=True):
    """
    The result of one lookup: the kept fields, when they were had and the hash of the answer; or why there is none.
    """

    had_at: UtcTime | None = None
    sha256: str | None = None
    kept: dict[str, KeptValue] | None = None
    problem: str | None = None


Facts = Mapping[str, Fact]
NO_FACTS: Facts = {}


class FactNotHad(RemitError):
    """A lookup came to nothing. Never leaves the gate: it becomes what a decision says of the fact."""


def not_had(problem: str) -> Fact:
    return Fact(problem=problem[:LONGEST_PROBLEM])


def read_fact(spec: FactSpec, body: bytes, had_at: UtcTime) -> Fact:
    """The fact that an answer is. Raises `FactNotHad` for one that is not what its keeper expects."""
    try:
        answer = read_json(body, tells_rounded=True)
    except InvalidInput:
        raise FactNotHad("its answer is not JSON") from None
    kept = {path: _kept(path, kind, answer) for path, kind in spec.keep.items()}
    return Fact(had_at=had_at, sha256=sha256_hex(body), kept=kept)


def _kept(path: str, kind: KeptKind, answer: Any) -> KeptValue:
    try:
        value = find(parse_path(path), answer, lengths=True)
    except NotThere:
        raise FactNotHad(f"its answer has no {path}") from None
    except InvalidInput as error:
        raise FactNotHad(f"{path} of its answer {error.problem}") from None
    found = _kind_of(value)
    if found is None or (kind != "any" and found != kind):
        expected = "text, a number, or yes or no" if kind == "any" else f"a {kind}"
        raise FactNotHad(f"{path} of its answer is not {expected}")
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise FactNotHad(f"{path} of its answer has more than {LONGEST_TEXT} characters")
    if found == "number" and not _fits(value):
        raise FactNotHad(f"{path} of its answer does not fit a decimal of four places")
    result: KeptValue = value
    return result


def kept_fits(spec: FactSpec, kept: Mapping[str, KeptValue]) -> bool:
    """Is each kept value of the kind that the bounds say?"""
    return all(spec.keep[path] in ("any", _kind_of(value)) for path, value in kept.items())


def _kind_of(value: Any) -> str | None:
    if value is None:
        return "any"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) else None


def _fits(number: int | float) -> bool:
    # Within what a rule can be told and what canonical JSON carries.
    if isinstance(number, Rounded):
        return False
    exact = Decimal(repr(number))
    return abs(exact) <= _LARGEST_DECIMAL and exact == round(exact, 4)


def facts_due(specs: Mapping[str, FactSpec], known: Facts) -> dict[str, Fact]:
    """The facts that a decision records: one by each name, also where nothing is known of it."""
    return {name: known.get(name) or not_had("it was not looked up") for name in specs}


def lacking(facts: Facts) -> dict[str, str]:
    """Those that were not had, each with why."""
    return {name: fact.problem for name, fact in facts.items() if fact.problem is not None}
