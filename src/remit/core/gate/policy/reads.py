"""The parts of a question that a rule looks at. `rule_reads` finds them in its syntax tree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

_TARGET = ("target_type", "target_id")
_PRINCIPAL = ("on_behalf_of", "scopes", "delegation")
FACTS = ("facts_texts", "facts_numbers", "facts_booleans")
_TYPE = ("action_type", "mode", "risk", "confidence", "confidence_said", "min_confidence", "agent_tier")
_TIME = ("date", "weekday", "hour")
CONTEXT = frozenset((*_TARGET, *_PRINCIPAL, *FACTS, *_TYPE, *_TIME))
"""Every field of the context but the parameters, which are known by their paths."""


class Compared(NamedTuple):
    """
    The constants that all rules compare a parameter with, where they do nothing else with a number, or a text, there.

    What compares alike with each of them has the same answer.
    """

    numbers: tuple[float, ...] | None
    """Sorted; `None` where the number itself may matter."""
    texts: frozenset[str] | None
    """`None` where the text itself may matter."""


class Reads(Struct, frozen=True):
    """
    `paths` are the parameters that are named, as they are written; `computed` says that a path is worked out
    only when the rule is evaluated, so that it may be any.
    """

    paths: frozenset[str] = frozenset()
    computed: bool = False
    fields: frozenset[str] = frozenset()
    """The context's fields that are looked at; `principal` and `resource` stand for those of the question."""
    whole: bool = False
    """The context is looked at as a whole, or asked whether it has a field."""
    wildcards: int = 0
    """How many characters the patterns of `like` have that can match in more than one way."""

    @property
    def target(self) -> bool:
        return not self.fields.isdisjoint(_TARGET)

    @property
    def principal(self) -> bool:
        """On whose behalf, by which scopes, and through whom."""
        return not self.fields.isdisjoint(_PRINCIPAL)

    @property
    def facts(self) -> bool:
        """The facts that the gate looked up: all of them, which are few."""
        return not self.fields.isdisjoint(FACTS)

    @property
    def parameters(self) -> bool:
        return bool(self.paths) or self.computed

    @property
    def values(self) -> bool:
        """Anything that is handed over beside the question."""
        return self.parameters or self.facts

    @property
    def of_intent(self) -> bool:
        """Anything that private values may be part of, or what is looked up by them."""
        return self.values or self.target


def together(reads: Iterable[Reads]) -> Reads:
    """All of them as one."""
    found = list(reads)
    return Reads(
        paths=frozenset().union(*(each.paths for each in found)),
        computed=any(each.computed for each in found),
        fields=frozenset().union(*(each.fields for each in found)),
        whole=any(each.whole for each in found),
        wildcards=sum(each.wildcards for each in found),
    )
