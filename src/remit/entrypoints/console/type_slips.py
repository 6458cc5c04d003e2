"""Mistakes in an action type, beside the field of the form that says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remit.core.errors import InvalidInput
from remit.core.gate.schema_rows import REST
from remit.entrypoints.console.type_rows import AMOUNT, ARGUMENT, FACT, FIELDS, rows_in

TOOL_TEXTS = ("operation", "method", "url")
"""What most tools say beside their connector; the rest stands as JSON."""
LABELS = {
    "name": "Name",
    "risk_tier": "Risk",
    "min_confidence": "How sure an agent must be",
    "expires_after": "Expires unanswered after",
    "approvals_required": "People who must approve",
    "title": "Its line in lists",
    "sample": "Share that people judge afterwards",
    "disagreements": "Stop it at so many that were wrong",
    "of_sampled": "Of the latest answers",
    "connector": "Connector",
    "operation": "Operation",
    "method": "Method",
    "url": "URL",
    "more": "More of the tool",
    REST: "More of the schema",
}
ROW_LABELS = {
    ARGUMENT: {"path": "name", "kind": "kind", "minimum": "from", "maximum": "up to", "choices": "one of"},
    AMOUNT: {"name": "name", "value": "the number stands at", "unit": "unit"},
    FACT: {
        "name": "name",
        "url": "URL",
        "keep": "keep",
        "timeout_s": "wait at most",
        "max_age_s": "may be old",
        "recheck": "look again before the call",
        "more": "more",
    },
}
_KEYWORDS = {"type": "kind", "enum": "choices", "minimum": "minimum", "maximum": "maximum"}
_KEY = "[key]"
"""The name, as an error about a name in a mapping ends."""


@dataclass(frozen=True, slots=True)
class Slip:
    """One thing that is wrong: the form's field, if one says it, its label, and the words."""

    field: str | None
    label: str
    text: str


def slips_of(mistakes: Sequence[InvalidInput], name: str, said: Mapping[str, str]) -> list[Slip]:
    """In the order in which they were found, each once; `name` is the type's."""
    return list(dict.fromkeys(_slip(each, name, said) for each in mistakes))


def by_field(slips: Sequence[Slip]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for slip in slips:
        if slip.field is not None:
            found.setdefault(slip.field, []).append(slip.text)
    return found


def _slip(error: InvalidInput, name: str, said: Mapping[str, str]) -> Slip:
    field = _field(error.field, name, said)
    text = f"{error.problem}; {error.way_out}" if error.way_out else error.problem
    if field == REST and "." in error.field:
        # All of the rest is one field: the place in it is said.
        text = f"{error.field.partition('.parameters.')[2]} {text}".strip()
    return Slip(field, _label(field, said) if field else error.field, text)


def _field(place: str, name: str, said: Mapping[str, str]) -> str | None:
    """The form's field for a place in the bounds; one of the form itself stays."""
    prefix = f"action_types.{name}"
    if place == prefix or place == f"{prefix}.{_KEY}":
        return "name" if place.endswith(_KEY) else None
    if not place.startswith(f"{prefix}."):
        return place if place in LABELS or place.partition(":")[0] in FIELDS else None
    part, *below = place.removeprefix(f"{prefix}.").split(".")
    match part:
        case "tool":
            return "connector" if not below else below[0] if below[0] in ("connector", *TOOL_TEXTS) else "more"
        case "stop_after":
            return below[0] if below and below[0] in LABELS else "disagreements"
        case "parameters":
            return _of_schema(below, said)
        case "amounts" | "facts":
            return _of_row({"amounts": AMOUNT, "facts": FACT}[part], below, said)
    return part if part in LABELS else None


def _of_schema(below: list[str], said: Mapping[str, str]) -> str:
    names: list[str] = []
    while len(below) > 2 and below[0] == "properties":
        names.append(below[1])
        below = below[2:]
    for number, row in enumerate(rows_in(said, ARGUMENT)):
        if row.get("path", "").strip() == ".".join(names) and below and below[0] in _KEYWORDS:
            return f"{ARGUMENT}:{number}:{_KEYWORDS[below[0]]}"
    return REST


def _of_row(kind: str, below: list[str], said: Mapping[str, str]) -> str | None:
    for number, row in enumerate(rows_in(said, kind)):
        if below and row.get("name", "").strip() == below[0]:
            last = below[1] if len(below) > 1 else "name"
            named = "name" if last == _KEY else last if last in FIELDS[kind] else FIELDS[kind][-1]
            return f"{kind}:{number}:{named}"
    return None


def _label(field: str, said: Mapping[str, str]) -> str:
    if field in LABELS:
        return LABELS[field]
    kind, number, name = field.split(":")
    rows = rows_in(said, kind)
    row = rows[int(number)] if int(number) < len(rows) else {}
    called = row.get(FIELDS[kind][0], "").strip() or str(int(number) + 1)
    return f"{kind.capitalize()} {called}, {ROW_LABELS[kind][name]}"
