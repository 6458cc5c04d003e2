"""
Amounts that an action type declares: where among its arguments a sum of something stands, and of what.

An amount is an exact decimal above 0 with at most four places, as a JSON number or a text. It is counted in whole
ten-thousandths, so that sums are exact; nothing is rounded, guessed or converted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Context, Decimal
from functools import lru_cache
from typing import Annotated, Any

from msgspec import Struct
from pydantic import AfterValidator, Field

from remit.core.errors import InvalidInput
from remit.core.paths import find, parse_path
from remit.core.plain_json import LARGEST_INTEGER
from remit.core.values import Request

PARAMETERS = "parameters"
PLACES = 4
MOST_AMOUNTS = 10
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,20})?")
# Python's own would round what is written with more than 28 digits.
_ALL_DIGITS = Context(prec=64)
_UNITS_OF_ONE: int = 10**PLACES
_LARGEST_WHOLE = LARGEST_INTEGER // _UNITS_OF_ONE
_SUM = re.compile(r"(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,4})?")
_UNIT = re.compile(r"[A-Za-z][A-Za-z0-9_./%-]{0,19}")


_PATHS_BEGIN = (f"{PARAMETERS}.", f"{PARAMETERS}[")


def _is_path(text: str) -> bool:
    return text.startswith(_PATHS_BEGIN)


def _checked_path(text: str) -> str:
    if not _is_path(text):
        raise ValueError(f"is not the path of an argument, such as {PARAMETERS}.amount")
    try:
        parse_path(text)
    except InvalidInput as error:
        raise ValueError(f"{error.problem}; {error.way_out}") from None
    return text


def _checked_unit(text: str) -> str:
    if _is_path(text):
        return _checked_path(text)
    if not _UNIT.fullmatch(text):
        raise ValueError(f"is neither a unit, such as EUR, nor the path of one, such as {PARAMETERS}.currency")
    return text


def _checked_fixed_unit(text: str) -> str:
    if not _UNIT.fullmatch(text):
        raise ValueError("is not a unit, such as EUR")
    return text


Unit = Annotated[str, AfterValidator(_checked_fixed_unit)]
AmountName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class AmountSpec(Request):
    """One amount: the path of its value, and its unit or the path of that."""

    value: Annotated[str, AfterValidator(_checked_path)]
    unit: Annotated[str, AfterValidator(_checked_unit)]

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.value, self.unit) if _is_path(self.unit) else (self.value,)

    @property
    def fixed_unit(self) -> str | None:
        """The unit that all of its amounts have; `None` where each says its own."""
        return None if _is_path(self.unit) else self.unit


class Amount(Struct, frozen=True):
    """So many ten-thousandths of a unit."""

    ten_thousandths: int
    unit: str

    @property
    def value(self) -> str:
        """As decimal text, without exponent or trailing zeros."""
        return decimal_text(self.ten_thousandths)

    def wire(self) -> dict[str, Any]:
        return {"value": self.value, "unit": self.unit, "problem": None}


class AmountUnknown(Struct, frozen=True):
    """The arguments do not say how much it is; `problem` names the path and what is wrong there."""

    problem: str

    def wire(self) -> dict[str, Any]:
        return {"value": None, "unit": None, "problem": self.problem}


def amount_of(spec: AmountSpec, parameters: Mapping[str, Any]) -> Amount | AmountUnknown:
    """The amount that these arguments say."""
    try:
        value = parse_amount(_found(spec.value, parameters), spec.value)
        unit = _unit(_found(spec.unit, parameters), spec.unit) if _is_path(spec.unit) else spec.unit
    except InvalidInput as error:
        return AmountUnknown(f"{error.field} {error.problem}")
    return Amount(value, unit)


def _found(path: str, parameters: Mapping[str, Any]) -> Any:
    argument = _whole_argument(path)
    if argument is not None and argument in parameters:
        # As most are: there is nothing else that it could name.
        return parameters[argument]
    return find(parse_path(path), {PARAMETERS: parameters})


@lru_cache(maxsize=1024)
def _whole_argument(path: str) -> str | None:
    """The argument that a path names; `None` for a path that leads into one."""
    steps = parse_path(path).steps
    return steps[1].name if len(steps) == 2 and not steps[1].indexed else None


def parse_amount(value: Any, field: str) -> int:
    """
    The ten-thousandths that a JSON value stands for. Raises `InvalidInput` naming `field`.

    | taken               | refused                                                                   |
    |---------------------|---------------------------------------------------------------------------|
    | `12`, `12.5`, `0.1` | yes, no, null, objects, lists, 0 and below                                |
    | `"12"`, `"12.50"`   | `"1e3"`, `"+1"`, `" 1"`, `"1,5"`, `"01"`, digits of other scripts         |
    | `"1.00000"`         | more than four places that are not 0; 2^53 ten-thousandths and more       |
    """
    if type(value) is int and 0 < value <= _LARGEST_WHOLE:
        return value * _UNITS_OF_ONE
    if isinstance(value, str):
        if not _DECIMAL.fullmatch(value):
            raise InvalidInput(field, "is a text that is no decimal above 0", "send 12.50, or the text 12.50")
        number = Decimal(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = Decimal(repr(value))
    else:
        raise InvalidInput(field, "is neither a number nor a text", "send 12.50, or the text 12.50")
    return _in_ten_thousandths(number, field)


def _in_ten_thousandths(number: Decimal, field: str) -> int:
    if not number.is_finite() or number <= 0:
        raise InvalidInput(field, "is not above 0", "send an amount above 0")
    return _exact(number, field)


def _exact(number: Decimal, field: str) -> int:
    # Looked at before it is multiplied: what is larger may have more digits than any context.
    if number > LARGEST_INTEGER:
        raise InvalidInput(field, "is beyond 2^53 ten-thousandths", "send a smaller amount")
    scaled = number.scaleb(PLACES, _ALL_DIGITS)
    whole = int(scaled)
    if whole != scaled:
        raise InvalidInput(field, f"has more than {PLACES} decimal places", f"round it to {PLACES}")
    if whole > LARGEST_INTEGER:
        raise InvalidInput(field, "is beyond 2^53 ten-thousandths", "send a smaller amount")
    return whole


def parse_most(value: Any, field: str) -> int:
    """The most that a sum may come to, in ten-thousandths: as `parse_amount`, and 0, however it is written."""
    return 0 if _is_zero(value) else parse_amount(value, field)


def _is_zero(value: Any) -> bool:
    if isinstance(value, str):
        return _DECIMAL.fullmatch(value) is not None and Decimal(value) == 0
    return not isinstance(value, bool) and value == 0


def on_wire(units: int, unit: str | None) -> int | str:
    """So much as records and doors carry it: counts as they are, sums of a unit as decimal text."""
    return units if unit is None else decimal_text(units)


def in_units(value: int | str) -> int:
    """A whole number out of what `on_wire` wrote. Raises `ValueError` for text that it would not write."""
    return value if isinstance(value, int) else _units_of(value)


# What a window holds after one charge is what it holds before the next.
@lru_cache(maxsize=4096)
def _units_of(value: str) -> int:
    units = int(Decimal(value).scaleb(PLACES)) if _SUM.fullmatch(value) else 0
    if decimal_text(units) != value:
        raise ValueError(f"{value[:40]!r} is not a sum as records carry it")
    return units


def so_much(units: int, unit: str | None) -> str:
    """For people: `5`, or `1,250.50 EUR`."""
    return str(units) if unit is None else in_money({"value": decimal_text(units), "unit": unit, "problem": None})


def _unit(value: Any, field: str) -> str:
    if not isinstance(value, str) or not _UNIT.fullmatch(value):
        raise InvalidInput(field, "is no unit", "send one such as EUR")
    return value


# One decision writes the most, and what it takes, of each of its limits several times.
@lru_cache(maxsize=4096)
def decimal_text(ten_thousandths: int) -> str:
    """`125000` as `12.5`."""
    if ten_thousandths < 0:
        return f"-{decimal_text(-ten_thousandths)}"
    whole, part = divmod(ten_thousandths, _UNITS_OF_ONE)
    return f"{whole}.{part:04d}".rstrip("0") if part else str(whole)


def in_money(amount: Mapping[str, Any]) -> str:
    """An amount as doors carry it (`wire`), for people: `1,250.50 EUR`, or why it is not known."""
    if amount["problem"] is not None:
        return f"not known: {amount['problem']}"
    whole, _, fraction = amount["value"].partition(".")
    return f"{int(whole):,}{f'.{fraction:0<2}' if fraction else ''} {amount['unit']}"
