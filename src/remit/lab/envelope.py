"""The envelope of parameters: the range of each number and the choices of each text that evidence covers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from remit.core.paths import below
from remit.core.private_values import is_commitment

if TYPE_CHECKING:
    from remit.core.views.bounds import EnvelopeAnswer

MOST_PATHS, MOST_CHOICES = 50, 8
MOST_PLACES, LARGEST = 4, 10**12
"""Of a decimal of Cedar's, with room to spare."""


class Range(Struct):
    """The smallest and the largest of a number."""

    low: Decimal
    high: Decimal

    def add(self, value: Decimal) -> None:
        self.low, self.high = min(self.low, value), max(self.high, value)


class Envelope(Struct):
    """Collects parameters, in memory that does not grow with how many there are."""

    numbers: dict[str, Range] = field(default_factory=dict)
    choices: dict[str, set[str]] = field(default_factory=dict)

    def add(self, parameters: Any) -> None:
        for path, value in _scalars("", parameters):
            if isinstance(value, str):
                self._add_choice(path, value)
            elif path in self.numbers:
                self.numbers[path].add(value)
            elif len(self.numbers) < MOST_PATHS:
                self.numbers[path] = Range(value, value)

    def _add_choice(self, path: str, value: str) -> None:
        known = self.choices.get(path)
        if known is None and len(self.choices) < MOST_PATHS:
            known = self.choices[path] = set()
        # One more than are shown says that it is no choice.
        if known is not None and len(known) <= MOST_CHOICES:
            known.add(value)

    def condition(self) -> str | None:
        """The Cedar condition that parameters are within it; `None` where it bounds nothing."""
        numbers = (_number(path, each) for path, each in sorted(self.numbers.items()))
        choices = (_choice(path, values) for path, values in sorted(self.choices.items()))
        parts = [part for part in (*numbers, *choices) if part is not None]
        return " && ".join(parts) or None

    def wire(self) -> EnvelopeAnswer:
        few = {path: sorted(values) for path, values in self.choices.items() if len(values) <= MOST_CHOICES}
        return {
            "numbers": {
                path: {"from": f"{each.low:f}", "to": f"{each.high:f}"} for path, each in sorted(self.numbers.items())
            },
            "choices": dict(sorted(few.items())),
        }


def _scalars(path: str, value: Any) -> Iterator[tuple[str, str | Decimal]]:
    """Numbers and texts by path; yes and no, lists and commitments are left out."""
    if is_commitment(value):
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _scalars(below(path, name, in_object=True), inner)
    elif isinstance(value, str):
        yield path, value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, Decimal(repr(value))


def _number(path: str, seen: Range) -> str | None:
    bounds = [_decimal(each) for each in (seen.low, seen.high)]
    if not _is_plain(path) or None in bounds:
        return None
    tag = f'context.numbers.getTag("{path}")'
    within = f'{tag}.greaterThanOrEqual(decimal("{bounds[0]}")) && {tag}.lessThanOrEqual(decimal("{bounds[1]}"))'
    return f'context.numbers.hasTag("{path}") && {within}'


def _decimal(value: Decimal) -> str | None:
    """As Cedar writes one, with one to four places; `None` for what it cannot."""
    places = value.as_tuple().exponent
    if not isinstance(places, int) or places < -MOST_PLACES or abs(value) > LARGEST:
        return None
    text = f"{value:f}"
    return text if "." in text else f"{text}.0"


def _choice(path: str, values: set[str]) -> str | None:
    if len(values) > MOST_CHOICES or not all(map(_is_plain, [path, *values])):
        return None
    several = ", ".join(f'"{value}"' for value in sorted(values))
    return f'context.texts.hasTag("{path}") && [{several}].contains(context.texts.getTag("{path}"))'


def _is_plain(text: str) -> bool:
    """Does it stand in Cedar's quotes as it is?"""
    return text.isascii() and text.isprintable() and not {'"', "\\"} & {*text}
