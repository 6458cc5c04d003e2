"""
All actions that could be proposed, as unknowns: whatever a decision looks at, and what holds between them.

It may hold more than can be proposed, never less: what is impossible under it is impossible, and an example under it
is put to the gate before anybody hears of it.

A text is a number: below 0 those that the bounds write, from 0 on all others. Nothing orders texts, so that is enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import get_args

from msgspec import Struct

from remit.core.delegation import AgentTier
from remit.core.errors import InvalidInput
from remit.core.gate.amount import PARAMETERS, parse_amount
from remit.core.gate.policy.parameters import MOST_TEXT
from remit.core.paths import COUNT, Path, parse_path
from remit.core.plain_json import LARGEST_INTEGER
from remit.lab.proof.arguments import Arguments
from remit.lab.proof.logic import Logic, Truth, Whole
from remit.lab.proof.parameter import (
    ABSENT,
    LARGEST_DECIMAL,
    NUMBER,
    TEXT,
    UNREADABLE,
    ParameterValue,
    is_count,
    reads_as_of_a_list,
)

NULL, FACT_TEXT, FACT_NUMBER, FACT_BOOLEAN = range(4)
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
SOME_AGENT = "agent"
_TIERS = get_args(AgentTier)
_IDENTIFIER = re.compile(r"[A-Za-z0-9._:@-]{1,128}")
_ACTION_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,127}")


class FactValue(Struct, frozen=True):
    """One field of one fact."""

    kind: Whole
    text: Whole
    number: Whole
    yes: Truth


class AccountHour(Struct, frozen=True):
    """An account's hour."""

    date: Whole
    weekday: Whole
    hour: Whole


