"""
The arguments that schemas name, as unknowns: which kind of JSON value stands at each place, and what checks say of it.

A place is told by the names that lead to it. What rules read there (`ParameterValue`) follows from it. A check that is
not translated is an unknown of its own, the same one wherever the same is asked of the same place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from msgspec import Struct, field

from remit.core.canonical import canonical
from remit.core.gate.parameters_schema import compile_schema
from remit.core.gate.policy.parameters import MOST_TEXT
from remit.core.plain_json import LARGEST_PARAMETERS_BYTES
from remit.lab.proof.logic import Logic, Truth, Whole
from remit.lab.proof.parameter import ABSENT, LARGEST_DECIMAL, NUMBER, TEXT, UNREADABLE, ParameterValue

MISSING, NULL_VALUE, BOOLEAN, STRING, NUMERIC, OBJECT, ARRAY = range(7)
"""The kind of JSON value at a place."""
Names = tuple[str, ...]
MOST_TEXTS = 300
"""Of so many texts that the bounds write it is worked out what a pattern says of them."""
_EMPTY_LIST_FITS = frozenset({"items", "prefixItems", "uniqueItems"})


class Argument(Struct, frozen=True, eq=False):
    """
    The value at one place.

    `number` is in ten-thousandths, rounded down where it is `inexact`; `length` that of a text or a list; `others` says
    of an object that it has a name that no schema and no rule writes.
    """

    names: Names
    shape: Whole
    text: Whole
    number: Whole
    inexact: Truth
    length: Whole
    others: Truth


class OpenKeywords(Struct, frozen=True):
    """Keywords of a schema that are not translated, of one place; `root` is what their references lead into."""

    place: Argument
    keywords: Mapping[str, Any]
    root: Mapping[str, Any]
    holds: Truth

    @property
    def name(self) -> str:
        return _written(self.place.names, self.keywords, self.root)


class Arguments(Struct):
    """Every place that is named, the checks that are left open, and what holds between them."""

    logic: Logic
    known: dict[Names, Argument] = field(default_factory=dict)
    _inside: dict[Names, list[Argument]] = field(default_factory=lambda: defaultdict(list))
    checks: dict[str, OpenKeywords] = field(default_factory=dict)
    measured: set[Names] = field(default_factory=set)
    """The places whose length a schema bounds."""

    @property
    def size(self) -> Whole:
        """The number of bytes that all arguments take."""
        return self.logic.whole("size of the arguments")

    @property
    def root(self) -> Argument:
        return self.at(())

    def at(self, names: Names) -> Argument:
        if names not in self.known:
            self.known[names] = self._argument(names)
            if names:
                self._inside[self.at(names[:-1]).names].append(self.known[names])
        return self.known[names]

    def _argument(self, names: Names) -> Argument:
        whole, truth, place = self.logic.whole, self.logic.truth, list(names)
        return Argument(
            names,
            # All arguments together are an object.
            whole(f"shape at {place}") if names else OBJECT,
            whole(f"text of {place}"),
            whole(f"number of {place}"),
            truth(f"inexact at {place}"),
            whole(f"length of {place}"),
            truth(f"others in {place}"),
        )

    def inside(self, place: Argument) -> list[Argument]:
        return self._inside[place.names]

    def check(self, place: Argument, keywords: Mapping[str, Any], root: Mapping[str, Any]) -> OpenKeywords:
        """Does the value there fit these keywords? Nobody knows."""
        name = _written(place.names, keywords, root)
        if name not in self.checks:
            self.checks[name] = OpenKeywords(place, keywords, root, self.logic.truth(name))
        return self.checks[name]

    # --- what holds of all of them ---

    def constraints(self, texts: Mapping[str, int], read: Iterable[ParameterValue]) -> Iterator[Truth]:
        """To be taken when all is named, and all schemas are translated."""
        if not self.known:
            return
        yield self.logic.all((self.size >= 2, self.size <= LARGEST_PARAMETERS_BYTES))
        for place in self.known.values():
            yield from self._of_place(place, texts)
        yield from self._lengths(texts)
        for check in self.checks.values():
            yield from self._of_check(check, texts)
        for value in read:
            if value.place in self.known:
                yield from self._read(value, self.known[value.place], texts)
            if value.counted in self.known:
                yield from self._counted(value, self.known[value.counted])

    def _of_place(self, place: Argument, texts: Mapping[str, int]) -> Iterator[Truth]:
        logic = self.logic
        yield logic.all((place.length >= 0, place.length <= LARGEST_PARAMETERS_BYTES))
        yield place.text >= -len(texts)
        if place.names:
            yield logic.all((place.shape >= MISSING, place.shape <= ARRAY))
            above = self.known[place.names[:-1]]
            yield logic.implies(place.shape != MISSING, logic.same(above.shape, OBJECT))
            yield logic.implies(place.shape == BOOLEAN, self._is_yes_or_no(place, texts))

    def _is_yes_or_no(self, place: Argument, texts: Mapping[str, int]) -> Truth:
        return self.logic.any(place.text == texts[word] for word in ("true", "false"))

    def _lengths(self, texts: Mapping[str, int]) -> Iterator[Truth]:
        """One text has one length, and every other text than the empty one has some."""
        logic, places = self.logic, [self.known[names] for names in sorted(self.measured)]
        for place in places:
            is_text = place.shape == STRING
            yield logic.implies(logic.all((is_text, place.text >= 0)), place.length >= 1)
            for text, number in texts.items():
                yield logic.implies(logic.all((is_text, place.text == number)), place.length == len(text))
        for one, other in combinations(places, 2):
            both = logic.all((one.shape == STRING, other.shape == STRING, one.text == other.text))
            yield logic.implies(both, one.length == other.length)

    def _of_check(self, check: OpenKeywords, texts: Mapping[str, int]) -> Iterator[Truth]:
        logic, place = self.logic, check.place
        if check.keywords.keys() <= _EMPTY_LIST_FITS:
            yield logic.implies(logic.all((place.shape == ARRAY, place.length == 0)), check.holds)
        if check.keywords.keys() == {"pattern"}:
            validator = compile_schema(check.keywords).validator
            for text in [*texts][-MOST_TEXTS:]:
                is_it = logic.all((place.shape == STRING, place.text == texts[text]))
                yield logic.implies(is_it, logic.same(check.holds, validator.is_valid(text)))

    def _read(self, value: ParameterValue, place: Argument, texts: Mapping[str, int]) -> Iterator[Truth]:
        """As `policy.parameters` reads it."""
        logic, shape, number = self.logic, place.shape, place.number
        unread = logic.all((value.kind == UNREADABLE, self._is_ambiguous(place)))
        short = logic.all((place.length <= MOST_TEXT, logic.no(self._is_yes_or_no(place, texts))))
        text = logic.any((shape == BOOLEAN, logic.all((shape == STRING, short))))
        decimal = logic.all((logic.no(place.inexact), number >= -LARGEST_DECIMAL, number <= LARGEST_DECIMAL))
        absent = logic.any((shape == MISSING, shape == NULL_VALUE))
        exact = ((ABSENT, absent), (TEXT, text), (NUMBER, logic.all((shape == NUMERIC, decimal))))
        for kind, stands in exact:
            yield logic.any((unread, (value.kind == kind) == stands))
        yield logic.implies(value.kind == TEXT, value.text == place.text)
        yield logic.implies(value.kind == NUMBER, value.number == number)

    def _is_ambiguous(self, place: Argument) -> Truth:
        """May a name with dots in it stand beside, so that a path of several names could mean that one?"""
        logic, names = self.logic, place.names
        parts = list[Truth]()
        for start in range(len(names) - 1):
            dotted = ((*names[:start], ".".join(names[start:end])) for end in range(start + 2, len(names) + 1))
            parts += [self.known[each].shape != MISSING for each in dotted if each in self.known]
            parts.append(self.known[names[:start]].others)
        return logic.any(parts)

    def _counted(self, value: ParameterValue, place: Argument) -> Iterator[Truth]:
        logic, is_count = self.logic, value.kind == NUMBER
        yield logic.any((value.kind == UNREADABLE, is_count == (place.shape == ARRAY)))
        yield logic.implies(is_count, value.number == 10_000 * place.length)


def _written(names: Names, keywords: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    text = canonical(dict(keywords))
    # What it refers to is part of what it says.
    referred = canonical(dict(root)).decode() if b'"$ref"' in text else ""
    return f"{list(names)} fits {text.decode()} {referred}".rstrip()
