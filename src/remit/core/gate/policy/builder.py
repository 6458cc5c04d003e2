"""
Common rules as people choose them, to Cedar text that they can read and change.

Each says what may run alone, after `unless`: what is not plainly that (another unit, another kind of value, nothing)
is a person's. So a number has both ends, and a unit that an action type leaves to its agents is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from remit.core.errors import InvalidInput
from remit.core.paths import parse_path

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MOST_CHOICES = 100
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,4})?")
_LARGEST = Decimal("922337203685477.5807")
_LONGEST_NAME = 80
Effect = Literal["REQUIRE_APPROVAL", "BLOCK"]


class NumberBetween(Struct, frozen=True):
    """
    A number parameter from `least` to `most`, both included, as decimal texts.

    With `unit` the text at `unit_path` has to be that; without `unit_path` the action type has one unit for all.
    """

    path: str
    least: str
    most: str
    unit: str | None = None
    unit_path: str | None = None

    name = "amount"

    def lines(self) -> Iterator[str]:
        least, most = _decimal("least", self.least), _decimal("most", self.most)
        if least > most:
            raise InvalidInput("most", f"{self.most} is below {self.least}", "write the larger number last")
        number = f"context.numbers.getTag({_path('path', self.path)})"
        yield f"context.numbers.hasTag({_path('path', self.path)})"
        yield f'{number}.greaterThanOrEqual(decimal("{_places(least)}"))'
        yield f'{number}.lessThanOrEqual(decimal("{_places(most)}"))'
        if self.unit and self.unit_path:
            yield from _text_is(self.unit_path, [self.unit])

    def words(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.path} is {_places(Decimal(self.least))} to {_places(Decimal(self.most))}{unit}"


class OneOf(Struct, frozen=True):
    """A text parameter, or a yes or no, that is one of these."""

    path: str
    values: Sequence[str]

    name = "choice"

    def lines(self) -> Iterator[str]:
        if not 0 < len(self.values) <= MOST_CHOICES:
            raise InvalidInput("values", f"are {len(self.values)}", f"write 1 to {MOST_CHOICES}, one a line")
        yield from _text_is(self.path, self.values)

    def words(self) -> str:
        shown = ", ".join(self.values[:5]) + (" …" if len(self.values) > 5 else "")
        return f"{self.path} is {'one of ' if len(self.values) > 1 else ''}{shown}"


class Hours(Struct, frozen=True):
    """On these days, from one full hour until another, in the zone of the account's budget; it may pass midnight."""

    days: Collection[str]
    first: int = 0
    until: int = 24

    name = "hours"

    def lines(self) -> Iterator[str]:
        days = [day for day in WEEKDAYS if day in self.days]
        if not days or len(days) < len(set(self.days)):
            raise InvalidInput("days", "are none, or not all known", f"choose some of {', '.join(WEEKDAYS)}")
        if not (0 <= self.first <= 23 and 1 <= self.until <= 24) or self.first == self.until:
            raise InvalidInput("until", f"{self.first} to {self.until} are no hours", "write hours such as 8 and 18")
        if len(days) == len(WEEKDAYS) and (self.first, self.until) == (0, 24):
            raise InvalidInput("days", "and hours are always", "leave out a day or an hour")
        if len(days) < len(WEEKDAYS):
            yield f"[{', '.join(map(_quoted, days))}].contains(context.weekday)"
        yield from self._of_day()

    def _of_day(self) -> Iterator[str]:
        begun, not_over = f"context.hour >= {self.first}", f"context.hour < {self.until}"
        if self.first > self.until:
            yield f"({begun} || {not_over})"
            return
        if self.first > 0:
            yield begun
        if self.until < 24:
            yield not_over

    def words(self) -> str:
        chosen = [day for day in WEEKDAYS if day in self.days]
        days = {WEEKDAYS: "every day", WEEKDAYS[:5]: "on weekdays", WEEKDAYS[5:]: "at weekends"}.get(
            tuple(chosen), f"on {', '.join(day.capitalize() for day in chosen)}"
        )
        hours = "" if (self.first, self.until) == (0, 24) else f", {self.first} to {self.until} o'clock"
        return f"it is {days}{hours}"


Condition = NumberBetween | OneOf | Hours


def rule_text(
    action_type: str, condition: Condition, *, taken: Collection[str] = (), effect: Effect = "REQUIRE_APPROVAL"
) -> str:
    """
    The rule that lets actions of this type run alone only where the condition holds. `taken` are ids of other rules.

    Raises `InvalidInput` naming the condition's own field.
    """
    fine = list(condition.lines())
    rule_id = _free(f"{action_type.lower()[:_LONGEST_NAME]}_{condition.name}", taken)
    said = f"{action_type} runs without a person only while {condition.words()}"
    return "\n".join(
        [
            f"@id({_quoted(rule_id)})",
            f"@reason({_quoted(rule_id.upper())})",
            f"@effect({_quoted(effect)})",
            f"@explanation({_quoted(said[:1000])})",
            "forbid (principal, action, resource)",
            f"when {{ context.action_type == {_quoted(action_type)} }}",
            "unless {",
            *_joined(fine),
            "};",
            "",
        ]
    )


def _joined(conditions: Sequence[str]) -> Iterator[str]:
    for number, condition in enumerate(conditions):
        yield f"  {'&& ' if number else ''}{condition}"


def _free(name: str, taken: Collection[str]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def _text_is(path: str, values: Sequence[str]) -> Iterator[str]:
    yield f"context.texts.hasTag({_path('path', path)})"
    text = f"context.texts.getTag({_path('path', path)})"
    if len(values) == 1:
        yield f"{text} == {_quoted(values[0])}"
    else:
        yield f"[{', '.join(map(_quoted, values))}].contains({text})"


def _path(field: str, path: str) -> str:
    try:
        parse_path(path)
    except InvalidInput as error:
        raise InvalidInput(field, error.problem, error.way_out) from None
    return _quoted(path)


def _decimal(field: str, text: str) -> Decimal:
    if not _NUMBER.fullmatch(text) or abs(Decimal(text)) > _LARGEST:
        problem = f"{text[:40]!r} is no number of at most four places" if text else "is missing"
        raise InvalidInput(field, problem, "write both ends, such as 0.01 and 50.00: what is left open is the agent's")
    return Decimal(text)


def _places(number: Decimal) -> str:
    """At least two places, as money has them; a whole one has them too."""
    text = f"{number:f}"
    whole, _, part = text.partition(".")
    return f"{whole}.{part:0<2}"


def _quoted(text: str) -> str:
    """Cedar's string of it; what could hide or end it stands as its number."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"
