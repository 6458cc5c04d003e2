"""
Headlines: what a proposed action is, on one line, for whoever has to answer many of them.

An action type says its own (`title: "Refund {amounts.refund} · {target.entity_id}"`); without one the type, its
amounts or its first telling parameter, and the target are said. Values stand as everywhere (`core.rendering`), private
ones as "(private)": lists and reports show headlines, and what is private is for whoever opens the one intent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints

from remit.core import rendering
from remit.core.errors import InvalidInput
from remit.core.execution.templates import Field, Text, parse
from remit.core.gate.amount import in_money
from remit.core.paths import NotThere, find, parse_path
from remit.core.private_values import is_commitment

ROOTS = ("parameters", "target", "amounts", "account_id", "on_behalf_of")
"""What a title may name, by the first step of a path."""
MOST_OF_A_VALUE = 60
LONGEST_TITLE = 200
NOT_GIVEN = "–"
_BETWEEN = " · "


def checked_title(title: str) -> str:
    """Raises `ValueError` for a title that could never be filled in."""
    try:
        for piece in parse(title):
            if isinstance(piece, Field):
                _check_root(piece.path)
            elif not isinstance(piece, Text):
                raise InvalidInput(title, "names the environment", "name a field of the intent")
    except InvalidInput as error:
        raise ValueError(f"{error.problem}; {error.way_out}") from None
    return title


def _check_root(path: str) -> None:
    root = parse_path(path).steps[0].name
    if root not in ROOTS:
        raise InvalidInput(path, f"begins with {root!r}", f"begin with one of {', '.join(ROOTS)}")


def fields_of(title: str) -> list[str]:
    """The paths of the values that a checked title names."""
    return [piece.path for piece in parse(title) if isinstance(piece, Field)]


Title = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TITLE), AfterValidator(checked_title)]


def headline(title: str | None, intent: Mapping[str, Any], amounts: Mapping[str, Any]) -> str:
    """One line about an intent as the ledger holds it, by its type's own title if it has one."""
    if title is None:
        return _by_default(intent, amounts)
    fields = {**{name: intent.get(name) for name in ROOTS}, "amounts": amounts}
    return "".join(piece.text if isinstance(piece, Text) else _filled(piece, fields) for piece in parse(title))


def _filled(piece: Any, fields: Mapping[str, Any]) -> str:
    try:
        value = find(parse_path(piece.path), fields)
    except InvalidInput as error:
        # A name that could mean two values is said to be there.
        return NOT_GIVEN if isinstance(error, NotThere) else "?"
    return _amount(value) if piece.path.startswith("amounts.") else short(value)


def _amount(value: Any) -> str:
    whole = isinstance(value, Mapping) and value.keys() >= {"value", "unit", "problem"}
    return (NOT_GIVEN if value["problem"] else in_money(value)) if whole else short(value)


def _by_default(intent: Mapping[str, Any], amounts: Mapping[str, Any]) -> str:
    what = str(intent.get("action_type") or "").replace("_", " ").capitalize()
    known = [in_money(amount) for amount in amounts.values() if amount["problem"] is None]
    telling = known or _first_telling(intent.get("parameters") or {})
    target = intent.get("target")
    about = [rendering.target(target)] if target and not all(map(is_commitment, target.values())) else []
    return _BETWEEN.join([what, *telling, *about])


def _first_telling(parameters: Mapping[str, Any]) -> list[str]:
    telling = () if is_commitment(parameters) else rendering.rows(parameters)
    row = next((row for row in telling if not _holds_private(row.value)), None)
    return [f"{rendering.visible(row.path)} {short(row.value)}"] if row else []


def _holds_private(value: Any) -> bool:
    if isinstance(value, Mapping):
        return is_commitment(value) or any(map(_holds_private, value.values()))
    return isinstance(value, list) and any(map(_holds_private, value))


def short(value: Any) -> str:
    """A value on one line, of which not much is shown; text that is no plain word stands in quotation marks."""
    if value is None or value == "":
        return NOT_GIVEN
    if isinstance(value, str):
        is_short = len(value) <= MOST_OF_A_VALUE
        return rendering.name(value) if is_short else rendering.quoted(value, MOST_OF_A_VALUE)
    if is_commitment(value):
        return rendering.value_text(value)
    text = rendering.json_text(value)
    if len(text) <= MOST_OF_A_VALUE:
        return rendering.value_text(value)
    return f"{rendering.isolated(rendering.visible(text[:MOST_OF_A_VALUE]))}… {len(text) - MOST_OF_A_VALUE:,} more"
