"""The solver's finding, written out as an action that can be proposed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from remit.core.errors import InvalidInput
from remit.core.gate.action_type import ActionTypeSpec
from remit.core.gate.amount import decimal_text
from remit.core.gate.fact import KeptValue
from remit.core.gate.policy_input import LocalTime, local_time
from remit.core.gate.zones import zone
from remit.core.intent import parse_proposal
from remit.core.paths import Step
from remit.core.plain_json import LARGEST_INTEGER
from remit.core.values import RISK_ORDER, utc
from remit.lab.proof.any_action import (
    FACT_BOOLEAN,
    FACT_NUMBER,
    FACT_TEXT,
    AccountHour,
    AnyAction,
    amount_of_text,
)
from remit.lab.proof.arguments import ARRAY, BOOLEAN, MISSING, NULL_VALUE, NUMERIC, STRING, Argument
from remit.lab.proof.clocks import ZoneOf
from remit.lab.proof.example import Example
from remit.lab.proof.filling import Filler
from remit.lab.proof.parameter import ABSENT, NUMBER, TEXT, UNREADABLE, ParameterValue, is_count, reads_as_of_a_list

_SOME_DAY = date(2026, 3, 2)
_MOST_DAYS = 400
_ANOTHER_AGENT = -1_000_000_000
"""A number that no text has."""
_LITTLE = 0.00003
"""Less than rules can tell."""
_UNREADABLE: dict[str, Any] = {}
"""Stands where no rule can read a text, a number, or yes or no."""


class NoExample(Exception):
    """A finding of the solver that cannot be written out: no action is like that."""


class Writer:
    """Writes one model of all actions out."""

    def __init__(self, any_action: AnyAction, model: Any) -> None:
        self._any, self._model = any_action, model
        self._known = {number: text for text, number in any_action.texts.items()}
        self._others: dict[int, str] = {}

    def write(self, tenant_id: str, zones: dict[str, ZoneOf], types: Sequence[Mapping[str, ActionTypeSpec]]) -> Example:
        """`zones` are those of accounts on each side, `types` the action types there. Raises `NoExample`."""
        any_action = self._any
        self._write_amounts()
        self._write_lengths()
        action_type = self._text(any_action.action_type, "OTHER_TYPE")
        account = self._text(any_action.account, "some-account")
        now = self._moment({side: zone_of(account) for side, zone_of in zones.items()})
        said = {
            "tenant_id": tenant_id,
            "account_id": account,
            "action_type": action_type,
            "parameters": self._filled(action_type, types),
            "proposed_by": self._text(any_action.proposed_by, "some-agent"),
            "risk_level": RISK_ORDER[self._whole(any_action.risk)] if self._whole(any_action.risk) else None,
            "confidence_score": self._confidence(),
            "target": self._target(),
            "on_behalf_of": self._text(any_action.on_behalf_of, "somebody") or None,
            "delegation": self._delegation(),
            "agent_tier": self._text(any_action.agent_tier) or None,
        }
        try:
            return Example(parse_proposal(said), now, self._facts())
        except InvalidInput as error:
            raise NoExample(str(error)) from None

    # --- values of the model ---

    def _whole(self, term: Any) -> int:
        return term if isinstance(term, int) else int(self._model.eval(term, model_completion=True).as_long())

    def _yes(self, term: Any) -> bool:
        return bool(self._model.eval(term, model_completion=True))

    def _text(self, term: Any, name: str = "x") -> str:
        """`name` is for one that the bounds do not write."""
        number = self._whole(term)
        return self._known[number] if number < 0 else self._other(number, name)

    def _other(self, number: int, name: str) -> str:
        """A text that the bounds do not write: the same one wherever the number stands."""
        if number not in self._others:
            taken = {*self._any.texts, *self._others.values()}
            self._others[number] = next(
                text for count in range(len(taken) + 1) if (text := name + "1" * count) not in taken
            )
        return self._others[number]

    # --- fields ---

    def _confidence(self) -> float | None:
        return self._whole(self._any.confidence) / 10_000 if self._yes(self._any.confidence_said) else None

    def _target(self) -> dict[str, str] | None:
        entity_type, entity_id = self._text(self._any.target_type), self._text(self._any.target_id)
        return {"entity_type": entity_type, "entity_id": entity_id} if entity_type else None

    def _delegation(self) -> list[dict[str, Any]] | None:
        if not self._yes(self._any.delegated):
            return None
        last = self._text(self._any.proposed_by)
        agents = [name for name, came in self._any.agents.items() if self._yes(came) and name != last]
        if self._yes(self._any.other_agents) and last in self._any.agents:
            agents.append(self._other(_ANOTHER_AGENT, "another-agent"))
        scopes = [scope for scope, given in self._any.given.items() if self._yes(given)]
        return [{"agent": agent, "scopes": scopes} for agent in (*agents, last)]

    # --- time ---

    def _moment(self, zones: dict[str, str]) -> datetime:
        """The first moment at which every side's clock shows what the solver found."""
        clocks = self._any.clocks
        first = next(iter(zones))
        hour = self._whole(clocks[first].hour)
        for day in self._days(clocks[first]):
            for minute in (0, 30, 15, 45):
                now = utc(datetime.combine(day, time(hour, minute), zone(zones[first])))
                shown = {side: local_time(now, name) for side, name in zones.items()}
                if all(self._shows(clocks[side], local) for side, local in shown.items()):
                    for side, local in shown.items():
                        if (number := self._whole(clocks[side].date)) >= 0:
                            self._others[number] = local.date
                    return now
        raise NoExample("no clock shows these hours")

    def _days(self, clock: AccountHour) -> Iterator[date]:
        number = self._whole(clock.date)
        if number < 0:
            yield date.fromisoformat(self._known[number])
        else:
            yield from (_SOME_DAY + timedelta(days=more) for more in range(_MOST_DAYS))

    def _shows(self, clock: AccountHour, local: LocalTime) -> bool:
        number = self._whole(clock.date)
        same_day = local.date not in self._any.texts if number >= 0 else self._known[number] == local.date
        return same_day and local.weekday == self._text(clock.weekday) and local.hour == self._whole(clock.hour)

    # --- parameters ---

    def _filled(self, action_type: str, types: Sequence[Mapping[str, ActionTypeSpec]]) -> dict[str, Any]:
        arguments = self._parameters()
        for known in types:
            spec = known.get(action_type)
            if spec is not None and spec.parameters is not None:
                arguments = Filler(spec.parameters, self._any.arguments.known).fill(arguments)
        return arguments

    def _parameters(self) -> dict[str, Any]:
        root, places = _Place(), self._any.arguments.known
        for place in places.values():
            self._write_argument(root, place)
        for value in self._any.parameters.values():
            # The others follow from what stands at their places.
            if value.place not in places and value.counted not in places:
                self._write_value(root, value)
        written = root.written()
        return written if isinstance(written, dict) else {}

    def _write_value(self, root: _Place, value: ParameterValue) -> None:
        kind = self._whole(value.kind)
        if kind == NUMBER and is_count(value.path):
            root.at(value.path.steps[:-1]).length = self._whole(value.number) // 10_000
        elif kind != ABSENT:
            root.at(value.path.steps).value = self._value(value, kind)

    def _write_argument(self, root: _Place, argument: Argument) -> None:
        shape, steps = self._whole(argument.shape), tuple(Step(name, quoted=True) for name in argument.names)
        if shape == MISSING:
            return
        place = root.at(steps)
        if shape == ARRAY:
            place.length = self._whole(argument.length)
        else:
            place.value = self._argument(argument, shape)
        if place.value == {} and self._yes(argument.others):
            place.at((Step(self._other_name(argument), quoted=True),))

    def _other_name(self, argument: Argument) -> str:
        """One that nobody has written: with dots in it, where something could not be read for that."""
        depth, inside = len(argument.names), {each.names[-1] for each in self._any.arguments.inside(argument)}
        unread = (value.place for value in self._any.parameters.values() if self._whole(value.kind) == UNREADABLE)
        dotted = (".".join(names[depth:]) for names in unread if names and names[:depth] == argument.names)
        others = ("another" + "1" * count for count in range(len(inside) + 1))
        return next(name for name in (*dotted, *others) if name and name not in inside)

    def _argument(self, argument: Argument, shape: int) -> Any:
        if shape in (BOOLEAN, STRING):
            text = self._text(argument.text)
            return text if shape == STRING else text == "true"
        if shape == NUMERIC:
            return _number(self._whole(argument.number)) + (_LITTLE if self._yes(argument.inexact) else 0)
        return None if shape == NULL_VALUE else {}

    def _value(self, value: ParameterValue, kind: int) -> Any:
        if kind == NUMBER:
            return _number(self._whole(value.number))
        if kind != TEXT:
            return _UNREADABLE
        text = self._text(value.text)
        return text == "true" if text in ("true", "false") else text

    def _write_amounts(self) -> None:
        """Before all other texts, which may be any."""
        for value in self._any.parameters.values():
            number, amount = self._whole(value.text), self._whole(value.amount)
            if number >= 0 and amount > 0 and self._whole(value.kind) == TEXT:
                self._others[number] = self._amount(amount)

    def _write_lengths(self) -> None:
        """Texts of their lengths, for those that nobody has written."""
        for argument in self._any.arguments.known.values():
            number, length = self._whole(argument.text), self._whole(argument.length)
            if number >= 0 and number not in self._others and self._whole(argument.shape) == STRING:
                self._others[number] = self._of_length(length)

    def _of_length(self, length: int) -> str:
        taken = {*self._any.texts, *self._others.values()}
        endings = (str(count) if count else "" for count in range(len(taken) + 1))
        texts = (f"{'x' * (length - len(ending))}{ending}" for ending in endings)
        return next((text for text in texts if text not in taken), "x" * length)

    def _amount(self, amount: int) -> str:
        """A text for an amount that no rule names."""
        plain = decimal_text(amount)
        whole, _, places = plain.partition(".")
        texts = (plain, *(f"{whole}.{places}{'0' * more}" for more in range(1, 16)))
        return next((text for text in texts if text not in self._any.texts and amount_of_text(text) == amount), plain)

    # --- facts ---

    def _facts(self) -> dict[str, dict[str, KeptValue] | None]:
        facts: dict[str, dict[str, KeptValue] | None] = {}
        for name, had in self._any.had.items():
            facts[name] = {} if self._yes(had) else None
        for (name, path), value in self._any.facts.items():
            fields = facts.setdefault(name, {})
            kind = self._whole(value.kind)
            values: dict[int, Callable[[], KeptValue]] = {
                FACT_TEXT: lambda value=value: self._text(value.text),  # type: ignore[misc]
                FACT_NUMBER: lambda value=value: _number(self._whole(value.number)),  # type: ignore[misc]
                FACT_BOOLEAN: lambda value=value: self._yes(value.yes),  # type: ignore[misc]
            }
            if fields is not None:
                fields[path] = values[kind]() if kind in values else None
        return facts


class _Place:
    """One place in the parameters while they are written: its value, or what stands below it."""

    def __init__(self) -> None:
        self.value: Any = None
        self.length: int | None = None
        self.below: dict[Step, _Place] = {}

    def at(self, steps: tuple[Step, ...]) -> _Place:
        place = self
        for step in steps:
            key = step if reads_as_of_a_list(step) else Step(step.name, quoted=True)
            place = place.below.setdefault(key, _Place())
        return place

    def written(self) -> Any:
        if not self.below and self.length is None:
            return self.value
        indexed = {step.index: place for step, place in self.below.items() if step.index is not None}
        if self.length is not None or (indexed and not any(each.value is _UNREADABLE for each in indexed.values())):
            length = max([self.length or 0, *(index + 1 for index in indexed)])
            return [indexed[index].written() if index in indexed else None for index in range(length)]
        return {step.name: place.written() for step, place in self.below.items()}


def _number(ten_thousandths: int) -> int | float:
    whole, part = divmod(ten_thousandths, 10_000)
    return float(Decimal(ten_thousandths).scaleb(-4)) if part or abs(whole) > LARGEST_INTEGER else whole