class AnyAction:
    """Every action at once."""

    def __init__(self, logic: Logic, sides: Iterable[str]) -> None:
        self.logic = logic
        self.texts: dict[str, int] = {}
        self.parameters: dict[str, ParameterValue] = {}
        self.arguments = Arguments(logic)
        self.facts: dict[tuple[str, str], FactValue] = {}
        self.had: dict[str, Truth] = {}
        self.given: dict[str, Truth] = {}
        """The scopes that every hop of the delegation was given."""
        self.agents: dict[str, Truth] = {}
        self.account, self.action_type = logic.whole("account"), logic.whole("action_type")
        self.proposed_by, self.agent_tier = logic.whole("proposed_by"), logic.whole("agent_tier")
        self.risk, self.confidence = logic.whole("risk"), logic.whole("confidence")
        self.confidence_said = logic.truth("confidence_said")
        self.target_type, self.target_id = logic.whole("target_type"), logic.whole("target_id")
        self.on_behalf_of = logic.whole("on_behalf_of")
        self.delegated, self.other_agents = logic.truth("delegated"), logic.truth("other_agents")
        self.other_unreadable = logic.truth("other_unreadable")
        """A path that only a rule knows which works it out cannot be read."""
        self.clocks = {side: self._clock(side) for side in sides}
        self._measured: set[str] = set()
        for text in ("", "true", "false", SOME_AGENT, *_TIERS, *WEEKDAYS):
            self.text(text)

    def _clock(self, side: str) -> AccountHour:
        return AccountHour(*(self.logic.whole(f"{side} {part}") for part in ("date", "weekday", "hour")))

    def text(self, text: str) -> int:
        """The number of a text that the bounds write."""
        return self.texts.setdefault(text, -1 - len(self.texts))

    def parameter(self, path: Path) -> ParameterValue:
        """The value that a rule reads at a path."""
        return self._value(path, path.steps[0].name if _is_name(path) else path.text)

    def measured(self, path: Path) -> ParameterValue:
        """The value that an amount or its unit is read from: through a list it is read as no rule reads it."""
        through_list = any(map(reads_as_of_a_list, path.steps[1:]))
        value = self._value(path, f"{path.text} (amount)") if through_list else self.parameter(path)
        self._measured.add(value.name)
        return value

    def _value(self, path: Path, name: str) -> ParameterValue:
        if name not in self.parameters:
            parts = (self.logic.whole(f"{part} at {name}") for part in ("kind", "text", "number", "amount"))
            self.parameters[name] = ParameterValue(name, path, *parts)
        return self.parameters[name]

    def fact(self, name: str, path: str) -> FactValue:
        key = (name, path)
        if key not in self.facts:
            kind, text, number = (self.logic.whole(f"fact {part} {name}.{path}") for part in ("kind", "text", "number"))
            self.facts[key] = FactValue(kind, text, number, self.logic.truth(f"fact yes {name}.{path}"))
        return self.facts[key]

    def fact_had(self, name: str) -> Truth:
        if name not in self.had:
            self.had[name] = self.logic.truth(f"fact had {name}")
        return self.had[name]

    def scope_given(self, scope: str) -> Truth:
        if scope not in self.given:
            self.given[scope] = self.logic.truth(f"scope given {scope}")
        return self.given[scope]

    def agent(self, name: str) -> Truth:
        if name not in self.agents:
            self.agents[name] = self.logic.truth(f"came through {name}")
        return self.agents[name]

    # --- what holds of every action ---

    def constraints(self) -> Iterator[Truth]:
        """To be taken when all is named that rules look at."""
        yield from self._fields()
        yield from self._delegation()
        for clock in self.clocks.values():
            yield from self._times(clock)
        for value in self.parameters.values():
            yield from self._values(value)
        yield from self._amounts()
        yield from self._nested()
        yield from self.arguments.constraints(self.texts, self.parameters.values())
        for fact in self.facts.values():
            yield from self._fact_values(fact)

    def _fields(self) -> Iterator[Truth]:
        nothing, is_id = self.text(""), _IDENTIFIER.fullmatch
        yield self._one_of(self.account, is_id)
        yield self._one_of(self.proposed_by, is_id)
        yield self._one_of(self.action_type, _ACTION_TYPE.fullmatch)
        yield self._one_of(self.on_behalf_of, lambda text: not text or is_id(text))
        yield self._one_of(self.target_type, lambda text: len(text) <= 128)
        yield self._one_of(self.target_id, lambda text: len(text) <= 512)
        yield (self.target_type == nothing) == (self.target_id == nothing)
        yield self.logic.any(self.agent_tier == self.text(tier) for tier in ("", *_TIERS))
        yield self.logic.all((self.risk >= 0, self.risk <= 3, self.confidence >= 0, self.confidence <= 10_000))
        yield self.logic.implies(self.logic.no(self.confidence_said), self.confidence == 0)

    def _one_of(self, text: Whole, fits: Callable[[str], object]) -> Truth:
        """Any text that the bounds do not write, or one of theirs that fits."""
        unfit = [number for known, number in self.texts.items() if not fits(known)]
        return self.logic.all([text >= -len(self.texts), *(text != number for number in unfit)])

    def _delegation(self) -> Iterator[Truth]:
        agents = [*self.agents.values(), self.other_agents]
        yield self.delegated == self.logic.any(agents)
        for scope in self.given.values():
            yield self.logic.any((self.delegated, scope))
        # The last agent on the way is the one that asks.
        known = [(self.text(name), came) for name, came in self.agents.items()]
        for name, came in known:
            yield self.logic.implies(self.logic.all((self.delegated, self.proposed_by == name)), came)
        unknown = self.logic.all(self.proposed_by != name for name, _ in known)
        yield self.logic.implies(self.logic.all((self.delegated, unknown)), self.other_agents)

    def _times(self, clock: AccountHour) -> Iterator[Truth]:
        yield self.logic.all((clock.hour >= 0, clock.hour <= 23))
        yield self.logic.any(clock.weekday == self.text(name) for name in WEEKDAYS)
        yield self._one_of(clock.date, _day)
        for known, number in self.texts.items():
            if (day := _day(known)) is not None:
                weekday = self.text(WEEKDAYS[day.weekday()])
                yield self.logic.implies(clock.date == number, clock.weekday == weekday)

    def _values(self, value: ParameterValue) -> Iterator[Truth]:
        logic, number = self.logic, value.number
        yield logic.all((value.kind >= ABSENT, value.kind <= UNREADABLE))
        yield self._one_of(value.text, lambda text: len(text) <= MOST_TEXT)
        if is_count(value.path):
            yield value.kind != TEXT
            yield logic.all((number >= 0, number <= 10_000 * MOST_TEXT, number % 10_000 == 0))
        else:
            yield logic.all((number >= -LARGEST_DECIMAL, number <= LARGEST_DECIMAL))
        if value.name in self._measured:
            yield logic.all((value.amount >= 0, value.amount <= LARGEST_INTEGER))
            for known, name in self.texts.items():
                yield logic.implies(value.text == name, value.amount == amount_of_text(known))

    def _amounts(self) -> Iterator[Truth]:
        """One text is one amount, and a date or the name of a type is none."""
        measured = [self.parameters[name] for name in sorted(self._measured)]
        words = [self.action_type, *(clock.date for clock in self.clocks.values())]
        for place, value in enumerate(measured):
            yield self.logic.any((value.amount == 0, self.logic.all(value.text != word for word in words)))
            for other in measured[:place]:
                yield self.logic.any((value.text != other.text, value.amount == other.amount))

    def _nested(self) -> Iterator[Truth]:
        """Paths are objects or lists by what stands below them."""
        by_steps = {_names(value.path): value for value in self.parameters.values()}
        for steps, value in by_steps.items():
            there = self.logic.any((value.kind == TEXT, value.kind == NUMBER))
            for length in range(1, len(steps)):
                above = by_steps.get(steps[:length])
                if above is not None:
                    yield self.logic.implies(there, above.kind == UNREADABLE)
            yield from self._in_a_list(steps, value, there, by_steps)

    def _in_a_list(
        self,
        steps: tuple[str, ...],
        value: ParameterValue,
        there: Truth,
        by_steps: dict[tuple[str, ...], ParameterValue],
    ) -> Iterator[Truth]:
        for length in range(1, len(steps)):
            count = by_steps.get((*steps[:length], COUNT))
            if count is None or count is value:
                continue
            index, is_list = value.path.steps[length].index, count.kind == NUMBER
            if index is None:
                yield self.logic.implies(is_list, value.kind == ABSENT)
            else:
                yield self.logic.implies(there, self.logic.all((is_list, count.number >= 10_000 * (index + 1))))

    def _fact_values(self, fact: FactValue) -> Iterator[Truth]:
        yield self.logic.all((fact.kind >= NULL, fact.kind <= FACT_BOOLEAN))
        yield self.logic.all((fact.number >= -LARGEST_DECIMAL, fact.number <= LARGEST_DECIMAL))
        yield self._one_of(fact.text, lambda text: len(text) <= MOST_TEXT)


def _names(path: Path) -> tuple[str, ...]:
    return tuple(step.name for step in path.steps)


def amount_of_text(text: str) -> int:
    """The ten-thousandths that a text says as an amount; 0 where it says none."""
    try:
        return parse_amount(text, "")
    except InvalidInput:
        return 0


def below_parameters(path: str) -> Path:
    """An amount's path as rules write it."""
    text = path.removeprefix(PARAMETERS).removeprefix(".")
    return Path(text, parse_path(path).steps[1:])


def _is_name(path: Path) -> bool:
    return len(path.steps) == 1 and not path.steps[0].indexed


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None
    except ValueError:
        return None
